"""The course of a case after each check: confirmations, removal, probation, return; and when it is checked next. Pure.

Time is a value here: nothing looks at a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from orbweaver.model import CaseState, EventType, Presence, Removal
from orbweaver.takedown.removal.judgement import VARIES, Judgement, kind_of_other

CONFIRMATIONS: Final = 3
CONFIRMED_AFTER: Final = timedelta(minutes=3)
# Between confirmations of what comes back by itself (judgement.SLOW_RULES).
SLOWLY_CONFIRMED_AFTER: Final = timedelta(hours=1)
# After the removal; IWF and INHOPE find that most files that come back do so within weeks.
PROBATION: Final = tuple(timedelta(hours=hours) for hours in (1, 6, 24, 3 * 24, 7 * 24, 14 * 24, 30 * 24, 42 * 24))
# The last check must show that the file is not there; while it does not, it is made again, up to so long after removal.
LAST_CHECK_AGAIN: Final = timedelta(days=1)
LONGEST_PROBATION: Final = timedelta(days=90)
# Clocks of workers differ by less; one that was wrong by more was set right.
CLOCK_SET_RIGHT: Final = timedelta(days=1)
# The clock of a machine without battery begins long before this program was there: it says nothing about others.
NO_CLOCK_BEFORE: Final = datetime(2026, 1, 1, tzinfo=UTC)
CHECKED_STATES: Final = frozenset({CaseState.OPEN, CaseState.REMOVED})


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often the file of an open case is looked for, and how often the takedown engine is reminded of it."""

    recheck_every: timedelta
    remind_every: timedelta


@dataclass(frozen=True, slots=True)
class Turn:
    """A case after a check: its removal facts, the event that it causes, and when it is checked next.

    `kind` is None where there is nothing to tell, and `due_at` where the case is not checked any more.
    """

    removal: Removal
    kind: EventType | None
    due_at: datetime | None


def first_due(state: CaseState, at: datetime, recheck_every: timedelta) -> datetime | None:
    """Return when a case is checked first that is in a state since a moment; None for one that is not checked."""
    return at + recheck_every if state in CHECKED_STATES else None


def after_check(
    state: CaseState,
    before: Removal | None,
    judgement: Judgement,
    at: datetime,
    cadence: Cadence,
    *,
    told_at: datetime | None,
) -> Turn:
    """Return what a check makes of a case that is open or removed.

    `told_at` is when the takedown engine last got an event of the case. A check that is not later than the one before
    changes nothing: it may be told twice. One that is more than a day ahead was made by a clock that was wrong.
    """
    if before is not None and before.checked_at - at > CLOCK_SET_RIGHT and at >= NO_CLOCK_BEFORE:
        before, told_at = _of_a_wrong_clock(before, at), None
    elif before is not None and at <= before.checked_at:
        return Turn(before, None, at + cadence.recheck_every)
    facts = _noted(before, judgement, at)
    if judgement.is_seen:
        return _seen(state, judgement, at, cadence, facts, told_at)
    if state is CaseState.REMOVED:
        return _in_probation(before, judgement, at, facts)
    return _not_seen(before, judgement, at, cadence, facts)


def _of_a_wrong_clock(before: Removal, at: datetime) -> Removal:
    """Return the facts of checks that were made by a clock that was set back since: none of their times can be used."""
    return begun_anew(before).model_copy(
        update={"since": at, "checked_at": at, "unseen_since": None, "is_unseen_told": False}
    )


def seen_in_a_visit(before: Removal | None, at: datetime, *, is_back: bool) -> Removal | None:
    """Return the facts of the checks after an ordinary recrawl saw the file; `is_back` says that it was removed.

    A sighting may be told late, after checks that are newer: then these say what there is now, but what they had
    confirmed before the sighting does not count any more. A case that was never checked has none.
    """
    if before is None:
        return before
    if at > before.checked_at:
        facts = _noted(before, _IN_A_VISIT, at) | _NO_CONFIRMATIONS | _NOT_REMOVED
        return Removal(**{**facts, "returns": before.returns + is_back})
    if is_back:
        return begun_anew(before).model_copy(update={"returns": before.returns + 1})
    if before.first_gone_at is None or at <= before.first_gone_at:
        return before
    if before.removed_at is None:
        return begun_anew(before)
    return before.model_copy(update={"first_gone_at": before.removed_at})


