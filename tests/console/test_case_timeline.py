"""The bar and the table of a case's time say what its events say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from builders import NOON, STAMP, a_match, a_sighting
from orbweaver.console.case_timeline import timeline_of
from orbweaver.model import EventType
from orbweaver.takedown.cases.transitions import PROGRAM, change_by_event, change_by_match

HOUR = timedelta(hours=1)


def test_spans_follow_each_other_from_the_first_sighting_until_now() -> None:
    change = change_by_match(a_sighting(), a_match(), None, STAMP)
    events = [change.event]
    for number, kind in enumerate((EventType.NOTE, EventType.REMOVED, EventType.NOTE, EventType.REOPENED), 1):
        at = NOON + 2 * number * HOUR
        change = change_by_event(change.after, kind, replace(STAMP, at=at), actor=PROGRAM, at=at)
        events.append(change.event)
    known = [one for one in events if one is not None]
    timeline = timeline_of(change.after.case, known, NOON + 10 * HOUR)
    said = [(one.state.value, one.start, one.end, one.left, one.width) for one in timeline.spans]
    assert said == [
        ("open", NOON, NOON + 4 * HOUR, 0, 400),
        ("removed", NOON + 4 * HOUR, NOON + 8 * HOUR, 400, 400),
        ("open", NOON + 8 * HOUR, None, 800, 200),
    ]
    assert timeline.sightings == (0,)
    # an event of a machine whose clock is fast, a case without events, and one that has just begun
    early = timeline_of(change.after.case, known, NOON + HOUR)
    assert all(0 <= one.left <= 1000 and one.width >= 0 for one in early.spans)
    assert len(timeline_of(change.after.case, [], NOON + 10 * HOUR).spans) == 1
    assert timeline_of(change.after.case, known[:1], NOON).spans[0].end is None
