"""Runs one contestant on all hosts, and checks at the servers what it fetched and how politely."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orbweaver.store import embedded
from orbweaver.store.connection import Store

from bench.crawl.rounds import NotTheSame, compile_modules, measure
from bench.crawl.task import Task
from bench.fleet import hosts, processes
from bench.fleet.hosts import Shape
from bench.fleet.processes import Memory

CONNECTIONS = 2
# One host of so many has a file that the list knows.
KNOWN_EVERY = 10
ROOT = Path(__file__).resolve().parent.parent.parent


class Server:
    """The process that serves all hosts, and what it saw."""

    def __init__(self, process: subprocess.Popen[str], shape: Shape, latency: float) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._questions, self._answers = process.stdin, process.stdout
        self.shape, self.latency = shape, latency
        self._port = int(self._answers.readline())

    def starts(self, count: int) -> list[str]:
        return [f"http://{hosts.address(number)}:{self._port}/" for number in range(count)]

    def seen(self, count: int, connections: int = CONNECTIONS) -> float:
        """Return the seconds from the first request to the last answer since the last call.

        Raises NotTheSame when a host was not visited whole, or by more requests at once than politeness allows.
        """
        self._questions.write("\n")
        self._questions.flush()
        said = json.loads(self._answers.readline())
        if len(said["hosts"]) != count:
            raise NotTheSame(f"{len(said['hosts'])} of {count} hosts were visited")
        urls = hosts.answers_of(self.shape).keys()
        for host, seen in said["hosts"].items():
            if missing := urls - seen["requests"].keys():
                raise NotTheSame(f"{host} was not asked for {sorted(missing)[:3]}")
            if seen["most_under_way"] > connections:
                raise NotTheSame(f"{host} had {seen['most_under_way']} requests at once, {connections} were allowed")
        return float(said["last"] - said["first"])


@contextlib.contextmanager
def serving(shape: Shape, latency: float) -> Iterator[Server]:
    command = [sys.executable, "-m", "bench.fleet.server", str(shape.pages), str(shape.files), str(latency)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Server(process, shape, latency)
        finally:
            process.kill()


@dataclass(frozen=True)
class Run:
    """The cost of one run on all hosts; `served_seconds` are from the first request to the last answer."""

    who: str
    hosts: int
    wall_seconds: float
    served_seconds: float
    cpu_seconds: float
    crawl_cpu_seconds: float = 0


@dataclass(frozen=True)
class Contestant:
    """A program that crawls all hosts of a task."""

    name: str
    label: str
    command: Callable[[Task], list[str]]


def _module(name: str, *arguments: str) -> Callable[[Task], list[str]]:
    return lambda task: [sys.executable, "-m", f"bench.fleet.{name}", str(task.file), *arguments]


CONTESTANTS = (
    Contestant("scrapy", "stock Scrapy, its 16 requests at once", _module("stock_scrapy")),
    Contestant("scrapy-unlimited", "Scrapy without that limit", _module("stock_scrapy", "unlimited")),
    Contestant("crawlee", "Crawlee", _module("crawlee_client")),
    Contestant("alone", "crawl processes, one after the other", _module("alone")),
)


def run_other(one: Contestant, server: Server, count: int, work: Path) -> Run:
    """Run a contestant, and check its digests."""
    task = Task(server.starts(count), "", CONNECTIONS, str(fresh(work / one.name)))
    task.write()
    compile_modules()
    took = measure(one.command(task))
    if took["exit"] != 0:
        raise NotTheSame(f"{one.name} ended with {took['exit']}")
    said = json.loads(task.answer_file.read_text())
    expected = [digest for number in range(count) for digest in hosts.sha256s_of(hosts.address(number), server.shape)]
    if (said["pages"], sorted(said["sha256s"])) != (server.shape.pages * count, sorted(expected)):
        raise NotTheSame(f"{one.name} found {said['pages']} pages and {len(said['sha256s'])} files")
    return Run(
        one.name,
        count,
        took["wall_seconds"],
        server.seen(count),
        took["cpu_seconds"],
        said.get("crawl_cpu_seconds", 0),
    )


class Orbweaver:
    """`orbweaver verify` as people run it: its store, matching with a local list, its sandbox; `at_once` under way."""

    def __init__(self, work: Path, at_once: int) -> None:
        self._work, self._at_once = work, at_once

    def run(self, server: Server, count: int) -> Run:
        """Verify all hosts; the CPU of the store's server is counted, its start is not."""
        folder = fresh(self._work / "orbweaver")
        command = self._command(server, count, folder)
        with embedded.running(folder / "state") as store:
            before = store_cpu_seconds(store)
            took = measure(command)
            cpu = took["cpu_seconds"] + store_cpu_seconds(store) - before
        self._check(folder, took["exit"], server, count)
        return Run("orbweaver", count, took["wall_seconds"], server.seen(count), cpu)

    def memory(self, server: Server, count: int) -> Memory:
        """Return the most memory of all our processes and the store's, with all hosts under way."""
        folder = fresh(self._work / "orbweaver")
        command = self._command(server, count, folder)
        with embedded.running(folder / "state") as store:
            others = [int(store.info("server")["process_id"])]
            with subprocess.Popen(command) as program:
                most = processes.most_memory(program, others, at_least=min(count, self._at_once))
        self._check(folder, program.returncode, server, count)
        server.seen(count)
        if most is None:
            raise NotTheSame("the hosts were never under way at once")
        return most

    def _command(self, server: Server, count: int, folder: Path) -> list[str]:
        reports, known = folder / "reports.txt", folder / "known.txt"
        reports.write_text("".join(f"{one}\n" for one in server.starts(count)))
        known_on = range(0, count, KNOWN_EVERY)
        digests = [hosts.sha256s_of(hosts.address(number), server.shape)[0] for number in known_on]
        known.write_text("".join(f"{one}\n" for one in digests))
        return [
            *("sh", "-c", 'said="$1"; shift; exec "$@" > "$said" 2>&1', "sh", str(folder / "said.txt")),
            *("env", f"RECRAWLS_AT_ONCE={self._at_once}"),
            *(sys.executable, "-m", "orbweaver.cli", "verify", str(reports), "--hashes", str(known)),
            *("--state", str(folder / "state"), "--allow-address", "127.0.0.0/8", "--out", str(folder / "out")),
        ]

    def _check(self, folder: Path, status: float, server: Server, count: int) -> None:
        if status != 0:
            raise NotTheSame(f"orbweaver ended with {status}: {(folder / 'said.txt').read_text()[-500:]}")
        found = json.loads((folder / "out" / "summary.json").read_text())["totals"]
        expected = {
            "hosts_finished": count,
            "pages": server.shape.pages * count,
            "files": server.shape.files * count,
            "new_cases": len(range(0, count, KNOWN_EVERY)),
            "failures": 0,
        }
        if found | expected != found:
            raise NotTheSame(f"orbweaver found {found}, not {expected}")


def store_cpu_seconds(store: Store) -> float:
    used = store.info("cpu")
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def contestants(names: Sequence[str]) -> list[Contestant]:
    return [one for one in CONTESTANTS if one.name in names]
