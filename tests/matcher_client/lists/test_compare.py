"""Comparing two built lists: every change is found, whatever the lists, and reading them takes no heap."""

from __future__ import annotations

import random
import tempfile
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.matcher_client.lists.build import build
from orbweaver.matcher_client.lists.compare import ChangeKind, EntryChange, compare
from orbweaver.matcher_client.lists.file_format import Entry, HashList
from orbweaver.model import Algorithm, Nature

# Digest, entry id, size and status: few of each, so that lists share most of them.
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["00" * 15 + "01", "01" * 16, "80" + "00" * 15, "ff" * 15 + "fe", "12" * 20, "23" * 32]),
        st.sampled_from(["", "a", "b"]),
        st.sampled_from(["", "1", "2"]),
        st.sampled_from(["active", "disputed", "withdrawn"]),
    ),
    min_size=1,
    unique_by=lambda row: row[:3],
)
NAMES: dict[int, Algorithm] = {32: "md5", 40: "sha1", 64: "sha256"}
Rows = list[tuple[str, str, str, str]]


def built(folder: Path, name: str, rows: Rows) -> HashList:
    source = folder / "hotline.csv"
    lines = ["md5,sha1,sha256,entry_id,size,status"]
    for digest, *said in rows:
        place = list(NAMES).index(len(digest))
        lines.append(",".join(["", "", ""][:place] + [digest] + ["", ""][place:] + said))
    source.write_text("\n".join(lines) + "\n")
    build([source], folder / name)
    return HashList(folder / name)


def changes(folder: Path, old: Rows, new: Rows) -> list[EntryChange]:
    before, after = built(folder, "old", old), built(folder, "new", new)
    found = list(compare(before, after))
    before.close()
    after.close()
    return found


def entries(rows: Rows) -> set[tuple[str, bytes, Entry]]:
    return {
        (
            NAMES[len(digest)],
            bytes.fromhex(digest),
            Entry("hotline", entry_id or None, status=status, size=int(size) if size else None, nature=Nature.ABUSE),
        )
        for digest, entry_id, size, status in rows
    }


@settings(deadline=None)
@given(old=ROWS, new=ROWS)
def test_what_a_diff_says_turns_the_old_list_into_the_new_one(old: Rows, new: Rows) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = changes(Path(folder), old, new)
    gone = {(one.algorithm, one.digest, one.before) for one in found if one.before}
    come = {(one.algorithm, one.digest, one.after) for one in found if one.after}
    assert gone == entries(old) - entries(new)
    assert come == entries(new) - entries(old)
    assert len(gone) == sum(one.before is not None for one in found)
    assert len(come) == sum(one.after is not None for one in found)
    for one in found:
        if one.before and one.after:
            assert (one.before.list, one.before.entry_id) == (one.after.list, one.after.entry_id)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("active", "withdrawn", ChangeKind.WITHDRAWN),
        ("active", "disputed", ChangeKind.DISPUTED),
        ("disputed", "withdrawn", ChangeKind.WITHDRAWN),
        ("withdrawn", "", ChangeKind.REINSTATED),
        ("disputed", "active", ChangeKind.REINSTATED),
        # A word that we do not know holds a match, as a dispute does.
        ("active", "under review", ChangeKind.DISPUTED),
    ],
)
def test_a_change_of_status_is_called_by_its_name(tmp_path: Path, before: str, after: str, kind: ChangeKind) -> None:
    (change,) = changes(tmp_path, [("ab" * 32, "a", "", before)], [("ab" * 32, "a", "", after)])
    assert change.kind == kind


def test_no_status_and_active_are_the_same(tmp_path: Path) -> None:
    assert changes(tmp_path, [("ab" * 32, "a", "", "")], [("ab" * 32, "a", "", "active")]) == []


def test_another_size_of_the_same_entry_is_a_change_and_not_a_coming_and_going(tmp_path: Path) -> None:
    found = changes(tmp_path, [("ab" * 32, "a", "1", "")], [("ab" * 32, "a", "2", "")])
    assert [one.kind for one in found] == [ChangeKind.CHANGED]


def test_large_lists_are_compared_in_little_memory_and_progress_counts_both(tmp_path: Path) -> None:
    generator = random.Random(4)
    rows: Rows = [(generator.randbytes(32).hex(), "", "", "") for _ in range(60_000)]
    old, new = built(tmp_path, "old", rows[:-100]), built(tmp_path, "new", rows[50:])
    said: list[int] = []
    tracemalloc.start()
    kinds = Counter(one.kind for one in compare(old, new, progress=said.append))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    old.close()
    new.close()
    assert kinds == {ChangeKind.ADDED: 100, ChangeKind.REMOVED: 50}
    assert said == [50_000, 100_000]
    assert peak < 4 * 2**20
