"""`orbweaver hashlist build` as a user runs it: formats, the report, updates and what is refused."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from orbweaver import cli
from orbweaver.console.terminal.lists import building, info
from orbweaver_command import Workplace

RANDOM = random.Random("building")
MD5, OTHER, THIRD = (RANDOM.randbytes(16).hex() for _ in range(3))
CONTEXT = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/US/$metadata#Media"
EMPTY = "d41d8cd98f00b204e9800998ecf8427e"


@pytest.fixture
def place() -> Iterator[Workplace]:
    with TemporaryDirectory() as folder:
        yield Workplace(Path(folder))


def vics(*rows: dict[str, object]) -> str:
    return json.dumps({"@odata.context": CONTEXT, "value": rows})


def row(md5: str, category: int = 1, media_id: int = 1) -> dict[str, object]:
    return {"MediaID": media_id, "MD5": md5.upper(), "Category": category}


def test_the_report_says_of_each_file_what_was_read_left_out_and_why(place: Workplace) -> None:
    first = place.write("export", vics(row(MD5), row(OTHER, 0, 2), row(EMPTY, 1, 3), row(MD5[:-1], 1, 4)))
    tcap = [{"hash_digest": "ab", "algorithm": "PDQ", "id": 1}, {"hash_digest": THIRD, "algorithm": "MD5", "id": 2}]
    second = place.write("other", json.dumps(tcap))
    output = str(place.folder / "list.hashes")
    ran = place.run("hashlist", "build", first, second, "-o", output)
    assert ran.status == 0
    assert f"{first}: record 4: the md5 has 31 characters where it needs 32 hex digits" in ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0] == (
        f"{first} (VICS): 4 rows, 2 used, 1 of them known benign (vics-us category 0: 1), 1 refused, "
        "1 left out: stands for the empty file"
    )
    assert lines[1] == f"{second} (TCAP): 2 rows, 1 used, 1 left out: PDQ is not MD5, SHA-1 or SHA-256"
    assert not any(digest in ran.stdout + ran.stderr for digest in (MD5, OTHER, MD5.upper()[:12]))
    facts = place.run("hashlist", "build", first, second, "-o", output, "--json").json()
    assert (facts["entries"], facts["rows"], facts["refused"], facts["degenerate"], facts["update"]) == (
        3,
        6,
        1,
        1,
        None,
    )
    assert [(file["format"], file["benign"], file["benign_signs"]) for file in facts["files"]] == [
        ("VICS", 1, {"vics-us category 0": 1}),
        ("TCAP", 0, {}),
    ]


def test_an_update_adds_replaces_and_keeps(place: Workplace) -> None:
    output = str(place.folder / "list.hashes")
    place.run("hashlist", "build", place.write("january", vics(row(MD5))), "-o", output, "--list", "national")
    news = place.write("february", vics(row(MD5, 2), row(OTHER, 1, 2)))
    ran = place.run("hashlist", "build", news, "--update", "--list", "national", "-o", output)
    assert "update: 1 added, 1 given again, 0 withdrawn, 0 deletions of entries not listed" in ran.stdout
    said = place.run("hashlist", "info", output, "--json").json()
    assert sorted((one["category"], one["entries"]) for one in said["labels"]) == [("1", 1), ("2", 1)]
    again = place.run("hashlist", "build", news, "--update", "--list", "national", "-o", output, "--json").json()
    assert again["list_version"] == said["list_version"]
    assert again["update"]["given_again"] == 2


def test_an_update_keeps_the_canary(place: Workplace) -> None:
    output = str(place.folder / "list.hashes")
    place.run("hashlist", "build", place.write("one", MD5), "-o", output, "--canary", "hotline")
    ran = place.run("hashlist", "build", place.write("two", OTHER), "-o", output, "--update")
    assert "canary" not in ran.stderr
    canaries = place.run("hashlist", "info", output, "--json").json()["canaries"]
    assert [one["name"] for one in canaries] == ["hotline"]


def test_a_cut_list_is_one_line_and_leaves_the_old_one(place: Workplace) -> None:
    output = str(place.folder / "list.hashes")
    assert place.run("hashlist", "build", place.write("one", MD5), "-o", output).status == 0
    before = Path(output).read_bytes()
    cut = place.write("cut", vics(*(row(MD5, 1, number) for number in range(9)))[:-100])
    ran = place.run("hashlist", "build", cut, "-o", output)
    assert ran.status == 2
    assert ran.stderr.strip().endswith("cut ends early: get a complete copy (7 rows before that are whole)")
    assert ran.stderr.count("\n") == 1
    assert Path(output).read_bytes() == before


def test_an_update_of_nothing_is_refused(place: Workplace) -> None:
    ran = place.run(
        "hashlist", "build", place.write("one", MD5), "--update", "-o", str(place.folder / "missing.hashes")
    )
    assert ran.status == 2
    assert "missing.hashes cannot be read (No such file or directory)" in ran.stderr


def test_an_update_from_a_file_of_another_name_says_that_it_is_another_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, output = tmp_path / "national.csv", tmp_path / "news.csv", tmp_path / "list.hashes"
    first.write_text(f"md5,entry_id,status\n{MD5},a,active\n")
    second.write_text(f"md5,entry_id,status\n{MD5},a,withdrawn\n")
    building.run([first], output, canary="hotline", is_json=False)
    building.run([second], output, is_update=True, is_json=False)
    said = capsys.readouterr()
    assert "update: 0 added, 0 given again, 0 withdrawn, 1 deletions of entries not listed" in said.out
    assert f'{output} had no list "news", only "national": the input was added as another list' in said.err
    assert 'no entry of "national" was replaced or withdrawn' in said.err
    building.run([second], output, is_update=True, list_name="national", is_json=False)
    said = capsys.readouterr()
    assert "update: 0 added, 1 given again, 1 withdrawn, 0 deletions of entries not listed" in said.out
    assert said.err == ""


UK = 'name = "UK 2026"\n[[table]]\nschemes = ["vics-uk"]\ncategories = { 1 = "abuse", 2 = "benign" }\n'


def test_a_region_without_a_table_is_held_and_the_build_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export, table, output = tmp_path / "export.json", tmp_path / "uk.toml", tmp_path / "list.hashes"
    rows = [row(RANDOM.randbytes(16).hex(), category, number) for number, category in enumerate((0, 1, 1, 2, 7))]
    export.write_text(vics(*rows).replace("/US/", "/UK/"))
    table.write_text(UK)
    building.run([export], output, is_json=False)
    said = capsys.readouterr()
    assert said.err == (
        f"{export}: a match on 4 rows will be held for an analyst, because what their category means is not known "
        "(vics-uk category 1: 2, vics-uk category 2: 1, vics-uk category 7: 1). If you know the meaning, write it in a "
        "category table: --category-table FILE.\n"
    )
    building.run([export], output, category_table=table, is_json=False)
    said = capsys.readouterr()
    assert f"{export}: a match on 1 rows will be held for an analyst" in said.err
    assert "known benign (vics-uk category 0: 1, vics-uk category 2: 1)" in said.out
    info.run(output, is_json=False)
    assert "category table UK 2026, version " in capsys.readouterr().out
    building.run([export], output, is_json=True)
    said = capsys.readouterr()
    assert f'{output} had the category table "UK 2026" and no longer has it' in said.err
    assert json.loads(said.out)["category_table"] is None


def test_a_table_of_another_region_than_the_files_says_nothing_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export, table, output = tmp_path / "export.json", tmp_path / "uk.toml", tmp_path / "list.hashes"
    export.write_text(vics(row(MD5)))
    table.write_text(UK)
    building.run([export], output, category_table=table, is_json=False)
    assert capsys.readouterr().err == (
        f'{export}: the category table "UK 2026" is for vics-uk, but the rows are of vics-us: it does not apply. '
        "Use a table for the region that the file names.\n"
    )


def test_a_bad_table_refuses_the_build_with_a_line_for_each_fault(place: Workplace) -> None:
    export, output = place.write("export", vics(row(MD5))), str(place.folder / "list.hashes")
    table = place.write("table", UK.replace("abuse", "bad").replace("vics-uk", "UK"))
    ran = place.run("hashlist", "build", export, "--category-table", table, "-o", output)
    assert (ran.status, len(ran.stderr.splitlines()), ran.stdout) == (2, 2, "")
    assert not Path(output).exists()


def test_a_file_name_does_not_drive_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = tmp_path / "a\x1b[31m\udcff.txt", tmp_path / "b\x1b[31m\udcff.hashes"
    source.write_text(f"{MD5}\nnonsense\n")
    building.run([source], output, canary="hotline", is_json=False)
    building.run([source], output, is_json=False)
    said = capsys.readouterr()
    assert "a\ufffd[31m\ufffd.txt (CSV or bare digests): 2 rows" in said.out
    assert "b\ufffd[31m\ufffd.hashes: 2 entries" in said.out
    assert "a\ufffd[31m\ufffd.txt: line 2" in said.err
    assert 'b\ufffd[31m\ufffd.hashes had the canary "hotline"' in said.err
    assert "\x1b" not in said.out + said.err


def test_a_file_name_in_an_error_does_not_drive_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = str(tmp_path / "list")
    monkeypatch.setattr("sys.argv", ["orbweaver", "hashlist", "build", str(tmp_path / "a\x1b[31m"), "-o", output])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "a\ufffd[31m is missing: check the path" in capsys.readouterr().err
