"""ZIP archives, also behind other bytes. Input: one byte for the limits, one for the size of chunks, the bytes."""

from __future__ import annotations

import io
import zipfile
import zlib

from orbweaver.crawler.bodies.archives.archive_kinds import kind_of
from orbweaver.crawler.bodies.archives.archive_limits import ArchiveLimits, Contents
from orbweaver.crawler.bodies.archives.archive_reader import ArchiveReader
from orbweaver.crawler.bodies.digests import digests_of
from orbweaver.model import Outcome

from fuzz.promises import in_time_for

LIMITS = (
    ArchiveLimits(members=50, member_bytes=2**20, decoded_bytes=2**21, ratio=200, free_bytes=2**20, depth=3),
    ArchiveLimits(members=2, member_bytes=100, decoded_bytes=150, ratio=3, free_bytes=10, depth=1),
    ArchiveLimits(members=50, member_bytes=2**20, decoded_bytes=2**21, ratio=200, free_bytes=2**20, depth=0),
)
_ENDED = {"archive.ratio", "archive.decoded_bytes", "archive.members", "archive.damaged"}
TOKENS = (
    *(b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x07\x08", b"PK\x06\x06", b"PK\x06\x07", b"PK00PK\x03\x04"),
    *(b"\x14\x00\x00\x00\x08\x00", b"\x14\x00\x08\x00\x08\x00", b"\x14\x00\x01\x00\x00\x00", b"\x2d\x00", b"\x00\x08"),
    *(b"\x01\x00\x10\x00", b"\x01\x99\x07\x00", b"\xff\xff\xff\xff", b"\0\0\0\0", b"a.png", b"../a", b"a/", b"\xff"),
    *(b"GIF89a", b"Rar!\x1a\x07\0", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"\0" * 512),
    *(zlib.compress(b"synthetic", wbits=-15), b"\x0c\x00", b"\x0e\x00", b"\x5d\x00", b"\x09\x00", b"BZh9", b"\x03\x00"),
)


def check(data: bytes) -> None:
    if len(data) < 2:
        return
    limits = LIMITS[data[0] % len(LIMITS)]
    size = data[1] + 1
    archive = data[2:]
    with in_time_for(bytes(limits.decoded_bytes)):
        whole = read_in_chunks(limits, [archive])
        parts = read_in_chunks(limits, [archive[place : place + size] for place in range(0, len(archive), size)])
    # How the network cut the body may make no difference, unless limits are near: those look at what came so far. After
    # a damaged member, how far back the search for the next one begins does hang on it, and the note says so.
    rules, others = ({note.rule for note in found.notes} for found in (whole, parts))
    if limits is not LIMITS[1] and not _ENDED & (rules | others):
        assert (parts.members, others) == (whole.members, rules), "cut differently, read differently"
    _check_written(archive, size)


def read_in_chunks(limits: ArchiveLimits, chunks: list[bytes]) -> Contents:
    reader = ArchiveReader(limits)
    for chunk in chunks:
        reader.feed(chunk)
    reader.finish()
    found = reader.contents()
    _check_contents(found, limits)
    return found


def _check_contents(found: Contents, limits: ArchiveLimits) -> None:
    assert len(found.members) <= limits.members
    for member in found.members:
        assert 0 < member.digests.size <= limits.member_bytes
        assert member.path.isprintable(), "a name that moves a terminal's cursor"
        assert len(member.path) < 2_000
    for note in found.notes:
        assert note.count > 0
        assert note.rule.startswith("archive.")
        assert isinstance(note.outcome, Outcome)


def _check_written(body: bytes, size: int) -> None:
    """An archive that Python writes is read as it was, however the network cuts it; a cut one has no wrong digest."""
    if not body or kind_of(body) is not None or b"PK" in body or b"Rar!" in body or b"7z" in body:
        return
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        for number, method in enumerate((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)):
            archive.writestr(zipfile.ZipInfo(f"{number}.bin"), body, method)
    written = into.getvalue()
    expected = digests_of(body)
    limits = LIMITS[0]
    found = read_in_chunks(limits, [written[place : place + size] for place in range(0, len(written), size)])
    assert [member.digests for member in found.members] == [expected] * 2
    cut = read_in_chunks(limits, [written[: len(written) * size // 256]])
    assert all(member.digests == expected for member in cut.members)
