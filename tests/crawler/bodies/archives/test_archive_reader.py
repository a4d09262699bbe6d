"""Every member that can be read is hashed, each that cannot is counted, and no archive costs more than allowed."""

from __future__ import annotations

import io
import random
import struct
import tracemalloc
import zipfile
from dataclasses import replace
from itertools import pairwise

import pytest
from archive_contents import LIMITS, assert_found, in_pieces, paths, read, rules
from calibration import LINEAR, measured
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.bodies.archives.archive_kinds import kind_of
from orbweaver.crawler.bodies.archives.archive_limits import Contents
from orbweaver.crawler.bodies.digests import digests_of
from orbweaver.model import Outcome
from zip_bytes import deflated, directory, ended, listed, local, streamed, zipped

NOISE = random.Random(3).randbytes(70_000)
PNG = b"\x89PNG\r\n\x1a\n" + NOISE
FILES = {"a.png": PNG, "folder/": b"", "folder/b.bin": NOISE[:1_000], "empty": b"", "c": b"x"}
METHODS = {"stored": zipfile.ZIP_STORED, "deflated": zipfile.ZIP_DEFLATED, "bzip2": zipfile.ZIP_BZIP2}
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def assert_all_files(contents: Contents, files: dict[str, bytes] = FILES) -> None:
    assert_found(contents, files)


def is_no_archive(data: bytes) -> bool:
    return kind_of(data) is None and not any(mark in data for mark in (b"PK", b"Rar!", b"7z", b"koly", b"CD001"))


# --- what is read ---


@every_method
@pytest.mark.parametrize("piece", [1, 7, 1_000, 10**6])
def test_every_member_that_is_not_empty_is_hashed_however_it_arrives(method: int, piece: int) -> None:
    assert_all_files(read(in_pieces(zipped(FILES, method), piece)))


@every_method
@pytest.mark.parametrize("is_zip64", [False, True])
@pytest.mark.parametrize("piece", [1, 13, 10**6])
def test_an_archive_that_is_packed_while_it_is_sent_is_read_too(method: int, is_zip64: bool, piece: int) -> None:
    assert_all_files(read(in_pieces(streamed(FILES, method, is_zip64=is_zip64), piece)))


@given(
    files=st.dictionaries(
        st.text("abc/", min_size=1, max_size=5), st.binary(max_size=300).filter(is_no_archive), min_size=1, max_size=5
    ),
    method=st.sampled_from(list(METHODS.values())),
    is_streamed=st.booleans(),
    places=st.lists(st.integers(0, 3_000), max_size=6),
)
def test_any_members_in_any_chunks_are_hashed(
    files: dict[str, bytes], method: int, is_streamed: bool, places: list[int]
) -> None:
    files = {name: data for name, data in files.items() if not name.endswith("/")} or {"a": b"x"}
    archive = (streamed if is_streamed else zipped)(files, method)
    cuts = [0, *sorted(min(place, len(archive)) for place in places), len(archive)]
    assert_all_files(read(archive[begin:end] for begin, end in pairwise(cuts)), files)


def test_a_member_has_the_type_that_its_bytes_show() -> None:
    found = read(zipped({"x.txt": PNG, "y": b"words"}))
    assert [member.sniffed_type for member in found.members] == ["image/png", None]


def test_sizes_in_the_extra_field_of_zip64_are_read() -> None:
    extra = struct.pack("<HHQQ", 1, 16, 5, 5)
    archive = local(b"a", b"first", size=0xFFFFFFFF, extra=b"\x99\x99\x02\x00ab" + extra) + local(b"b", b"second")
    entries = listed(b"a", 0, plain=5, packed=5) + listed(b"b", archive.rindex(b"PK"), plain=6, packed=6)
    archive += entries + ended(2, len(entries), len(archive))
    assert_all_files(read(archive), {"a": b"first", "b": b"second"})


@pytest.mark.parametrize("prefix", [b"", b"PK00", b"PK\x07\x08"])
def test_an_archive_is_known_by_its_beginning_alone(prefix: bytes) -> None:
    archive = prefix + zipped(FILES)
    assert kind_of(archive) == "zip"
    assert_all_files(read(archive))


def test_what_has_no_member_is_no_archive() -> None:
    assert kind_of(zipped({})) is None
    assert kind_of(PNG) is None
    assert kind_of(b"") is None


