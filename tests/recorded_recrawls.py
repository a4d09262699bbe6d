"""Writes of a recrawl under way, as its worker makes them: for tests of what is read of it."""

from __future__ import annotations

from collections.abc import Sequence

from orbweaver.crawler.visiting.records.journal import Record
from orbweaver.model import Reported, Sighting, Skip, Tally
from orbweaver.queue.records import recrawl_fence, recrawls
from orbweaver.queue.records.recrawl_fence import Attempt
from orbweaver.store.connection import Store


def recorder(store: Store, recrawl_id: str, run_id: str, attempt: Attempt) -> Record:
    """Return a function that writes findings of an attempt; raises what `recrawl_fence.record_together` raises."""

    def record(sightings: Sequence[Sighting], skips: Sequence[Skip], tally: Tally) -> None:
        found = recrawls.found(store, recrawl_id, run_id, sightings, skips, tally)
        recrawl_fence.record_together(store, recrawl_id, attempt, [found])

    return record


def note_sandbox(store: Store, recrawl_id: str, attempt: Attempt, enforced: dict[str, object]) -> None:
    """Write what the kernel enforces on the crawl process."""
    recrawl_fence.write_under_fence(store, recrawl_id, attempt, [recrawls.contained(recrawl_id, enforced)])


def note_reported(store: Store, recrawl_id: str, attempt: Attempt, reported: Sequence[Reported]) -> None:
    """Write the outcomes of reported URLs."""
    recrawl_fence.write_under_fence(store, recrawl_id, attempt, [recrawls.answered(recrawl_id, reported)])
