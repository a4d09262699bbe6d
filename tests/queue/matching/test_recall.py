"""A list that takes an entry back corrects the cases that it opened, and nobody else's silence does."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from builders import NOON, a_sighting, add_batch, beginning, build_list, digests_of, kill_worker, transaction, work
from orbweaver.matcher_client.verdicts import judge, unknown
from orbweaver.model import Case, DigestSet, Event, EventType, HoldReason, Listing, Sighting, Verdict, now
from orbweaver.queue.fleet import dead_workers
from orbweaver.queue.matching import recall, rematch, settlement
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import retained, runs, sweeps
from orbweaver.queue.records.sweeps import Slice, SliceBudget, SliceResult, SweepName
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store

KNOWN = a_sighting()
OTHER = a_sighting(b"other", url="http://h.test/b.bin")
VERSION = iter(range(1, 10_000))


@pytest.fixture(autouse=True)
def _few_shards(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rematch goes through every shard: the same with fewer of them, where all happens in this process."""
    if "moment" not in request.fixturenames:
        monkeypatch.setattr(retained, "SHARDS", retained.SHARDS[:16])


@pytest.fixture
def events_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAKEDOWN_SINKS", f"jsonl:{tmp_path / 'events'}")
    return tmp_path / "events"


@pytest.fixture
def use_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ListUser:
    return ListUser(tmp_path, monkeypatch)


