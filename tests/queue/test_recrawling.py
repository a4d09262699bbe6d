"""The messages of a crawl process are kept together, and all of them, however its recrawl ends."""

from __future__ import annotations

import gc
import inspect
import select
import signal
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from builders import RUN, a_sighting, an_order, digests_of
from orbweaver.crawler import recrawl
from orbweaver.crawler.errors import CrawlDied, MessageRefused
from orbweaver.crawler.revisiting.known_responses import KnownFile, KnownResponses, Memory
from orbweaver.crawler.visiting.checkpoints import keeping
from orbweaver.crawler.visiting.checkpoints.keeping import Checkpointing
from orbweaver.crawler.visiting.records.journal import Record
from orbweaver.crawler.visiting.records.outcomes import INTERRUPTED
from orbweaver.model import Sighting, Tally, now
from orbweaver.queue.job_errors import JobTimeIsOver
from orbweaver.queue.records import batches, known_responses, recrawls, runs
from orbweaver.queue.records.known_responses import HostMemory
from orbweaver.queue.records.recrawls import RecrawlRecord, RecrawlState
from orbweaver.queue.recrawling import RecrawlUnderWay
from orbweaver.settings import Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store, text

Crawl = Callable[..., recrawl.Ended]


def files(first: int, count: int) -> list[Sighting]:
    return [a_sighting(url=f"http://h.test/{number}.bin") for number in range(first, first + count)]


def say(record: Record, *counts: int) -> None:
    for number, count in enumerate(counts):
        record(files(sum(counts[:number]), count), (), Tally(files=sum(counts[: number + 1])))


def say_three_and_end(record: Record) -> recrawl.Ended:
    say(record, 1, 1, 1)
    return recrawl.Ended(Tally(files=3), None, {"other.test": 2})


def say_much_and_end(record: Record) -> recrawl.Ended:
    say(record, 120, 70, 70, 10, 150)
    return recrawl.Ended(Tally(files=420), None, {})


A_FILE = KnownFile(url="http://h.test/a.bin", manner="0" * 16, etag='"1"', digests=digests_of(b"a"), hashed_at=now())


def say_what_is_known_and_hand_on_a_file(record: Record, known: KnownResponses) -> recrawl.Ended:
    record(files(0, 1), (), Tally(files=1))
    suggestions = {"files.test": len(known.files), "full.test": int(known.is_full)}
    return recrawl.Ended(Tally(files=1), None, suggestions, remembered=Memory(lambda: [A_FILE.model_dump_json()]))


def say_two_and_break(record: Record) -> recrawl.Ended:
    say(record, 1, 1)
    raise RuntimeError("a bug")


def say_two_and_blame_another(record: Record) -> recrawl.Ended:
    say(record, 2)
    record([a_sighting(url="http://innocent.test/a.bin")], (), Tally(files=3))
    return recrawl.Ended(Tally(files=3), None, {})


def say_what_fills_a_job_and_stay(record: Record) -> recrawl.Ended:
    say(record, batches.ASKED_AT_ONCE)
    signal.pause()
    raise AssertionError("nobody wakes it")


class Kept:
    """A recrawl that is under way, and what the store has of it."""

    def __init__(self, store: Store, crawl: Crawl, monkeypatch: pytest.MonkeyPatch) -> None:
        def run(_: object, __: object, record: Record, ___: object, **given: object) -> recrawl.Ended:
            takes = inspect.signature(crawl).parameters
            return crawl(record, **{name: value for name, value in given.items() if name in takes})

        monkeypatch.setattr(recrawl, "run", run)  # what the forked process does instead of a crawl
        runs.create(store, RUN)
        self._store = store
        self.recrawl_id = recrawls.create(store, RUN, an_order())
        self.under_way = self._begun()

    def _begun(self) -> RecrawlUnderWay:
        begun = RecrawlUnderWay.begin(self._store, self.recrawl_id, Settings(sandbox="off"))
        assert begun is not None
        return begun

    def begin_again(self) -> None:
        self.under_way.close()
        self.under_way = self._begun()

    def go_to_its_end(self) -> None:
        self.take_until_it_is_due()
        while not self.under_way.keep():
            self.take_until_it_is_due()

    def take_until_it_is_due(self) -> None:
        while not self.under_way.take():
            select.select([self.under_way], [], [])

    @property
    def record(self) -> RecrawlRecord:
        found = recrawls.read(self._store, self.recrawl_id)
        assert found is not None
        return found

    @property
    def batch_sizes(self) -> list[int]:
        several = [batches.read(self._store, text(one)) for one in self._store.smembers(keys.run_batches(RUN))]
        return [len(one.sightings) for one in sorted(filter(None, several), key=lambda one: one.place)]

    @property
    def transactions(self) -> int:
        return int(self._store.hget(keys.recrawl(self.recrawl_id), "writes") or 0)


