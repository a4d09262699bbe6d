"""The rows that readers of all formats make of a list, refused ones among them; and the reading of their fields."""

from __future__ import annotations

import base64
import binascii
import string
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from orbweaver.matcher_client.errors import BadRowError
from orbweaver.matcher_client.lists.file_format import UNKNOWN, Label

TEXT_BYTES = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Digests = tuple[bytes | None, bytes | None, bytes | None]
NO_DIGESTS: Digests = (None, None, None)


class Row(NamedTuple):
    """One usable row: SHA-256, SHA-1 and MD5, size in bytes, and its label.

    A row without any digest is a deletion: the entry of that list and id is withdrawn. `changed_at` is the time of the
    entry's last change, in milliseconds since 1970, if the format has one; of several states of an entry the newest
    counts.
    """

    digests: Digests
    label: Label
    size: int | None = None
    entry_id: str | None = None
    changed_at: int | None = None

    @property
    def is_deletion(self) -> bool:
        """Whether the row only says that an entry is gone."""
        return self.digests == NO_DIGESTS


class RefusedRow(NamedTuple):
    """A row that could not be used: its place ("line 3", "record 17"; both count from 1) and the reason; no digest."""

    file: str
    place: str
    reason: str


class LeftOutRow(NamedTuple):
    """A row that is whole and of no use to us, and why.

    `takes_back` is the deletion that it is too: an earlier state of its entry may have had digests.
    """

    reason: str
    takes_back: Row | None = None


Read = Row | RefusedRow | LeftOutRow


def read_digest(value: str | None, name: str, width: int) -> bytes | None:
    """Return a digest of `width` bytes from hex digits (a SHA-1: base32 too); raises BadRowError."""
    if not value:
        return None
    if name == "sha1" and len(value) == 32:
        return _read_base32(value)
    if len(value) != 2 * width:
        raise BadRowError(f"the {name} has {len(value)} characters where it needs {2 * width} hex digits")
    try:
        return binascii.unhexlify(value)
    except ValueError:
        raise BadRowError(f"the {name} has characters that are not hex digits") from None


def _read_base32(value: str) -> bytes:
    if not value.strip(string.hexdigits):
        raise BadRowError("the sha1 has 32 hex digits: that is an MD5")
    try:
        return base64.b32decode(value, casefold=True)
    except ValueError:
        raise BadRowError("the sha1 is neither 40 hex digits nor 32 characters of base32") from None


def read_size(value: str | None) -> int | None:
    """Return a size in bytes; raises BadRowError."""
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 20 and int(value) < UNKNOWN):
        raise BadRowError("the size is not a whole number of bytes")
    return int(value)


def read_text(value: str | None, name: str) -> str | None:
    """Return a text verbatim; raises BadRowError when it is not UTF-8, or too long for its field."""
    if not value:
        return None
    try:
        length = len(value.encode())
    except UnicodeEncodeError:
        raise BadRowError(f"the {name} is not UTF-8") from None
    if length > TEXT_BYTES:
        raise BadRowError(f"the {name} is longer than {TEXT_BYTES:,} bytes")
    return value


def read_moment(value: str | None, name: str) -> int | None:
    """Return an ISO 8601 time (UTC unless it says otherwise) in milliseconds since 1970; raises BadRowError."""
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise BadRowError(f"the {name} is not an ISO 8601 time") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0, (moment - _EPOCH) // timedelta(milliseconds=1))
