"""Every member of a TAR archive that can be read is hashed, whatever its header's form; what cannot be is noted."""

from __future__ import annotations

import gzip
import random
import struct
import tarfile
import tracemalloc
from dataclasses import replace
from itertools import islice, pairwise

import pytest
from archive_contents import LIMITS, assert_found, in_pieces, paths, read, rules
from calibration import LINEAR, measured
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.bodies.archives.archive_kinds import kind_of
from orbweaver.crawler.bodies.archives.tar_headers import pax_records
from tar_bytes import END, GNU, header, member, padded, pax, record, tarred
from zip_bytes import zipped

NOISE = random.Random(5).randbytes(70_000)
PNG = b"\x89PNG\r\n\x1a\n" + NOISE
LONG = "long/" * 30 + "name.png"
FILES = {"a.png": PNG, "folder/": b"", "folder/b.bin": NOISE[:512], LONG: b"y", "\u00e9": b"z", "empty": b"", "c": b"x"}
FORMS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("piece", [500, 10**6])
def test_every_member_that_is_not_empty_is_hashed_however_it_arrives(form: int, piece: int) -> None:
    archive = tarred(FILES, form)
    assert kind_of(archive) == "tar"
    assert_found(read(in_pieces(archive, piece)), FILES)
    assert_found(read(in_pieces(tarred({"c": b"x"}, form), 1)), {"c": b"x"})


@given(
    files=st.dictionaries(st.text("abc", min_size=1, max_size=9), st.binary(max_size=1_500), min_size=1, max_size=5),
    form=st.sampled_from(list(FORMS.values())),
    places=st.lists(st.integers(0, 9_000), max_size=6),
)
def test_any_members_in_any_chunks_are_hashed(files: dict[str, bytes], form: int, places: list[int]) -> None:
    files = {
        name: b"." + data.replace(b"PK", b"").replace(b"Rar", b"").replace(b"7z", b"") for name, data in files.items()
    }
    archive = tarred(files, form)
    cuts = [0, *sorted(min(place, len(archive)) for place in places), len(archive)]
    assert_found(read(archive[begin:end] for begin, end in pairwise(cuts)), files)


# --- forms of headers ---

BASE_256 = b"\x80" + (5).to_bytes(11, "big")
ONE = member(b"a", b"first")
SPARSE = b"head" + bytes(5_000) + b"tail" + bytes(3)
SPARSE_PAIRS = [(0, 4), (5_004, 4)]
STORED = b"headtail"


def old_sparse(pairs: list[tuple[int, int]], stored: bytes, real_size: int) -> bytes:
    numbers = [b"%011o\0%011o\0" % pair for pair in pairs]
    blocks = [numbers[begin : begin + 21] for begin in range(4, len(numbers), 21)]
    fields = {386: b"".join(numbers[:4]), 482: b"\1" if blocks else b"\0", 483: b"%011o\0" % real_size}
    more = [padded(b"".join(block).ljust(504, b"\0") + (b"\1" if block is not blocks[-1] else b"")) for block in blocks]
    return header(b"s", len(stored), kind=b"S", magic=GNU, fields=fields) + b"".join(more) + padded(stored)


def sparse_records(*more: tuple[bytes, bytes]) -> bytes:
    return pax([(b"GNU.sparse." + key, value) for key, value in more])


def map_lines(pairs: list[tuple[int, int]]) -> bytes:
    return padded(b"".join(b"%d\n" % number for number in (len(pairs), *(n for pair in pairs for n in pair))))


MANY_PAIRS = [(place * 10, 1) for place in range(60)]
MANY = b"".join(b"x" + bytes(9) for _ in range(60))

