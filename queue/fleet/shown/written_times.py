"""Reads the times that RQ writes into the store."""

from __future__ import annotations

from datetime import UTC, datetime


def read(written: bytes | None) -> datetime | None:
    """Return a time as RQ writes it, in UTC; None when there is none, or it cannot be one of ours.

    >>> read(b"2026-03-01T12:00:00.000000Z")
    datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.timezone.utc)
    >>> read(b"0001-01-01T00:00:00+14:00") is None
    True
    """
    try:
        moment = None if written is None else datetime.fromisoformat(written.decode())
        if moment is None or moment.year < 1970:
            return None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
