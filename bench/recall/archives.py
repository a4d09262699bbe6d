"""Makes the archives of the benchmark's sites, each in a form that real hosts have."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Members = Mapping[str, bytes]
TIME = (2026, 1, 2, 3, 4, 5)


def tar(members: Members, form: int = tarfile.PAX_FORMAT) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return made.getvalue()


def zipped(members: Members, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, TIME), data, compress_type=method)
    return made.getvalue()


class _Unseekable(io.RawIOBase):
    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.written += data
        return len(data)


def zip_while_sent(members: Members) -> bytes:
    made = _Unseekable()
    with zipfile.ZipFile(made, "w") as archive:  # type: ignore[arg-type]
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, TIME), data, compress_type=zipfile.ZIP_DEFLATED)
    return bytes(made.written)


def behind(head: bytes, members: Members) -> bytes:
    """Return a ZIP behind other bytes, its offsets counted from where it begins."""
    return head + zipped(members)


def rar(members: Members) -> bytes:
    """Return a RAR 4 archive of stored members: https://www.rarlab.com/technote.htm has the later form."""
    made = bytearray(b"Rar!\x1a\x07\x00")
    made += _rar_block(0x73, 0, bytes(6))
    for name, data in members.items():
        size, checksum, encoded = len(data), zlib.crc32(data), name.encode()
        rest = struct.pack("<IIBIIBBHI", size, size, 3, checksum, 0, 20, 0x30, len(encoded), 0o100644) + encoded
        made += _rar_block(0x74, 0x8000, rest) + data
    return bytes(made + _rar_block(0x7B, 0x4000, b""))


def _rar_block(kind: int, flags: int, rest: bytes) -> bytes:
    body = struct.pack("<BHH", kind, flags, 7 + len(rest)) + rest
    return struct.pack("<H", zlib.crc32(body) & 0xFFFF) + body


def seven_zip(members: Members) -> bytes:
    """Return a 7z archive of copied members, a folder each (7zFormat.txt of the LZMA SDK)."""
    count = len(members)
    packed = b"".join(members.values())
    sizes = b"".join(map(_seven_zip_number, map(len, members.values())))
    checksums = b"".join(struct.pack("<I", zlib.crc32(data)) for data in members.values())
    names = b"".join(name.encode("utf-16-le") + b"\0\0" for name in members)
    streams = b"\x06\0" + bytes([count]) + b"\x09" + sizes + b"\0"
    folders = b"\x07\x0b" + bytes([count]) + b"\0" + b"\x01\x01\0" * count + b"\x0c" + sizes + b"\x0a\x01"
    files = b"\x05" + bytes([count]) + b"\x11" + _seven_zip_number(len(names) + 1) + b"\0" + names + b"\0"
    header = b"\x01\x04" + streams + folders + checksums + b"\0\0" + files + b"\0"
    start = struct.pack("<QQI", len(packed), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\0\x04" + struct.pack("<I", zlib.crc32(start)) + start + packed + header


def _seven_zip_number(number: int) -> bytes:
    return bytes([number]) if number < 0x80 else bytes([0x80 | number >> 8, number & 0xFF])


FORMS: Mapping[str, Callable[[Members], bytes]] = {
    "zip": zipped,
    "zip stored": lambda members: zipped(members, zipfile.ZIP_STORED),
    "zip bzip2": lambda members: zipped(members, zipfile.ZIP_BZIP2),
    "zip lzma": lambda members: zipped(members, zipfile.ZIP_LZMA),
    "zip while it is sent": zip_while_sent,
    "zip in zip": lambda members: zipped({"inner.zip": zipped(members)}),
    "zip behind a picture": lambda members: behind(bytes.fromhex("ffd8ffe000104a464946") + bytes(3_000), members),
    "zip behind a program": lambda members: behind(b"MZ" + bytes(20_000), members),
    "tar": tar,
    "tar ustar": lambda members: tar(members, tarfile.USTAR_FORMAT),
    "tar gnu": lambda members: tar(members, tarfile.GNU_FORMAT),
    "tar gzip": lambda members: gzip.compress(tar(members), mtime=0),
    "tar bzip2": lambda members: bz2.compress(tar(members)),
    "tar xz": lambda members: lzma.compress(tar(members)),
    "tar zstd": lambda members: zstd.compress(tar(members)),
    "tar in zip": lambda members: zipped({"inner.tar": tar(members)}),
    "zip in tar gzip": lambda members: gzip.compress(tar({"inner.zip": zipped(members)}), mtime=0),
    "gzip": lambda members: gzip.compress(*members.values(), mtime=0),
    "7z": seven_zip,
    "rar": rar,
}