# --- archives in archives ---


def test_an_archive_in_an_archive_is_hashed_and_looked_into() -> None:
    inner = zipped({"deep.png": PNG, "also": b"z"})
    found = read(zipped({"inner.cbz": inner, "other": b"y"}))
    assert paths(found) == ["inner.cbz!/deep.png", "inner.cbz!/also", "inner.cbz", "other"]
    assert {member.path: member.digests for member in found.members}["inner.cbz"] == digests_of(inner)


def test_an_archive_below_the_deepest_level_is_only_hashed() -> None:
    archive = zipped({"file": b"x"})
    for level in range(4):
        archive = zipped({f"{level}.zip": archive})
    found = read(archive, replace(LIMITS, depth=2))
    assert paths(found) == ["3.zip!/2.zip!/1.zip", "3.zip!/2.zip", "3.zip"]
    assert rules(found) == {"archive.depth": 1}
    assert found.notes[0].outcome is Outcome.LIMIT
    assert not found.notes[0].is_failure
    assert paths(read(archive, replace(LIMITS, depth=0))) == ["3.zip"]


def test_members_that_are_archives_and_cut_short_say_so() -> None:
    inner = zipped({"a": NOISE, "b": NOISE})
    found = read(zipped({"whole.zip": inner, "cut.zip": inner[:75_000]}))
    assert paths(found) == ["whole.zip!/a", "whole.zip!/b", "whole.zip", "cut.zip!/a", "cut.zip"]
    assert rules(found) == {"archive.cut": 1}


# --- names ---


@pytest.mark.parametrize(
    ("name", "flags", "shown"),
    [
        (b"plain/name.jpg", 0, "plain/name.jpg"),
        ("\u00e9t\u00e9.jpg".encode(), 0x800, "\u00e9t\u00e9.jpg"),
        ("\u00e9t\u00e9.jpg".encode(), 0, "\u00e9t\u00e9.jpg"),
        (b"\x82t\x82.jpg", 0, "\u00e9t\u00e9.jpg"),
        (b"\xff.jpg", 0x800, "\ufffd.jpg"),
        (b"a\x1b[31m\r\n\0b", 0, "a\\x1b[31m\\x0d\\x0a\\x00b"),
        ("a\u202egnp.exe".encode(), 0x800, "a\\u202egnp.exe"),
        (b"../../etc/passwd", 0, "../../etc/passwd"),
        (b"n" * 200, 0, "n" * 200),
        (b"n" * 201, 0, "n" * 199 + "\u2026"),
        (b"n" * 0xFFFF, 0, "n" * 199 + "\u2026"),
        (b"\n" * 0xFFFF, 0, "\\x0a" * 49 + "\\x0" + "\u2026"),
        ("\u00e9".encode() * 30_000, 0x800, "\u00e9" * 199 + "\u2026"),
    ],
)
def test_a_name_is_shown_without_control_characters_and_cut(name: bytes, flags: int, shown: str) -> None:
    archive = local(name, b"x", flags=flags)
    archive += directory([name], archive)
    assert paths(read(archive)) == [shown]
    assert len(shown) <= 200


def test_the_path_of_a_nested_member_is_cut_as_a_whole() -> None:
    found = read(zipped({"o" * 190: zipped({"i" * 190: b"x"})}))
    assert paths(found) == ["o" * 190 + "!/" + "i" * 7 + "\u2026", "o" * 190]


# --- what cannot be read ---


@pytest.mark.parametrize("flags", [0x01, 0x41, 0x2000, 0x09])
def test_an_encrypted_member_is_counted_and_its_neighbours_are_read(flags: int) -> None:
    secret = NOISE[:500] + (struct.pack("<4sIII", b"PK\x07\x08", 0, 500, 500) if flags & 8 else b"")
    hidden = local(b"secret", secret, flags=flags, size=0 if flags & 8 else None)
    archive = hidden + local(b"open", b"x") + hidden
    found = read(archive + directory([b"secret", b"open", b"secret"], archive))
    assert paths(found) == ["open"]
    assert [(note.outcome, note.rule, note.count, note.is_failure) for note in found.notes] == [
        (Outcome.ENCRYPTED, "archive.encrypted", 2, False)
    ]


