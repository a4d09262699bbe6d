"""One campaign: the real commands on a state directory, round after round, and what went wrong in it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from orbweaver.queue.hosts import due, host_store
from orbweaver.queue.runs import run_lock
from orbweaver.store import embedded
from orbweaver.store.connection import Store

from bench import told_process
from bench.crawl.rounds import NotTheSame
from bench.fleet.hosts import address
from bench.service.hosts import MOST_ROUNDS, Hosts
from bench.service.sizes import Size, Sizes

ROOT = Path(__file__).resolve().parent.parent.parent
ORBWEAVER = (sys.executable, "-P", "-m", "orbweaver.cli")
LOOK_SECONDS = 0.5
# A round that takes longer has lost a visit: the campaign ends and says which.
LONGEST_ROUND_SECONDS = 600.0
STOP_SECONDS = 60.0


@dataclass(frozen=True)
class Round:
    """One round that is over: how long the visits of the service took, and the `verify` that began with it."""

    number: int
    began_at: datetime
    seconds: float
    verify_seconds: float


@dataclass
class Campaign:
    """The findings of a campaign; `faults` are lines that say what was lost, found too often, or not found."""

    hosts: Hosts
    rounds: list[Round] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    sizes: list[Size] = field(default_factory=list)
    cases: int = 0
    came_back: int = 0
    visits: int = 0
    verified: int = 0
    stop_seconds: float = 0.0


class Commands:
    """The command line of Orbweaver with the settings of the campaign."""

    def __init__(self, work: Path, known: Path) -> None:
        self.state = work / "state"
        own = {"STORE_URL", "TAKEDOWN_SINKS"}
        self._environment = {
            **{name: value for name, value in os.environ.items() if name not in own},
            "STATE_DIR": str(self.state),
            "ALLOW_ADDRESSES": "127.0.0.0/8",
            "MATCHER_URL": f"hashlist:{known}",
        }

    def start(self, *arguments: str, said: Path) -> subprocess.Popen[bytes]:
        with said.open("wb") as output:
            return subprocess.Popen(
                [*ORBWEAVER, *arguments], env=self._environment, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
            )

    def run(self, *arguments: str) -> str:
        """Run a command to its end and return what it printed; raises NotTheSame unless it ends with 0."""
        done = subprocess.run(
            [*ORBWEAVER, *arguments], env=self._environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NotTheSame(f"orbweaver {arguments[0]} ended with {done.returncode}: {done.stderr[-500:]}")
        return done.stdout


class Server:
    """The process of the hosts."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._questions, self._answers = process.stdin, process.stdout
        self.port = int(self._answers.readline())

    def next_round(self, number: int) -> Mapping[str, Mapping[str, int]]:
        """Change the hosts to a round; returns what was asked for since the call before."""
        self._questions.write(f"{number}\n")
        self._questions.flush()
        seen: Mapping[str, Mapping[str, int]] = json.loads(self._answers.readline())
        return seen


def run(hosts: Hosts, work: Path, *, seconds: float, rounds: int, round_seconds: float) -> Campaign:
    """Go through so many rounds at least, and more until the time is over; a round takes `round_seconds` at least.

    Raises NotTheSame when a command failed.
    """
    campaign = Campaign(hosts)
    digests, known, reports = work / "known.txt", work / "known.hashes", work / "reports.csv"
    digests.write_text("".join(f"{one}\n" for one in hosts.sha256s()))
    commands = Commands(work, known)
    commands.run("hashlist", "build", str(digests), "-o", str(known))
    with _serving(hosts) as server, _service(commands, work, campaign) as (process, store):
        urls = [f"http://{address(number)}:{server.port}/" for number in hosts.all]
        reports.write_text("url\n" + "".join(f"{urls[number]}\n" for number in hosts.of_service))
        of_verify = work / "verify.txt"
        of_verify.write_text("".join(f"{urls[number]}\n" for number in hosts.of_verify))
        began_at = time.monotonic()
        with Sizes(store, commands.state, process.pid) as sizes:
            number = 0
            while (number < rounds or time.monotonic() - began_at < seconds) and number < MOST_ROUNDS:
                _go_round(campaign, commands, server, store, work, number, process)
                sizes.look(is_at_rest=True)
                left = round_seconds - campaign.rounds[-1].seconds
                if left > 0 and time.monotonic() - began_at + left < seconds:
                    time.sleep(left)
                number += 1
        campaign.sizes = sizes.taken
        _judge(campaign, commands)
    return campaign


def _go_round(
    campaign: Campaign,
    commands: Commands,
    server: Server,
    store: Store,
    work: Path,
    number: int,
    process: subprocess.Popen[bytes],
) -> None:
    """Have every host visited once, with a `verify` beside it, and compare what the hosts saw with what there was."""
    hosts = campaign.hosts
    server.next_round(number)
    at, began_at = datetime.now(UTC), time.monotonic()
    out = work / "verified"
    verify = commands.start(
        "verify", str(work / "verify.txt"), "--json", "--out", str(out), said=work / "verify.said"
    )  # fmt: skip
    try:
        if number:
            commands.run("recrawl", "--all", "--now", "--yes")
        else:
            commands.run("reports", "import", str(work / "reports.csv"))
        names = host_store.names(store)
        _wait(store, names, number + 1, process)
        seconds = time.monotonic() - began_at
        verify.wait(LONGEST_ROUND_SECONDS)
    finally:
        verify.kill()  # when something has failed: else it has ended
        verify.wait()
    verify_seconds = time.monotonic() - began_at
    seen = server.next_round(number)
    campaign.rounds.append(Round(number, at, seconds, verify_seconds))
    campaign.visits += len(names)
    campaign.verified += len(hosts.of_verify)
    expected = {address(host): (host in hosts.of_service) + (host in hosts.of_verify) for host in hosts.all}
    for host, visits in expected.items():
        if seen["pages"].get(host, 0) != visits:
            campaign.faults.append(
                f"round {number}: {host} was visited {seen['pages'].get(host, 0)} times, not {visits}"
            )
    if missing := hosts.places(hosts.all, number) - seen["files"].keys():
        campaign.faults.append(f"round {number}: {len(missing)} known files were not fetched: {sorted(missing)[:3]}")
    _judge_verify(campaign, verify.returncode, out, work / "verify.said", number)


