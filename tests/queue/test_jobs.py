"""From a batch of sightings to cases, events and deliveries, with real workers on a real store."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from builders import (
    RUN,
    a_sighting,
    add_batch,
    beginning,
    build_list,
    digests_of,
    kill_worker,
    monitored,
    parked,
    started_worker,
    work,
)
from orbweaver import settings
from orbweaver.model import Case, Event, Sighting, Verdict, VerdictResult, case_id_for, event_id_for
from orbweaver.queue import jobs, queues
from orbweaver.queue.fleet import dead_workers
from orbweaver.queue.matching import settlement
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, deliveries, in_force, runs
from orbweaver.store import identity, keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.delivery import lanes, sink_states

KNOWN = digests_of(b"known")


@pytest.fixture
def matcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A built list that knows the SHA-256 of `known`."""
    url = build_list(tmp_path / "list.hashes", [KNOWN.sha256])
    monkeypatch.setenv("MATCHER_URL", url)
    return url


@pytest.fixture
def events_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAKEDOWN_SINKS", f"jsonl:{tmp_path / 'events'}")
    return tmp_path / "events"


def all_cases(store: Store) -> list[Case]:
    return case_store.read_many(store, [one.decode() for one in store.zrange(keys.cases(), 0, -1)])


def all_events(store: Store) -> list[Event]:
    found = [
        Event.model_validate_json(store.hget(keys.event(event_id.decode()), "json") or b"")
        for case in all_cases(store)
        for event_id in store.lrange(keys.case_events(str(case.case_id)), 0, -1)
    ]
    assert len(found) == len(store.keys(keys.event("*")))
    return found


def delivery_jobs(store: Store) -> list[str]:
    return queues.queue_for(store, QueueName.TAKEDOWN).get_job_ids()


def test_a_match_opens_one_case_with_one_event_and_one_delivery_job(store: Store, matcher: str) -> None:
    sighting = a_sighting(report_ids=("r-1",))
    batch_id = add_batch(store, sighting, a_sighting(b"other", url="http://h.test/b.bin"))
    work(store, QueueName.MATCH)
    [case], [event] = all_cases(store), all_events(store)
    assert (case.state, case.url, case.sha256, case.report_ids) == ("open", sighting.url, KNOWN.sha256, ("r-1",))
    assert (case.verdict.result, case.verdict.algorithm, case.verdict.list) == ("match", "sha256", "list")
    assert (event.type, event.sequence, event.case) == ("case.opened", 1, case)
    assert delivery_jobs(store) == [queues.delivery_job_id(str(event.event_id))]
    assert batches.read(store, batch_id) is None
    assert runs.case_ids(store, RUN) == [str(case.case_id)]
    assert runs.waiting(store, RUN) == (0, 1)


def test_ids_come_from_what_is_seen_and_stay_the_same(store: Store, matcher: str) -> None:
    add_batch(store, a_sighting())
    work(store, QueueName.MATCH)
    [event] = all_events(store)
    assert event.case_id == case_id_for("http://h.test/a.bin", KNOWN.sha256) == all_cases(store)[0].case_id
    assert event.event_id == event_id_for(event)
    assert event.source == identity.store_id(store)


def test_the_case_its_delivery_and_the_end_of_the_batch_are_one_transaction(store: Store, matcher: str) -> None:
    sighting = a_sighting()
    batch_id = add_batch(store, sighting, a_sighting(b"other", url="http://h.test/b.bin"))
    with monitored(store) as commands:
        work(store, QueueName.MATCH)
    [event] = all_events(store)
    event_id = str(event.event_id)
    start = max(n for n, said in enumerate(commands) if said == "MULTI" and "orbweaver:case:" in commands[n + 1])
    transaction = commands[start : commands.index("EXEC", start) + 1]
    for part in (
        f"HSET {keys.case(sighting.sighting_id)} ",
        f"ZADD {keys.cases()} ",
        f"RPUSH {keys.case_events(sighting.sighting_id)} {event_id}",
        f"HSET {keys.event(event_id)} ",
        f"HSET {keys.undelivered()} {event_id} {RUN}",
        f"SADD {keys.unsent()} {event_id}",
        f"HSET rq:job:{queues.delivery_job_id(event_id)} ",
        f"RPUSH rq:queue:takedown {queues.delivery_job_id(event_id)}",
        f"SADD {keys.run_cases(RUN)} ",
        f"DEL {keys.batch(batch_id)}",
        f"SREM {keys.batches()} {batch_id}",
        f"SREM {keys.run_batches(RUN)} {batch_id}",
    ):
        inside = sum(said.startswith(part) for said in transaction)
        assert inside >= 1, part
        assert inside == sum(said.startswith(part) for said in commands[: start + len(transaction)]), part