def test_a_member_packed_by_another_method_is_a_failure_and_its_neighbours_are_read() -> None:
    archive = local(b"odd", NOISE, method=9) + local(b"open", b"x")
    found = read(archive + directory([b"odd", b"open"], archive))
    assert paths(found) == ["open"]
    assert rules(found) == {"archive.method": 1}
    assert found.notes[0].is_failure


@pytest.mark.parametrize("method", [8, 12, 93])
def test_a_damaged_member_has_no_digest_and_its_neighbours_have(method: int) -> None:
    bad = local(b"bad", b"\xff" * 500, method=method)
    found = read(bad + local(b"good", b"x") + bad[:40] + local(b"also", b"y") + directory([b"bad", b"good"]))
    assert "good" in paths(found)
    assert "bad" not in paths(found)
    assert rules(found)["archive.damaged"] >= 1


def test_a_member_whose_data_ends_before_its_end_mark_is_damaged() -> None:
    cut = local(b"cut", deflated(NOISE)[:9_000], method=8)
    archive = cut + local(b"good", b"x")
    found = read(archive + directory([b"cut", b"good"], archive))
    assert (paths(found), rules(found)) == (["good"], {"archive.damaged": 1})


def test_data_longer_than_what_is_packed_hides_nothing() -> None:
    archive = local(b"long", deflated(NOISE) + b"left over" * 99, method=8, plain=len(NOISE)) + local(b"good", b"x")
    found = read(archive + directory([b"long", b"good"], archive))
    assert_all_files(found, {"long": NOISE, "good": b"x"})


@pytest.mark.parametrize("make", [zipped, streamed])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.97])
def test_an_archive_cut_anywhere_keeps_its_whole_members_and_says_so(make: object, kept: float) -> None:
    files = {f"{number}.bin": NOISE[number:][:3_000] for number in range(20)}
    archive = (zipped if make is zipped else streamed)(files)
    found = read(archive[: int((len(archive) - 1_500) * kept)])
    assert 0 < len(found.members) < 20
    assert all(member.digests == digests_of(files[member.path]) for member in found.members)
    assert rules(found) == {"archive.cut": 1}


def test_members_that_only_the_directory_knows_are_missed_and_said_so() -> None:
    archive = local(b"a", b"x")
    found = read(archive + directory([b"a", b"b", b"c"], archive))
    assert (paths(found), rules(found)) == (["a"], {"archive.hidden": 2})


def lying_archives() -> dict[str, bytes]:
    """Return archives of one file of which zipfile, which believes the directory, unpacks NOISE, and whose headers lie.

    Where a member is swallowed by another one there is a decoy, so that the directory lists as many as were found.
    """
    size, packed = len(NOISE), deflated(NOISE)
    cover, decoy = deflated(b"cover"), local(b"decoy", b"x")
    swallowed = local(b"a", packed, method=8, plain=size)
    before = local(b"c", cover + swallowed, method=8, plain=5)
    begin = len(before) - len(swallowed)
    covering = listed(b"c", 0, before[:30], packed=len(cover))
    made = {
        "no size": (local(b"a", NOISE, size=0), listed(b"a", 0, packed=size, plain=size)),
        "small size": (local(b"a", NOISE, size=50), listed(b"a", 0, packed=size, plain=size)),
        "larger plain size": (local(b"a", NOISE + b"more"), listed(b"a", 0, packed=size, plain=size)),
        "encrypted": (local(b"a", NOISE, flags=1), listed(b"a", 0, packed=size, plain=size)),
        "method": (local(b"a", packed), listed(b"a", 0, swallowed[:30])),
        "no header": (decoy + local(b"a", NOISE, method=77), listed(b"a", len(decoy), packed=size, plain=size)),
        "swallowed": (before + decoy, covering + listed(b"a", begin, swallowed[:30])),
    }
    archives = {
        name: members + entries + ended(entries.count(b"PK\x01\x02"), len(entries), len(members))
        for name, (members, entries) in made.items()
    }
    # The directory that programs read is in the comment of an entry of the one that is seen.
    members, entry = decoy + local(b"a", NOISE, method=77), listed(b"a", len(decoy), packed=size, plain=size)
    seen = bytearray(listed(b"decoy", len(listed(b"decoy", 0)), decoy[:30]) + entry)  # counted from that directory
    seen[32:34] = struct.pack("<H", len(entry))
    archives["another directory"] = members + bytes(seen) + ended(1, len(entry), len(members) + len(seen) - len(entry))
    return archives


