"""How the WHEN folder can fail.

QueueError
├── ReportsUnreadable    a reports file as a whole cannot be read; single bad lines never raise
└── StoreBusy            another verification run works on the same store
"""

from __future__ import annotations


class QueueError(Exception):
    """Base of all; the message is one line that says what, where and what to do."""


class ReportsUnreadable(QueueError):
    """A reports file is missing, empty or of a format that cannot be read."""


class StoreBusy(QueueError):
    """Another verification run works on the same store, or took it over while this one stood still."""
