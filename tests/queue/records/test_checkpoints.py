"""A checkpoint holds for what was recorded before it; what came later is done again, and nothing is left at the end."""

from __future__ import annotations

from builders import NOON, RUN, an_order, transaction
from orbweaver.crawler.visiting.checkpoints.earlier_slices import EarlierSlices
from orbweaver.model import Outcome, Reported, Skip, Tally
from orbweaver.queue.records import checkpoints, recrawl_fence, recrawls, runs
from orbweaver.queue.records.checkpoints import Recorded
from orbweaver.queue.records.recrawl_fence import Attempt
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.store import keys
from orbweaver.store.connection import Store
from recorded_recrawls import note_reported, recorder

REPORTED = Reported(url="http://h.test/")


def a_skip(name: str) -> Skip:
    url = f"http://h.test/{name}"
    return Skip(url=url, outcome=Outcome.TIMEOUT, rule="r", reason="r", is_failure=True, at=NOON)


def begun(store: Store) -> tuple[str, Attempt]:
    runs.create(store, RUN)
    recrawl_id = recrawls.create(store, RUN, an_order())
    attempt = recrawls.begin(store, recrawl_id)
    assert attempt is not None
    return recrawl_id, attempt


def record(store: Store, recrawl_id: str, attempt: Attempt, *names: str) -> None:
    skips = [a_skip(name) for name in names]
    recorder(store, recrawl_id, RUN, attempt)((), skips, Tally(skipped=len(names)))


def keep(store: Store, recrawl_id: str, attempt: Attempt, recorded: Recorded) -> None:
    write = checkpoints.kept(recrawl_id, b"\x00state", recorded, 12.5)
    assert recrawl_fence.write_under_fence(store, recrawl_id, attempt, [write])


def names_of(store: Store, recrawl_id: str) -> list[str]:
    return [skip.url.rpartition("/")[2] for skip in recrawls.skips(store, recrawl_id)]


def test_what_was_recorded_after_the_last_checkpoint_is_recorded_again(store: Store) -> None:
    recrawl_id, attempt = begun(store)
    record(store, recrawl_id, attempt, "a", "b")
    note_reported(store, recrawl_id, attempt, [REPORTED])
    recrawl_fence.write_under_fence(store, recrawl_id, attempt, [checkpoints.met(recrawl_id, b"u" + b"\xff" * 8)])
    keep(store, recrawl_id, attempt, Recorded(skips=2, pieces=1))
    record(store, recrawl_id, attempt, "c")
    recrawl_fence.write_under_fence(store, recrawl_id, attempt, [checkpoints.met(recrawl_id, b"u" + b"\xee" * 8)])
    assert recrawls.begin(store, recrawl_id) is not None
    assert names_of(store, recrawl_id) == ["a", "b"]
    assert recrawls.reported(store, recrawl_id) == {REPORTED.url: REPORTED}
    earlier = EarlierSlices(b"\x00state", (b"u" + b"\xff" * 8,), 12.5)
    assert checkpoints.read(store, recrawl_id) == (earlier, Recorded(2, 1))


def test_without_a_checkpoint_a_recrawl_begins_anew(store: Store) -> None:
    recrawl_id, attempt = begun(store)
    record(store, recrawl_id, attempt, "a")
    recrawl_fence.write_under_fence(store, recrawl_id, attempt, [checkpoints.met(recrawl_id, b"u")])
    again = recrawls.begin(store, recrawl_id)
    assert names_of(store, recrawl_id) == []
    assert checkpoints.read(store, recrawl_id) == (EarlierSlices(), Recorded())
    found = recrawls.read(store, recrawl_id)
    assert found is not None
    assert (found.tally, found.attempt) == (Tally(), 2)
    # An earlier attempt says nothing any more, and one before its first line goes back to none.
    assert not recrawl_fence.write_under_fence(
        store, recrawl_id, attempt, [checkpoints.kept(recrawl_id, b"s", Recorded(), 1.0)]
    )
    assert again is not None
    keep(store, recrawl_id, again, Recorded())
    record(store, recrawl_id, again, "b")
    recrawls.begin(store, recrawl_id)
    assert names_of(store, recrawl_id) == []
    assert checkpoints.read(store, recrawl_id)[0].state == b"\x00state"


def test_a_slice_that_is_over_leaves_the_recrawl_queued_and_its_counts(store: Store) -> None:
    recrawl_id, attempt = begun(store)
    record(store, recrawl_id, attempt, "a")
    keep(store, recrawl_id, attempt, Recorded(skips=1))
    assert recrawl_fence.write_under_fence(store, recrawl_id, attempt, [recrawls.sliced(recrawl_id)])
    between = recrawls.read(store, recrawl_id)
    assert between is not None
    assert (between.state, between.slices, between.tally.skipped) == (RecrawlState.QUEUED, 1, 1)
    recrawls.begin(store, recrawl_id)
    next_slice = recrawls.read(store, recrawl_id)
    assert next_slice is not None
    assert (next_slice.state, next_slice.slices, next_slice.tally.skipped) == (RecrawlState.RUNNING, 1, 1)


def test_checkpoints_expire_and_go_with_the_end_of_their_recrawl(store: Store) -> None:
    for state in (RecrawlState.FINISHED, RecrawlState.INTERRUPTED, RecrawlState.FAILED):
        recrawl_id, attempt = begun(store)
        recrawl_fence.write_under_fence(store, recrawl_id, attempt, [checkpoints.met(recrawl_id, b"u")])
        keep(store, recrawl_id, attempt, Recorded(pieces=1))
        both = (keys.recrawl_checkpoint(recrawl_id), keys.recrawl_met(recrawl_id))
        assert [0 < store.ttl(key) <= checkpoints.KEPT_SECONDS for key in both] == [True, True]
        recrawls.end(store, recrawl_id, state, attempt=attempt)
        assert store.exists(*both) == 0


def test_a_run_that_is_over_leaves_nothing_of_a_recrawl_between_two_slices(store: Store) -> None:
    recrawl_id, attempt = begun(store)
    keep(store, recrawl_id, attempt, Recorded())
    recrawl_fence.write_under_fence(store, recrawl_id, attempt, [recrawls.sliced(recrawl_id)])
    runs.note_over(store, RUN)
    assert recrawls.begin(store, recrawl_id) is None
    assert store.exists(keys.recrawl_checkpoint(recrawl_id)) == 0


def test_what_is_lost_of_the_urls_that_were_met_makes_the_recrawl_begin_anew(store: Store) -> None:
    recrawl_id, attempt = begun(store)
    keep(store, recrawl_id, attempt, Recorded(pieces=1))
    with transaction(store) as pipe:
        checkpoints.go_back(pipe, recrawl_id, Recorded(pieces=1))
    assert checkpoints.read(store, recrawl_id) == (EarlierSlices(), Recorded())
