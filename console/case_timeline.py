"""The time of a case as spans of its states, and when its file was seen: a bar and a table are drawn from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orbweaver.model import Case, CaseState, Event


@dataclass(frozen=True)
class CaseSpan:
    """A time in which a case was in one state; `end` is None for the state that it is in.

    `left` and `width` are the place in the bar, in thousandths of the whole time.
    """

    state: CaseState
    start: datetime
    end: datetime | None
    left: float
    width: float


@dataclass(frozen=True)
class CaseTimeline:
    """The spans of a case from its first event to a moment, oldest first, and where in the bar its file was seen."""

    spans: tuple[CaseSpan, ...]
    sightings: tuple[float, ...]
    start: datetime
    end: datetime


def timeline_of(case: Case, events: Sequence[Event], at: datetime) -> CaseTimeline:
    """Return the timeline of a case at a moment. Pure.

    A state begins when the event happened that led to it: a removal when its last check was made. Events of a case that
    was pseudonymised have no sightings.
    """
    turns: list[tuple[datetime, CaseState]] = []
    seen: list[datetime] = []
    for event in events:
        moment = min(max(event.at, turns[-1][0]) if turns else event.at, at)
        if not turns or turns[-1][1] is not event.case.state:
            turns.append((moment, event.case.state))
        if event.evidence is not None and event.evidence.sighting is not None:
            seen.append(event.evidence.sighting.seen_at)
    if not turns:
        turns = [(min(case.state_since or case.first_seen, at), case.state)]
    start = min(turns[0][0], case.first_seen)
    whole = max(at - start, timedelta(seconds=1))

    def place(moment: datetime) -> float:
        return round(1000 * min(max((moment - start) / whole, 0.0), 1.0), 1)

    turns[0] = (start, turns[0][1])
    ends = [begin for begin, _ in turns[1:]]
    spans = tuple(
        CaseSpan(state, begin, end, place(begin), round(place(end or at) - place(begin), 1))
        for (begin, state), end in zip(turns, [*ends, None], strict=True)
    )
    return CaseTimeline(spans, tuple(sorted({place(one) for one in seen})), start, at)
