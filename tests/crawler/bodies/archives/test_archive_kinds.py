"""An archive is known by its first bytes, behind other bytes, or by its end; one that is not read is said."""

from __future__ import annotations

import gzip
import random
import struct
import tracemalloc
from dataclasses import replace

import pytest
from archive_contents import LIMITS, assert_found, in_pieces, paths, read, rules
from calibration import LINEAR, measured
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.bodies.archives.archive_kinds import (
    DECIDING_BYTES,
    NOT_SEARCHED,
    READ,
    UNREAD,
    kind_of,
)
from orbweaver.crawler.bodies.archives.archive_reader import ArchiveReader
from orbweaver.model import Outcome
from tar_bytes import END, member
from zip_bytes import deflated, directory, local, streamed, zipped

NOISE = random.Random(7).randbytes(70_000)
PNG = b"\x89PNG\r\n\x1a\n" + NOISE
PROGRAM = b"MZ" + NOISE[:9_000] + b"PK\x03\x04" + bytes(40) + NOISE[:9_000]
FILES = {"a.png": PNG, "b": b"word"}
RAR4, RAR5 = b"Rar!\x1a\x07\x00", b"Rar!\x1a\x07\x01\x00"
SEVEN_ZIP = b"7z\xbc\xaf\x27\x1c\x00\x04"
ISO = bytes(32_768) + b"\x01CD001\x01\x00" + bytes(2_040)

SIGNATURES = {
    "7z": [SEVEN_ZIP],
    "rar": [RAR4, RAR5, b"RE~^\x07\x00"],
    "cab": [b"MSCF\0\0\0\0\x10\x20\0\0"],
    "lzh": [b"\x24\x11-lh5-\0\0", b"\x24\x11-lzs-\0\0", b"\x24\x11-pm0-\0\0"],
    "arj": [b"\x60\xea\x2a\0\x1e\x0b\x01\x0b\x10\0\x02"],
    "ace": [b"\x31\x32\x31\0\0\0\x90**ACE**\x14"],
    "alz": [b"ALZ\x01\x0a\0\0\0"],
    "egg": [b"EGGA\0\x01"],
    "zoo": [b"ZOO 2.10 Archive.\x1a\0\0\xdc\xa7\xc4\xfd"],
    "stuffit": [b"SIT!\0\x01\0\0\0\x99rLau", b"StuffIt (c)1997-"],
    "shell": [
        b"#!/bin/sh\n# This script was generated using Makeself 2.4.0\n",
        b"#! /bin/sh\n# This is a shell archive (produced by GNU sharutils 4.15.2).\n",
    ],
    "xar": [b"xar!\0\x1c\0\x01"],
    "wim": [b"MSWIM\0\0\0\xd0"],
    "squashfs": [b"hsqs\x07\0\0\0", b"sqsh\0\0\0\x07"],
    "freearc": [b"ArC\x01\0"],
    "zpaq": [b"zPQ\x02\x01", b"7kSt\xa01\x83"],
    "cpio": [b"070701000A", b"070702000A", b"0707070000"],
    "ar": [b"!<arch>\ndebian-binary   "],
    "rpm": [b"\xed\xab\xee\xdb\x03\0"],
    "compress": [b"\x1f\x9d\x90abc"],
    "lzip": [b"LZIP\x01\x0c"],
    "lz4": [b"\x04\x22\x4d\x18\x64", b"\x02\x21\x4c\x18\0"],
    "lzop": [b"\x89LZO\0\r\n\x1a\n\x10"],
    "disk": [
        *(b"QFI\xfb\0\0\0\x03", b"KDMV\x01\0\0\0", b"vhdxfile", b"conectix\0", bytes(64) + b"\x7f\x10\xda\xbe"),
    ],
    "iso": [ISO, bytes(32_769) + b"BEA01\x01\0"],
}


def test_every_kind_that_is_not_read_is_known_by_its_signature_and_said() -> None:
    assert set(SIGNATURES) == set(UNREAD)
    for kind, heads in SIGNATURES.items():
        for head in heads:
            body = head + (b"" if kind == "iso" else NOISE)
            for found in (read(body), read(in_pieces(body, 900)), read(in_pieces(body[:50_000], 99))):
                assert_found(found, {}, **{kind: 1})
                assert (found.notes[0].outcome, found.notes[0].is_failure) == (Outcome.ARCHIVE_NOT_READ, True)
            assert kind_of(head) == (kind if kind != "iso" else None)