READ = {
    "a size in base 256": (header(b"a", BASE_256) + padded(b"first"), {"a": b"first"}),
    "a size with blanks before it": (header(b"a", b"          5 ") + padded(b"first"), {"a": b"first"}),
    "a size that fills its field": (header(b"a", b"000000000005") + padded(b"first"), {"a": b"first"}),
    "an old archive without a mark": (member(b"a", b"first", magic=b"", kind=b"\0"), {"a": b"first"}),
    "an old folder": (header(b"a/", magic=b"", kind=b"\0") + member(b"a/b", b"x", kind=b"\0"), {"a/b": b"x"}),
    "a checksum of signed bytes": (member(b"\xe9\xe9", b"first", is_signed=True), {"\\xe9\\xe9": b"first"}),
    "a contiguous file": (member(b"a", b"first", kind=b"7"), {"a": b"first"}),
    "a type that nobody knows": (member(b"a", b"first", kind=b"Z"), {"a": b"first"}),
    "a prefix of the name": (member(b"a", b"first", prefix=b"b/c"), {"b/c/a": b"first"}),
    "a field of GNU's where POSIX has a prefix": (member(b"a", b"x", magic=GNU, prefix=b"777"), {"a": b"x"}),
    "links, devices and pipes": (
        b"".join(header(b"a", 5, kind=kind) for kind in (b"1", b"2", b"3", b"4", b"5", b"6", b"V")) + ONE,
        {"a": b"first"},
    ),
    "a hard link with data": (member(b"a", b"first", kind=b"1") + member(b"b", b"x"), {"a": b"first", "b": b"x"}),
    "a hard link at the end": (ONE + header(b"b", 9, kind=b"1"), {"a": b"first"}),
    "a path in a pax header": (
        pax([(b"path", b"p\xc3\xa9")]) + ONE + member(b"b", b"x"),
        {"p\u00e9": b"first", "b": b"x"},
    ),
    "a size in a pax header": (pax([(b"size", b"5")]) + header(b"a", 0) + padded(b"first"), {"a": b"first"}),
    "Solaris's pax header": (pax([(b"path", b"p")], kind=b"X") + ONE, {"p": b"first"}),
    "a pax header for all": (pax([(b"path", b"p"), (b"comment", b"0" * 40)], kind=b"g") + ONE, {"a": b"first"}),
    "a pax size before another extension": (
        pax([(b"size", b"5")]) + member(b"", b"n" * 300 + b"\0", kind=b"L") + header(b"a", 0) + padded(b"first"),
        {"n" * 199 + "\u2026": b"first"},
    ),
    "a long name of GNU's": (
        member(b"", b"long\0", kind=b"L") + member(b"", b"x\0", kind=b"K") + ONE,
        {"long": b"first"},
    ),
    "a name that is not UTF-8": (member(b"\xff\x1b[31m", b"x"), {"\\xff\\x1b[31m": b"x"}),
    "a name that leads out": (member(b"../../etc/x", b"x"), {"../../etc/x": b"x"}),
    "archives in a row": (
        ONE + END * 3 + member(b"b", b"x") + END + member(b"c", b"y"),
        {"a": b"first", "b": b"x", "c": b"y"},
    ),
    "one block of zeros between": (ONE + bytes(512) + member(b"b", b"x"), {"a": b"first", "b": b"x"}),
    "rubbish after the end": (ONE + END + NOISE, {"a": b"first"}),
    "a ZIP archive after the end": (ONE + END + zipped({"z": b"zip"}), {"a": b"first", "z": b"zip"}),
    "an old sparse file": (
        old_sparse(SPARSE_PAIRS, STORED, len(SPARSE)) + member(b"b", b"x"),
        {"s": SPARSE, "b": b"x"},
    ),
    "an old sparse file with a long map": (
        old_sparse(MANY_PAIRS, b"x" * 60, 600) + member(b"b", b"x"),
        {"s": MANY, "b": b"x"},
    ),
    "a sparse file of pax 0.0": (
        sparse_records(
            (b"size", b"%d" % len(SPARSE)),
            (b"numblocks", b"2"),
            (b"offset", b"0"),
            (b"numbytes", b"4"),
            (b"offset", b"5004"),
            (b"numbytes", b"4"),
        )
        + member(b"s", STORED),
        {"s": SPARSE},
    ),
    "a sparse file of pax 0.1": (
        sparse_records((b"name", b"real"), (b"size", b"%d" % len(SPARSE)), (b"map", b"0,4,5004,4"))
        + member(b"s", STORED),
        {"real": SPARSE},
    ),
    "a sparse file of pax 1.0": (
        sparse_records((b"major", b"1"), (b"minor", b"0"), (b"name", b"real"), (b"realsize", b"%d" % len(SPARSE)))
        + member(b"GNUSparseFile.0/s", map_lines(SPARSE_PAIRS) + STORED)
        + member(b"b", b"x"),
        {"real": SPARSE, "b": b"x"},
    ),
    "a sparse file of pax 1.0 with a map of several blocks": (
        sparse_records((b"major", b"1"), (b"realsize", b"600"))
        + member(b"s", map_lines(MANY_PAIRS + [(600, 0)] * 60) + b"x" * 60)
        + member(b"b", b"x"),
        {"s": MANY, "b": b"x"},
    ),
    "a sparse file of holes alone": (
        sparse_records((b"size", b"3000"), (b"map", b"")) + header(b"s") + member(b"b", b"x"),
        {"s": bytes(3_000), "b": b"x"},
    ),
}