@pytest.fixture
def begin(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Crawl], Kept]]:
    begun: list[Kept] = []

    def one(crawl: Crawl) -> Kept:
        begun.append(Kept(store, crawl, monkeypatch))
        return begun[-1]

    yield one
    for each in begun:
        each.under_way.close()


def test_all_that_was_said_is_one_transaction_and_its_files_are_one_job(begin: Callable[[Crawl], Kept]) -> None:
    kept = begin(say_three_and_end)
    kept.take_until_it_is_due()
    assert kept.transactions == 0
    assert kept.under_way.keep()
    assert (kept.transactions, kept.batch_sizes) == (1, [3])
    assert (kept.record.state, kept.record.tally.files) == (RecrawlState.FINISHED, 3)
    assert kept.record.suggestions == {"other.test": 2}
    assert kept.record.sandbox is not None


def test_no_job_has_more_files_than_are_asked_about_at_once(begin: Callable[[Crawl], Kept]) -> None:
    kept = begin(say_much_and_end)
    kept.take_until_it_is_due()
    while not kept.under_way.keep():
        kept.take_until_it_is_due()
    assert kept.record.tally.files == 420
    assert sum(kept.batch_sizes) == 420
    assert max(kept.batch_sizes) <= batches.ASKED_AT_ONCE


@pytest.mark.parametrize(
    ("crawl", "error"), [(say_two_and_break, CrawlDied), (say_two_and_blame_another, MessageRefused)]
)
def test_what_was_said_before_it_went_wrong_is_kept(
    begin: Callable[[Crawl], Kept], crawl: Crawl, error: type[Exception]
) -> None:
    kept = begin(crawl)
    kept.take_until_it_is_due()
    with pytest.raises(error):
        kept.under_way.keep()
    assert (kept.record.state, kept.record.tally.files) == (RecrawlState.RUNNING, 2)
    assert sum(kept.batch_sizes) == 2


def test_what_was_said_before_it_was_given_up_is_kept(begin: Callable[[Crawl], Kept]) -> None:
    kept = begin(say_what_fills_a_job_and_stay)
    kept.take_until_it_is_due()
    kept.under_way.give_up(JobTimeIsOver("late"))
    with pytest.raises(JobTimeIsOver):
        kept.under_way.keep()
    assert kept.batch_sizes == [batches.ASKED_AT_ONCE]


def test_what_a_recrawl_hands_on_is_given_to_the_next_one_of_its_scope(begin: Callable[[Crawl], Kept]) -> None:
    said = []
    for _ in range(2):
        kept = begin(say_what_is_known_and_hand_on_a_file)
        kept.take_until_it_is_due()
        assert kept.under_way.keep()
        assert (kept.transactions, kept.batch_sizes[-1]) == (1, 1)
        said.append(kept.record.suggestions)
    assert said == [{"files.test": 0, "full.test": 1}, {"files.test": 1, "full.test": 0}]


def test_a_recrawl_that_breaks_hands_nothing_on(begin: Callable[[Crawl], Kept], store: Store) -> None:
    kept = begin(say_two_and_break)
    kept.take_until_it_is_due()
    with pytest.raises(CrawlDied):
        kept.under_way.keep()
    assert not store.exists(keys.known_responses("host", "h.test"))


