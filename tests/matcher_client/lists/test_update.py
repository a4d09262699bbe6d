"""Updating: what is given again replaces, what is deleted stays as withdrawn, the rest is as it was."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.matcher_client.errors import HashListUnreadable, OutputRefused
from orbweaver.matcher_client.lists.build import BuildReport, build
from orbweaver.matcher_client.lists.file_format import DIGEST_BYTES, Entry, HashList

RANDOM = random.Random("update")
MD5, OTHER, THIRD = (RANDOM.randbytes(16) for _ in range(3))
SHA1 = RANDOM.randbytes(20)
NAMESPACE = "https://hashsharing.ncmec.org/hashsharing/v2"


def put(folder: Path, text: str, *, is_update: bool = True, name: str = "hotline.csv") -> BuildReport:
    (folder / name).write_text(text)
    return build([folder / name], folder / "list.hashes", is_update=is_update, chunk_bytes=100_000)


def find(folder: Path, digest: bytes) -> set[Entry]:
    hash_list = HashList(folder / "list.hashes")
    algorithm = next(name for name, width in DIGEST_BYTES.items() if width == len(digest))
    found = hash_list.find(algorithm, digest)
    hash_list.close()
    return set(found)


def statuses(folder: Path, digest: bytes) -> list[str | None]:
    return sorted((entry.status for entry in find(folder, digest)), key=str)


def ncmec(*entries: str) -> str:
    return f'<queryResult xmlns="{NAMESPACE}"><images>{"".join(entries)}</images></queryResult>'


def image(entry_id: str, digest: bytes, *, at: str = "2024-01-01T00:00:00Z", classification: str = "A1") -> str:
    return (
        f'<image><member id="42">Member</member><timestamp>{at}</timestamp><id>{entry_id}</id>'
        f"<classification>{classification}</classification>"
        f"<fingerprints><md5>{digest.hex()}</md5></fingerprints></image>"
    )


def deleted(entry_id: str, *, at: str = "2024-01-02T00:00:00Z", member: str = "42") -> str:
    return (
        f'<deletedImage><member id="{member}">Member</member><id>{entry_id}</id>'
        f"<timestamp>{at}</timestamp></deletedImage>"
    )


def test_an_entry_given_again_replaces_all_its_rows_and_the_others_stay(tmp_path: Path) -> None:
    put(
        tmp_path,
        f"md5,sha1,category,entry_id\n{MD5.hex()},{SHA1.hex()},1,a\n{OTHER.hex()},,1,a\n{OTHER.hex()},,1,b\n",
        is_update=False,
    )
    report = put(tmp_path, f"md5,category,entry_id\n{THIRD.hex()},2,a\n{THIRD.hex()},3,c\n")
    assert find(tmp_path, MD5) == find(tmp_path, SHA1) == set()
    assert {entry.entry_id for entry in find(tmp_path, OTHER)} == {"b"}
    assert {(entry.entry_id, entry.category) for entry in find(tmp_path, THIRD)} == {("a", "2"), ("c", "3")}
    assert report.update is not None
    assert (report.update.added, report.update.given_again, report.entries) == (1, 1, 3)


def test_an_entry_of_another_list_with_the_same_id_is_another(tmp_path: Path) -> None:
    put(tmp_path, f"md5,entry_id,list\n{MD5.hex()},a,one\n", is_update=False)
    put(tmp_path, f"md5,entry_id,list\n{OTHER.hex()},a,two\n")
    assert [len(find(tmp_path, digest)) for digest in (MD5, OTHER)] == [1, 1]


def test_an_entry_without_an_id_is_withdrawn_by_its_digests(tmp_path: Path) -> None:
    put(tmp_path, f"md5,sha1,status\n{MD5.hex()},{SHA1.hex()},\n{OTHER.hex()},,\n", is_update=False)
    report = put(tmp_path, f"md5,sha1,status\n{MD5.hex()},{SHA1.hex()},withdrawn\n{THIRD.hex()},,\n")
    assert statuses(tmp_path, MD5) == statuses(tmp_path, SHA1) == ["withdrawn"]
    assert statuses(tmp_path, OTHER) == statuses(tmp_path, THIRD) == [None]
    assert report.update is not None
    assert (report.update.withdrawn, report.update.added) == (1, 1)


def test_what_withdraws_an_entry_of_another_list_is_not_called_a_withdrawal(tmp_path: Path) -> None:
    put(tmp_path, f"md5,entry_id\n{MD5.hex()},a\n", is_update=False)
    report = put(tmp_path, f"md5,entry_id,status\n{MD5.hex()},a,withdrawn\n{OTHER.hex()},b,\n", name="news.csv")
    assert statuses(tmp_path, MD5) == [None, "withdrawn"]
    assert report.update is not None
    assert (report.update.added, report.update.withdrawn, report.update.unknown_deletions) == (1, 0, 1)
    assert (report.update.lists, report.update.new_lists) == (["hotline"], ["news"])
    again = put(tmp_path, f"md5,entry_id,status\n{MD5.hex()},a,withdrawn\n").update
    assert again is not None
    assert (again.added, again.withdrawn, again.unknown_deletions, again.new_lists) == (0, 1, 0, [])


def test_a_deletion_keeps_the_digests_as_withdrawn(tmp_path: Path) -> None:
    put(tmp_path, ncmec(image("a", MD5), image("b", OTHER)), is_update=False, name="page.xml")
    report = put(tmp_path, ncmec(deleted("a"), deleted("unheard")), name="page.xml")
    assert find(tmp_path, MD5) == {
        Entry(list="ncmec", entry_id="42/a", category="A1", scheme="ncmec", status="withdrawn")
    }
    assert statuses(tmp_path, OTHER) == [None]
    assert report.update is not None
    assert (report.update.withdrawn, report.update.unknown_deletions) == (1, 1)
    put(tmp_path, ncmec(image("a", MD5, at="2024-01-03T00:00:00Z")), name="page.xml")
    assert statuses(tmp_path, MD5) == [None]


def test_a_deletion_is_of_its_member_only(tmp_path: Path) -> None:
    put(tmp_path, ncmec(image("a", MD5)), is_update=False, name="page.xml")
    put(tmp_path, ncmec(deleted("a", member="43")), name="page.xml")
    assert statuses(tmp_path, MD5) == [None]


@pytest.mark.parametrize("is_backwards", [False, True])
def test_of_several_states_in_the_input_the_newest_counts_whatever_their_order(
    tmp_path: Path, is_backwards: bool
) -> None:
    pages = [
        ncmec(image("a", MD5), image("b", OTHER, at="2024-01-03T00:00:00Z"), image("c", THIRD)),
        ncmec(deleted("a"), deleted("b"), image("c", THIRD, at="2024-01-02T00:00:00Z", classification="B2")),
    ]
    if is_backwards:
        pages.reverse()
    paths = [tmp_path / f"{number}.xml" for number in range(2)]
    for path, page in zip(paths, pages, strict=True):
        path.write_text(page)
    report = build(paths, tmp_path / "list.hashes")
    assert [statuses(tmp_path, digest) for digest in (MD5, OTHER, THIRD)] == [["withdrawn"], [None], [None]]
    assert [entry.category for entry in find(tmp_path, THIRD)] == ["B2"]
    assert report.superseded == 1


def test_a_deletion_at_the_moment_of_the_entry_wins(tmp_path: Path) -> None:
    put(tmp_path, ncmec(image("a", MD5), deleted("a", at="2024-01-01T00:00:00Z")), is_update=False, name="page.xml")
    assert statuses(tmp_path, MD5) == ["withdrawn"]


def test_input_that_is_there_already_changes_nothing_but_the_build_time(tmp_path: Path) -> None:
    generator = random.Random(9)
    rows = [
        f"{generator.randbytes(16).hex()},{generator.randbytes(20).hex() * (n % 2)},{n * (n % 3) or ''},"
        f"{f'id-{n % 50}' * (n % 2)},{n % 4}\n"
        for n in range(1, 3_000)
    ]
    text = "md5,sha1,size,entry_id,category\n" + "".join(rows)
    first = put(tmp_path, text, is_update=False)
    again = put(tmp_path, text)
    assert (again.list_version, again.entries) == (first.list_version, first.entries)
    assert again.built_at > first.built_at
    # A part of it, for entries without an id or with a single row, is there already too.
    part = put(tmp_path, "md5,sha1,size,entry_id,category\n" + "".join(rows[1:100:2]))
    assert part.list_version == first.list_version


def test_a_list_that_is_not_there_cannot_be_updated(tmp_path: Path) -> None:
    with pytest.raises(HashListUnreadable, match=r"list.hashes cannot be read \(No such file"):
        put(tmp_path, f"{MD5.hex()}\n")
    assert not (tmp_path / "list.hashes").exists()


def test_a_refused_update_leaves_the_list(tmp_path: Path) -> None:
    version = put(tmp_path, f"md5\n{MD5.hex()}\n", is_update=False).list_version
    with pytest.raises(HashListUnreadable, match="ends early"):
        put(tmp_path, ncmec(image("a", OTHER))[:-20], name="page.xml")
    assert HashList(tmp_path / "list.hashes").list_version == version
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hotline.csv", "list.hashes", "page.xml"]


def test_a_list_that_is_replaced_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    put(tmp_path, f"md5\n{MD5.hex()}\n", is_update=False)
    (tmp_path / "news.csv").write_text(f"md5\n{OTHER.hex()}\n")

    def replace(_: int) -> None:
        put(tmp_path, f"md5\n{THIRD.hex()}\n", is_update=False)

    with pytest.raises(OutputRefused, match="was replaced while it was updated"):
        build([tmp_path / "news.csv"], tmp_path / "list.hashes", is_update=True, progress=replace)
    assert len(find(tmp_path, THIRD)) == 1


ENTRY = st.tuples(
    st.sampled_from(["", "a", "b", "c"]),
    st.integers(1, 4).map(lambda number: f"{number:032x}"),
    st.sampled_from(["", f"{7:040x}"]),
    st.sampled_from(["", "withdrawn"]),
)


@settings(deadline=None, max_examples=60)
@given(generations=st.lists(st.lists(ENTRY, min_size=1, max_size=6), min_size=2, max_size=4))
def test_any_updates_agree_with_a_plain_dict(generations: list[list[tuple[str, str, str, str]]]) -> None:
    plain: dict[tuple[str, ...], set[tuple[str, str, str, str]]] = {}
    with tempfile.TemporaryDirectory() as name:
        for number, entries in enumerate(generations):
            given_now: dict[tuple[str, ...], set[tuple[str, str, str, str]]] = {}
            for entry in entries:
                given_now.setdefault(entry[:1] if entry[0] else entry[:3], set()).add(entry)
            plain |= given_now
            lines = "".join(f"{','.join(entry)}\n" for entry in entries)
            report = put(Path(name), f"entry_id,md5,sha1,status\n{lines}", is_update=number > 0)
        assert report.entries == sum(map(len, plain.values()))
        for digest in {entry[1] for entries in generations for entry in entries}:
            expected = {(e[0] or None, e[3] or None) for rows in plain.values() for e in rows if e[1] == digest}
            found = find(Path(name), bytes.fromhex(digest))
            assert {(entry.entry_id, entry.status) for entry in found} == expected