LYING = lying_archives()


@pytest.mark.parametrize("name", LYING)
def test_what_programs_unpack_by_the_directory_and_headers_hide_is_a_failure(name: str) -> None:
    unpacked = zipfile.ZipFile(io.BytesIO(LYING[name])).infolist()
    assert any(one.filename == "a" and len(NOISE) == one.file_size for one in unpacked)
    for piece in (19, 10**6):
        found = read(in_pieces(b"MZ" * 99 + LYING[name], piece))
        assert digests_of(NOISE) not in {member.digests for member in found.members}
        assert any(note.rule in {"archive.hidden", "archive.different"} and note.is_failure for note in found.notes)


def test_a_directory_that_tells_of_what_was_read_is_believed_wherever_it_counts_from() -> None:
    archive = zipped(FILES)
    for before, counted in ((b"", 0), (b"MZ" * 99, 0), (b"MZ" * 99, 198)):
        members = local(b"a", b"x") + local(b"b", b"y")
        entries = listed(b"a", counted, members[:30]) + listed(b"b", counted + 32, members[:30])
        whole = before + members + entries + ended(2, len(entries), counted + len(members))
        assert_all_files(read(whole + b"comment" + archive), {"a": b"x", "b": b"y", **FILES})
        assert_all_files(read(before + members + entries), {"a": b"x", "b": b"y"})  # without an end record


@pytest.mark.parametrize(
    "gap", [b"rubbish", b"PK", b"PK\x03", b"PK\x03\x04" + b"\xff" * 40, bytes(100_000), b"PK\x05\x06"]
)
@pytest.mark.parametrize("piece", [1, 50, 10**6])
def test_bytes_between_members_hide_none(gap: bytes, piece: int) -> None:
    archive = local(b"a", b"first") + gap + local(b"b", b"second") + gap
    archive += directory([b"a", b"b"], archive)
    assert_all_files(read(in_pieces(archive, piece)), {"a": b"first", "b": b"second"})


def test_members_that_overlap_are_read_once() -> None:
    """The shape of Fifield's bomb: each member's data begins with the header of the next, and all share one kernel."""
    kernel = deflated(bytes(1_000_000))
    names = [f"{number}".encode() for number in range(50)]
    overlapping = local(names[-1], kernel, method=8)
    for name in reversed(names[:-1]):
        size = len(overlapping)
        quote = b"\x00" + struct.pack("<HH", size, size ^ 0xFFFF)
        overlapping = local(name, quote, method=8, size=size + len(quote)) + overlapping
    found = read(overlapping + directory(names))
    assert sum(member.digests.size for member in found.members) < 3_000_000
    assert rules(found)["archive.hidden"] >= 48


def test_an_archive_after_the_end_of_another_is_read_too() -> None:
    assert paths(read(zipped({"a": b"x"}) + zipped({"b": b"y"}))) == ["a", "b"]


def test_a_stored_archive_of_unknown_size_is_read_as_one_member() -> None:
    inner = streamed({"deep": NOISE, "more": b"y"}, zipfile.ZIP_STORED)
    found = read(streamed({"inner.zip": inner, "last": b"x"}, zipfile.ZIP_STORED))
    assert paths(found) == ["inner.zip!/deep", "inner.zip!/more", "inner.zip", "last"]


# --- limits ---


def test_members_over_the_limit_are_left_out_and_said_so() -> None:
    archive = zipped({str(number): b"x" for number in range(11)})
    assert len(read(archive, replace(LIMITS, members=11)).members) == 11
    found = read(archive, replace(LIMITS, members=10))
    assert (len(found.members), rules(found)) == (10, {"archive.members": 1})


def test_a_member_over_the_limit_has_no_digest_and_its_neighbours_have() -> None:
    archive = zipped({"a": b"x", "large": NOISE, "b": b"y"})
    assert len(read(archive, replace(LIMITS, member_bytes=len(NOISE))).members) == 3
    found = read(archive, replace(LIMITS, member_bytes=len(NOISE) - 1))
    assert (paths(found), rules(found)) == (["a", "b"], {"archive.member_bytes": 1})


def test_all_members_together_have_a_limit() -> None:
    archive = zipped({"a": NOISE, "b": NOISE, "c": b"x"})
    found = read(archive, replace(LIMITS, decoded_bytes=2 * len(NOISE) - 1))
    assert (paths(found), rules(found)) == (["a"], {"archive.decoded_bytes": 1})


