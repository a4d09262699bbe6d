"""How the WHEN folder can fail.

QueueError
└── ReportsUnreadable    a reports file as a whole cannot be read; single bad lines never raise
"""

from __future__ import annotations


class QueueError(Exception):
    """Base of all; the message is one line that says what, where and what to do."""


class ReportsUnreadable(QueueError):
    """A reports file is missing, empty or of a format that cannot be read."""