def begun_anew(before: Removal) -> Removal:
    """Return the facts of the checks of a case that is open from now on: nothing of a removal is confirmed."""
    return before.model_copy(update=_NO_CONFIRMATIONS | _NOT_REMOVED)


def _noted(before: Removal | None, judgement: Judgement, at: datetime) -> dict[str, Any]:
    """Return the facts of the last check, whatever it says, over those before."""
    kept = {} if before is None else {name: getattr(before, name) for name in Removal.model_fields}
    is_same = before is not None and before.presence is judgement.presence
    can_say = judgement.is_seen or judgement.is_absent
    return {
        **kept,
        "presence": judgement.presence,
        "rule": judgement.rule,
        "reason": judgement.reason,
        "since": before.since if before is not None and is_same else at,
        "checked_at": at,
        "unseen_since": None if can_say else kept.get("unseen_since") or at,
        "is_unseen_told": False if can_say else kept.get("is_unseen_told", False),
    }


_NO_CONFIRMATIONS: Final = {"confirmations": 0, "confirmed_by": None, "confirmed_at": None}
_NOT_REMOVED: Final = {"first_gone_at": None, "removed_at": None, "probation_checks": 0}
_IN_A_VISIT: Final = Judgement(Presence.LIVE, "live.visit", "the file is there: an ordinary recrawl has seen it")


def _seen(
    state: CaseState,
    judgement: Judgement,
    at: datetime,
    cadence: Cadence,
    facts: dict[str, Any],
    told_at: datetime | None,
) -> Turn:
    facts |= _NO_CONFIRMATIONS | _NOT_REMOVED
    due_at = at + cadence.recheck_every
    if state is CaseState.REMOVED:
        facts["returns"] = facts.get("returns", 0) + 1
        return Turn(Removal(**facts), EventType.REOPENED, due_at)
    if judgement.presence is Presence.MOVED:
        return Turn(Removal(**facts), EventType.MOVED, due_at)
    is_reminder = told_at is None or at - told_at >= cadence.remind_every
    return Turn(Removal(**facts), EventType.SEEN_LIVE if is_reminder else None, due_at)


def _not_seen(
    before: Removal | None, judgement: Judgement, at: datetime, cadence: Cadence, facts: dict[str, Any]
) -> Turn:
    confirms = judgement.confirms
    if confirms is None:
        facts |= _NO_CONFIRMATIONS | {"first_gone_at": None}
        if judgement.rule == VARIES:
            facts["confirmed_by"] = kind_of_other(judgement.other)  # with this one the next check compares
        since = facts["unseen_since"]
        is_to_tell = since is not None and at - since >= cadence.remind_every and not facts["is_unseen_told"]
        facts["is_unseen_told"] |= is_to_tell
        return Turn(Removal(**facts), EventType.NOTE if is_to_tell else None, at + cadence.recheck_every)
    apart = SLOWLY_CONFIRMED_AFTER if confirms == "gone-slowly" else CONFIRMED_AFTER
    if before is None or before.confirmed_by != confirms or before.confirmed_at is None:
        facts |= {"confirmations": 1, "confirmed_by": confirms, "confirmed_at": at, "first_gone_at": at}
    elif at - before.confirmed_at >= apart:
        facts |= {"confirmations": before.confirmations + 1, "confirmed_at": at}
    if facts["confirmations"] < CONFIRMATIONS:
        return Turn(Removal(**facts), None, facts["confirmed_at"] + apart)
    facts |= {"removed_at": at, "probation_checks": 0}
    return Turn(Removal(**facts), EventType.REMOVED, at + PROBATION[0])


def _in_probation(before: Removal | None, judgement: Judgement, at: datetime, facts: dict[str, Any]) -> Turn:
    # A case of another program, or one that a person set to removed, has no such time.
    removed_at = facts["removed_at"] = (before.removed_at if before is not None else None) or at
    done = sum(at - removed_at >= after for after in PROBATION)
    is_last = done == len(PROBATION)
    if is_last and not judgement.is_absent and at - removed_at < LONGEST_PROBATION:
        facts["probation_checks"] = done - 1
        return Turn(Removal(**facts), None, at + LAST_CHECK_AGAIN)
    facts["probation_checks"] = done
    if is_last:
        return Turn(Removal(**facts), EventType.CLOSED, None)
    return Turn(Removal(**facts), None, removed_at + PROBATION[done])
