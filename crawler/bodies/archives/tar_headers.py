"""Reads the headers of a TAR archive: blocks of old, POSIX and GNU archives, and pax records; functions of bytes.

Fields and offsets are those of POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block", and of the GNU tar
manual, "Basic Tar Format". Archives of 1979 (v7) have no mark: there the checksum alone tells a header.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

BLOCK_BYTES = 512
TAR_MARK, TAR_MARK_PLACE = b"ustar", 257
_CHECKSUM = slice(148, 156)
_OCTAL = re.compile(rb"[ \0]*([0-7]*)(?:[ \0].*)?", re.DOTALL)
_SIGNED = Struct("512b")
_SPACES = 8 * ord(" ")
# Longer numbers are none; so no text makes Python's int() slow.
_DECIMAL = re.compile(rb"[0-9]{1,19}")
_LENGTH = re.compile(rb"([0-9]{1,10}) ")

REGULAR, HARD_LINK = frozenset({b"0", b"\0", b"7"}), b"1"
# Symbolic links, devices, folders, pipes and volume labels; a size in their headers says nothing of data.
WITHOUT_DATA = frozenset(b"23456V"[place : place + 1] for place in range(6))
PAX, PAX_FOR_ALL, LONG_NAME = frozenset({b"x", b"X"}), b"g", b"L"
EXTENSIONS = frozenset({*PAX, PAX_FOR_ALL, LONG_NAME, b"K"})
GNU_SPARSE, CONTINUED = b"S", b"M"


class TarHeader(NamedTuple):
    """The header before a member or an extension; `kind` is its type, one byte."""

    name: bytes
    size: int
    kind: bytes


def tar_header(block: bytes) -> TarHeader | None:
    """Return the header that a block of BLOCK_BYTES is, None when it is none, or gives no size that can be."""
    checksum = _octal(block[_CHECKSUM])
    if not checksum:
        return None
    beside = _SPACES - sum(block[_CHECKSUM])
    # Some old programs added the bytes up as signed ones.
    if checksum != sum(block) + beside and checksum != sum(_SIGNED.unpack(block)) + _signed_beside(block):
        return None
    try:
        size = gnu_number(block[124:136])
    except ValueError:
        return None
    name = block[:100].partition(b"\0")[0]
    if block[257:263] == b"ustar\0" and (prefix := block[345:500].partition(b"\0")[0]):
        name = prefix + b"/" + name
    return TarHeader(name, size, block[156:157])


def _signed_beside(block: bytes) -> int:
    return _SPACES - sum(byte - 0x100 if byte & 0x80 else byte for byte in block[_CHECKSUM])


def _octal(field: bytes) -> int | None:
    match = _OCTAL.fullmatch(field)
    return None if match is None else int(match[1] or b"0", 8)


def gnu_number(field: bytes) -> int:
    """Return a number of a header, octal or in base 256; raises ValueError for a negative one or for another text."""
    if field[0] & 0x80 and not field[0] & 0x40:
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    number = _octal(field)
    if number is None:
        raise ValueError("no number")
    return number


def decimal(text: bytes) -> int:
    """Return a number of a pax record; raises ValueError when it is none, negative or has more than 19 digits."""
    if not _DECIMAL.fullmatch(text):
        raise ValueError("no decimal number")
    return int(text)


def pax_records(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of pax records, LENGTH KEY=VALUE each; raises ValueError where one is malformed."""
    at = 0
    while at < len(data):
        if data[at] == 0:  # some writers fill the block up
            return
        length = _LENGTH.match(data, at)
        end = at + int(length[1]) if length else 0
        if length is None or not length.end() < end <= len(data) or data[end - 1 : end] != b"\n":
            raise ValueError("no pax record")
        key, is_pair, value = data[length.end() : end - 1].partition(b"=")
        if not is_pair:
            raise ValueError("no pax record")
        yield key, value
        at = end
