"""Builds ZIP archives that Python's zipfile will not write: each record by hand, with whatever is wrong in it."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping

DEFLATED = zipfile.ZIP_DEFLATED


def zipped(members: Mapping[str, bytes], method: int = DEFLATED) -> bytes:
    """Return an archive as zipfile writes it to a file."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)  # of no date: the same bytes each time
    return held.getvalue()


class _Pipe(io.RawIOBase):
    """Takes bytes and cannot go back, so that zipfile writes sizes after the data."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        before = len(self.taken)
        self.taken += memoryview(data)  # type: ignore[arg-type]
        return len(self.taken) - before


def streamed(members: Mapping[str, bytes], method: int = DEFLATED, *, is_zip64: bool = False) -> bytes:
    """Return an archive as servers send it while they pack it: with data descriptors."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", method) as archive:
        for name, data in members.items():
            with archive.open(name, "w", force_zip64=is_zip64) as member:
                member.write(data)
    return bytes(pipe.taken)


def deflated(data: bytes) -> bytes:
    """Return data as deflate packs it, without a wrapper."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def local(
    name: bytes,
    data: bytes,
    *,
    method: int = 0,
    flags: int = 0,
    size: int | None = None,
    plain: int | None = None,
    extra: bytes = b"",
) -> bytes:
    """Return one member: its local header and its packed data, which is as long when unpacked if not said otherwise."""
    packed = len(data) if size is None else size
    sizes = (packed, packed if plain is None else plain)
    fields = (b"PK\x03\x04", 20, flags, method, *sizes, len(name), len(extra))
    return struct.pack("<4sHHH8xIIHH", *fields) + name + extra + data


def directory(names: Iterable[bytes], of: bytes = b"") -> bytes:
    """Return the directory of an archive with members of these names, and its end record.

    It says of each what its header in `of` says; of one without a header there, that it is behind everything.
    """
    entries, found = [], 0
    for name in names:
        place = of.find(name, found + 30)
        while place >= 0 and not of.startswith(b"PK\x03\x04", place - 30):
            place = of.find(name, place + 1)
        found = place - 30 if place >= 0 else len(of)
        entries.append(listed(name, found, of[found : found + 30]))
    written = b"".join(entries)
    return written + ended(len(entries), len(written), len(of))


def listed(
    name: bytes, place: int, header: bytes = b"", *, plain: int | None = None, packed: int | None = None
) -> bytes:
    """Return the entry of a directory for the member whose local header is at `place`; what is given goes first."""
    flags, method, *sizes = struct.unpack_from("<6xHH8xII", header) if header else (0, 0, 0, 0)
    sizes = [sizes[0] if packed is None else packed, sizes[1] if plain is None else plain]
    fields = (b"PK\x01\x02", flags, method, *sizes, len(name), 0, 0, place)
    return struct.pack("<4s4xHH8xIIHHH8xI", *fields) + name


def ended(count: int, length: int, begins_at: int) -> bytes:
    """Return the end record of an archive whose directory is so long and begins there."""
    count = min(count, 0xFFFF)
    return struct.pack("<4s4xHHIIH", b"PK\x05\x06", count, count, length, begins_at, 0)
