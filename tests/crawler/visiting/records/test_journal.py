"""What was found is handed on in batches, once, and never forgotten before it is stored."""

from __future__ import annotations

import pytest
from orbweaver.crawler.bodies.digests import digests_of
from orbweaver.crawler.errors import NotRecorded
from orbweaver.crawler.visiting.records.journal import BATCH_SIGHTINGS, SKIPS_RECORDED, Journal
from orbweaver.model import HttpFacts, Outcome, Sighting, Skip, Tally, now


class Shelf:
    """A record that keeps what it gets, unless it is full."""

    def __init__(self) -> None:
        self.is_broken = False
        self.batches: list[tuple[list[str], list[str], Tally]] = []

    def __call__(self, sightings: list[Sighting], skips: list[Skip], tally: Tally) -> None:
        if self.is_broken:
            raise NotRecorded("the shelf is full")
        self.batches.append(([one.url for one in sightings], [one.url for one in skips], tally.model_copy()))


def sighting(url: str) -> Sighting:
    return Sighting(
        url=url,
        final_url=url,
        host="h.example",
        digests=digests_of(url.encode()),
        http=HttpFacts(status=200),
        seen_at=now(),
    )


def skip(journal: Journal, url: str, *, is_failure: bool = False) -> None:
    journal.skip(url, Outcome.TIMEOUT, rule="fetch.timeout", reason="no answer", is_failure=is_failure)


def test_a_flush_hands_on_each_thing_once_with_the_running_tally() -> None:
    shelf = Shelf()
    journal = Journal(shelf)
    journal.sighting(sighting("http://h.example/1"))
    skip(journal, "http://h.example/2", is_failure=True)
    journal.flush()
    journal.flush()
    journal.sighting(sighting("http://h.example/3"))
    journal.flush()
    assert [batch[:2] for batch in shelf.batches] == [
        (["http://h.example/1"], ["http://h.example/2"]),
        (["http://h.example/3"], []),
    ]
    assert shelf.batches[-1][2] == Tally(files=2, skipped=1, failures=1)


def test_a_changed_tally_alone_is_handed_on() -> None:
    shelf = Shelf()
    journal = Journal(shelf)
    journal.flush()
    journal.tally.bytes_read = 5
    journal.flush()
    assert [batch[2].bytes_read for batch in shelf.batches] == [5]


def test_what_could_not_be_stored_is_still_there_for_the_next_flush() -> None:
    shelf = Shelf()
    journal = Journal(shelf)
    journal.sighting(sighting("http://h.example/1"))
    shelf.is_broken = True
    with pytest.raises(NotRecorded):
        journal.flush()
    shelf.is_broken = False
    journal.flush()
    assert [batch[0] for batch in shelf.batches] == [["http://h.example/1"]]


def test_a_batch_is_full_at_its_size() -> None:
    journal = Journal(Shelf())
    for number in range(BATCH_SIGHTINGS):
        assert not journal.is_full
        journal.sighting(sighting(f"http://h.example/{number}"))
    assert journal.is_full
    journal.flush()
    assert not journal.is_full


def test_beyond_the_limit_skips_are_only_counted_but_failures_are_always_listed() -> None:
    shelf = Shelf()
    journal = Journal(shelf)
    for number in range(SKIPS_RECORDED + 10):
        skip(journal, f"http://h.example/{number}")
    skip(journal, "http://h.example/failed", is_failure=True)
    journal.flush()
    ((_, skipped, tally),) = shelf.batches
    assert len(skipped) == SKIPS_RECORDED + 1
    assert skipped[-1] == "http://h.example/failed"
    assert (tally.skipped, tally.failures) == (SKIPS_RECORDED + 11, 1)
