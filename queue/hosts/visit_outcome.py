"""Gives each visit of a host one explicit outcome, from what its recrawl says and how the host answered. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from enum import StrEnum
from typing import Final, NamedTuple

from orbweaver.crawler.visiting.records.host_answers import (
    FILES_TOLERATED,
    GONE_STATUSES,
    PAGES_TOLERATED,
    refusal_reason,
)
from orbweaver.model import Outcome, Reported
from orbweaver.queue.records.recrawls import RecrawlRecord, RecrawlState
from orbweaver.queue.schedule.visits import Seen


class VisitOutcome(StrEnum):
    """How a visit ended; docs/operators.md explains each."""

    FINISHED = "finished"  # everything in scope was visited
    SLICED = "sliced"  # its slice is over, and the next one goes on
    REFUSED = "refused"  # we may not: robots.txt, the scope, the authority, the address
    UNREACHABLE = "unreachable"  # no name, no connection, no answer in time
    BLOCKED = "blocked"  # the host answers, and gives nothing: 401, 403, 429, 5xx, a gate
    TRAPPED = "trapped"  # most of what it cost went to pages that are probably endless
    BUDGET = "budget"  # a limit of the scope was reached
    CRASHED = "crashed"  # it failed here: its process died, or could not be contained
    STOPPED = "stopped"  # it was told to stop before its end


class VisitEnding(NamedTuple):
    """The outcome of a visit, and why, in words."""

    outcome: VisitOutcome
    reason: str | None = None


# Visits that are not over: the same visit goes on, and nothing is learned from it yet.
OPEN: Final = frozenset({VisitOutcome.SLICED, VisitOutcome.STOPPED})
FAILED: Final = frozenset({VisitOutcome.REFUSED, VisitOutcome.UNREACHABLE, VisitOutcome.BLOCKED, VisitOutcome.CRASHED})
HOST_ERRORS: Final = "host_errors"
# A host may be overloaded once or twice.
SLOWED_VISITS: Final = 3
_BY_WAITING: Final = frozenset(
    {VisitOutcome.BUDGET, VisitOutcome.TRAPPED, VisitOutcome.REFUSED, VisitOutcome.UNREACHABLE}
)
_UNENDED: Final = frozenset({RecrawlState.QUEUED, RecrawlState.RUNNING})
# Limits that are not the scope's.
_LIMITS: Final = {
    "checkpoint": "more URLs waited at the end of a slice than are kept",
    "seen": "more URLs were met than are remembered",
    "waiting": "more URLs were known than can wait",
}
_REFUSED: Final = frozenset(
    {
        Outcome.ACTING_LINK,
        Outcome.OUT_OF_SCOPE,
        Outcome.REFUSED,
        Outcome.REFUSED_ADDRESS,
        Outcome.REFUSED_URL,
        Outcome.ROBOTS,
        Outcome.TRAP,
    }
)
_BLOCKED: Final = frozenset({Outcome.GATE, Outcome.HTTP_ERROR, Outcome.METHOD_REFUSED})
_ANSWERED: Final = frozenset({Outcome.ARCHIVE_NOT_READ, Outcome.EMPTY, Outcome.ENCRYPTED, Outcome.ERROR_PAGE})


def ending_of(record: RecrawlRecord, reported: Collection[Reported] = ()) -> VisitEnding:
    """Return the outcome of the visit that a recrawl made; `reported` is what it saw of the reported URLs."""
    if record.slices and record.state in _UNENDED:
        over = "1 slice of it is over" if record.slices == 1 else f"{record.slices} slices of it are over"
        return VisitEnding(VisitOutcome.SLICED, f"{over}, and {record.tally.queued} URLs wait for the next")
    if record.state is RecrawlState.INTERRUPTED:
        return VisitEnding(VisitOutcome.STOPPED, record.reason or "told to stop")
    if record.state is not RecrawlState.FINISHED:
        return VisitEnding(VisitOutcome.CRASHED, record.reason or "it did not end")
    limit = record.stopped_by or record.limit
    if limit == HOST_ERRORS:
        return VisitEnding(VisitOutcome.UNREACHABLE, "too many requests in a row failed")
    if not _has_given(record):
        ending = _without_a_gift(reported)
        if ending is not None:
            return ending
    if limit is not None:
        return _limited(record, limit)
    refusal = _refusal(record)
    return VisitEnding(VisitOutcome.FINISHED) if refusal is None else VisitEnding(VisitOutcome.BLOCKED, refusal)


def slowed(ending: VisitEnding, visits: int) -> VisitEnding:
    """Return the ending of a visit, the last of so many in a row in which the host said that it has too many requests.

    A host that keeps us waiting until a limit is reached, again and again, gives what it wants to give: it is blocked.
    """
    if visits < SLOWED_VISITS or ending.outcome not in _BY_WAITING:
        return ending
    said = f"it answered 429 or 503 in {visits} visits in a row"
    return VisitEnding(VisitOutcome.BLOCKED, said if ending.reason is None else f"{said}; {ending.reason}")


def seen_in(outcome: VisitOutcome, *, has_new: bool) -> Seen:
    """Return what a visit of this outcome tells of its host's rate; `has_new` when it found a new known file."""
    if has_new:
        return Seen.NEW
    if outcome in FAILED:
        return Seen.NOTHING
    return Seen.PART if outcome in OPEN else Seen.NOTHING_NEW


