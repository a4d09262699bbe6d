"""Runs a trial: a process for all hosts, and both fleets beside each other; they begin together."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from orbweaver.matcher_client.lists.build import build
from orbweaver.queue.schedule.policy import PolicyName

from bench import told_process
from bench.crawl.rounds import NotTheSame
from bench.detection import fleet, results
from bench.detection.fleet import Found
from bench.detection.results import Achieved
from bench.detection.trial import POLICIES, Trial, sha256_of

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Ran:
    """The results of both fleets, and the share of the machine's CPU that all took but the stores' servers."""

    by_policy: dict[PolicyName, Achieved]
    cpu_share: float


class Server:
    """The process of the hosts: a port for each fleet, and what each fleet was seen to do."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._questions, self._answers = process.stdin, process.stdout
        self.ports: dict[str, int] = self._answer()

    def begin(self, at: float) -> None:
        self._questions.write(f"{at!r}\n")
        self._questions.flush()

    def seen(self) -> dict[str, dict[str, dict[str, object]]]:
        """Return what each fleet did until now; the process ends by that."""
        self._questions.write("\n")
        self._questions.flush()
        return self._answer()

    def _answer(self) -> dict[str, object]:
        line = self._answers.readline()
        if not line:
            raise NotTheSame("the server of the hosts has ended")
        return json.loads(line)


class Start:
    """The moment when a trial begins: when every fleet is ready."""

    def __init__(self, server: Server, fleets: int) -> None:
        self._server = server
        self._barrier = threading.Barrier(fleets, action=self._begin)
        self.at = 0.0

    def _begin(self) -> None:
        self.at = time.time()
        self._server.begin(self.at)

    def wait(self) -> float:
        self._barrier.wait()
        return self.at

    def fail(self) -> None:
        self._barrier.abort()


def run(trial: Trial, work: Path) -> Ran:
    """Run both fleets of a trial in the same time."""
    known, digests = work / "known.hashes", work / "known.txt"
    digests.write_text("".join(f"{sha256_of(one)}\n" for one in trial.uploads()))
    build([digests], known)
    before = _cpu_seconds()
    with serving(trial) as server:
        start = Start(server, len(POLICIES))

        def run_fleet(name: PolicyName) -> Found:
            try:
                return fleet.run(trial, name, server.ports[name], known, work / name, start.wait)
            except BaseException:
                start.fail()
                raise

        with ThreadPoolExecutor(len(POLICIES)) as pool:
            found = dict(zip(POLICIES, pool.map(run_fleet, POLICIES), strict=True))
        seen = server.seen()
    share = (_cpu_seconds() - before) / (time.time() - start.at) / len(os.sched_getaffinity(0))
    return Ran({name: results.achieved(trial, start.at, found[name], seen[name]) for name in POLICIES}, share)


@contextlib.contextmanager
def serving(trial: Trial) -> Iterator[Server]:
    with told_process.started("bench.detection.server", trial) as process:
        yield Server(process)


def _cpu_seconds() -> float:
    used = [resource.getrusage(one) for one in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
