"""Reads the records of cases from the store, an event page at a time: a case that is open for long has many events."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from orbweaver.model import Case, Event
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.assessments import assessment_store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.exports.export_record import ExportRecord, record_of
from orbweaver.takedown.exports.reporter import Reporter

PAGE = 200


def records(
    store: Store, cases: Iterable[Case], reporter: Reporter | None, *, page: int = PAGE
) -> Iterator[ExportRecord]:
    """Yield the record of each case, with what people decided about its file by now; `page` events are read at once."""
    for case in cases:
        assessment = assessment_store.read(store, case.sha256)
        elsewhere = max(0, case_store.count_of_file(store, case.sha256) - 1)
        yield record_of(case, _events(store, str(case.case_id), page), reporter, assessment, elsewhere)


def with_same_files(store: Store, cases: Iterable[Case]) -> Iterator[Case]:
    """Yield all cases of the files of these cases: of each file those at its other places, too, each case once."""
    for sha256 in dict.fromkeys(case.sha256 for case in cases):
        ids = case_store.case_ids_of_file(store, sha256)
        while page := list(itertools.islice(ids, PAGE)):
            yield from case_store.read_many(store, page)


def _events(store: Store, case_id: str, page: int) -> Iterator[Event]:
    for start in itertools.count(step=page):
        event_ids = store.lrange(keys.case_events(case_id), start, start + page - 1)
        if not event_ids:
            return
        with store.pipeline(transaction=False) as pipe:
            for event_id in event_ids:
                pipe.hget(keys.event(text(event_id)), "json")
            yield from (Event.model_validate_json(stored) for stored in pipe.execute() if stored is not None)
