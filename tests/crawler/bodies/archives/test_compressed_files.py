"""The file inside a compressed one is hashed, and a TAR archive in it is read as if it were not compressed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from archive_contents import LIMITS, assert_found, in_pieces, paths, read, rules
from calibration import LINEAR, measured
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.bodies.archives.archive_kinds import kind_of
from tar_bytes import tarred
from zip_bytes import zipped

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

NOISE = random.Random(6).randbytes(70_000)
PNG = b"\x89PNG\r\n\x1a\n" + NOISE
FILES = {"a.png": PNG, "folder/b.bin": NOISE[:512][::-1], "c": b"x"}
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE),
    "bzip2": bz2.compress,
    "zstd": zstd.compress,
}
every_kind = pytest.mark.parametrize("kind", PACK)
# A frame of 3 bytes that a reader skips.
TO_SKIP = b"\x50\x2a\x4d\x18\x03\0\0\0abc"


def gzipped(data: bytes, *, flags: int = 0, fields: bytes = b"", checksum: int | None = None) -> bytes:
    """Return a gzip stream with what its header and trailer say."""
    packed = zlib.compress(data, wbits=-15)
    crc = zlib.crc32(data) if checksum is None else checksum
    trailer = crc.to_bytes(4, "little") + len(data).to_bytes(4, "little")
    return b"\x1f\x8b\x08" + bytes([flags]) + bytes(6) + fields + packed + trailer


@every_kind
@pytest.mark.parametrize("piece", [1, 997, 10**6])
def test_the_file_inside_a_compressed_one_is_hashed_however_it_arrives(kind: str, piece: int) -> None:
    packed = PACK[kind](PNG[:5_000])
    assert kind_of(packed) == kind
    found = read(in_pieces(packed, piece))
    assert_found(found, {"unpacked": PNG[:5_000]})
    assert found.members[0].sniffed_type == "image/png"


@every_kind
def test_a_compressed_tar_archive_is_one_archive(kind: str) -> None:
    archive = tarred(FILES)
    packed = PACK[kind](archive)
    for limits in (LIMITS, replace(LIMITS, depth=0), replace(LIMITS, decoded_bytes=len(archive))):
        assert_found(read(in_pieces(packed, 1_000), limits), {**FILES, "unpacked": archive})


@every_kind
def test_a_compressed_file_in_an_archive_has_its_name_without_the_ending(kind: str) -> None:
    archive = tarred({"deep.png": PNG})
    packed = PACK[kind](archive)
    found = read(zipped({"b/album.tar.x": packed, "c.x": PACK[kind](b"word")}))
    assert_found(
        found,
        {
            "b/album.tar.x!/deep.png": PNG,
            "b/album.tar.x!/album.tar": archive,
            "b/album.tar.x": packed,
            "c.x!/c": b"word",
            "c.x": PACK[kind](b"word"),
        },
    )


def test_archives_in_a_compressed_file_are_deeper_unless_they_are_tar() -> None:
    inner = zipped({"a": PNG})
    twice = gzip.compress(gzip.compress(tarred(FILES)))
    assert paths(read(gzip.compress(inner))) == ["unpacked!/a", "unpacked"]
    assert rules(read(gzip.compress(inner), replace(LIMITS, depth=0))) == {"archive.depth": 1}
    assert paths(read(twice)) == [*(f"unpacked!/{name}" for name in FILES), "unpacked!/unpacked", "unpacked"]
    assert rules(read(twice, replace(LIMITS, depth=0))) == {"archive.depth": 1}


@pytest.mark.parametrize(
    ("packed", "files"),
    [
        (gzipped(b"x", flags=0x08, fields=b"n\xc3\xa9.txt\0"), {"n\u00e9.txt": b"x"}),
        (gzipped(b"x", flags=0x08, fields=b"\xff\x1b\0"), {"\\xff\\x1b": b"x"}),
        (gzipped(b"x", flags=0x1F, fields=b"\x03\0abc" + b"n\0" + b"words\0" + b"\0\0"), {"n": b"x"}),
        (gzipped(b"x", checksum=1), {"unpacked": b"x"}),
        (gzipped(b"x") + gzipped(b"y", flags=0x08, fields=b"n\0"), {"unpacked": b"xy"}),
        (gzipped(b"x") + bytes(900) + gzipped(b"y"), {"unpacked": b"xy"}),
        (gzipped(b"x") + b"stray bytes", {"unpacked": b"x"}),
        (gzipped(b"x") + b"\x1f", {"unpacked": b"x"}),
        (gzipped(b"x") + zipped({"z": b"y"}), {"unpacked": b"x", "z": b"y"}),
        (bz2.compress(b"x") + bz2.compress(b"y") + b"stray", {"unpacked": b"xy"}),
        (lzma.compress(b"x") + bytes(8) + lzma.compress(b"y"), {"unpacked": b"xy"}),
        (TO_SKIP + zstd.compress(b"x") + TO_SKIP + zstd.compress(b"y") + TO_SKIP, {"unpacked": b"xy"}),
        (gzipped(b""), {}),
    ],
)
def test_streams_in_a_row_are_one_file_and_headers_may_have_every_field(packed: bytes, files: dict[str, bytes]) -> None:
    assert_found(read(packed), files)
    assert_found(read(in_pieces(packed, 1)), files)


@every_kind
def test_a_compressed_file_that_is_cut_has_no_digest_and_its_whole_members_have(kind: str) -> None:
    packed = PACK[kind](tarred(FILES))
    assert_found(read(packed[: len(packed) - 300]), {"a.png": PNG} if kind not in ("bzip2", "zstd") else {}, cut=1)
    assert_found(read(packed[: len(packed) // 2]), {}, cut=1)


def test_a_gzip_file_cut_in_its_header_or_trailer_says_so() -> None:
    whole = gzipped(b"x", flags=0x08, fields=b"name\0")
    assert_found(read(whole[:8]), {}, cut=1)
    assert_found(read(whole[:-3]), {"name": b"x"}, cut=1)
    assert_found(read(whole + whole[:12]), {}, cut=1)
    assert_found(read(gzipped(b"x", flags=0x08, fields=b"n" * 5_000)), {}, damaged=1)


@every_kind
def test_a_damaged_stream_has_no_digest(kind: str) -> None:
    packed = PACK[kind](b" ".join(b"%x" % number for number in range(5_000)))
    packed = packed[: len(packed) // 2].ljust(len(packed), b"\xff")
    found = read(packed)
    # Where a stream has no marks, rubbish in it may only end too early.
    assert (paths(found), list(rules(found).values())) == ([], [1])
    assert set(rules(found)) <= {"archive.damaged", "archive.cut"}


@pytest.mark.parametrize(
    ("window", "is_read"),
    [(8 * 2**20, True), (64 * 2**20, True), (128 * 2**20, False)],
)
def test_a_window_larger_than_64_mebibytes_is_not_given(window: int, is_read: bool) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": window}]
    packed = lzma.compress(b"word", filters=filters)
    frame = b"\x28\xb5\x2f\xfd\0" + bytes([(window.bit_length() - 11) << 3]) + b"\x21\0\0word"
    for each in (packed, frame):
        assert_found(read(each), {"unpacked": b"word"} if is_read else {}, **({} if is_read else {"damaged": 1}))
        inside = read(zipped({"inner.x": each}))
        assert ("archive.damaged" in rules(inside)) is (window > 16 * 2**20)


# --- limits ---


@every_kind
def test_a_bomb_ends_at_the_ratio(kind: str) -> None:
    bomb = PACK[kind](bytes(4_000_000))
    tracemalloc.start()
    try:
        found = read(in_pieces(bomb, 10_000), replace(LIMITS, free_bytes=2**20, ratio=10))
        assert tracemalloc.get_traced_memory()[1] < 12 * 2**20  # of which XZ takes 8
    finally:
        tracemalloc.stop()
    assert_found(found, {}, ratio=1)


def test_the_size_of_the_file_is_limited_and_a_tar_archive_in_it_is_read_on() -> None:
    packed = gzip.compress(tarred(FILES))
    assert_found(read(packed, replace(LIMITS, member_bytes=len(PNG))), FILES, member_bytes=1)


@pytest.mark.parametrize(
    "part",
    [gzipped(b""), gzipped(b"x"), bz2.compress(b""), lzma.compress(b""), zstd.compress(b""), TO_SKIP],
    ids=["gzip", "gzip of a byte", "bzip2", "xz", "zstd", "to skip"],
)
def test_streams_without_end_that_hold_almost_nothing_end_at_the_members(part: bytes) -> None:
    with measured() as cost:
        found = read(in_pieces(part * (2 * 2**20 // len(part)), 65_536), replace(LIMITS, members=2_000))
    assert cost.units < LINEAR
    assert rules(found) == {"archive.members": 1}


@given(
    kind=st.sampled_from(list(PACK)),
    data=st.binary(max_size=600),
    place=st.integers(0, 400),
    damage=st.binary(max_size=6),
    piece=st.integers(1, 300),
)
def test_any_damage_is_read_without_failing_and_however_it_is_cut(
    kind: str, data: bytes, place: int, damage: bytes, piece: int
) -> None:
    packed = PACK[kind](data)
    packed = packed[:place] + damage + packed[place + len(damage) :]
    assert read(in_pieces(packed, piece)) == read(packed)
