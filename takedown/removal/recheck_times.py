"""When each case is checked next, by its host: the cases of one host are looked for together.

A claim moves the due times of what it takes to the end of a lease. So whatever ends in the middle of a re-check, its
cases are due again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from orbweaver.model import Case, EventType
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.cases.changes import CaseChange
from orbweaver.takedown.removal.course import CHECKED_STATES, CLOCK_SET_RIGHT, NO_CLOCK_BEFORE, PROBATION, first_due

if TYPE_CHECKING:
    from redis.client import Pipeline

# Longer than a re-check may take, with the wait for a worker.
LEASE: Final = timedelta(hours=1)
UNDER_WAY_AGAIN: Final = timedelta(seconds=30)
MOST_CASES: Final = 50
# With these a case is looked for from a new beginning.
_BEGINNINGS: Final = frozenset({EventType.OPENED, EventType.REOPENED})


class DueCases(NamedTuple):
    """Cases of one host that are to be checked now."""

    host: str
    case_ids: tuple[str, ...]


class DueCounts(NamedTuple):
    """How many hosts have cases that are checked, and how many of them are due."""

    hosts: int
    due: int


def follow(pipe: Pipeline, change: CaseChange, at: datetime, recheck_every: timedelta) -> None:
    """Queue on the transaction of a change of a case when the case is checked next, as far as the change decides it."""
    case, event = change.after.case, change.event
    due_at = first_due(case.state, at, recheck_every)
    mode = "set" if event is not None and event.type in _BEGINNINGS else "keep"
    _set(pipe, case.host, [(str(case.case_id), "drop" if due_at is None else mode, due_at)])


def enter(pipe: Pipeline, cases: Sequence[Case], due_at: datetime) -> None:
    """Queue that cases of an earlier release are checked from a moment on, those that are not yet."""
    for case in cases:
        if case.state in CHECKED_STATES:
            _set(pipe, case.host, [(str(case.case_id), "keep", due_at)])


def set_due(pipe: Pipeline, host: str, due_at: Mapping[str, datetime | None]) -> None:
    """Queue when cases of a host are checked next, None for those that are not checked any more."""
    _set(pipe, host, [(one, "drop" if moment is None else "set", moment) for one, moment in due_at.items()])


def claim(store: Store, at: datetime, most_hosts: int, recheck_every: timedelta) -> list[DueCases]:
    """Take cases that are due, of at most so many hosts, and of hosts without a re-check under way.

    What is due later than any case can be is due now: it was written by a clock that was set back since.
    """
    claimed = store.register_script(_script("claim"))(
        keys=[keys.recheck_hosts()],
        args=[
            at.timestamp(),
            (at + LEASE).timestamp(),
            (at + UNDER_WAY_AGAIN).timestamp(),
            most_hosts,
            MOST_CASES,
            keys.recheck_cases(""),
            keys.recheck(""),
            "+inf" if at < NO_CLOCK_BEFORE else (at + max(recheck_every, PROBATION[-1]) + CLOCK_SET_RIGHT).timestamp(),
        ],
    )
    return [DueCases(text(host), tuple(map(text, case_ids))) for host, case_ids in claimed]


def counts(store: Store, at: datetime) -> DueCounts:
    """Return how many hosts have cases that are checked."""
    with store.pipeline(transaction=True) as pipe:
        pipe.zcard(keys.recheck_hosts())
        pipe.zcount(keys.recheck_hosts(), "-inf", at.timestamp())
        return DueCounts(*pipe.execute())


def due_at(store: Store, case: Case) -> float | None:
    """Return when a case is checked next, in seconds since 1970; None when it is not."""
    score: float | None = store.zscore(keys.recheck_cases(case.host), str(case.case_id))
    return score


def _set(pipe: Pipeline, host: str, modes: Sequence[tuple[str, str, datetime | None]]) -> None:
    arguments = [
        part
        for case_id, mode, moment in modes
        for part in (case_id, mode, "" if moment is None else f"{moment.timestamp():.3f}")
    ]
    pipe.eval(_SET, 2, keys.recheck_hosts(), keys.recheck_cases(host), host, *arguments)


def _script(name: str) -> str:
    return Path(__file__).with_name(f"recheck_{name}.lua").read_text()


_SET: Final = _script("set")