def _has_given(record: RecrawlRecord) -> bool:
    return record.tally.pages > 0 or record.tally.files > record.tally.error_bodies


def _without_a_gift(reported: Collection[Reported]) -> VisitEnding | None:
    """Return why a host gave neither a page nor a file; None when its files are gone, which is an answer."""
    kinds = Counter(_kind(one) for one in reported)
    if not kinds:
        return VisitEnding(VisitOutcome.UNREACHABLE, "nothing came of any reported URL")
    # Of two that are as many the graver goes first: a host that answers is there.
    order = (None, VisitOutcome.BLOCKED, VisitOutcome.UNREACHABLE, VisitOutcome.REFUSED, VisitOutcome.BUDGET)
    outcome = max(order, key=lambda kind: (kinds[kind], -order.index(kind)))
    if outcome is None:
        return None
    example = next(one for one in reported if _kind(one) is outcome)
    return VisitEnding(outcome, _in_words(example, kinds[outcome], len(reported)))


def _kind(one: Reported) -> VisitOutcome | None:
    if one.outcome is None or one.outcome in _ANSWERED or one.status in GONE_STATUSES:
        return None
    if one.outcome is Outcome.LIMIT:
        return VisitOutcome.BUDGET
    if one.outcome in _BLOCKED:
        return VisitOutcome.BLOCKED
    return VisitOutcome.REFUSED if one.outcome in _REFUSED else VisitOutcome.UNREACHABLE


def _in_words(example: Reported, count: int, total: int) -> str:
    # The reason of a redirect names a URL, so only the outcome and the rule are kept.
    status = "" if example.status is None else f" {example.status}"
    return f"{count} of {total} reported URLs: {example.rule or example.outcome}{status}"


def _limited(record: RecrawlRecord, limit: str) -> VisitEnding:
    requests = record.tally.pages + record.tally.files + record.tally.failures
    if limit == "max_host_cost" and requests < record.order.scope.limits.max_host_cost / 2:
        # A request costs more than 1 when its page is probably endless.
        return VisitEnding(VisitOutcome.TRAPPED, f"{limit} was reached by {requests} requests")
    return VisitEnding(VisitOutcome.BUDGET, _LIMITS.get(limit, f"{limit} was reached"))


def _refusal(record: RecrawlRecord) -> str | None:
    """Return in words that a host of the scope refused more than is tolerated; None when none did."""
    for answers in record.answers.values():
        for what, counts, tolerance in (
            ("files", answers.files, FILES_TOLERATED),
            ("pages", answers.pages, PAGES_TOLERATED),
        ):
            reason = refusal_reason(what, counts, tolerance)
            if reason is not None:
                return reason
    return None
