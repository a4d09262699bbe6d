"""Reads the findings of the last recrawl of a host: answers, what was not fetched, file types."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from orbweaver.model import Scope
from orbweaver.queue.hosts.host_store import VisitRecord
from orbweaver.queue.records import known_responses, recrawls
from orbweaver.queue.records.recrawls import RecrawlRecord
from orbweaver.queue.records.report_outcomes import ReportResult
from orbweaver.queue.runs import verify_result
from orbweaver.store import keys
from orbweaver.store.connection import Store

MOST_SKIP_LINES: Final = 5_000
# The outcomes of reports need all cases of their run.
MOST_CASES: Final = 200


@dataclass(frozen=True)
class Findings:
    """The findings of a recrawl; `record` is None when it is forgotten, and then nothing else is known.

    `answers` count by kind of URL and answer, over all hosts of the scope; `skips` by outcome and rule, `are_all_skips`
    unless there are more lines. `types` are those of the files that it hands on, None where they are too many.
    `reports` are empty where they are forgotten, or their run has more than MOST_CASES cases.
    """

    record: RecrawlRecord | None = None
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    skips: Counter[tuple[str, str]] = field(default_factory=Counter)
    are_all_skips: bool = True
    types: Counter[str] | None = field(default_factory=Counter)
    reports: tuple[ReportResult, ...] = ()


def of_last_visit(store: Store, scope: Scope, visits: Sequence[VisitRecord]) -> Findings:
    """Return the findings of the last visit of a host, the first of `visits`. Raises RedisError."""
    last = visits[0] if visits else None
    if last is None or last.recrawl_id is None or (record := recrawls.read(store, last.recrawl_id)) is None:
        return Findings(types=known_responses.file_types(store, scope))
    answers: Counter[tuple[str, str]] = Counter()
    for one in record.answers.values():
        answers.update({("page", answer): count for answer, count in one.pages.items()})
        answers.update({("file", answer): count for answer, count in one.files.items()})
    are_few = last.run_id is not None and last.cases <= MOST_CASES
    return Findings(
        record,
        answers,
        recrawls.skip_counts(store, last.recrawl_id, MOST_SKIP_LINES),
        store.llen(keys.recrawl_skips(last.recrawl_id)) <= MOST_SKIP_LINES,
        known_responses.file_types(store, scope),
        verify_result.reports_of(store, str(last.run_id)) if are_few else (),
    )
