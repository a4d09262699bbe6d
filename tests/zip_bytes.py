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
    name: bytes, data: bytes, *, method: int = 0, flags: int = 0, size: int | None = None, extra: bytes = b""
) -> bytes:
    """Return one member: its local header and its packed data."""
    packed = len(data) if size is None else size
    header = struct.pack(
        "<4sHHHHHIIIHH", b"PK\x03\x04", 20, flags, method, 0, 0, 0, packed, packed, len(name), len(extra)
    )
    return header + name + extra + data


def directory(names: Iterable[bytes]) -> bytes:
    """Return the directory of an archive with members of these names, and its end record."""
    entries = [struct.pack("<4s24xHHH12x", b"PK\x01\x02", len(name), 0, 0) + name for name in names]
    return b"".join(entries) + struct.pack("<4s4xHHIIH", b"PK\x05\x06", min(len(entries), 0xFFFF), 0, 0, 0, 0)
