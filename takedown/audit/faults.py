"""The faults of the audit log, and of what it recorded: their kinds, and where they are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """The kinds of what can be wrong."""

    CHANGED = "changed"
    MISSING = "missing"
    MOVED = "moved"
    ADDED = "added"
    CUT = "cut"
    REWRITTEN = "rewritten"
    EVENT_CHANGED = "event_changed"
    EVENT_MISSING = "event_missing"
    EVENT_UNRECORDED = "event_unrecorded"
    EVENT_MOVED = "event_moved"
    CASE_CHANGED = "case_changed"
    ASSESSMENT_CHANGED = "assessment_changed"
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True)
class FoundFault:
    """One fault: the number of the entry where it is, None when it is about no single one, and words for people."""

    fault: Fault
    number: int | None
    words: str
