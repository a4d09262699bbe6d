"""The record of a recrawl, and the fence that keeps an earlier attempt from writing to it."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from builders import NOON, RUN, a_sighting, an_order, monitored, url_of
from orbweaver.crawler.errors import NotRecorded
from orbweaver.model import Outcome, Reported, Skip, Tally
from orbweaver.queue import queues
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, recrawl_fence, recrawls, runs
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.store import keys
from orbweaver.store.connection import Store
from recorded_recrawls import note_reported, note_sandbox, recorder
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import WatchError

SKIP = Skip(url="http://h.test/x", outcome=Outcome.TIMEOUT, rule="stall", reason="silent", is_failure=True, at=NOON)


def test_a_recrawl_is_read_as_it_was_created(store: Store) -> None:
    recrawl_id = recrawls.create(store, RUN, an_order())
    record = recrawls.read(store, recrawl_id)
    assert record is not None
    assert (record.run_id, record.order, record.state, record.attempt) == (RUN, an_order(), RecrawlState.QUEUED, 0)
    assert store.lrange(keys.run_recrawls(RUN), 0, -1) == [recrawl_id.encode()]


def test_a_recrawl_that_was_never_created_is_none(store: Store) -> None:
    assert recrawls.read(store, "missing") is None


def test_what_was_found_is_recorded_with_its_match_job(store: Store) -> None:
    recrawl_id = recrawls.create(store, RUN, an_order())
    record = recorder(store, recrawl_id, RUN, recrawls.begin(store, recrawl_id))
    record([a_sighting()], [SKIP], Tally(files=1))
    [batch_id] = store.smembers(keys.run_batches(RUN))
    expected = batches.Batch(run_id=RUN, sightings=(a_sighting(),), place=1, recrawl_id=recrawl_id)
    assert batches.read(store, batch_id.decode()) == expected
    assert queues.queue_for(store, QueueName.MATCH).get_job_ids() == [queues.match_job_id(batch_id.decode())]
    assert recrawls.skips(store, recrawl_id) == [SKIP]
    found = recrawls.read(store, recrawl_id)
    assert found is not None
    assert (found.state, found.tally.files) == (RecrawlState.RUNNING, 1)


def test_sightings_their_match_job_the_skips_and_the_tally_are_one_transaction(store: Store) -> None:
    recrawl_id = recrawls.create(store, RUN, an_order())
    record = recorder(store, recrawl_id, RUN, recrawls.begin(store, recrawl_id))
    with monitored(store) as commands:
        record([a_sighting()], [SKIP], Tally(files=1))
    [batch_id] = [one.decode() for one in store.smembers(keys.batches())]
    assert commands.count("MULTI") == commands.count("EXEC") == 1
    transaction = commands[commands.index("MULTI") : commands.index("EXEC")]
    for part in (
        f"SET {keys.batch(batch_id)} ",
        f"SADD {keys.batches()} {batch_id}",
        f"SADD {keys.run_batches(RUN)} {batch_id}",
        f"HSET rq:job:{queues.match_job_id(batch_id)} ",
        f"RPUSH rq:queue:match {queues.match_job_id(batch_id)}",
        f"RPUSH {keys.recrawl_skips(recrawl_id)} ",
        f"HSET {keys.recrawl(recrawl_id)} tally ",
    ):
        inside = sum(said.startswith(part) for said in transaction)
        assert inside >= 1, part
        assert inside == sum(said.startswith(part) for said in commands), part


def test_an_earlier_attempt_cannot_write_after_a_later_one_began(store: Store) -> None:
    recrawl_id = recrawls.create(store, RUN, an_order())
    earlier = recorder(store, recrawl_id, RUN, recrawls.begin(store, recrawl_id))
    later = recorder(store, recrawl_id, RUN, recrawls.begin(store, recrawl_id))
    with pytest.raises(NotRecorded, match="a later attempt of this recrawl has begun"):
        earlier([a_sighting()], [SKIP], Tally(files=1))
    assert store.scard(keys.batches()) == 0
    assert recrawls.skips(store, recrawl_id) == []
    later([a_sighting()], [], Tally(files=1))
    assert store.scard(keys.batches()) == 1


def test_a_recrawl_that_was_deleted_takes_nothing(store: Store) -> None:
    recrawl_id = recrawls.create(store, RUN, an_order())
    record = recorder(store, recrawl_id, RUN, recrawls.begin(store, recrawl_id))
    store.delete(keys.recrawl(recrawl_id))
    with pytest.raises(NotRecorded):
        record([a_sighting()], [], Tally())
    assert store.scard(keys.batches()) == 0


def test_a_store_that_refuses_is_not_recorded(store: Store) -> None:
    recrawl_id = recrawls.create(store, RUN, an_order())
    record = recorder(store, recrawl_id, RUN, recrawls.begin(store, recrawl_id))
    store.set(keys.run_batches(RUN), "of another type")
    with pytest.raises(NotRecorded, match="the store did not accept what was found"):
        record([a_sighting()], [], Tally(files=1))


def test_a_new_attempt_forgets_what_the_earlier_one_said(store: Store) -> None:
    recrawl_id = recrawls.create(store, RUN, an_order())
    attempt = recrawls.begin(store, recrawl_id)
    record = recorder(store, recrawl_id, RUN, attempt)
    record([], [SKIP], Tally(files=9))
    note_sandbox(store, recrawl_id, attempt, {"landlock": 6})
    later = recrawls.begin(store, recrawl_id)
    assert later is not None
    assert later.number == 2
    again = recrawls.read(store, recrawl_id)
    assert again is not None
    assert (again.state, again.attempt, again.tally) == (RecrawlState.RUNNING, 2, Tally())
    assert (again.reason, again.stopped_by, again.sandbox) == (None, None, None)
    assert recrawls.skips(store, recrawl_id) == []


def test_the_end_of_a_recrawl_says_what_stopped_it_and_what_contained_it(store: Store) -> None:
    recrawl_id = recrawls.create(store, RUN, an_order())
    attempt = recrawls.begin(store, recrawl_id)
    note_sandbox(store, recrawl_id, attempt, {"landlock": 6})
    recrawls.end(store, recrawl_id, RecrawlState.FINISHED, attempt=attempt, stopped_by="max_files")
    ended = recrawls.read(store, recrawl_id)
    assert ended is not None
    assert (ended.state, ended.stopped_by, ended.reason) == (RecrawlState.FINISHED, "max_files", None)
    assert ended.sandbox == {"landlock": 6}


@pytest.mark.parametrize("state", sorted(recrawls.ENDED))
def test_a_recrawl_that_has_ended_does_not_begin_again(store: Store, state: RecrawlState) -> None:
    recrawl_id = recrawls.create(store, RUN, an_order())
    recrawls.begin(store, recrawl_id)
    recrawls.end(store, recrawl_id, state)
    before = recrawls.read(store, recrawl_id)
    assert recrawls.begin(store, recrawl_id) is None
    assert recrawls.read(store, recrawl_id) == before


@pytest.mark.parametrize("has_begun", [False, True])
def test_a_recrawl_whose_run_is_over_does_not_begin_and_has_ended(store: Store, has_begun: bool) -> None:
    runs.create(store, RUN)
    recrawl_id = recrawls.create(store, RUN, an_order())
    if has_begun:
        recrawls.begin(store, recrawl_id)  # its worker was killed
    runs.note_over(store, RUN)
    assert recrawls.begin(store, recrawl_id) is None
    ended = recrawls.read(store, recrawl_id)
    assert ended is not None
    assert (ended.state, ended.attempt) == (RecrawlState.INTERRUPTED, int(has_begun))


def test_an_earlier_attempt_cannot_end_a_later_one(store: Store) -> None:
    recrawl_id = recrawls.create(store, RUN, an_order())
    earlier = recrawls.begin(store, recrawl_id)
    recrawls.begin(store, recrawl_id)
    note_sandbox(store, recrawl_id, earlier, {"landlock": 6})
    recrawls.end(store, recrawl_id, RecrawlState.FINISHED, attempt=earlier)
    running = recrawls.read(store, recrawl_id)
    assert running is not None
    assert (running.state, running.sandbox) == (RecrawlState.RUNNING, None)


@pytest.mark.parametrize("lost", ["a handover", "the beginning"])
def test_an_attempt_ends_when_the_store_has_lost_what_it_wrote_as_in_a_fail_over(store: Store, lost: str) -> None:
    recrawl_id = recrawls.create(store, RUN, an_order())
    before = store.dump(keys.recrawl(recrawl_id))
    attempt = recrawls.begin(store, recrawl_id)
    assert attempt is not None
    record = recorder(store, recrawl_id, RUN, attempt)
    record([], [SKIP], Tally(files=1))
    if lost == "a handover":
        before = store.dump(keys.recrawl(recrawl_id))
        record([], [SKIP], Tally(files=2))
    recrawl_fence.check(store, recrawl_id, attempt)
    store.restore(keys.recrawl(recrawl_id), 0, before, replace=True)  # what a replica has that is behind
    for act in (
        lambda: record([a_sighting()], [], Tally(files=3)),
        lambda: note_reported(store, recrawl_id, attempt, [Reported(url="http://h.test/")]),
        lambda: recrawls.end(store, recrawl_id, RecrawlState.FINISHED, attempt=attempt),
        lambda: recrawl_fence.check(store, recrawl_id, attempt),
    ):
        with pytest.raises(NotRecorded, match="the store has lost what this recrawl wrote before"):
            act()
    assert store.scard(keys.batches()) == 0
    again = recrawls.begin(store, recrawl_id)  # the next attempt begins anew, and is not behind
    assert again is not None
    recorder(store, recrawl_id, RUN, again)([a_sighting()], [], Tally(files=1))
    recrawls.end(store, recrawl_id, RecrawlState.FINISHED, attempt=again)
    recrawl_fence.check(store, recrawl_id, again)


def test_the_end_is_written_once_when_its_answer_is_lost(store: Store) -> None:
    recrawl_id = recrawls.create(store, RUN, an_order())
    attempt = recrawls.begin(store, recrawl_id)

    class Interleaved(Redis):
        """A connection that is lost between the writing and its answer."""

        has_lost = False

        def pipeline(self, *args: Any, **options: Any) -> Pipeline:
            pipe = super().pipeline(*args, **options)
            execute = pipe.execute

            def execute_and_lose(*args: Any) -> Any:
                answers = execute(*args)
                if not self.has_lost:
                    self.has_lost = True
                    raise WatchError("A ConnectionError occurred while watching one or more keys")
                return answers

            pipe.execute = execute_and_lose
            return pipe

    with contextlib.closing(Interleaved.from_url(url_of(store))) as interleaved:
        recrawls.end(interleaved, recrawl_id, RecrawlState.FINISHED, attempt=attempt)
    recrawl_fence.check(store, recrawl_id, attempt)
    assert store.hget(keys.recrawl(recrawl_id), "writes") == b"1"
