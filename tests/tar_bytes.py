"""Builds TAR archives that Python's tarfile will not write: each header by hand, with whatever is wrong in it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping

END = bytes(1_024)
USTAR, GNU = b"ustar\x0000", b"ustar  \0"


def tarred(members: Mapping[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return an archive as tarfile writes it; a name that ends with a slash is a folder."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=form) as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            member.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            archive.addfile(member, io.BytesIO(data))
    return held.getvalue()


def header(
    name: bytes,
    size: int | bytes = 0,
    *,
    kind: bytes = b"0",
    magic: bytes = USTAR,
    prefix: bytes = b"",
    fields: Mapping[int, bytes] | None = None,
    is_signed: bool = False,
) -> bytes:
    """Return one header; `fields` overwrite it at their offsets, before the checksum is made."""
    block = bytearray(512)
    for place, value in {
        0: name,
        100: b"0000644\0",
        124: size if isinstance(size, bytes) else b"%011o\0" % size,
        156: kind,
        257: magic,
        345: prefix,
        **(fields or {}),
    }.items():
        block[place : place + len(value)] = value
    block[148:156] = b" " * 8
    total = sum(byte - 256 if is_signed and byte > 127 else byte for byte in block)
    block[148:156] = b"%06o\0 " % total
    return bytes(block)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def member(name: bytes, data: bytes, **how: object) -> bytes:
    """Return a member: header and data, up to a whole block."""
    return header(name, len(data), **how) + padded(data)  # type: ignore[arg-type]


def pax(records: list[tuple[bytes, bytes]], kind: bytes = b"x") -> bytes:
    """Return a pax header with these records."""
    return member(b"PaxHeader", b"".join(record(key, value) for key, value in records), kind=kind)


def record(key: bytes, value: bytes) -> bytes:
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest)
    while length != len(str(length)) + len(rest):
        length = len(str(length)) + len(rest)
    return str(length).encode() + rest
