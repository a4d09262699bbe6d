"""Events for tests of the sinks, and what an engine must never see in words about a sink."""

from __future__ import annotations

from builders import STAMP, a_match, a_sighting
from orbweaver.model import Event
from orbweaver.takedown.cases.transitions import change_by_match


def an_event(body: bytes = b"known") -> Event:
    """Return the event of a case that is opened; another one for each body."""
    event = change_by_match(a_sighting(body), a_match(), None, STAMP).event
    assert event is not None
    return event