@pytest.mark.parametrize("method", METHODS.values())
def test_a_bomb_ends_at_the_ratio(method: int) -> None:
    archive = zipped({"first": b"x", "bomb": bytes(50_000_000), "last": b"y"}, method)
    found = read(in_pieces(archive, 10_000), replace(LIMITS, free_bytes=2**20))
    if method == zipfile.ZIP_STORED:
        assert len(found.members) == 3
    else:
        assert (paths(found), rules(found)) == (["first"], {"archive.ratio": 1})


def test_a_bomb_of_nested_archives_is_bounded_as_a_whole() -> None:
    """The shape of 42.zip: sixteen of sixteen of sixteen, of zeros in the end."""
    archive = bytes(20_000_000)
    for level in range(5):
        archive = zipped({f"{level}-{number}": archive for number in range(16 if level else 1)})
    assert len(archive) < 200_000
    tracemalloc.start()
    try:
        with measured() as cost:  # in its own slow motion
            found = read(in_pieces(archive, 65_536))
        assert cost.units < LINEAR
        assert tracemalloc.get_traced_memory()[1] < 30 * 2**20
    finally:
        tracemalloc.stop()
    assert set(rules(found)) & {"archive.ratio", "archive.depth"}


def test_an_archive_that_holds_itself_ends_at_the_depth() -> None:
    """A quine cannot be written here in few lines; what it does to a reader is to nest without end."""
    archive = zipped({"file": b"x"})
    for _ in range(60):
        archive = zipped({"r.zip": archive}, zipfile.ZIP_STORED)
    found = read(archive)
    assert rules(found) == {"archive.depth": 1}
    assert len(found.members) == LIMITS.depth + 1


@pytest.mark.parametrize(
    "archive",
    [
        pytest.param(local(b"e", b"") * 60_000, id="empty members"),
        pytest.param(local(b"n" * 0xFFFF, b"x") * 32, id="long names"),
        pytest.param(local(b"a", b"x") + b"PK\x03\x04" * 520_000, id="headers that are none"),
        pytest.param(local(b"a", b"x") + b"PK" * 1_040_000, id="beginnings of headers"),
        pytest.param(local(b"a", b"", flags=8) + b"PK\x07\x08" * 520_000, id="descriptors that are none"),
        pytest.param(local(b"a", b"x") + directory([b"b"] * 44_000), id="a long directory"),
        pytest.param(local(b"a", deflated(b"x"), method=8, flags=8, size=0) * 60_000, id="members without sizes"),
        pytest.param(local(b"a", b"\xff", method=12, flags=8, size=0) * 60_000, id="damaged members"),
        pytest.param(local(b"a", local(b"b", local(b"c", b"x"))) * 20_000, id="archives in archives"),
    ],
)
def test_two_mebibytes_of_malice_take_reasonable_time(archive: bytes) -> None:
    with measured() as cost:
        found = read(in_pieces(archive, 65_536))
    assert cost.units < LINEAR
    assert len(found.members) <= LIMITS.members


MATERIAL = [
    local(b"a", b"stored"),
    local(b"b", deflated(NOISE[:200]), method=8),
    local(b"c", deflated(b"words"), method=8, flags=8, size=0),
    local(b"d", b"", flags=8),
    local(b"e", b"?" * 20, flags=1),
    local(b"f", zipped({"x": b"y"})),
    b"PK\x07\x08",
    b"PK\x01\x02",
    b"PK\x03\x04",
    b"\xff\xff\xff\xff",
    directory([b"a"]),
    bytes(12),
]


@given(st.lists(st.sampled_from(MATERIAL) | st.binary(max_size=40), max_size=12), st.integers(1, 300))
def test_any_mix_of_records_is_read_without_failing(parts: list[bytes], piece: int) -> None:
    archive = b"".join(parts)
    assert read(in_pieces(archive, piece)) == read(archive)


@given(st.sampled_from([zipped(FILES), streamed(FILES)]), st.integers(0, 2_000), st.binary(min_size=1, max_size=8))
def test_a_damaged_archive_is_read_without_failing(archive: bytes, place: int, damage: bytes) -> None:
    read(archive[:place] + damage + archive[place + len(damage) :])