@pytest.mark.parametrize(("archive", "files"), READ.values(), ids=READ)
def test_each_form_of_header_is_read(archive: bytes, files: dict[str, bytes]) -> None:
    whole = archive + END
    assert_found(read(whole), files)
    assert_found(read(in_pieces(whole, 97)), files)


# --- what cannot be read ---

BAD_CHECKSUM = ONE[:148] + b"000001\0 " + ONE[156:]
NOTED = {
    "a wrong checksum": (ONE + BAD_CHECKSUM + member(b"b", b"x"), {"a": b"first", "b": b"x"}, {"damaged": 1}),
    "a damaged header at the beginning": (BAD_CHECKSUM + member(b"b", b"x"), {"b": b"x"}, {"damaged": 1}),
    "a damaged header before data with zeros in it": (
        ONE + BAD_CHECKSUM + bytes(4_096) + NOISE[:1_024] + member(b"b", b"x"),
        {"a": b"first", "b": b"x"},
        {"damaged": 1},
    ),
    "one block of zeros in place of a header": (
        ONE + bytes(512) + padded(NOISE[:600]) + member(b"b", b"x"),
        {"a": b"first", "b": b"x"},
        {"damaged": 1},
    ),
    "a negative size": (
        ONE + header(b"n", b"\xff" * 12) + member(b"b", b"x"),
        {"a": b"first", "b": b"x"},
        {"damaged": 1},
    ),
    "a size with a sign": (ONE + header(b"n", b"-0000000001\0") + ONE, {"a": b"first"}, {"damaged": 1}),
    "a size that is no number": (
        ONE + header(b"n", b"five\0") + member(b"b", b"x"),
        {"a": b"first", "b": b"x"},
        {"damaged": 1},
    ),
    "a negative size in a pax header": (pax([(b"size", b"-512")]) + ONE, {"a": b"first"}, {"damaged": 1}),
    "a pax record of no length": (member(b"p", b"0 a=b\n", kind=b"x") + ONE, {"a": b"first"}, {"damaged": 1}),
    "a pax record that goes on too far": (
        member(b"p", b"99 path=b\n", kind=b"x") + ONE,
        {"a": b"first"},
        {"damaged": 1},
    ),
    "a pax header of more than a mebibyte": (pax([(b"path", b"p" * 2**20)]) + ONE, {"a": b"first"}, {"damaged": 1}),
    "a part of a file": (ONE + member(b"m", b"rest", kind=b"M"), {"a": b"first"}, {"volume": 1}),
    "an old sparse map that is not that of its data": (
        old_sparse([(0, 4), (2, 4)], STORED, 99) + ONE,
        {"a": b"first"},
        {"damaged": 1},
    ),
    "an old sparse map with a bad number": (
        header(b"s", 8, kind=b"S", magic=GNU, fields={386: b"\xff" * 24, 483: b"%011o\0" % 99}) + padded(STORED) + ONE,
        {"a": b"first"},
        {"damaged": 1},
    ),
    "a sparse map beyond the file": (
        sparse_records((b"size", b"9"), (b"map", b"0,4,5,9")) + member(b"s", b"0123456789abc") + ONE,
        {"a": b"first"},
        {"damaged": 1},
    ),
    "a sparse map of half a pair": (
        sparse_records((b"size", b"9"), (b"map", b"0,4,5")) + member(b"s", STORED[:4]) + ONE,
        {"a": b"first"},
        {"damaged": 1},
    ),
    "a sparse map in the data without an end": (
        sparse_records((b"major", b"1"), (b"realsize", b"9")) + member(b"s", padded(b"9\n1\n")) + ONE,
        {"a": b"first"},
        {"damaged": 1},
    ),
    "a sparse map in the data that is none": (
        sparse_records((b"major", b"1"), (b"realsize", b"9")) + member(b"s", NOISE[:2_000]) + ONE,
        {"a": b"first"},
        {"damaged": 1},
    ),
    "a sparse file of an exbibyte": (
        sparse_records((b"size", b"%d" % 2**60), (b"map", b"0,8")) + member(b"s", STORED) + ONE,
        {"a": b"first"},
        {"member_bytes": 1},
    ),
    "a sparse file of a gibibyte in a small archive": (
        sparse_records((b"size", b"%d" % 2**30), (b"map", b"0,8")) + member(b"s", STORED) + ONE,
        {"a": b"first"},
        {"ratio": 1},
    ),
}


