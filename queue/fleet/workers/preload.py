"""Does once in a recrawl worker, before its first fork, what each of its crawl processes would have to do again."""

from __future__ import annotations

import contextlib
import gc
import importlib
import mimetypes
import os

# Modules that Scrapy would import by name in every crawl process, and those that lead to our own.
PRELOADED = (
    "orbweaver.queue.jobs",
    "multiprocessing.popen_fork",
    "orbweaver.crawler.crawl_process",
    "orbweaver.crawler.handler",
    "orbweaver.crawler.log_lines",
    "scrapy.core.engine",
    "scrapy.core.scheduler",
    "scrapy.core.downloader.handlers",
    "scrapy.dupefilters",
    "scrapy.pipelines",
    "scrapy.pqueues",
    "scrapy.squeues",
    "scrapy.statscollectors",
)
# The proof of the readers takes a small part of these; an exit status that nothing else has says that it succeeded.
_PROOF_BYTES = 4 * 2**30
_PROOF_SECONDS = 60
_PROVEN = 73


def preload() -> None:
    """Import what every recrawl needs, and keep it out of the collector's way.

    A preloaded crawl process needs 60 ms of CPU for one URL, next to nothing of it for imports; the reactor must stay
    unimported, because its epoll would be shared by every fork. The sooner this is called in a process, the less the
    start costs: of 170,000 objects the imports leave 2,400 to collect, and looking for them is a seventh of the start.
    So nobody looks: what is frozen stays, and its pages are shared with every fork.
    """
    gc.disable()
    for name in PRELOADED:
        importlib.import_module(name)
    _prepare()
    gc.freeze()
    gc.enable()


def _prepare() -> None:
    from orbweaver.crawler import reader_proof, recrawl
    from orbweaver.crawler.containment import sandbox
    from orbweaver.crawler.errors import ReadersWrong
    from orbweaver.crawler.fetching.connecting.tls import verified_context

    mimetypes.init()  # reads the system's table, which would cost every fork some 4 ms
    sandbox.prepare()  # reading paths and assembling the filter would cost every fork some 6 ms
    with contextlib.suppress(ReadersWrong):  # each recrawl says so; here its first use is done once: 60 ms
        reader_proof.read_samples()
    prove_readers()
    recrawl.prepare()
    verified_context()  # reading the system's roots would cost every fork some 80 ms


def prove_readers() -> None:
    """Prove the readers of this process once for all crawl processes: in a fork, in the sandbox that they enter.

    Where that fails each of them does it itself, and its recrawl says what is wrong.
    """
    from orbweaver.crawler import reader_proof

    contained = os.fork()
    if not contained:
        try:
            _read_samples_contained()
        finally:
            os._exit(1)
    _, status = os.waitpid(contained, 0)
    reader_proof.note(is_proven=os.waitstatus_to_exitcode(status) == _PROVEN)


def _read_samples_contained() -> None:
    from orbweaver.crawler import reader_proof
    from orbweaver.crawler.containment import prctl, sandbox
    from orbweaver.crawler.errors import ReadersWrong, SandboxUnavailable

    prctl.let_go_of_descriptors(())
    with contextlib.suppress(SandboxUnavailable, ReadersWrong):
        sandbox.enter(tcp_ports=(), memory_bytes=_PROOF_BYTES, cpu_seconds=_PROOF_SECONDS)
        reader_proof.read_samples()
        os._exit(_PROVEN)
