"""Reads the records of a ZIP archive: local headers, member names, data descriptors; plain functions of bytes.

Field names and offsets are those of PKWARE's APPNOTE 6.3.10, sections 4.3.7 to 4.3.12 and 4.5.3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from struct import Struct

from orbweaver.crawler.bodies.archives.member_names import shown
from orbweaver.crawler.bodies.archives.zip_directory import EndRecord, ListedMember

LOCAL = b"PK\x03\x04"
CENTRAL = b"PK\x01\x02"
DESCRIPTOR = b"PK\x07\x08"
END_OF_DIRECTORY, END_OF_DIRECTORY_64 = b"PK\x05\x06", b"PK\x06\x06"
END = (END_OF_DIRECTORY, END_OF_DIRECTORY_64)
# The beginnings of an archive; the two others are left by tools that meant to split it into several files.
BEGINNINGS = (LOCAL, b"PK00PK\x03\x04", DESCRIPTOR + LOCAL)
MARK = re.compile(rb"PK(?:\x03\x04|\x01\x02|\x05\x06|\x06\x06)")

STORED, DEFLATED, BZIP2, ZSTD = 0, 8, 12, 93
# APPNOTE 4.4.5; bytes with another number are no header of a member, and only look like one.
METHODS = frozenset({*range(15), 16, 18, 19, 20, *range(93, 100)})

_LOCAL = Struct("<4xHHHHHIIIHH")
# Flags, method, packed and plain size, lengths of name, extra field and comment, and the place of the local header.
_CENTRAL = Struct("<8xHH8xIIHHH8xI")
CENTRAL_BYTES = _CENTRAL.size
_LONG = Struct("<Q")
_IN_ZIP64 = 0xFFFF_FFFF
_ZIP64_EXTRA = 0x0001
_ENCRYPTED = 0x2041  # encrypted, strongly, or with masked headers
_NEWEST_VERSION = 63


@dataclass(frozen=True, slots=True)
class LocalHeader:
    """The header before a member; `size` is that of its packed data, None when only the end of the data shows it."""

    length: int
    name: bytes
    is_name_utf8: bool
    method: int
    size: int | None
    is_encrypted: bool
    has_descriptor: bool

    @property
    def is_directory(self) -> bool:
        """Whether the member is a folder: its name ends with a slash and it has no data."""
        return self.name.endswith(b"/") and not self.size


def local_header(data: bytes, at: int) -> LocalHeader | None:
    """Return the local header at a place of `data`, None when more bytes are needed.

    Raises ValueError when no header is there.
    """
    if len(data) - at < _LOCAL.size:
        return None
    version, flags, method, _, _, _, packed, plain, name_length, extra_length = _LOCAL.unpack_from(data, at)
    if version & 0xFF > _NEWEST_VERSION or method not in METHODS or not name_length:
        raise ValueError("no local header")
    begin = at + _LOCAL.size
    end = begin + name_length + extra_length
    if len(data) < end:
        return None
    has_descriptor = bool(flags & 0x08)
    if packed == _IN_ZIP64:
        packed = _zip64_size(data[begin + name_length : end], skips_plain=plain == _IN_ZIP64)
    # Some writers give the size although a descriptor follows.
    return LocalHeader(
        length=end - at,
        name=data[begin : begin + name_length],
        is_name_utf8=bool(flags & 0x800),
        method=method,
        size=None if has_descriptor and not packed else packed,
        is_encrypted=bool(flags & _ENCRYPTED),
        has_descriptor=has_descriptor,
    )


def _zip64_size(extra: bytes, *, skips_plain: bool) -> int:
    sizes = _zip64_numbers(extra)
    return sizes[skips_plain] if len(sizes) > skips_plain else _IN_ZIP64


def _zip64_numbers(extra: bytes) -> list[int]:
    """Return the numbers in the first extra field of ZIP64, those that have no room in the header, in their order."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = int.from_bytes(extra[at : at + 2], "little"), int.from_bytes(extra[at + 2 : at + 4], "little")
        at += 4
        if kind == _ZIP64_EXTRA:
            whole = min(length, len(extra) - at) // _LONG.size
            return [int(_LONG.unpack_from(extra, at + place * _LONG.size)[0]) for place in range(min(whole, 3))]
        at += length
    return []


