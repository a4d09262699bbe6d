"""How the WHEN folder can fail.

QueueError
├── AccessUnreadable     a file with an access profile cannot be read, or has a value that cannot be used
├── AuthorityMissing     what was asked for needs a named authority
├── ReportsUnreadable    a reports file as a whole cannot be read; single bad lines never raise
└── StoreBusy            another verification run works on the same store
"""

from __future__ import annotations


class QueueError(Exception):
    """Base of all; the message is one line that says what, where and what to do."""


class AccessUnreadable(QueueError):
    """A file with an access profile is missing, no TOML, or has a key or value that cannot be used."""


class AuthorityMissing(QueueError):
    """What was asked for may be done only when somebody is named who allowed it."""


class ReportsUnreadable(QueueError):
    """A reports file is missing, empty or of a format that cannot be read."""


class StoreBusy(QueueError):
    """Another verification run works on the same store, or took it over while this one stood still."""
