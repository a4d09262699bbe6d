"""The rows that readers of all formats make of a list, refused ones among them; and the reading of their fields."""

from __future__ import annotations

import base64
import binascii
import re
import string
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from orbweaver.matcher_client.errors import BadRowError
from orbweaver.matcher_client.lists.file_format import DIGEST_BYTES, UNKNOWN, Label

TEXT_BYTES = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Digests = tuple[bytes | None, bytes | None, bytes | None]
NO_DIGESTS: Digests = (None, None, None)


def lone_digest(place: int, digest: bytes) -> Digests:
    """Return the digests of a row that has only one, at its place: SHA-256, SHA-1, MD5."""
    if place == 0:
        return digest, None, None
    return (None, digest, None) if place == 1 else (None, None, digest)


# What databases, spreadsheets and tools write where there is no value; in lower case.
NO_VALUE = frozenset({"-", "--", "null", "none", "nil", "n/a", "na", "#n/a", "nan", "unknown", "\\n"})
_SPACED = re.compile(r"(?:[0-9a-fA-F]{2}[ :-])+[0-9a-fA-F]{2}")
# As C, databases and spreadsheets mark them: 0x, \\x, X'...', quotes, an apostrophe before a text.
_MARKED = re.compile(r"(?:0[xX]|\\{1,2}[xX]|[xX]?['\"])([0-9a-fA-F][0-9a-fA-F :-]*)['\"]?")
_BETWEEN_BYTES = re.compile(r"[ :-]")


class Row(NamedTuple):
    """One usable row: SHA-256, SHA-1 and MD5, size in bytes, and its label.

    A row without any digest is a deletion: the entry of that list and id is withdrawn. `changed_at` is the time of the
    entry's last change, in milliseconds since 1970, if the format has one; of several states of an entry the newest
    counts. `spoilt` says of a row with good digests why another of them, or its size, cannot be read.
    """

    digests: Digests
    label: Label
    size: int | None = None
    entry_id: str | None = None
    changed_at: int | None = None
    spoilt: str | None = None

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
    """A row that is complete but of no use to us, and the reason.

    `takes_back` is the deletion that it also stands for: an earlier state of its entry may have had digests.
    """

    reason: str
    takes_back: Row | None = None


Read = Row | RefusedRow | LeftOutRow


def read_digests(sha256: str | None, sha1: str | None, md5: str | None) -> tuple[Digests, str | None]:
    """Return a row's digests, and why one of them cannot be read while another can; raises BadRowError when none can.

    All three are None for a row without any.
    """
    found: list[bytes | None] = []
    bad: list[str] = []
    for value, (name, width) in zip((sha256, sha1, md5), DIGEST_BYTES.items(), strict=True):
        try:
            found.append(read_digest(value, name, width))
        except BadRowError as error:
            found.append(None)
            bad.append(str(error))
    digests = (found[0], found[1], found[2])
    if bad and digests == NO_DIGESTS:
        raise BadRowError(bad[0])
    return digests, "; ".join(bad) or None


def read_digest(value: str | None, name: str, width: int) -> bytes | None:
    """Return a digest of `width` bytes from hex digits (a SHA-1: base32 too); raises BadRowError.

    `0x` or `\\x` may stand before the digits, and blanks, colons or dashes between the bytes. What stands for no value,
    as databases and tools write it, is none.
    """
    if not value or value.lower() in NO_VALUE:
        return None
    if len(value) != 2 * width:
        if name == "sha1" and len(value) == 32:
            return _read_base32(value)
        value = bare_hex(value)
    if len(value) != 2 * width:
        raise BadRowError(f"the {name} has {len(value)} characters where it needs {2 * width} hex digits")
    try:
        return binascii.unhexlify(value)
    except ValueError:
        raise BadRowError(f"the {name} has characters that are not hex digits") from None


def bare_hex(text: str) -> str:
    """Return hex digits without the marks around them and those between their bytes; any other text as it is.

    >>> bare_hex("0xD41D"), bare_hex("d4 1d 8c"), bare_hex("D4:1D:8C"), bare_hex("X'd4'"), bare_hex("d41 d8c")
    ('D41D', 'd41d8c', 'D41D8C', 'd4', 'd41 d8c')
    """
    marked = _MARKED.fullmatch(text)
    bare = text if marked is None else marked[1]
    return _BETWEEN_BYTES.sub("", bare) if _SPACED.fullmatch(bare) else bare


def _read_base32(value: str) -> bytes:
    if not value.strip(string.hexdigits):
        raise BadRowError("the sha1 has 32 hex digits: that is an MD5")
    try:
        return base64.b32decode(value, casefold=True)
    except ValueError:
        raise BadRowError("the sha1 is neither 40 hex digits nor 32 characters of base32") from None


def read_size(value: str | None) -> tuple[int | None, str | None]:
    """Return a size in bytes, None for what stands for an unknown one (0 does, beside digests), and what is wrong.

    A size that cannot be read is unknown: it costs no digest.
    """
    if not value or value.lower() in NO_VALUE or value in ("0", "-1"):
        return None, None
    if not (value.isascii() and value.isdigit() and len(value) <= 20 and int(value) < UNKNOWN):
        return None, "the size is not a whole number of bytes"
    return int(value), None


def make_row(
    digests: Digests, label: Label, *, size: str | None = None, entry_id: str | None = None, spoilt: str | None = None
) -> Row:
    """Return a row of good digests and a size as it is written; `spoilt` names what of it cannot be read."""
    read, bad_size = read_size(size)
    return Row(digests, label, read, entry_id, spoilt="; ".join(filter(None, (spoilt, bad_size))) or None)


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