@pytest.mark.parametrize(
    "head",
    [
        *(
            b"",
            b"Rar!",
            b"7z",
            b"PK",
            b"\x1f\x8b",
            b"\x1f\x8b\x00",
            b"BZh9 is a word",
            b"MSCF",
            b"#!/bin/sh\n# This is a shell script\n",
            b"\x60\xea and more text",
        ),
        *(
            b"]\0\0 is no lzma file",
            b"\x1f\x9d\0",
            b"EGGA",
            b"0707 is a number",
            b"!<arch>",
            PNG,
            bytes(600),
            b" " * 600,
        ),
        *(b"0" * 600, b"<svg/>", b"%PDF", b"\xff\xd8\xff\xe0", b"GIF89a", b"OggS", b"RIFF\0\0\0\0WEBP"),
    ],
)
def test_what_only_begins_like_an_archive_is_none(head: bytes) -> None:
    assert kind_of(head) is None
    assert_found(read(head), {})


@given(
    head=st.sampled_from(
        [head for heads in SIGNATURES.values() for head in heads] + [member(b"a", b"x"), zipped(FILES)]
    ),
    damage=st.binary(max_size=4),
    place=st.integers(0, 30),
)
def test_a_file_has_one_kind_however_its_bytes_arrive(head: bytes, damage: bytes, place: int) -> None:
    head = (head[:place] + damage + head[place + len(damage) :])[:600]
    whole = kind_of(head)
    kinds = [kind_of(head[:length]) for length in range(min(len(head), DECIDING_BYTES) + 1)]
    assert {kind for kind in kinds if kind is not None} == ({whole} if whole else set())
    assert whole is None or whole in READ or whole in UNREAD or whole in NOT_SEARCHED


