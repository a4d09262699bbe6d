"""Runs the contestants in turn, round after round, and checks what each found."""

from __future__ import annotations

import compileall
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median

import orbweaver
from orbweaver.store import connection, embedded

from bench.crawl.contestants import Contestant
from bench.crawl.corpora import Corpus
from bench.crawl.server import Nginx
from bench.crawl.task import Task

LAUNCH = Path(__file__).with_name("launch.py")
LONGEST_SECONDS = 900


@dataclass(frozen=True)
class Run:
    """The costs of one run; `crawl_seconds` and `crawl_peak_bytes` are without its start, where a contestant says so.

    `requests` is what nginx counted; `store_cpu_seconds` is the store server's, which is no part of `cpu_seconds`.
    """

    corpus: str
    contestant: str
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    crawl_seconds: float
    crawl_peak_bytes: int
    requests: int
    store_cpu_seconds: float = 0


@dataclass(frozen=True)
class Middle:
    """The medians of a contestant's runs on a corpus, and the range of the wall time."""

    corpus: str
    contestant: str
    runs: int
    wall_seconds: float
    wall_least: float
    wall_most: float
    cpu_seconds: float
    peak_bytes: float
    crawl_seconds: float
    requests: float


class NotTheSame(Exception):
    """A contestant did not find what is there, or failed: its times mean nothing."""


def run_rounds(
    contestants: Sequence[Contestant],
    corpora: Sequence[Corpus],
    nginx: Nginx,
    work: Path,
    *,
    rounds: int,
    connections: int,
) -> Iterator[Run]:
    """Yield a run of each contestant on each corpus, `rounds` times over; raises NotTheSame."""
    state_dir = work / "store"
    with embedded.running(state_dir):
        for number in range(rounds):
            for corpus in corpora:
                taking_part = [one for one in contestants if corpus.name in one.corpora]
                # Nobody always runs after the same one.
                turn = number % len(taking_part) if taking_part else 0
                for contestant in taking_part[turn:] + taking_part[:turn]:
                    scratch = work / "scratch"
                    shutil.rmtree(scratch, ignore_errors=True)
                    scratch.mkdir()
                    task = Task(
                        starts=list(nginx.sites[corpus.name][: contestant.sites]),
                        url_list=str(corpus.urls),
                        connections=connections,
                        scratch=str(scratch),
                        workers=contestant.workers,
                        state_dir=str(state_dir),
                    )
                    yield run_once(contestant, corpus, task, nginx)
    shutil.rmtree(work / "scratch", ignore_errors=True)


def run_once(contestant: Contestant, corpus: Corpus, task: Task, nginx: Nginx) -> Run:
    """Run one contestant in a fresh process and check what it found; raises NotTheSame."""
    compile_modules()
    task.write()
    os.sync()  # nobody waits for the disk because of what somebody else, or the making of the sites, wrote
    corpus.warm()
    answered, store_cpu = nginx.requests(), _store_cpu_seconds(task)
    took = measure(contestant.command(task, corpus.name))
    requests, store_cpu = nginx.requests() - answered, _store_cpu_seconds(task) - store_cpu
    if took["exit"] != 0:
        raise NotTheSame(f"{contestant.name} on {corpus.name} ended with {took['exit']}")
    found = contestant.found(task)
    if (found.pages, sorted(found.sha256s)) != (
        corpus.pages * contestant.sites,
        sorted(corpus.sha256s * contestant.sites),
    ):
        raise NotTheSame(
            f"{contestant.name} on {corpus.name} found {found.pages} pages and {len(set(found.sha256s))} files "
            f"({len(found.sha256s)} times), of {corpus.pages} and {len(corpus.sha256s)} a site"
        )
    said = json.loads(task.answer_file.read_text()) if task.answer_file.exists() else {}
    return Run(
        corpus=corpus.name,
        contestant=contestant.name,
        wall_seconds=took["wall_seconds"],
        cpu_seconds=took["cpu_seconds"],
        peak_bytes=max(int(took["peak_bytes"]), said.get("peak_bytes", 0)),
        crawl_seconds=said.get("crawl_seconds", took["wall_seconds"]),
        crawl_peak_bytes=said.get("peak_bytes", took["peak_bytes"]),
        requests=requests,
        store_cpu_seconds=store_cpu if contestant.uses_store else 0,
    )


@cache
def compile_modules() -> None:
    """Compile Orbweaver's modules and the bench's, as pip did everybody else's when it installed them.

    Under PYTHONDONTWRITEBYTECODE those of an editable installation would be compiled anew in every process.
    """
    root = Path(orbweaver.__file__).parent
    compileall.compile_dir(root, maxlevels=3, rx=re.compile(r"/\.venv/|/tests/"), quiet=1)


def measure(command: Sequence[str]) -> dict[str, float]:
    """Run a command to its end and return its exit status, wall and CPU seconds and peak memory in bytes."""
    launched = subprocess.Popen(
        [sys.executable, "-I", "-S", str(LAUNCH), *command], stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        # What the contestant itself prints goes to standard error, so the last line is the launcher's.
        said, _ = launched.communicate(timeout=LONGEST_SECONDS)
    except BaseException:
        os.killpg(launched.pid, signal.SIGKILL)
        launched.wait()
        raise
    took: dict[str, float] = json.loads(said.splitlines()[-1])
    return took


def middle(runs: Sequence[Run]) -> Middle:
    """Return the medians of the runs of one contestant on one corpus."""
    walls = [one.wall_seconds for one in runs]
    return Middle(
        corpus=runs[0].corpus,
        contestant=runs[0].contestant,
        runs=len(runs),
        wall_seconds=median(walls),
        wall_least=min(walls),
        wall_most=max(walls),
        cpu_seconds=median(one.cpu_seconds for one in runs),
        peak_bytes=median(one.peak_bytes for one in runs),
        crawl_seconds=median(one.crawl_seconds for one in runs),
        requests=median(one.requests for one in runs),
    )


def middles(runs: Sequence[Run]) -> list[Middle]:
    """Return the medians of every contestant on every corpus, in the order in which they first ran."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.corpus, run.contestant), []).append(run)
    return [middle(group) for group in groups.values()]


def _store_cpu_seconds(task: Task) -> float:
    store = connection.connect(embedded.url_for(Path(task.state_dir)))
    used = store.info("cpu")
    store.close()
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])
