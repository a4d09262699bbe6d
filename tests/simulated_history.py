"""A store with a simulated history of cases whose files were removed at known times, from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from builders import a_match, a_sighting
from orbweaver.model import EventType, Hosting, Presence, Removal, format_time
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import PROGRAM, CaseChange, Stamp, change_by_event
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver.takedown.delivery import progress

VISIT_EVERY = 4.0
OBSERVED_FOR = 60 * 24.0
UTC_MIDNIGHT = datetime(2026, 10, 1, tzinfo=UTC)
PROVIDERS = (
    ("SE", 64496, "Fast Hosting", 20.0),
    ("NL", 64497, "Slow Hosting", 200.0),
    ("NL", 64498, "=Formula Hosting", 60.0),
)


@dataclass(frozen=True)
class SimulatedCase:
    """A case as it truly was: `removed_after` hours from its receipt, None: never; and what was seen of it."""

    number: int
    host: str
    country: str
    provider: str
    route: str
    received_at: datetime
    removed_after: float | None
    delivered_after: float | None
    live_after: float
    gone_after: float | None
    is_withdrawn: bool
    returns: int


def simulate(seed: int, first: datetime, days: int, number: int) -> Iterator[SimulatedCase]:
    """Yield cases that were received evenly over so many days, each visited every four hours, some visits in vain."""
    draw = random.Random(seed)
    for place in range(number):
        country, asn, provider, mean = PROVIDERS[draw.randrange(len(PROVIDERS))]
        removed = None if draw.random() < 0.08 else draw.expovariate(1 / mean)
        live, gone, visit = 0.0, None, draw.uniform(0, VISIT_EVERY)
        while visit < OBSERVED_FOR and gone is None:
            if draw.random() < 0.9:  # else nobody could see the file
                if removed is None or visit < removed:
                    live = visit
                else:
                    gone = visit
            visit += VISIT_EVERY
        yield SimulatedCase(
            number=place,
            host=f"h{draw.randrange(12)}.test",
            country=country,
            provider=f"AS{asn} {provider}",
            route="police" if country == "SE" else "inhope",
            received_at=first + timedelta(hours=draw.uniform(0, 24.0 * days)),
            removed_after=removed,
            delivered_after=None if draw.random() < 0.05 else draw.uniform(0.1, 6),
            live_after=live,
            gone_after=gone,
            is_withdrawn=draw.random() < 0.04,
            returns=draw.choice((0, 0, 0, 1, 2)) if gone is not None else 0,
        )


def write(store: Store, cases: Iterator[SimulatedCase] | list[SimulatedCase]) -> None:
    """Write the cases, as workers write them."""
    source = case_store.stamp(store).source
    for case in cases:
        with store.pipeline(transaction=True) as pipe:
            for change in _changes(case, Stamp(source, case.received_at)):
                case_store.write(pipe, change)
            if case.delivered_after is not None:
                delivered_at = format_time(case.received_at + timedelta(hours=case.delivered_after))
                progress.note_first_delivered(pipe, str(change.after.case.case_id), delivered_at)
            pipe.execute()


def _changes(case: SimulatedCase, stamp: Stamp) -> Iterator[CaseChange]:
    def after(hours: float) -> datetime:
        return case.received_at + timedelta(hours=hours)

    country, asn, provider, _ = next(one for one in PROVIDERS if f"AS{one[1]} {one[2]}" == case.provider)
    located = Hosting(country=country, asn=asn, provider=provider, route=case.route)
    url = f"http://{case.host}/{case.number}.bin"
    sighting = a_sighting(b"%d" % case.number, url=url).model_copy(
        update={"host": case.host, "seen_at": case.received_at, "ip": "192.0.2.1"}
    )
    change = change_by_match(sighting, a_match(body=b"%d" % case.number), None, stamp, located)
    facts = {"received_at": case.received_at, "last_seen": after(case.live_after)}
    change = CaseChange(
        after=type(change.after)(change.after.case.model_copy(update=facts), 1, change.after.was_opened, stamp.at),
        event=change.event,
    )
    yield change
    if case.gone_after is not None:
        gone_at = after(case.gone_after)
        removal = Removal(
            presence=Presence.GONE,
            rule="gone.http-404",
            reason="the host answered 404",
            since=gone_at,
            checked_at=gone_at,
            first_gone_at=gone_at,
            removed_at=gone_at + timedelta(minutes=9),
            returns=case.returns,
        )
        change = change_by_event(
            change.after, EventType.REMOVED, stamp, actor=PROGRAM, facts={"removal": removal}, at=gone_at
        )
        yield change
    if case.is_withdrawn:
        yield change_by_event(change.after, EventType.CORRECTED, stamp, actor=PROGRAM)