def test_verdicts_are_on_disk_before_their_job_is_done(store: Store, matcher: str) -> None:
    batch_id = add_batch(store, a_sighting())
    with monitored(store) as commands:
        work(store, QueueName.MATCH)
    settled = commands.index(f"DEL {keys.batch(batch_id)}")
    waited = next(n for n, said in enumerate(commands) if said.startswith("WAITAOF 1 0"))
    done = next(n for n, said in enumerate(commands) if said.startswith(f"DEL rq:job:{queues.match_job_id(batch_id)}"))
    assert settled < waited < done


@pytest.mark.parametrize(
    "moment", ["GET orbweaver:batch:", "WATCH orbweaver:batch:", "EXISTS orbweaver:batch:", "WAITAOF"]
)
def test_a_match_survives_the_death_of_its_worker_at_any_moment(
    store: Store, matcher: str, events_dir: Path, moment: str
) -> None:
    sighting = a_sighting()
    batch_id = add_batch(store, sighting)
    kill_worker(store, beginning(moment), "match", "--name", "doomed", MATCHER_URL=matcher)
    is_opened = store.exists(keys.case(sighting.sighting_id)) == 1
    assert (len(delivery_jobs(store)) == 1) is is_opened
    assert (batches.read(store, batch_id) is None) is is_opened
    assert is_opened or moment != "WAITAOF"
    dead_workers.recover(store, QueueName.MATCH, "doomed")
    work(store)
    assert (
        len(all_cases(store))
        == len(all_events(store))
        == len((events_dir / "events.jsonl").read_text().splitlines())
        == 1
    )
    assert runs.waiting(store, RUN) == (0, 0)


def test_a_job_done_twice_makes_no_second_case_or_event(store: Store, matcher: str) -> None:
    batch_id = add_batch(store, a_sighting())
    work(store, QueueName.MATCH)
    before = all_cases(store), all_events(store)
    with store.pipeline(transaction=True) as pipe:
        pipe.multi()
        queues.enqueue_match(store, pipe, batch_id)
        pipe.execute()
    work(store, QueueName.MATCH)
    assert (all_cases(store), all_events(store)) == before
    assert parked(store, QueueName.MATCH) == {}


def test_the_same_sighting_in_two_batches_is_one_case_and_one_event(store: Store, matcher: str) -> None:
    add_batch(store, a_sighting(), a_sighting())
    add_batch(store, a_sighting())
    work(store, QueueName.MATCH)
    assert len(all_cases(store)) == len(all_events(store)) == len(delivery_jobs(store)) == 1


def test_a_batch_that_another_worker_settled_meanwhile_is_left_alone(store: Store, matcher: str) -> None:
    batch_id = add_batch(store, a_sighting())
    batch = batches.read(store, batch_id)
    assert batch is not None
    work(store, QueueName.MATCH)
    late = Verdict(result=VerdictResult.UNKNOWN, reason="asked before the service came back")
    waiting = batches.BatchUnderSettlement(batch_id, batch)
    settlement.settle(store, RUN, waiting, [(a_sighting(), late)], retention=timedelta(days=1))
    assert (store.hlen(keys.unanswered()), runs.unknown(store, RUN)) == (0, [])


def test_workers_that_match_the_same_file_at_once_open_one_case_with_one_event(store: Store, matcher: str) -> None:
    sightings = [a_sighting(url=f"http://h.test/{n}") for n in range(40)]
    for sighting in sightings:  # a pair of workers takes a pair of batches
        add_batch(store, sighting)
        add_batch(store, sighting)
    with (
        started_worker(store, "match", "--burst", MATCHER_URL=matcher) as one,
        started_worker(store, "match", "--burst", MATCHER_URL=matcher) as other,
    ):
        assert (one.wait(), other.wait()) == (0, 0)
    assert len(all_cases(store)) == len(all_events(store)) == len(delivery_jobs(store)) == len(sightings)
    assert store.scard(keys.batches()) == 0


