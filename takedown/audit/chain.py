"""One entry of the audit log: a record with its number and the digest of the entry before. Pure.

An entry is bytes, for ever as they are: JSON with sorted keys, without blanks, in ASCII. Its digest is SHA-256 of a
zero byte and these bytes, as of a leaf in RFC 6962. So each digest covers all entries before its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

# The digest before the first entry.
NOTHING_BEFORE: Final = bytes(32)
NUMBER: Final = "number"
PREVIOUS: Final = "previous"
RECORD: Final = "record"


class LogEntry(NamedTuple):
    """An entry as it is read: its number (from 1), the digest of the entry before, and the record."""

    number: int
    previous: bytes
    record: Mapping[str, Any]


def write(number: int, previous: bytes, record: Mapping[str, Any]) -> bytes:
    """Return the bytes of an entry."""
    whole = {NUMBER: number, PREVIOUS: previous.hex(), RECORD: record}
    return json.dumps(whole, sort_keys=True, separators=(",", ":")).encode("ascii")


def read(entry: bytes) -> LogEntry:
    """Read the bytes of an entry; raises ValueError for what is none."""
    whole = json.loads(entry)
    if not isinstance(whole, dict) or whole.keys() != {NUMBER, PREVIOUS, RECORD}:
        raise ValueError("not an entry of the audit log")
    number, previous, record = whole[NUMBER], whole[PREVIOUS], whole[RECORD]
    if type(number) is not int or not isinstance(previous, str) or not isinstance(record, dict):
        raise ValueError("not an entry of the audit log")
    return LogEntry(number, bytes.fromhex(previous), record)


def digest_of(entry: bytes) -> bytes:
    """Return the digest of an entry, 32 bytes."""
    return hashlib.sha256(b"\x00" + entry).digest()