@pytest.mark.parametrize(("archive", "files", "noted"), NOTED.values(), ids=NOTED)
def test_what_cannot_be_read_is_noted_and_its_neighbours_are_read(
    archive: bytes, files: dict[str, bytes], noted: dict[str, int]
) -> None:
    whole = archive + END
    assert_found(read(whole), files, **noted)
    assert_found(read(in_pieces(whole, 97)), files, **noted)


@pytest.mark.parametrize(
    ("kept", "files"),
    [
        (700, {}),  # in the first member's data
        (1_024, {"a": b"first"}),  # before the second header: it cannot be known that there was one
        (1_300, {"a": b"first"}),  # in a header
        (1_536 + 5, {"a": b"first", "b": b"other"}),  # the data are whole, the padding is not
    ],
)
def test_an_archive_cut_anywhere_keeps_its_whole_members_and_says_so(kept: int, files: dict[str, bytes]) -> None:
    archive = member(b"a", b"f" * 300 if not files else b"first") + member(b"b", b"other") + END
    assert_found(read(archive[:kept]), files, cut=1)


def test_a_size_of_more_than_eight_gibibytes_is_believed_and_its_cut_said() -> None:
    for begin in (
        pax([(b"size", b"%d" % (9 * 2**30))]) + header(b"a"),
        header(b"a", b"\x80" + (2**70).to_bytes(11, "big")),
    ):
        assert_found(read(ONE + begin + NOISE), {"a": b"first"}, cut=1)


# --- archives in archives ---


def test_archives_of_different_kinds_in_each_other_are_looked_into_by_the_same_limit() -> None:
    inner = zipped({"deep.png": PNG})
    archive = tarred({"b/inner.cbz": inner, "other": b"y"})
    found = read(zipped({"t.tar": archive}))
    assert paths(found) == ["t.tar!/b/inner.cbz!/deep.png", "t.tar!/b/inner.cbz", "t.tar!/other", "t.tar"]
    found = read(archive, replace(LIMITS, depth=0))
    assert (paths(found), rules(found)) == (["b/inner.cbz", "other"], {"archive.depth": 1})
    for level in range(4):
        archive = tarred({f"{level}.tar": archive})
    assert rules(read(archive)) == {"archive.depth": 1}


# --- limits ---


def test_members_and_their_bytes_are_limited_as_in_a_zip_archive() -> None:
    archive = tarred({str(number): b"x" * 100 for number in range(11)})
    assert len(read(archive, replace(LIMITS, members=11)).members) == 11
    assert_found(read(archive, replace(LIMITS, members=1)), {"0": b"x" * 100}, members=1)
    assert_found(read(archive, replace(LIMITS, decoded_bytes=150)), {"0": b"x" * 100}, decoded_bytes=1)
    # So are extensions, of which each member may have four.
    extensions = pax([(b"path", b"p")])
    assert_found(read(ONE + extensions * 8 + ONE + END, replace(LIMITS, members=2)), {"a": b"first", "p": b"first"})
    assert_found(read(ONE + extensions * 9 + ONE + END, replace(LIMITS, members=2)), {"a": b"first"}, members=1)
    archive = tarred({"a": b"x", "large": NOISE, "b": b"y"})
    assert_found(read(archive, replace(LIMITS, member_bytes=len(NOISE) - 1)), {"a": b"x", "b": b"y"}, member_bytes=1)


