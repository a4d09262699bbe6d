"""TAR archives and compressed files. Input: one byte for the limits, one for the size of the chunks, then pieces.

A block that has the mark of a header gets the checksum that belongs to it, else no round would come past the first. The
archive is also read in gzip, bzip2, XZ or Zstandard, with the input's bytes behind that.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import tarfile

from orbweaver.crawler.bodies.archives.archive_kinds import kind_of
from orbweaver.crawler.bodies.digests import digests_of
from tar_bytes import END, header, member, pax, record

from fuzz.archives import LIMITS, read_in_chunks
from fuzz.promises import in_time_for

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_PACK = (lambda data: gzip.compress(data, 1), bz2.compress, lzma.compress, zstd.compress)
TOKENS = (
    *(header(b"a", 5), header(b"d/", kind=b"5"), header(b"h", 5, kind=b"1"), header(b"l", 3, kind=b"L")),
    *(member(b"a", b"first"), member(b"", b"name\0", kind=b"L"), END, bytes(512), b"x".ljust(512, b"\0")),
    *(pax([(b"path", b"p"), (b"size", b"3")]), pax([(b"GNU.sparse.map", b"0,3"), (b"GNU.sparse.size", b"9")])),
    *(pax([(b"GNU.sparse.major", b"1"), (b"GNU.sparse.realsize", b"9")]), pax([(b"size", b"-1")], kind=b"g")),
    *(header(b"s", 3, kind=b"S", fields={386: b"%011o\0%011o\0" % (0, 3), 483: b"%011o\0" % 9}), b"1\n0\n3\n"),
    *(header(b"n", b"\x80" + bytes(10) + b"\x05"), header(b"n", b"\xff" * 12), record(b"path", b"p"), b"0 a=b\n"),
    *(b"ustar\0", b"ustar  \0", b"GNU.sparse.", b"\x80", b"\xff\xff\xff\xff", b"\1", b"7777777", b" ", b"\n"),
)
_WIDE = LIMITS[0]


def check(data: bytes) -> None:
    if len(data) < 2:
        return
    limits, size = LIMITS[data[0] % len(LIMITS)], data[1] + 1
    archive = _with_checksums(data[2:])
    packed = _PACK[data[0] % len(_PACK)](archive) + data[2:]
    for body in (archive, packed):
        with in_time_for(bytes(limits.decoded_bytes)):
            whole = read_in_chunks(limits, [body])
            parts = read_in_chunks(limits, [body[place : place + size] for place in range(0, len(body), size)])
        ended = {note.rule for note in (*whole.notes, *parts.notes)} & {"archive.ratio", "archive.decoded_bytes"}
        if limits is not LIMITS[1] and not ended:
            assert parts == whole, "cut differently, read differently"
    _check_written(data[2:], size)


def _with_checksums(data: bytes) -> bytes:
    blocks = []
    for place in range(0, len(data), 512):
        block = bytearray(data[place : place + 512])
        if len(block) == 512 and (not place or block[257:262] == b"ustar"):
            block[148:156] = b" " * 8
            block[148:156] = b"%06o\0 " % sum(block)
        blocks.append(bytes(block))
    return b"".join(blocks)


def _check_written(body: bytes, size: int) -> None:
    """An archive that Python writes is read as it was, packed or not; a cut one has no wrong digest."""
    if not body or kind_of(body) or any(mark in body for mark in (b"PK", b"Rar!", b"7z")):
        return
    into = io.BytesIO()
    with tarfile.open(fileobj=into, mode="w", format=size % 3) as archive:
        for name in ("first", f"{'n' * 60}/{'n' * 60}"):
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    written = into.getvalue()
    expected = digests_of(body)
    for whole, others in ((written, set()), (_PACK[size % len(_PACK)](written), {digests_of(written)})):
        found = read_in_chunks(_WIDE, [whole[place : place + size] for place in range(0, len(whole), size)])
        digests = [one.digests for one in found.members]
        assert [one for one in digests if one not in others] == [expected] * 2
        cut = read_in_chunks(_WIDE, [whole[: len(whole) * size // 256]])
        assert all(one.digests in {expected, *others} for one in cut.members)
