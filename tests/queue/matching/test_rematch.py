"""A list that changed is asked again about everything retained, in slices that survive any death of a worker."""

from __future__ import annotations

import functools
import itertools
import math
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from builders import a_sighting, add_batch, beginning, build_list, digests_of, kill_worker, monitored, transaction, work
from orbweaver.matcher_client.gate import service_health
from orbweaver.matcher_client.verdicts import judge, unknown
from orbweaver.model import DigestSet, Listing, Sighting, Verdict, format_time, now
from orbweaver.queue import queues
from orbweaver.queue.fleet import dead_workers
from orbweaver.queue.matching import asking, rematch
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import retained, runs, sweeps
from orbweaver.queue.records.sweeps import SliceBudget, SweepName
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from stand_ins import hma

KEPT = timedelta(days=90)
UNHURRIED = SliceBudget(seconds=math.inf)
SERVICE = "hashlist:test"
CANARY = digests_of(b"canary").sha256
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _sink(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAKEDOWN_SINKS", f"jsonl:{tmp_path / 'events'}")


def a_file(number: int) -> Sighting:
    sighting = a_sighting(b"%d" % number, url=f"http://h.test/{number}.jpg", report_ids=("r",))
    return sighting.model_copy(update={"seen_at": now()})


def retain(store: Store, sightings: Sequence[Sighting]) -> None:
    with transaction(store) as pipe:
        retained.keep(pipe, sightings)


def listed(tmp_path: Path, sightings: Sequence[Sighting]) -> str:
    return build_list(tmp_path / "list.hashes", [one.digests.sha256 for one in sightings])


def urls_of_cases(store: Store) -> list[str]:
    return sorted(case.url for case in case_store.all_cases(store))


def counts(store: Store) -> dict[str, int]:
    return dict(sweeps.status(store, SweepName.REMATCH).counts)


def jobs_waiting(store: Store) -> list[str]:
    return queues.queue_for(store, QueueName.MATCH).get_job_ids()


class Asked:
    """A matching service as a rematch sees it: knows some files, cannot answer for others, and remembers."""

    def __init__(self, known: Sequence[Sighting] = (), silent: Sequence[Sighting] = (), version: str = "2") -> None:
        self.known = {one.digests.sha256 for one in known}
        self.silent = {one.digests.sha256 for one in silent}
        self.version = version
        self.questions: list[list[str]] = []

    def __call__(self, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
        self.questions.append([one.sha256 for one in digest_sets])
        return [self._verdict(one) for one in digest_sets]

    def _verdict(self, digests: DigestSet) -> Verdict:
        if digests.sha256 in self.silent:
            return unknown("down", service=SERVICE)
        found = [Listing(service=SERVICE, algorithms=("sha256",))] if digests.sha256 in self.known else []
        return judge(digests, found, service=SERVICE, asked_at=now(), list_version=self.version)

    @property
    def count(self) -> int:
        return sum(map(len, self.questions))


def token_of(store: Store) -> str:
    token = store.hget(keys.sweep("rematch"), "turn")
    assert token is not None
    return token.decode()


def one_slice(store: Store, ask: Asked, budget: SliceBudget = UNHURRIED) -> None:
    rematch.work(store, token_of(store), ask, retention=KEPT, budget=budget)


def test_what_a_new_list_knows_becomes_cases_that_are_delivered_and_the_rest_stays(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [a_file(n) for n in range(300)]
    retain(store, files)
    monkeypatch.setenv("MATCHER_URL", listed(tmp_path, files[:5]))
    assert rematch.start_if_due(store, {SERVICE: "2"})
    work(store)
    assert urls_of_cases(store) == sorted(one.url for one in files[:5])
    assert all(case.report_ids == ("r",) and case.state == "open" for case in case_store.all_cases(store))
    assert len((tmp_path / "events" / "events.jsonl").read_text().splitlines()) == 5
    assert sum(retained.count(store)) == 295
    assert counts(store) == {"asked": 300}
    standing = sweeps.status(store, SweepName.REMATCH)
    assert (standing.is_ended, standing.left, standing.later) == (True, 0, 0)
    assert standing.run_id is not None
    assert len(runs.new_case_ids(store, standing.run_id)) == 5


def test_a_version_is_asked_once_and_another_makes_everything_due_again(store: Store) -> None:
    retain(store, [a_file(1)])
    ask = Asked()
    assert rematch.start_if_due(store, {SERVICE: "1"})
    assert not rematch.start_if_due(store, {SERVICE: "1"})  # its job waits
    one_slice(store, ask)
    assert not rematch.start_if_due(store, {SERVICE: "1"})
    assert not rematch.start_if_due(store, {})  # nobody answers now
    assert rematch.start_if_due(store, {SERVICE: "2"})
    one_slice(store, ask)
    assert not rematch.start_if_due(store, {SERVICE: "2"})
    assert rematch.start_if_due(store, {SERVICE: "2", "https://other.test": "1"})
    one_slice(store, ask)
    assert not rematch.start_if_due(store, {SERVICE: "2"})  # the other one is down
    assert not rematch.start_if_due(store, {SERVICE: "2", "https://other.test": "1"})
    assert ask.count == 3


def test_what_nobody_can_answer_stays_retained_and_is_due_again_later(store: Store) -> None:
    files = [a_file(n) for n in range(40)]
    retain(store, files)
    ask = Asked(known=files[:2], silent=files[:1])
    rematch.start(store, {SERVICE: "2"})
    began = time.time()
    one_slice(store, ask)
    assert urls_of_cases(store) == [files[1].url]
    standing = sweeps.status(store, SweepName.REMATCH)
    assert (standing.is_ended, standing.left, standing.later) == (True, 0, 1)
    assert (counts(store)["asked"], counts(store)["unknown"]) == (40, 1)
    assert not rematch.start_if_due(store, {SERVICE: "2"})  # not yet

    [(shard, due_at)] = store.zrange(keys.sweep_due("rematch"), 0, -1, withscores=True)
    assert began <= due_at - sweeps.RETRY_SECONDS <= time.time()
    store.zadd(keys.sweep_due("rematch"), {shard: time.time()})
    ask.silent.clear()
    assert rematch.start_if_due(store, {SERVICE: "2"})
    one_slice(store, ask)
    assert urls_of_cases(store) == [files[0].url, files[1].url]
    assert sum(retained.count(store)) == 38


def test_a_service_that_is_down_is_not_asked_about_everything(store: Store) -> None:
    files = [a_file(n) for n in range(3_000)]
    retain(store, files)
    ask = Asked(silent=files)
    rematch.start(store, {SERVICE: "2"})
    one_slice(store, ask)
    assert 0 < ask.count <= rematch.ASKED_AT_ONCE
    assert sweeps.status(store, SweepName.REMATCH).is_ended
    ask.silent.clear()
    ask.questions.clear()
    store.zadd(keys.sweep_due("rematch"), dict.fromkeys(retained.SHARDS, 0), xx=True)
    assert rematch.start_if_due(store, {SERVICE: "2"})
    one_slice(store, ask)
    assert ask.count == 3_000


@pytest.mark.parametrize("services", [1, 2])
def test_an_answer_of_the_list_before_is_none(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, services: int
) -> None:
    retain(store, [a_file(1)])
    name = listed(tmp_path, [a_file(2)])
    another = build_list(tmp_path / "another.hashes", [a_file(3).digests.sha256])
    monkeypatch.setenv("MATCHER_URL", "\n".join([name, another][:services]))
    ask = functools.partial(asking.verdicts, store)
    ask([a_file(1).digests])
    version = service_health.read_all(store)[name].list_version
    assert version is not None
    for wanted in (version, "seen on another machine"):
        rematch.start(store, {name: wanted})
        rematch.work(store, token_of(store), ask, retention=KEPT)
        assert sweeps.status(store, SweepName.REMATCH).later == (wanted != version)


def test_a_list_that_changes_during_a_rematch_is_asked_about_everything(store: Store) -> None:
    files = [a_file(n) for n in range(2_500)]
    retain(store, files)
    rematch.start(store, {SERVICE: "2"})
    late = Asked(known=files[::10])

    class Changing(Asked):
        def __call__(self, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
            answers = super().__call__(digest_sets)
            if len(self.questions) == 2:
                assert rematch.start_if_due(store, {SERVICE: "3"})
                self.known, self.version = late.known, "3"
            return answers

    changing = Changing()
    one_slice(store, changing)
    assert urls_of_cases(store) == sorted(one.url for one in files[::10])
    assert changing.count > 2_500
    assert len([one for one in jobs_waiting(store) if one.startswith("rematch")]) == 1


def test_a_slice_ends_with_its_time_and_the_next_goes_on(store: Store) -> None:
    files = [a_file(n) for n in range(5_000)]
    retain(store, files)
    rematch.start(store, {SERVICE: "2"})
    ask, clock = Asked(), itertools.count()  # a second passes each time that the clock is looked at
    shares = []
    while not sweeps.status(store, SweepName.REMATCH).is_ended:
        asked = ask.count
        one_slice(store, ask, SliceBudget(seconds=2, clock=lambda: next(clock)))
        shares.append(ask.count - asked)
    assert len(shares) > 1
    assert all(0 < share < 5_000 for share in shares)
    assert ask.count == 5_000


def test_questions_and_jobs_are_bounded(store: Store) -> None:
    files = [a_file(n) for n in range(5_000)]
    retain(store, files)
    rematch.start(store, {SERVICE: "2"})
    ask = Asked(known=files[:1])
    tokens = []
    while not sweeps.status(store, SweepName.REMATCH).is_ended:
        tokens.append(token_of(store))
        asked = ask.count
        one_slice(store, ask, SliceBudget(seconds=math.inf, questions=2_000))
        assert ask.count - asked <= 2_000 + rematch.ASKED_AT_ONCE
    assert len(set(tokens)) == len(tokens) >= 2
    assert ask.count == 5_000
    assert max(map(len, ask.questions)) <= rematch.ASKED_AT_ONCE
    assert len(ask.questions) <= 7


def test_one_job_at_a_time_and_an_old_token_does_nothing(store: Store) -> None:
    retain(store, [a_file(1)])
    rematch.start(store, {SERVICE: "2"})
    lost = token_of(store)
    rematch.start(store, {SERVICE: "2"})
    assert token_of(store) == lost
    assert len([one for one in jobs_waiting(store) if one.startswith("rematch")]) == 1
    store.delete("rq:queue:match", f"rq:job:{queues.sweep_job_id('rematch', lost)}")
    assert rematch.start_if_due(store, {SERVICE: "2"})  # its job was lost
    ask = Asked()
    rematch.work(store, lost, ask, retention=KEPT)
    assert ask.count == 0
    one_slice(store, ask)
    assert ask.count == 1


def test_what_was_kept_too_long_is_not_asked_about(store: Store) -> None:
    old = a_file(1).model_copy(update={"seen_at": now() - KEPT - timedelta(seconds=1)})
    retain(store, [old, a_file(2)])
    rematch.start(store, {SERVICE: "2"})
    ask = Asked()
    one_slice(store, ask)
    assert ask.questions == [[a_file(2).digests.sha256]]


def test_a_value_that_cannot_be_read_holds_nothing_up(store: Store) -> None:
    files = [a_file(n) for n in range(2)]
    retain(store, files)
    for shard in retained.SHARDS[:8]:
        store.hset(keys.retained(shard), b"y" * 16, b"rubbish")
        store.hset(keys.retained(shard), b"z" * 16, retained.pack(a_file(3))[:-20])
    rematch.start(store, {SERVICE: "2"})
    one_slice(store, Asked(known=[*files, a_file(3)]))
    assert urls_of_cases(store) == [one.url for one in files]
    assert sweeps.status(store, SweepName.REMATCH).is_ended


@pytest.mark.parametrize("moment", ["HVALS orbweaver:retained:", "WATCH orbweaver:sweep:rematch", "ZREM", "WAITAOF"])
def test_a_rematch_goes_on_after_the_death_of_its_worker(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    files = [a_file(n) for n in range(2_000)]
    retain(store, files)
    url = listed(tmp_path, files[::100])
    monkeypatch.setenv("MATCHER_URL", url)
    rematch.start(store, {SERVICE: "2"})
    kill_worker(
        store, beginning(moment, after="HLEN orbweaver:retained:"), "match", "--name", "doomed", MATCHER_URL=url
    )
    dead_workers.recover(store, QueueName.MATCH, "doomed")
    work(store)
    assert urls_of_cases(store) == sorted(one.url for one in files[::100])
    assert len((tmp_path / "events" / "events.jsonl").read_text().splitlines()) == 20
    assert sum(retained.count(store)) == 1_980
    assert 1_980 <= counts(store)["asked"] <= 2_000
    assert not rematch.start_if_due(store, {SERVICE: "2"})


def test_cases_and_what_is_done_are_one_transaction(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = a_file(1)
    retain(store, [known])
    monkeypatch.setenv("MATCHER_URL", listed(tmp_path, [known]))
    rematch.start(store, {SERVICE: "2"})
    with monitored(store) as commands:
        work(store, QueueName.MATCH)
    written = next(n for n, said in enumerate(commands) if said.startswith("HSET orbweaver:case:"))
    ended = commands.index("EXEC", written)
    start = max(n for n in range(written) if commands[n] == "MULTI")
    for part in ("HDEL orbweaver:retained:", "HSET orbweaver:undelivered ", "ZREM orbweaver:sweep:rematch:due "):
        assert any(said.startswith(part) for said in commands[start:ended]), part
    assert any(said.startswith("WAITAOF") for said in commands[ended:])


@pytest.fixture
def hma_server() -> Iterator[hma.HmaServer]:
    """With a canary, and an index that is old enough to be loaded everywhere."""
    with hma.serving() as server:
        server.state.now = lambda: 1_700_000_000
        server.state.add("sha256", CANARY)
        yield server


def hma_url(server: hma.HmaServer, options: str = "") -> str:
    return f"hma+http://127.0.0.1:{server.port}?sha256=sha256&canary=sha256:{CANARY}{options}"


def test_a_rematch_asks_the_service_and_not_the_cache(
    store: Store, hma_server: hma.HmaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATCHER_URL", hma_url(hma_server))
    files = [a_file(n) for n in range(2)]
    ids = [hma_server.state.add("sha256", one.digests.sha256) for one in files]
    hma_server.state.contents[ids[0]].is_enabled = False
    add_batch(store, *files)
    work(store)
    assert urls_of_cases(store) == [files[1].url]
    hma_server.state.contents[ids[0]].is_enabled = True  # which no list version shows
    rematch.start(store, {})
    work(store)
    assert urls_of_cases(store) == [one.url for one in files]


def test_other_banks_are_a_changed_list(
    store: Store, hma_server: hma.HmaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hma_server.state.banks["OTHER_BANK"] = 1.0
    hma_server.state.add("sha256", CANARY, "OTHER_BANK")
    hma_server.state.add("sha256", a_file(1).digests.sha256)
    monkeypatch.setenv("MATCHER_URL", hma_url(hma_server, "&banks=OTHER_BANK"))
    add_batch(store, a_file(1))
    work(store)
    assert urls_of_cases(store) == []
    monkeypatch.setenv("MATCHER_URL", hma_url(hma_server, f"&banks={hma.BANK}"))
    work(store)
    assert urls_of_cases(store) == [a_file(1).url]


def test_a_match_of_the_rematch_is_settled_as_that_of_a_recrawl(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_recrawl, by_rematch = a_file(1), a_file(2)
    monkeypatch.setenv("MATCHER_URL", listed(tmp_path, [by_recrawl, by_rematch]))
    add_batch(store, by_recrawl)
    retain(store, [by_rematch])
    rematch.start(store, {SERVICE: "2"})
    work(store)
    one, other = sorted(case_store.all_cases(store), key=lambda case: case.url)
    differing = {"case_id", "url", "last_url", "final_url", "md5", "sha1", "sha256", "size", "first_seen", "last_seen"}
    differing |= {"state_since"}
    shown = [
        case.model_dump(exclude=differing | {"verdict"}) | {"of": case.verdict.model_dump(exclude={"asked_at"})}
        for case in (one, other)
    ]
    assert shown[0] == shown[1]
    assert format_time(other.first_seen) == format_time(by_rematch.seen_at)
    assert digests_of(b"2").sha256 == other.sha256


def test_a_rematch_reaches_nothing_but_the_store() -> None:
    command = [sys.executable, "-m", "bench.rematch", "--sightings", "500", "--known", "5", "--list", "100"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = dict(line.strip("| ").split(" | ") for line in done.stdout.splitlines())
    assert rows["attempts to reach anything but the store"] == "0"
    assert rows["new cases"] == "5"
