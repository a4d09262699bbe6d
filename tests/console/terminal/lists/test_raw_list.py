"""The raw list of `--hashes`: built once, and its refused rows are said every time."""

from __future__ import annotations

import hashlib
import io
import random
from pathlib import Path

import pytest
from orbweaver.console.terminal.lists.raw_list import RawList, open_raw
from orbweaver.matcher_client.errors import CategoryTableRefused
from orbweaver.matcher_client.lists.file_format import HashList
from rich.console import Console

RANDOM = random.Random("raw list")
DIGEST, OTHER = (RANDOM.randbytes(32).hex() for _ in range(2))


def opened(source: Path, *, is_terminal: bool = False, category_table: Path | None = None) -> tuple[RawList, str]:
    said = io.StringIO()
    notes = Console(file=said, soft_wrap=True, force_terminal=is_terminal, width=80)
    return open_raw(source, source.parent, notes, category_table=category_table), said.getvalue()


def test_refused_rows_are_said_also_when_the_list_was_built_before(tmp_path: Path) -> None:
    source = tmp_path / "list.txt"
    source.write_text(f"{DIGEST}\n{OTHER[:-1]}\n{OTHER[:-2]}\n")
    first, said = opened(source)
    built_at = first.built.stat().st_mtime_ns
    assert said.splitlines() == [
        f"{source}: line 2: a digest has 32, 40 or 64 hex digits, not 63 characters",
        f"{source}: line 3: a digest has 32, 40 or 64 hex digits, not 62 characters",
        f"warning: {source}: 2 of 3 rows refused: their files are not found",
    ]
    assert opened(source) == (first, said)
    assert first.built.stat().st_mtime_ns == built_at
    assert first.as_json() == {
        "rows": 3,
        "refused": 2,
        "first_refused": [
            {"place": "line 2", "reason": "a digest has 32, 40 or 64 hex digits, not 63 characters"},
            {"place": "line 3", "reason": "a digest has 32, 40 or 64 hex digits, not 62 characters"},
        ],
        "on_categories": [],
        "left_out": {},
        "spoilt": {},
    }


def test_what_is_left_out_of_a_list_is_said_at_every_run(tmp_path: Path) -> None:
    source = tmp_path / "list.csv"
    empty = hashlib.sha256().hexdigest()
    source.write_text(f"sha256,size,md5\n{DIGEST},0,\n{empty},0,\n{OTHER},7,abc\n")
    first, said = opened(source)
    assert said.splitlines() == [
        f"note: {source}: 1 of 3 rows left out: stands for the empty file",
        f"note: {source}: 1 of 3 rows used without a digest: the md5 has 3 characters where it needs 32 hex digits",
    ]
    assert opened(source) == (first, said)


@pytest.mark.parametrize("report", [None, "", "{}", "[]"])
def test_a_list_without_its_report_is_built_again(tmp_path: Path, report: str | None) -> None:
    source = tmp_path / "list.txt"
    source.write_text(f"{DIGEST}\nnonsense\n")
    first, said = opened(source)
    path = first.built.with_suffix(".json")
    if report is None:
        path.unlink()
    else:
        path.write_text(report)
    assert opened(source) == (first, said)


def test_changed_content_is_another_list(tmp_path: Path) -> None:
    source = tmp_path / "list.txt"
    source.write_text(f"{DIGEST}\n")
    first, said = opened(source)
    assert (first.refused, said) == (0, "")
    source.write_text(f"{OTHER}\n")
    second, _ = opened(source)
    assert HashList(second.built).find("sha256", bytes.fromhex(OTHER))
    assert first.built != second.built


def test_a_built_list_is_used_where_it_is(tmp_path: Path) -> None:
    source = tmp_path / "list.txt"
    source.write_text(f"{DIGEST}\n")
    built = opened(source)[0].built
    assert opened(built) == (RawList(built=built, name=str(built)), "")


def test_a_terminal_shows_the_rows_while_the_list_is_built(tmp_path: Path) -> None:
    source = tmp_path / "list.txt"
    source.write_text(f"{DIGEST}\n{OTHER}\n")
    _, said = opened(source, is_terminal=True)
    assert "reading, then sorting the hash list" in said
    assert "2 rows" in said


def test_another_category_table_makes_another_list_and_what_is_held_is_said_every_time(tmp_path: Path) -> None:
    source, table = tmp_path / "list.csv", tmp_path / "table.toml"
    source.write_text(f"sha256,category,scheme\n{DIGEST},1,vics-uk\n{OTHER},2,vics-uk\n")
    without, said = opened(source)
    assert said == (
        f"warning: {source}: a match on 2 rows will be held for an analyst, because what their category means is not "
        "known (vics-uk category 1: 1, vics-uk category 2: 1). If you know the meaning, write it in a category table: "
        "--category-table FILE.\n"
    )
    assert opened(source) == (without, said)
    versions = {HashList(without.built).list_version}
    for nature in ("abuse", "unknown"):
        table.write_text(
            f'name = "t"\n[[table]]\nschemes = ["vics-uk"]\ncategories = {{ 1 = "abuse", 2 = "{nature}" }}\n'
        )
        with_table, said = opened(source, category_table=table)
        assert ('The category table "t" does not have it, or says unknown' in said) is (nature == "unknown")
        assert opened(source, category_table=table) == (with_table, said)
        versions.add(HashList(with_table.built).list_version)
    assert len(versions) == 3
    assert opened(source)[0] == without


def test_a_built_list_takes_no_other_table(tmp_path: Path) -> None:
    source, table = tmp_path / "list.txt", tmp_path / "table.toml"
    source.write_text(f"{DIGEST}\n")
    table.write_text('name = "t"\n[[table]]\nschemes = ["vics-uk"]\ncategories = { 1 = "abuse" }\n')
    built = opened(source)[0].built
    with pytest.raises(CategoryTableRefused, match="leave out --category-table"):
        opened(built, category_table=table)