@pytest.mark.parametrize(
    "part",
    [
        header(b"e"),
        header(b"d/", kind=b"5"),
        header(b"", 0, kind=b"L"),
        pax([(b"path", b"p")]),
        header(b"h", 5, kind=b"1"),
        header(b"s", 0, kind=b"S", fields={482: b"\1"}) + (bytes(504) + b"\1").ljust(512, b"\0") * 9,
        BAD_CHECKSUM[:512],
        b"\xff" * 512,
        bytes(512),
        member(b"n.tar", ONE),
    ],
    ids=["empty", "folders", "long names", "pax", "links", "maps", "damaged", "rubbish", "zeros", "nested"],
)
def test_two_mebibytes_of_malice_take_reasonable_time_and_memory(part: bytes) -> None:
    archive = ONE + part * (2 * 2**20 // len(part))
    with measured() as cost:
        found = read(in_pieces(archive, 65_536))
    assert cost.units < LINEAR
    assert len(found.members) <= LIMITS.members


def test_the_holes_of_sparse_files_count_in_a_compressed_archive_too() -> None:
    archive = old_sparse([], b"", 40_000) * 50 + END
    limits = replace(LIMITS, free_bytes=100_000, ratio=2)
    for body in (archive, gzip.compress(archive), gzip.compress(gzip.compress(archive))):
        found = read(body, limits)
        assert 0 < sum(one.digests.size for one in found.members) <= 100_000 + 4 * len(archive)
        assert rules(found)["archive.ratio"] > 0


def test_an_extension_is_held_up_to_its_limit() -> None:
    archive = header(b"p", 50 * 2**20, kind=b"x")
    tracemalloc.start()
    try:
        read([archive, *[NOISE[:65_536]] * 800])
        assert tracemalloc.get_traced_memory()[1] < 2 * 2**20
        read([header(b"p", 2**20, kind=b"x"), record(b"GNU.sparse.offset", b"1") * 2**15, ONE])
        assert tracemalloc.get_traced_memory()[1] < 12 * 2**20
    finally:
        tracemalloc.stop()


def test_pax_records_are_read_in_one_go() -> None:
    """Counted by what it yields: a record of no length must not be read for ever."""
    data = b"".join(record(b"k", b"v" * (number % 9)) for number in range(1_000))
    assert sum(1 for _ in pax_records(data)) == 1_000
    assert next(pax_records(record(b"a", b"b\nc=d")))[1] == b"b\nc=d"
    for bad in (
        b"0 a=b\n",
        b"5 a=b\n",
        b"6 a=b",
        b"-6 a=b\n",
        b"6 ab \n",
        b"99999999999 a=b\n",
        b"\xff",
        b"6 a=b\n0 c=d\n",
    ):
        with pytest.raises(ValueError, match="no pax record"):
            list(islice(pax_records(bad), 9))


MATERIAL = [
    ONE,
    END,
    bytes(512),
    pax([(b"path", b"p"), (b"size", b"3")]),
    pax([(b"GNU.sparse.size", b"99"), (b"GNU.sparse.map", b"0,3")]),
    pax([(b"GNU.sparse.major", b"1"), (b"GNU.sparse.realsize", b"99")]),
    member(b"", b"name\0", kind=b"L"),
    old_sparse(SPARSE_PAIRS, STORED, len(SPARSE)),
    member(b"m", map_lines([(0, 3)]) + b"abc"),
    header(b"h", 4, kind=b"1"),
    member(b"z.zip", zipped({"x": b"y"})),
    BAD_CHECKSUM,
    NOISE[:512],
    struct.pack("512s", b"text"),
]


@given(st.lists(st.sampled_from(MATERIAL) | st.binary(max_size=40), max_size=12), st.integers(1, 1_300))
def test_any_mix_of_blocks_is_read_without_failing_and_however_it_is_cut(parts: list[bytes], piece: int) -> None:
    archive = ONE + b"".join(parts)
    assert read(in_pieces(archive, piece)) == read(archive)