def _judge_verify(campaign: Campaign, status: int, out: Path, said: Path, number: int) -> None:
    """Compare what `verify` found with what there was on its hosts."""
    if status:
        campaign.faults.append(f"round {number}: verify ended with {status}: {said.read_text()[-300:]}")
        return
    found = {_place(json.loads(line)["url"]) for line in (out / "cases.jsonl").read_text().splitlines()}
    expected = campaign.hosts.places(campaign.hosts.of_verify, number)
    if found != expected:
        said_of = f"{len(expected - found)} of its cases are missing, {len(found - expected)} are not its own"
        campaign.faults.append(f"round {number}: verify: {said_of}: {sorted(found ^ expected)[:3]}")


def _wait(store: Store, names: list[str], visits: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until each host was visited so often, and nobody visits any."""
    until = time.monotonic() + LONGEST_ROUND_SECONDS
    while True:
        late = [name for name, one in zip(names, host_store.clocks(store, names), strict=True) if one.visits < visits]
        if not late and not due.counts(store).leased:
            return
        if process.poll() is not None:
            raise NotTheSame(f"orbweaver run ended with {process.returncode}")
        if time.monotonic() > until:
            raise NotTheSame(f"{len(late)} hosts were not visited for {LONGEST_ROUND_SECONDS:.0f} s: {late[:5]}")
        time.sleep(LOOK_SECONDS)


def _judge(campaign: Campaign, commands: Commands) -> None:
    """Compare the cases, the events and the hosts of the store with what there was in all rounds."""
    cases = {_place(case["url"]): case for case in _lines(commands.run("cases", "list", "--json"))}
    told = _lines((commands.state / "events" / "events.jsonl").read_text())
    judge_cases(campaign, cases, [_place(one["case"]["url"]) for one in told if one["type"] == "case.opened"])
    for host in _lines(commands.run("hosts", "list", "--json")):
        if (host["visits"], host["last_outcome"]) != (len(campaign.rounds), "finished"):
            campaign.faults.append(f"{host['host']}: {host['visits']} visits, the last one {host['last_outcome']}")


def judge_cases(campaign: Campaign, cases: Mapping[str, Mapping[str, str]], opened: Sequence[str]) -> None:
    """Compare the cases, by place, and the events that opened some with what there was in all rounds."""
    last_there: dict[str, Round] = {}
    stays: Counter[str] = Counter()
    before: set[str] = set()
    for one in campaign.rounds:
        there = campaign.hosts.places(campaign.hosts.all, one.number)
        last_there.update(dict.fromkeys(there, one))
        stays.update(there - before)
        before = there
    campaign.cases = len(cases)
    campaign.came_back = sum(count > 1 for count in stays.values())
    if wrong := cases.keys() ^ last_there.keys():
        campaign.faults.append(f"{len(wrong)} cases are missing or too many: {sorted(wrong)[:3]}")
    unseen = [
        place
        for place, case in cases.items()
        if place in last_there and datetime.fromisoformat(case["last_seen"]) < last_there[place].began_at
    ]
    if unseen:
        campaign.faults.append(f"{len(unseen)} files were not seen when they were there last: {sorted(unseen)[:3]}")
    if sorted(opened) != sorted(cases):
        campaign.faults.append(f"{len(opened)} events say that a case was opened, and there are {len(cases)} cases")


def _lines(written: str) -> list[Any]:
    return [json.loads(line) for line in written.splitlines()]


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}{parts.path}"


@contextlib.contextmanager
def _serving(hosts: Hosts) -> Iterator[Server]:
    with told_process.started("bench.service.server", hosts) as process:
        yield Server(process)


@contextlib.contextmanager
def _service(commands: Commands, work: Path, campaign: Campaign) -> Iterator[tuple[subprocess.Popen[bytes], Store]]:
    """Run `orbweaver run` while the block runs, and see that it stops in order when it is told to."""
    said = work / "run.said"
    process = commands.start("run", said=said)
    try:
        while not embedded.has_store(commands.state):
            _still_there(process, said)
        with embedded.running(commands.state) as store:
            while run_lock.service(store) is None or store.scard("rq:workers") < 3:
                _still_there(process, said)
            yield process, store
        began_at = time.monotonic()
        process.send_signal(signal.SIGTERM)
        if status := process.wait(STOP_SECONDS):
            campaign.faults.append(f"orbweaver run ended with {status}: {said.read_text()[-300:]}")
        campaign.stop_seconds = time.monotonic() - began_at
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _still_there(process: subprocess.Popen[bytes], said: Path) -> None:
    if process.poll() is not None:
        raise NotTheSame(f"orbweaver run ended with {process.returncode}: {said.read_text()[-500:]}")
    time.sleep(LOOK_SECONDS)