def test_a_worker_forgets_what_is_known_once_the_crawl_process_has_it(
    begin: Callable[[Crawl], Kept], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[weakref.ref[KnownResponses]] = []
    begin_as_ever = known_responses.begin

    def noted(*arguments: Any) -> tuple[KnownResponses, HostMemory]:
        known, memory = begin_as_ever(*arguments)
        given.append(weakref.ref(known))
        return known, memory

    monkeypatch.setattr(known_responses, "begin", noted)
    begin(say_three_and_end)
    gc.collect()
    assert [one() for one in given] == [None]


def end_a_slice_and_leave_nothing(record: Record) -> recrawl.Ended:
    say(record, 1)
    return recrawl.Ended(Tally(files=1), "slice_pages", {})


def say_without_end_where_it_is(record: Record, checkpoints: Checkpointing) -> recrawl.Ended:
    say(record, 1)
    for _ in range(10):
        checkpoints.keep([b"u12345678"], b"state")
    raise AssertionError("it is ended before")


def say_that_it_was_interrupted(record: Record) -> recrawl.Ended:
    say(record, 1)
    return recrawl.Ended(Tally(files=1), INTERRUPTED, {})


@pytest.mark.parametrize(
    ("crawl", "said"),
    [
        (say_that_it_was_interrupted, "an interruption that nobody ordered"),
        (end_a_slice_and_leave_nothing, "the end of a slice without a checkpoint"),
        (say_without_end_where_it_is, "checkpoints too often"),
    ],
)
def test_an_end_after_which_it_would_never_end_is_refused(
    begin: Callable[[Crawl], Kept], monkeypatch: pytest.MonkeyPatch, crawl: Crawl, said: str
) -> None:
    monkeypatch.setattr(keeping, "CHECKPOINT_SECONDS", 1e9)  # however slow the machine is, all come too soon
    kept = begin(crawl)
    with pytest.raises(MessageRefused, match=said):
        kept.go_to_its_end()


def say_where_it_is_and_end_the_slice(record: Record, checkpoints: Checkpointing) -> recrawl.Ended:
    say(record, 1)
    checkpoints.keep([b"u12345678"], b"state")
    return recrawl.Ended(Tally(files=1), "slice_time", {})


def test_each_slice_counts_as_a_second_at_least_so_slices_have_an_end(
    store: Store, begin: Callable[[Crawl], Kept]
) -> None:
    kept = begin(say_where_it_is_and_end_the_slice)
    for number in (1, 2):
        kept.go_to_its_end()
        assert (kept.record.state, kept.record.slices) == (RecrawlState.QUEUED, number)
        assert (kept.under_way.is_handed_back, kept.under_way.is_sliced) == (True, True)
        assert float(store.hget(keys.recrawl_checkpoint(kept.recrawl_id), "seconds") or 0) >= number
        kept.begin_again()
    assert store.llen(keys.recrawl_met(kept.recrawl_id)) == 2


def say_nothing_often(record: Record) -> recrawl.Ended:
    for _ in range(batches.ASKED_AT_ONCE):
        record((), (), Tally())
    return recrawl.Ended(Tally(), None, {})


def test_messages_that_say_nothing_are_not_collected(begin: Callable[[Crawl], Kept]) -> None:
    kept = begin(say_nothing_often)
    kept.go_to_its_end()
    assert kept.transactions > 1


def say_where_it_is_and_break(record: Record, checkpoints: Checkpointing) -> recrawl.Ended:
    say(record, 1)
    checkpoints.keep([b"u12345678"], b"state")
    raise RuntimeError("a bug")


def test_the_seconds_of_an_attempt_that_failed_count(store: Store, begin: Callable[[Crawl], Kept]) -> None:
    kept = begin(say_where_it_is_and_break)
    for number in (1, 2):
        with pytest.raises(CrawlDied):
            kept.go_to_its_end()
        assert float(store.hget(keys.recrawl_checkpoint(kept.recrawl_id), "seconds") or 0) >= number
        kept.begin_again()


def test_an_attempt_that_failed_before_its_first_checkpoint_leaves_none(
    store: Store, begin: Callable[[Crawl], Kept]
) -> None:
    kept = begin(say_two_and_break)
    with pytest.raises(CrawlDied):
        kept.go_to_its_end()
    assert not store.exists(keys.recrawl_checkpoint(kept.recrawl_id))
