"""A round of retention: all cases, then the accesses in the audit log, a bounded step at a time.

The upkeep does a step at each look, and begins a round once a day; `orbweaver retention run` does a whole one at once.
Where a round is stands in the store. What is interrupted is done again, which changes nothing.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from orbweaver.model import Actor, format_time
from orbweaver.settings import Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import PROGRAM
from orbweaver.takedown.retention import accesses, pseudonym_keys
from orbweaver.takedown.retention.limits import RetentionLimits
from orbweaver.takedown.retention.pseudonymising import WhyLeft, pseudonymise

if TYPE_CHECKING:
    from redis.typing import EncodableT, FieldT

log = logging.getLogger("orbweaver.worker")
EVERY: Final = timedelta(days=1)
VERY_LATE: Final = timedelta(days=60)
# So many cases are looked at in one step, and about so many events are written.
CASES_AT_ONCE: Final = 1_000
EVENTS_AT_ONCE: Final = 1_000
CASES: Final = "cases"
ACCESSES: Final = "accesses"
OVER: Final = "over"
_RECEIVED: Final = re.compile(rb'"received_at":"([0-9]{4})-')
_FIRST_SEEN: Final = re.compile(rb'"first_seen":"([0-9]{4})-')


@dataclass(frozen=True)
class RetentionRound:
    """Where a round is: since when, in which part, and how many cases it has gone through.

    `clear_years` are the years of the cases that it has left as they are. `counts` are what it did. One that is put off
    is over without having done anything.
    """

    began_at: datetime
    step: str = CASES
    place: int = 0
    clear_years: frozenset[int] = frozenset()
    counts: Counter[str] = field(default_factory=Counter)
    is_put_off: bool = False


@dataclass(frozen=True)
class SteadyCase:
    """A case that is not pseudonymised, as far as a round needs it before it reads it whole."""

    case_id: str
    year: int
    may_be_due: bool


def limits_of(settings: Settings) -> RetentionLimits:
    """Return the limits that the settings set."""
    return RetentionLimits(settings.case_retention, settings.access_retention)


def look(store: Store, settings: Settings, at: datetime) -> None:
    """Do the next step of the round that is under way, or begin one a day after the last began. Cheap when none is.

    A round that is very late is put off for a day, once: the clock may be wrong, and nothing brings back what a round
    takes away.
    """
    current = _read(store)
    if current is None:
        current = RetentionRound(at)
    elif current.step == OVER and not timedelta(0) <= at - current.began_at < EVERY:
        is_late = at - current.began_at >= VERY_LATE and not current.is_put_off
        current = RetentionRound(at, step=OVER, is_put_off=True) if is_late else RetentionRound(at)
        if is_late:
            log.warning("retention has not run for long, and begins in a day: check the clock of this machine")
            _write(store, current)
    if current.step != OVER:
        _write(store, next_step(store, current, limits_of(settings), at, PROGRAM))


def run(store: Store, limits: RetentionLimits, at: datetime, actor: Actor) -> RetentionRound:
    """Do a whole round now, beside the one of the upkeep, and return it with what it did."""
    current = RetentionRound(at)
    while current.step != OVER:
        current = next_step(store, current, limits, at, actor)
    return current


def next_step(
    store: Store, current: RetentionRound, limits: RetentionLimits, at: datetime, actor: Actor
) -> RetentionRound:
    """Do one step of a round, and return where it is then."""
    if current.step == ACCESSES:
        taken, is_over = accesses.take_away_some(store, at, limits.accesses, actor)
        counts = current.counts + Counter(accesses=taken)
        return replace(current, step=OVER if is_over else ACCESSES, counts=counts)
    return _step_of_cases(store, current, limits.cases, at, actor)


def _step_of_cases(
    store: Store, current: RetentionRound, limit: timedelta, at: datetime, actor: Actor
) -> RetentionRound:
    case_ids = page_of(store, current.place)
    if not case_ids:
        over = [one for one in pseudonym_keys.years(store) if one < at.year and one not in current.clear_years]
        pseudonym_keys.throw_away(store, over)
        return replace(current, step=ACCESSES, place=0)
    steady = {one.case_id: one for one in steady_cases(store, case_ids, at - limit)}
    counts, clear, place = Counter(current.counts), set(current.clear_years), current.place
    events = 0
    for case_id in case_ids:
        place += 1
        if (case := steady.get(case_id)) is None:
            continue
        done = pseudonymise(store, case_id, limit, at, actor) if case.may_be_due else None
        if done is None or done.refusal is not None:
            clear.add(case.year)
        if done is not None:
            events += done.events
            if done.refusal is WhyLeft.UNFINISHED:
                counts["events"] += done.events
                place -= 1
                break
            counts.update({"events": done.events, "cases" if done.refusal is None else done.refusal.value: 1})
            if done.refusal is WhyLeft.UNREADABLE:
                log.error("retention leaves case %s as it is: it, or an event of it, cannot be read", case_id)
        if events >= EVENTS_AT_ONCE:
            break
    return replace(current, place=place, clear_years=frozenset(clear), counts=counts)


def page_of(store: Store, place: int) -> list[str]:
    """Return the ids of the cases from a place on, oldest first; a case that moves meanwhile is seen the next day."""
    found = store.execute_command("ZRANGE", keys.cases(), place, place + CASES_AT_ONCE - 1)
    return [text(one) for one in found]


def steady_cases(store: Store, case_ids: list[str], before: datetime) -> list[SteadyCase]:
    """Return those of these cases that are not pseudonymised; due may be those whose last event was before a moment.

    A case that was opened again after it was pseudonymised has a later event.
    """
    found: list[SteadyCase] = []
    limit = format_time(before)
    for start in range(0, len(case_ids), case_store.PAGE):
        page = case_ids[start : start + case_store.PAGE]
        with store.pipeline(transaction=False) as pipe:
            for case_id in page:
                pipe.hmget(keys.case(case_id), "json", "recorded_at", "pseudonymised_at")
            answers = pipe.execute()
        for case_id, (stored, recorded_at, pseudonymised_at) in zip(page, answers, strict=True):
            if stored is None or (pseudonymised_at is not None and pseudonymised_at > (recorded_at or b"")):
                continue
            year = _RECEIVED.search(stored) or _FIRST_SEEN.search(stored)
            may_be_due = recorded_at is None or text(recorded_at) <= limit
            found.append(SteadyCase(case_id, int(year[1]) if year else 0, may_be_due))
    return found


def _read(store: Store) -> RetentionRound | None:
    names = ("began_at", "step", "place", "clear_years", "put_off")
    began_at, step, place, years, put_off = store.hmget(keys.retention(), *names)
    if began_at is None or step is None:
        return None
    clear = frozenset(int(one) for one in text(years or b"").split())
    began = datetime.fromisoformat(text(began_at))
    return RetentionRound(began, text(step), int(place or 0), clear, is_put_off=put_off == b"1")


def _write(store: Store, current: RetentionRound) -> None:
    fields: dict[FieldT, EncodableT] = {
        "began_at": format_time(current.began_at),
        "step": current.step,
        "place": current.place,
        "clear_years": " ".join(map(str, sorted(current.clear_years))),
        "put_off": int(current.is_put_off),
    }
    store.hset(keys.retention(), mapping=fields)
