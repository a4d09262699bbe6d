"""Runs a recrawl in a process of its own, which holds nothing of ours but a pipe for its messages.

So a host that takes the process over has no connection to the store, and crawl_messages.read() checks each message.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess

from orbweaver.crawler import crawl_messages, recrawl
from orbweaver.crawler.containment import prctl
from orbweaver.crawler.crawl_messages import Answered, Broken, Contained, CrawlMessage, Finished, Found, GivenUp
from orbweaver.crawler.errors import (
    AccessRefused,
    CrawlDied,
    MessageRefused,
    NotRecorded,
    ReadersWrong,
    SandboxUnavailable,
)
from orbweaver.model import Report, Scope, Sighting, Skip, Tally
from orbweaver.settings import Settings

log = logging.getLogger("orbweaver.crawl")
LOG_DESCRIPTORS = (1, 2)
LOOK_SECONDS = 1.0
OBEY_SECONDS = 60.0
# A forked process has the modules loaded; one that is started anew would take half a second for them.
_context = multiprocessing.get_context("fork")


@contextlib.contextmanager
def started(
    scope: Scope,
    reports: Sequence[Report],
    settings: Settings,
    *,
    store_ports: Collection[int] = (),
    is_to_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Iterator[CrawlMessage]]:
    """Recrawl a scope in a child process, and yield its messages up to the last one.

    The child is dead when the block is left, however that is. A SIGTERM for the process group is for the child alone,
    which then ends its recrawl in order; it gets one, too, when `is_to_stop`, which is asked every second while the
    messages are read. Reading on raises CrawlDied when the child ended without a last message or broke, and
    MessageRefused when a message cannot be true.
    """
    receiver, sender = _context.Pipe(duplex=False)
    ours = os.getpid()
    child = _context.Process(target=_work, args=(ours, sender, scope, reports, settings, store_ports))
    with receiver, _leaving_sigterm_to(child):
        sender.close()
        try:
            yield _messages_of(receiver, child, scope, reports, is_to_stop)
        finally:
            child.kill()
            child.join()


@contextlib.contextmanager
def _leaving_sigterm_to(child: ForkProcess) -> Iterator[None]:
    """Start the child and ignore SIGTERM from then on; it is held back meanwhile, so that nobody misses one."""
    before = signal.getsignal(signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    child.start()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Stopping:
    """Asks every second whether to stop, tells the child once, and ends it when it does not obey."""

    def __init__(self, child: ForkProcess, is_to_stop: Callable[[], bool]) -> None:
        self._child = child
        self._is_to_stop = is_to_stop
        self._was_told = False
        self._looks_at = time.monotonic() + LOOK_SECONDS

    def wait_for_message(self, receiver: Connection) -> None:
        """Return when there is something to read, or the child has ended."""
        while True:
            has_message = receiver.poll(max(self._looks_at - time.monotonic(), 0))
            if time.monotonic() >= self._looks_at:
                self._look()
            if has_message:
                return

    def _look(self) -> None:
        if self._was_told:
            self._child.kill()
            self._looks_at += OBEY_SECONDS
        elif self._is_to_stop():
            self._child.terminate()
            self._was_told = True
            self._looks_at = time.monotonic() + OBEY_SECONDS
        else:
            self._looks_at = time.monotonic() + LOOK_SECONDS


def _messages_of(
    receiver: Connection,
    child: ForkProcess,
    scope: Scope,
    reports: Sequence[Report],
    is_to_stop: Callable[[], bool],
) -> Iterator[CrawlMessage]:
    is_contained = False
    stopping = _Stopping(child, is_to_stop)
    while True:
        stopping.wait_for_message(receiver)
        try:
            text = receiver.recv_bytes(crawl_messages.MOST_BYTES)
        except EOFError:
            child.join()
            raise CrawlDied(f"the crawl process ended with {child.exitcode}") from None
        except OSError:  # Connection raises it for a longer message
            raise MessageRefused(f"a message of more than {crawl_messages.MOST_BYTES} bytes") from None
        message = crawl_messages.read(text, scope, reports)
        if isinstance(message, Broken):
            raise CrawlDied(message.reason)
        # A process is believed about its sandbox only before it has seen a host.
        if isinstance(message, Contained) is is_contained and not isinstance(message, GivenUp):
            raise MessageRefused(f"{message.kind} at the wrong time")
        is_contained = True
        yield message
        if isinstance(message, Finished | GivenUp):
            return


def _work(
    parent: int,
    sender: Connection,
    scope: Scope,
    reports: Sequence[Report],
    settings: Settings,
    store_ports: Collection[int],
) -> None:
    """Do the child's work: close what was inherited, enter the sandbox, crawl; never return to the parent's work."""
    try:
        prctl.die_with_parent(parent)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        prctl.let_go_of_descriptors((*LOG_DESCRIPTORS, sender.fileno()))
        _send(sender, _crawl(sender, scope, reports, settings, store_ports))
    finally:
        os._exit(1)  # its last message, if it had one, was sent


def _crawl(
    sender: Connection, scope: Scope, reports: Sequence[Report], settings: Settings, store_ports: Collection[int]
) -> CrawlMessage:
    def record(sightings: Sequence[Sighting], skips: Sequence[Skip], tally: Tally) -> None:
        for start in range(0, max(len(sightings), len(skips), 1), crawl_messages.MOST_AT_ONCE):
            some = slice(start, start + crawl_messages.MOST_AT_ONCE)
            _send(sender, Found(sightings=tuple(sightings[some]), skips=tuple(skips[some]), tally=tally))

    try:
        enforced = recrawl.enter_sandbox(scope, settings, store_ports=store_ports)
        _send(sender, Contained(enforced=enforced.as_record()))
        ended = recrawl.run(scope, reports, record, settings)
    except (SandboxUnavailable, AccessRefused, ReadersWrong) as error:
        return GivenUp(reason=str(error)[: crawl_messages.REASON_CHARACTERS])
    except MemoryError:
        return GivenUp(reason=f"out of memory: MEMORY_BYTES is {settings.memory_bytes}")
    except Exception as error:
        log.exception("the crawl process failed")
        return Broken(reason=f"{type(error).__name__}: {error}"[: crawl_messages.REASON_CHARACTERS])
    for start in range(0, len(ended.reported), crawl_messages.MOST_AT_ONCE):
        _send(sender, Answered(reported=ended.reported[start : start + crawl_messages.MOST_AT_ONCE]))
    return Finished(stopped_by=ended.stopped_by, suggestions=ended.suggestions, answers=ended.answers)


def _send(sender: Connection, message: CrawlMessage) -> None:
    try:
        sender.send_bytes(message.model_dump_json().encode())
    except OSError as error:
        raise NotRecorded("the process that records what is found has ended") from error