class ListUser:
    """Builds a new version of one list, or of another, and asks it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._monkeypatch = monkeypatch

    def __call__(self, *rows: tuple[Sighting, str], name: str = "list", by: str = "sha256") -> str:
        (self._folder / f"{name}.hashes").unlink(missing_ok=True)
        written = [f"{by},entry_id,status"]
        written += [f"{getattr(one.digests, by)},{n},{status}" for n, (one, status) in enumerate(rows)]
        if not rows:
            written.append(f"{getattr(digests_of(b'somebody else'), by)},9,active")
        url = build_list(self._folder / f"{name}.hashes", written)
        self._monkeypatch.setenv("MATCHER_URL", url)
        return url


def recalled(store: Store) -> None:
    assert rematch.start_if_due(store, {"hashlist:test": str(next(VERSION))})
    work(store)


def the_case(store: Store) -> Case:
    [case] = case_store.all_cases(store)
    return case


def events_of(store: Store, case: Case) -> list[Event]:
    listed = store.lrange(keys.case_events(str(case.case_id)), 0, -1)
    return [Event.model_validate_json(store.hget(keys.event(one.decode()), "json") or b"") for one in listed]


def delivered(folder: Path) -> list[dict[str, object]]:
    path = folder / "events.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.parametrize(
    ("rows", "retraction"),
    [
        ([(KNOWN, "withdrawn")], "withdrawn"),
        ([(KNOWN, "disputed")], "disputed"),
        ([(OTHER, "active")], "no_longer_listed"),
    ],
)
def test_what_a_list_takes_back_is_corrected_and_the_engine_is_told(
    store: Store, events_dir: Path, use_list: ListUser, rows: Sequence[tuple[Sighting, str]], retraction: str
) -> None:
    use_list((KNOWN, "active"))
    add_batch(store, KNOWN)
    work(store)
    before = the_case(store).verdict
    use_list(*rows)
    recalled(store)
    case = the_case(store)
    assert (case.state, case.verdict.held_because) == ("held", (retraction,))
    opened, corrected = delivered(events_dir)
    assert (opened["type"], corrected["type"], corrected["sequence"]) == ("case.opened", "case.corrected", 2)
    event = events_of(store, case)[1]
    assert json.loads(event.model_dump_json()) == corrected
    assert event.correction is not None
    assert (event.correction.retraction, event.correction.before, event.case) == (retraction, before, case)
    assert dict(sweeps.status(store, SweepName.RECALL).counts) == {"asked": 1, "corrected": 1}

    recalled(store)  # nothing more to say
    assert len(delivered(events_dir)) == 2
    use_list((KNOWN, "active"))
    add_batch(store, KNOWN)
    work(store)
    assert [one["type"] for one in delivered(events_dir)] == ["case.opened", "case.corrected", "case.opened"]
    assert the_case(store).verdict.held_because == ()


@pytest.mark.parametrize("rows", [[(KNOWN, "withdrawn")], [(KNOWN, "disputed")], [(OTHER, "active")]])
def test_a_recrawl_that_meets_the_file_again_comes_to_what_recall_comes_to(
    store: Store, events_dir: Path, use_list: ListUser, rows: Sequence[tuple[Sighting, str]]
) -> None:
    seen = []
    for is_recrawl in (True, False):
        store.flushall()
        use_list((KNOWN, "active"))
        add_batch(store, KNOWN)
        work(store)
        use_list(*rows)
        if is_recrawl:
            add_batch(store, KNOWN)
            work(store)
            assert sum(retained.count(store)) == 0
        else:
            recalled(store)
        case = the_case(store)
        verdict = case.verdict.model_dump(exclude={"asked_at", "built_to", "list_version", "listings"})
        kinds = [(one.type, one.correction and one.correction.retraction) for one in events_of(store, case)]
        seen.append((case.model_dump(exclude={"verdict", "state_since"}), verdict, kinds))
    assert seen[0] == seen[1]


def test_a_held_case_that_the_engine_was_never_told_of_is_corrected_in_silence(
    store: Store, events_dir: Path, use_list: ListUser
) -> None:
    use_list((KNOWN, "active"), by="md5")
    add_batch(store, KNOWN)
    work(store)
    use_list((KNOWN, "withdrawn"), by="md5")
    recalled(store)
    case = the_case(store)
    assert [one.type for one in events_of(store, case)] == [EventType.HELD, EventType.CORRECTED]
    assert case.verdict.held_because == (HoldReason.WITHDRAWN,)
    assert delivered(events_dir) == []
    assert store.hlen(keys.undelivered()) == 0


def test_a_held_case_that_the_list_confirms_is_opened(store: Store, events_dir: Path, use_list: ListUser) -> None:
    use_list((KNOWN, "active"), by="md5")
    add_batch(store, KNOWN)
    work(store)
    use_list((KNOWN, "active"))
    recalled(store)
    assert the_case(store).state == "open"
    assert [one["type"] for one in delivered(events_dir)] == ["case.opened"]


def test_no_answer_and_another_services_silence_correct_nothing(
    store: Store, events_dir: Path, use_list: ListUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_list((KNOWN, "active"))
    add_batch(store, KNOWN)
    work(store)
    case = the_case(store)
    monkeypatch.setenv("MATCHER_URL", "hashlist:/missing/list.hashes")
    recalled(store)
    assert the_case(store) == case
    assert sweeps.status(store, SweepName.RECALL).later == 1
    use_list((OTHER, "active"), name="another")
    recalled(store)
    assert the_case(store) == case
    assert len(delivered(events_dir)) == 1


def test_a_case_that_nobody_could_answer_for_is_asked_about_again(
    store: Store, events_dir: Path, use_list: ListUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_list((KNOWN, "active"))
    add_batch(store, KNOWN)
    work(store)
    monkeypatch.setenv("MATCHER_URL", "hashlist:/missing/list.hashes")
    recalled(store)
    use_list((KNOWN, "withdrawn"))
    versions = {"hashlist:test": str(next(VERSION) - 1)}
    store.zadd(keys.sweep_due("recall"), {str(the_case(store).case_id): time.time()})
    assert rematch.start_if_due(store, versions)
    work(store)
    assert the_case(store).verdict.held_because == (HoldReason.WITHDRAWN,)


@pytest.mark.parametrize("moment", ["WATCH orbweaver:sweep:recall orbweaver:case", "ZREM", "WAITAOF"])
def test_a_recall_goes_on_after_the_death_of_its_worker(
    store: Store, events_dir: Path, use_list: ListUser, moment: str
) -> None:
    files = [a_sighting(b"%d" % n, url=f"http://h.test/{n}") for n in range(30)]
    use_list(*((one, "active") for one in files))
    add_batch(store, *files)
    work(store)
    url = use_list(*((one, "withdrawn") for one in files))
    assert rematch.start_if_due(store, {"hashlist:test": str(next(VERSION))})
    is_time = beginning(moment, after="ZRANGEBYSCORE orbweaver:sweep:recall:due")
    kill_worker(store, is_time, "match", "--name", "doomed", MATCHER_URL=url)
    dead_workers.recover(store, QueueName.MATCH, "doomed")
    work(store)
    assert {case.state for case in case_store.all_cases(store)} == {"held"}
    assert sorted(one["type"] for one in delivered(events_dir)) == ["case.corrected"] * 30 + ["case.opened"] * 30
    assert {len(events_of(store, case)) for case in case_store.all_cases(store)} == {2}


def says(verdicts: dict[str, Verdict], digest_sets: Sequence[DigestSet]) -> list[Verdict]:
    return [verdicts[one.sha256] for one in digest_sets]


def test_many_cases_are_recalled_in_bounded_questions(store: Store) -> None:
    files = [a_sighting(b"%d" % n, url=f"http://h.test/{n}") for n in range(recall.ASKED_AT_ONCE * 2 + 1)]
    service = "hashlist:test"
    found = [Listing(service=service, algorithms=("sha256",))]
    answers = [(one, judge(one.digests, found, service=service, asked_at=NOON)) for one in files]
    with transaction(store) as pipe:
        pipe.hset(keys.sweep("rematch"), "turn", "t")
    settlement.settle(
        store, "run-1", SliceResult(Slice(SweepName.REMATCH, "t", 0, "run-1")), answers, retention=timedelta(days=1)
    )
    sweeps.start(store, SweepName.RECALL, recall.mark_all)
    token = store.hget(keys.sweep("recall"), "turn")
    assert token is not None
    sizes = []
    later = {one.digests.sha256: judge(one.digests, [], service=service, asked_at=now()) for one in files}
    later[files[0].digests.sha256] = unknown("down")

    def ask(digest_sets: Sequence[DigestSet]) -> list[Verdict]:
        sizes.append(len(digest_sets))
        return says(later, digest_sets)

    recall.work(store, token.decode(), ask, budget=SliceBudget(seconds=math.inf))
    assert sum(sizes) == len(files)
    assert max(sizes) <= recall.ASKED_AT_ONCE
    states = [case.state for case in case_store.all_cases(store)]
    assert (states.count("held"), states.count("open")) == (len(files) - 1, 1)
    assert sweeps.status(store, SweepName.RECALL).later == 1
    assert runs.case_count(store, sweeps.status(store, SweepName.RECALL).run_id or "") == len(files) - 1