def central_entry(data: bytes, at: int) -> tuple[int, ListedMember] | None:
    """Return the entry of the archive's directory at this place with its length, None when more bytes are needed."""
    if len(data) - at < CENTRAL_BYTES:
        return None
    flags, method, packed, plain, name_length, extra_length, comment_length, place = _CENTRAL.unpack_from(data, at)
    length = CENTRAL_BYTES + name_length + extra_length + comment_length
    if _IN_ZIP64 in {packed, plain, place}:
        begin = at + CENTRAL_BYTES + name_length
        if len(data) < begin + extra_length:
            return None
        numbers = iter(_zip64_numbers(data[begin : begin + extra_length]))
        plain, packed, place = (next(numbers, one) if one == _IN_ZIP64 else one for one in (plain, packed, place))
    return length, ListedMember(place, method, packed, plain, bool(flags & _ENCRYPTED))


# With its mark and without, with sizes of 8 bytes and of 4: (mark, sizes, mask of the bits that are written).
_DESCRIPTORS = tuple(
    (mark, Struct(f"<{len(mark) + 4}x{sizes}"), mask)
    for mark in (DESCRIPTOR, b"")
    for sizes, mask in (("QQ", 0xFFFF_FFFF_FFFF_FFFF), ("II", 0xFFFF_FFFF))
)
# The longest descriptor and the mark of the record after it.
DESCRIPTOR_BYTES = 28
_NEXT = (LOCAL, CENTRAL, *END)


def descriptor_length(data: bytes, at: int, *, packed: int, plain: int, is_marked: bool = False) -> int:
    """Return the length in bytes of the data descriptor at this place, 0 when none for data of these sizes is here.

    A descriptor has one of four forms, and nothing names the form: it is the one in which the sizes are right and after
    which another record begins. `data` should have DESCRIPTOR_BYTES after `at`.
    """
    for mark, sizes, mask in _DESCRIPTORS:
        if is_marked and not mark:
            break
        if len(data) - at < sizes.size or not data.startswith(mark, at):
            continue
        if sizes.unpack_from(data, at) == (packed & mask, plain & mask) and data.startswith(_NEXT, at + sizes.size):
            return sizes.size
    return 0


def shown_name(name: bytes, *, is_utf8: bool) -> str:
    """Return a member's name as evidence: control characters escaped, and cut."""
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        text = name.decode("utf-8", "replace") if is_utf8 else name.decode("cp437")
    return shown(text)


# The end record, and the longest comment after it (APPNOTE 4.3.16).
_END_RECORD = Struct("<4xHHHHIIH")
END_RECORD_BYTES = _END_RECORD.size
END_WINDOW = END_RECORD_BYTES + 0xFFFF
# The end record of ZIP64, which comes before the other one (APPNOTE 4.3.14).
_END_RECORD_64 = Struct("<4xQ20xQQQ")
END_RECORD_64_BYTES = _END_RECORD_64.size


def end_record(data: bytes, at: int) -> EndRecord:
    """Return the end record at a place of `data` that has END_RECORD_BYTES after it."""
    _, _, _, count, length, place, _ = _END_RECORD.unpack_from(data, at)
    return EndRecord(place, length, count)


def end_record_64(data: bytes, at: int) -> EndRecord:
    """Return the end record of ZIP64 at a place of `data` that has END_RECORD_64_BYTES after it."""
    _, count, length, place = _END_RECORD_64.unpack_from(data, at)
    return EndRecord(place, length, count & 0xFFFF)


def listed_at_end(tail: bytes) -> int:
    """Return how many members the end record in the last END_WINDOW bytes of a file lists, 0 when none is there."""
    place = tail.rfind(END_OF_DIRECTORY)
    if place < 0 or len(tail) - place < _END_RECORD.size:
        return 0
    _, _, here, listed, length, _, comment = _END_RECORD.unpack_from(tail, place)
    is_likely = here <= listed and length >= CENTRAL_BYTES and place + _END_RECORD.size + comment <= len(tail)
    return int(listed) if is_likely else 0