def test_a_later_sighting_moves_last_seen_on_and_joins_its_reports(store: Store, matcher: str) -> None:
    first, second = a_sighting(report_ids=("b", "a")), a_sighting(report_ids=("c", "a"), minutes=30)
    add_batch(store, first)
    add_batch(store, second)
    work(store, QueueName.MATCH)
    [case] = all_cases(store)
    assert (case.first_seen, case.last_seen, case.report_ids) == (first.seen_at, second.seen_at, ("a", "b", "c"))
    assert [event.sequence for event in all_events(store)] == [1]


def test_the_same_file_at_two_urls_is_two_cases(store: Store, matcher: str) -> None:
    add_batch(store, a_sighting(), a_sighting(url="http://h.test/b.bin"))
    work(store, QueueName.MATCH)
    assert [case.url for case in all_cases(store)] == ["http://h.test/a.bin", "http://h.test/b.bin"]


def test_a_match_by_md5_alone_is_held_and_not_delivered(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATCHER_URL", build_list(tmp_path / "list.hashes", [KNOWN.md5]))
    add_batch(store, a_sighting())
    work(store, QueueName.MATCH)
    assert [case.state for case in all_cases(store)] == ["held"]
    assert [event.type for event in all_events(store)] == ["case.held"]
    assert delivery_jobs(store) == []
    assert runs.waiting(store, RUN) == (0, 0)


def test_a_held_case_opens_when_stronger_evidence_comes(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATCHER_URL", build_list(tmp_path / "weak.hashes", [KNOWN.md5]))
    add_batch(store, a_sighting())
    work(store, QueueName.MATCH)
    monkeypatch.setenv("MATCHER_URL", build_list(tmp_path / "strong.hashes", [KNOWN.sha256]))
    add_batch(store, a_sighting(minutes=1))
    work(store, QueueName.MATCH)
    held, opened = all_events(store)
    assert (held.type, held.sequence, opened.type, opened.sequence) == ("case.held", 1, "case.opened", 2)
    assert opened.event_id == event_id_for(opened)
    assert delivery_jobs(store) == [queues.delivery_job_id(str(opened.event_id))]
    assert [case.state for case in all_cases(store)] == ["open"]


@pytest.mark.parametrize(("size", "state"), [(len(b"known"), "open"), (6, "held")])
def test_the_size_on_the_list_confirms_or_holds_a_case(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, state: str
) -> None:
    rows = ["md5,sha256,size", f"{KNOWN.md5},{KNOWN.sha256 if state == 'held' else ''},{size}"]
    monkeypatch.setenv("MATCHER_URL", build_list(tmp_path / "list.hashes", rows))
    add_batch(store, a_sighting())
    work(store, QueueName.MATCH)
    assert [case.state for case in all_cases(store)] == [state]
    assert len(delivery_jobs(store)) == (state == "open")


def test_an_empty_file_is_never_a_case_whatever_a_list_says(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = a_sighting(b"").model_copy(update={"digests": KNOWN.model_copy(update={"size": 0})})
    monkeypatch.setenv("MATCHER_URL", build_list(tmp_path / "list.hashes", [KNOWN.sha256]))
    batch_id = add_batch(store, empty)
    work(store, QueueName.MATCH)
    assert batches.read(store, batch_id) is None
    assert all_cases(store) == []
    assert store.hlen(keys.unanswered()) == 0


@pytest.mark.parametrize(
    ("matcher_url", "reason"),
    [
        (None, "no matching service: set MATCHER_URL"),
        ("gopher://x", "unknown scheme 'gopher'"),
    ],
)
def test_what_nobody_can_answer_is_unknown_and_kept_and_never_a_case(
    store: Store, monkeypatch: pytest.MonkeyPatch, matcher_url: str | None, reason: str
) -> None:
    if matcher_url is not None:
        monkeypatch.setenv("MATCHER_URL", matcher_url)
    sighting = a_sighting()
    add_batch(store, sighting)
    work(store, QueueName.MATCH)
    assert all_cases(store) == []
    [unknown] = runs.unknown(store, RUN)
    assert unknown.url == sighting.url
    assert reason in unknown.reason
    kept = store.hget(keys.unanswered(), sighting.sighting_id)
    assert kept is not None
    assert Sighting.model_validate_json(kept) == sighting


def test_a_damaged_list_makes_everything_unknown(store: Store, tmp_path: Path, matcher: str) -> None:
    path = tmp_path / "list.hashes"
    whole = path.read_bytes()
    path.write_bytes(whole[:-40] + bytes(40))
    add_batch(store, a_sighting())
    work(store, QueueName.MATCH)
    assert (all_cases(store), len(runs.unknown(store, RUN))) == ([], 1)


@pytest.mark.parametrize("waits", [True, False])
def test_a_missing_list_makes_its_batch_wait_and_a_batch_that_only_fails_is_put_aside(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    monkeypatch.setenv("MATCHER_URL", f"hashlist:{tmp_path}/missing")
    sighting = a_sighting()
    batch_id = add_batch(store, sighting)
    if not waits:
        batch = batches.read(store, batch_id)
        assert batch is not None
        failed = batch.model_copy(update={"failures": jobs.MOST_FAILURES})
        store.set(keys.batch(batch_id), failed.model_dump_json())
    work(store, QueueName.MATCH)
    assert all_cases(store) == []
    [unknown] = runs.unknown(store, RUN)
    assert (unknown.url, "cannot be asked (No such file or directory)" in unknown.reason) == (sighting.url, True)
    left = batches.read(store, batch_id)
    assert (None if left is None else left.sightings) == ((sighting,) if waits else None)
    assert (batches.waiting_count(store), store.hlen(keys.unanswered())) == ((1, 0) if waits else (0, 1))
    assert parked(store, QueueName.MATCH) == {}


def test_an_event_is_delivered_once_and_marked(store: Store, matcher: str, events_dir: Path) -> None:
    add_batch(store, a_sighting())
    work(store)
    [event] = all_events(store)
    [line] = (events_dir / "events.jsonl").read_text().splitlines()
    assert Event.model_validate_json(line) == event
    assert store.hexists(keys.event(str(event.event_id)), f"jsonl:{events_dir}")
    assert runs.waiting(store, RUN) == (0, 0)
    with store.pipeline(transaction=True) as pipe:
        pipe.multi()
        queues.enqueue_delivery(store, pipe, str(event.event_id))
        pipe.execute()
    work(store)
    assert (events_dir / "events.jsonl").read_text().splitlines() == [line]


def test_a_delivery_that_fails_waits_and_is_taken_up_at_once_by_the_next_run(
    store: Store, matcher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TAKEDOWN_SINKS", f"jsonl:{tmp_path / 'file' / 'events'}")
    add_batch(store, a_sighting())
    work(store)
    [event] = all_events(store)
    [sink] = sink_states.states(store)
    failing = lanes.failing(store, sink, str(event.event_id))
    assert failing is not None
    assert "Not a directory" in failing.reason
    assert runs.waiting(store, RUN) == (0, 1)
    assert delivery_jobs(store) == []

    (tmp_path / "file").unlink()
    lanes.wait_until(store, sink, [str(event.event_id)], lanes.server_seconds(store) + 3600)  # however slow we are
    work(store)
    assert runs.waiting(store, RUN) == (0, 1)  # its time has not come
    in_force.declare(store, settings.load(), [QueueName.TAKEDOWN])
    assert deliveries.take_over(store, "run-2") == 1
    assert (runs.waiting(store, RUN), runs.waiting(store, "run-2")) == ((0, 0), (0, 1))
    work(store)
    assert json.loads((tmp_path / "file" / "events" / "events.jsonl").read_text())["event_id"] == str(event.event_id)
    assert runs.waiting(store, "run-2") == (0, 0)
    assert deliveries.take_over(store, "run-3") == 0
    assert parked(store, QueueName.TAKEDOWN) == {}


def test_an_event_without_a_sink_is_not_delivered(store: Store, matcher: str) -> None:
    add_batch(store, a_sighting())
    work(store)
    [said] = parked(store, QueueName.TAKEDOWN).values()
    assert said.endswith("no sink: set TAKEDOWN_SINKS")
    assert runs.waiting(store, RUN) == (0, 1)


def test_a_job_whose_batch_or_event_is_gone_does_nothing(store: Store, matcher: str, events_dir: Path) -> None:
    with store.pipeline(transaction=True) as pipe:
        pipe.multi()
        queues.enqueue_match(store, pipe, "gone")
        queues.enqueue_delivery(store, pipe, "gone")
        pipe.execute()
    work(store)
    assert all_cases(store) == []
    assert parked(store, QueueName.MATCH) == parked(store, QueueName.TAKEDOWN) == {}
