"""The built file: every byte is covered, searches agree with a plain dict, and reading takes no heap."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.matcher_client.errors import HashListDamaged, HashListUnreadable
from orbweaver.matcher_client.lists.build import build
from orbweaver.matcher_client.lists.file_format import HEADER_BYTES, Entry, HashList, prefix_bits

# Few byte values, so that digests share prefixes, overlap across records and repeat.
CLOSE_MD5 = st.lists(st.sampled_from([0, 1, 255]), min_size=16, max_size=16).map(bytes) | st.binary(
    min_size=16, max_size=16
)
# Equal bytes throughout are a placeholder, and left out.
CLOSE_MD5 = CLOSE_MD5.filter(lambda digest: len(set(digest)) > 1)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    generator = random.Random(1)
    rows = "".join(
        f"{generator.randbytes(32).hex()},{generator.randbytes(20).hex()},{n},id-{n}\n" for n in range(1, 30)
    )
    (tmp_path / "hotline.csv").write_text(f"sha256,sha1,size,entry_id\n{rows}")
    build([tmp_path / "hotline.csv"], tmp_path / "list.hashes")
    return tmp_path / "list.hashes"


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(CLOSE_MD5, st.sampled_from(["", "1", "2"]), st.sampled_from(["", "a", "b"])), min_size=1),
    asked=st.lists(CLOSE_MD5),
)
def test_any_list_agrees_with_a_plain_dict(rows: list[tuple[bytes, str, str]], asked: list[bytes]) -> None:
    plain: dict[bytes, set[Entry]] = {}
    for digest, size, entry_id in rows:
        entry = Entry(list="any", entry_id=entry_id or None, size=int(size) if size else None)
        plain.setdefault(digest, set()).add(entry)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "any.csv"
        source.write_text("md5,size,entry_id\n" + "".join(f"{d.hex()},{s},{e}\n" for d, s, e in rows))
        report = build([source], Path(folder) / "list.hashes", chunk_bytes=500)
        hash_list = HashList(Path(folder) / "list.hashes")
        for digest in [*asked, *plain]:
            found = hash_list.find("md5", digest)
            assert set(found) == plain.get(digest, set())
            assert len(found) == len(set(found))
        assert hash_list.entry_count == report.entries == sum(map(len, plain.values()))
        hash_list.close()


def test_a_flipped_bit_in_any_byte_is_noticed(built: Path) -> None:
    whole = built.read_bytes()
    for position in range(len(whole)):
        built.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises((HashListDamaged, HashListUnreadable)):
            HashList(built)
    built.write_bytes(whole)
    assert HashList(built).entry_count == 29


def test_a_list_cut_short_anywhere_or_grown_is_damaged(built: Path) -> None:
    whole = built.read_bytes()
    for length in (
        1,
        7,
        8,
        HEADER_BYTES - 1,
        HEADER_BYTES,
        HEADER_BYTES + 1,
        len(whole) // 2,
        len(whole) - 1,
    ):
        built.write_bytes(whole[:length])
        with pytest.raises(HashListDamaged, match="build or copy it again"):
            HashList(built)
    built.write_bytes(whole + b"\0")
    with pytest.raises(HashListDamaged, match=f"has {len(whole) + 1} bytes and should have {len(whole)}"):
        HashList(built)


def test_what_is_not_a_built_list_is_unreadable(tmp_path: Path) -> None:
    for content, complaint in ((b"", "is empty"), (b"md5\n" * 99, "is not a built hash list")):
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(HashListUnreadable, match=complaint):
            HashList(tmp_path / "file")
    with pytest.raises(HashListUnreadable, match=r"cannot be read \(No such file"):
        HashList(tmp_path / "missing")
    with pytest.raises(HashListUnreadable, match="is not a regular file"):
        HashList(tmp_path)


def test_a_digest_of_the_wrong_length_is_a_mistake_of_the_caller(built: Path) -> None:
    hash_list = HashList(built)
    with pytest.raises(ValueError, match="than the 32 bytes that are needed"):
        hash_list.find("sha256", bytes(20))


def test_lengths_that_make_up_for_each_other_are_a_mistake_too(built: Path) -> None:
    with pytest.raises(ValueError, match="than the 32 bytes that are needed"):
        HashList(built).sections["sha256"].find(["00" * 31, "00" * 33])


def test_many_digests_are_found_at_their_places(built: Path) -> None:
    generator = random.Random(1)
    known = [generator.randbytes(52)[:32].hex() for _ in range(29)]
    hash_list = HashList(built)
    asked = [digest for one in known for digest in ("f" * 64, one, one)]
    found = hash_list.sections["sha256"].find(asked)
    assert [place for place, _ in found] == [place for place in range(len(asked)) if place % 3]
    assert [hash_list.entry(row).entry_id for _, row in found[::2]] == [f"id-{n}" for n in range(1, 30)]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 1_000, 4_096, 4_097, 10_000_000])
def test_a_bucket_has_one_or_two_digests_on_average(count: int) -> None:
    assert 1 <= count / 2 ** prefix_bits(count) <= 2


def test_a_bare_list_costs_few_bytes_a_digest_and_no_heap_to_read(tmp_path: Path) -> None:
    count = 100_000
    generator = random.Random(2)
    known = []
    with (tmp_path / "bare.txt").open("w") as file:
        for number in range(count):
            digest = generator.randbytes(32)
            file.write(f"{digest.hex()}\n")
            if number % 100 == 0:
                known.append(digest)
    build([tmp_path / "bare.txt"], tmp_path / "list.hashes")
    assert (tmp_path / "list.hashes").stat().st_size <= 40 * count + 1_000
    tracemalloc.start()
    hash_list = HashList(tmp_path / "list.hashes")
    assert all(hash_list.find("sha256", digest) == [Entry(list="bare")] for digest in known)
    assert not any(hash_list.find("sha256", generator.randbytes(32)) for _ in range(3_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    hash_list.close()
    assert peak < 2 * 2**20


_PEAK_OF_BUILDING = """
import sys, tracemalloc
from pathlib import Path
from orbweaver.matcher_client.lists.build import build
folder = Path(sys.argv[1])
(folder / "short.txt").write_text("0" * 63 + "1")
build([folder / "short.txt"], folder / "short.hashes")  # what is imported on the way is not of the list
tracemalloc.start()
build([folder / "bare.txt"], folder / "list.hashes", chunk_bytes=100_000)
print(tracemalloc.get_traced_memory()[1])
"""


def test_building_keeps_no_more_than_its_chunks_in_memory(tmp_path: Path) -> None:
    count = 30_000
    generator = random.Random(3)
    with (tmp_path / "bare.txt").open("w") as file:
        file.writelines(f"{generator.randbytes(32).hex()}\n" for _ in range(count))
    # In a process of its own: what another thread of the tests allocates meanwhile would count, too.
    measured = subprocess.run(
        [sys.executable, "-c", _PEAK_OF_BUILDING, tmp_path], capture_output=True, text=True, check=True
    )
    peak = int(measured.stdout)
    # In memory the sort alone would hold 30,000 records of about 97 bytes.
    assert peak < 2 * 2**20


def test_a_list_of_an_older_format_is_refused_in_one_line(built: Path) -> None:
    fields = bytearray(built.read_bytes()[: HEADER_BYTES - 32])
    fields[8] = 1
    built.write_bytes(bytes(fields) + hashlib.sha256(fields).digest() + built.read_bytes()[HEADER_BYTES:])
    with pytest.raises(HashListUnreadable, match="has list format 1 and this release reads 2: build it again"):
        HashList(built)