def test_a_document_in_which_no_file_is_looked_for_is_said_and_no_failure() -> None:
    for kind, head in {"pdf": b"%PDF-1.7\n", "ole": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"}.items():
        found = read(in_pieces(head + NOISE, 900))
        assert_found(found, {}, **{kind: 1})
        assert (found.notes[0].outcome, found.notes[0].is_failure) == (Outcome.ARCHIVE_NOT_READ, False)
        assert_found(read(head + NOISE + zipped(FILES)), FILES, **{kind: 1})


def test_an_archive_that_is_not_read_is_counted_inside_others_too() -> None:
    found = read(zipped({"a.rar": RAR5 + NOISE, "b.rar": RAR4, "c.7z": SEVEN_ZIP + NOISE, "d": b"x"}))
    assert paths(found) == ["a.rar", "b.rar", "c.7z", "d"]
    assert rules(found) == {"archive.rar": 2, "archive.7z": 1}


# --- behind other bytes ---


@pytest.mark.parametrize("before", [PNG, PROGRAM, b"GIF89a", NOISE * 3], ids=["picture", "program", "short", "long"])
@pytest.mark.parametrize("archive", [zipped(FILES), streamed(FILES)], ids=["zipped", "streamed"])
@pytest.mark.parametrize("piece", [61, 65_536, 10**7])
def test_a_zip_archive_behind_other_bytes_is_read(before: bytes, archive: bytes, piece: int) -> None:
    assert_found(read(in_pieces(before + archive, piece)), FILES)


@pytest.mark.parametrize("mark", [RAR4, RAR5, SEVEN_ZIP])
@pytest.mark.parametrize("piece", [1, 65_536])
def test_a_rar_or_7z_archive_behind_a_program_is_said(mark: bytes, piece: int) -> None:
    body = NOISE[:2_000] + mark + NOISE[:2_000]
    assert_found(read(in_pieces(body, piece)), {}, **{"7z" if mark is SEVEN_ZIP else "rar": 1})


# Ends of archives of one to three small files by 7-Zip 26.02, py7zr 1.1.4 and libarchive 3.6.2, with a packed header or
# a plain one; and the end blocks of RAR 5, alone and of a volume, and of RAR 4.
ENDS_OF_ARCHIVES = """
    7z 1706938b01097e00070b01000123030101055d001000000c6e0a01ce0c2df70000
    7z 1706938c01095b00070b010001212101180c550000
    7z 170693d501097800070b01000123030101055d000080000c80950a0169a21c160000
    7z 0000140a0100c393c369ad7fdd01150601002080a4810000
    7z dd01150a01002080a4812080a4810000
    7z dd01151201001080ed412080a4812080a4812080a4810000
    rar 1d77565103050400
    rar 8b47512603050401
    rar c43d7b00400700
"""


@pytest.mark.parametrize("written", ENDS_OF_ARCHIVES.split("\n")[1:-1])
def test_a_rar_or_7z_archive_behind_a_picture_is_known_by_its_end(written: str) -> None:
    kind, end = written.split()
    mark = SEVEN_ZIP if kind == "7z" else RAR5
    for head in (b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP", b"\0\0\0\x18ftypisom"):
        body = head + NOISE + mark + NOISE + bytes.fromhex(end)
        for piece in (7, 65_536):
            assert_found(read(in_pieces(body, piece)), {}, **{kind: 1})
        assert_found(read(body[: len(head) + len(NOISE)]), {})


def test_a_zip_archive_stored_in_what_is_not_read_is_read_all_the_same() -> None:
    assert_found(read(in_pieces(RAR5 + NOISE + zipped(FILES) + NOISE, 9_000)), FILES, rar=1)
    assert_found(read(in_pieces(ISO + NOISE + zipped(FILES), 9_000)), FILES, iso=1)


@pytest.mark.parametrize("after", [b"", b"stray bytes"])
def test_the_end_of_a_zip_archive_without_its_members_is_said(after: bytes) -> None:
    """It is the last file of an archive in several; or its headers are such that programs need the directory."""
    entries = directory([b"a", b"b"])[:-22]
    end = entries + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 1, 1, 2, 2, len(entries), 0, 0)
    for before in (NOISE, NOISE + b"PK\x03\x04" + b"\xff" * 26 + NOISE, b""):
        for piece in (7, 10**6):
            assert_found(read(in_pieces(before + end + after, piece)), {}, zip=1)
    assert_found(read(NOISE + end + bytes(70_000)), {})
    # A comment is text, and may be long.
    for comment in (b"a" * 5_000, b"Volume 3 of 3\r\n" * 4_000):
        commented = end[:-2] + struct.pack("<H", len(comment)) + comment
        assert_found(read(in_pieces(NOISE + commented, 9_000)), {}, zip=1)
    assert_found(read(NOISE + b"PK\x05\x06" + bytes(18)), {})
    assert_found(read(NOISE + b"PK\x05\x06"), {})


def test_an_apple_disk_image_is_known_by_its_end() -> None:
    end = (b"koly\0\0\0\x04\0\0\x02\0").ljust(512, b"\0")
    for before in (b"", NOISE):
        assert_found(read(in_pieces(before + end, 300)), {}, disk=1)
        assert_found(read(before + end + b"\0"), {})


@pytest.mark.parametrize("packed", [member(b"a", b"x"), gzip.compress(member(b"a", b"x"))], ids=["tar", "tar.gz"])
def test_a_tar_archive_or_a_compressed_file_behind_other_bytes_is_not_found(packed: bytes) -> None:
    assert_found(read(PNG + packed), {})
    assert_found(read(PROGRAM + packed), {})


def test_bytes_that_look_like_a_header_hide_none() -> None:
    decoys = b"PK\x03\x04" * 50 + local(b"\x01\x02", b"x") + b"PK\x03\x04\x14" + bytes(25)
    assert_found(read(NOISE + decoys + zipped(FILES)), FILES)
    assert rules(read(NOISE + decoys + zipped(FILES), replace(LIMITS, members=10))) == {"archive.members": 1}


def test_what_is_behind_a_member_of_an_archive_is_found_within_the_depth() -> None:
    hidden = PNG + zipped({"deep": b"x"})
    found = read(member(b"a.png", hidden) + END)
    assert_found(found, {"a.png!/deep": b"x", "a.png": hidden})
    assert_found(read(zipped({"a.png": hidden}), replace(LIMITS, depth=0)), {"a.png": hidden}, depth=1)


def test_a_file_without_an_archive_is_passed_by_and_its_last_bytes_alone_are_held() -> None:
    reader = ArchiveReader(LIMITS)
    tracemalloc.start()
    try:
        for chunk in in_pieces(PNG, 50_000) * 100:
            assert reader.pass_by(chunk)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert not reader.pass_by(b"PK\x03\x04")
    reader.feed(b"PK\x03\x04")
    reader.finish()
    assert reader.contents().members == ()


@pytest.mark.parametrize(
    "part",
    [
        b"PK\x03\x04",
        b"Rar!\x1a\x07",
        SEVEN_ZIP,
        b"PK\x05\x06",
        local(b"\0", b""),
        b"P",
        b"Rar!",
        local(b"a", deflated(b"x")),
    ],
)
def test_two_mebibytes_of_marks_take_reasonable_time(part: bytes) -> None:
    with measured() as cost:
        read(in_pieces(b"GIF89a" + part * (2 * 2**20 // len(part)), 65_536))
    assert cost.units < LINEAR


@given(
    st.lists(
        st.sampled_from(
            [b"PK\x03\x04", RAR4, SEVEN_ZIP, b"PK\x05\x06", zipped({"x": b"y"}), local(b"a", b"x"), member(b"a", b"x")]
        )
        | st.binary(max_size=40),
        max_size=8,
    ),
    st.integers(1, 900),
)
def test_any_mix_is_read_however_it_is_cut(parts: list[bytes], piece: int) -> None:
    body = b"".join(parts)
    assert read(in_pieces(body, piece)) == read(body)
