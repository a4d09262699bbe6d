"""docs/what-is-read.md: each row says what is read, or how it is said when it is not, and names a test that exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import NamedTuple

import pytest
from import_graph import ROOT

PAGE = ROOT / "docs" / "what-is-read.md"
TEST_NAME = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
READ = frozenset({"yes", "no", "in part"})
HEAD = ["what", "read", "how it is said when it is not", "test"]


class Row(NamedTuple):
    section: str
    what: str
    read: str
    how: str
    test: str


def rows_of(text: str) -> list[Row]:
    """The rows of all tables, with the section that each is in; raises ValueError for one of another form."""
    rows, section = [], ""
    for line in text.splitlines():
        if line.startswith("## "):
            section = line[3:]
        elif line.startswith("|"):
            # A bar inside a cell is written "\|".
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
            if cells == HEAD or set("".join(cells)) == {"-"}:
                continue
            if len(cells) != len(HEAD):
                raise ValueError(line)
            rows.append(Row(section, *cells))
    return rows


@cache
def functions_of(path: str) -> frozenset[str]:
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(node.name for node in ast.walk(ast.parse(file.read_bytes())) if isinstance(node, functions))


def complaints(row: Row) -> list[str]:
    """Return the faults of a row, a line each."""
    said = []
    named = TEST_NAME.findall(row.test)
    if not named:
        said.append(f"{row.what}: names no test as `tests/FILE.py::test_name`")
    said += [f"{row.what}: {path}::{name} does not exist" for path, name in named if name not in functions_of(path)]
    if row.read not in READ:
        said.append(f"{row.what}: {row.read!r} is none of {sorted(READ)}")
    elif row.read != "yes" and not row.how:
        said.append(f"{row.what}: is not read, and nothing says how that is said")
    return said


def test_every_row_is_proved_by_a_test() -> None:
    rows = rows_of(PAGE.read_text())

    assert len(rows) >= 50
    assert [line for row in rows for line in complaints(row)] == []


def test_nothing_is_said_twice() -> None:
    rows = [(row.section, row.what) for row in rows_of(PAGE.read_text())]

    assert sorted(rows) == sorted(set(rows))


@pytest.mark.parametrize(
    ("cells", "complaint"),
    [
        ("x | yes | |", "names no test"),
        ("x | yes | | `tests/test_what_is_read_page.py::test_of_nothing`", "does not exist"),
        ("x | yes | | `tests/no_such_file.py::test_nothing_is_said_twice`", "does not exist"),
        ("x | no | | `tests/test_what_is_read_page.py::test_nothing_is_said_twice`", "nothing says how"),
        ("x | perhaps | | `tests/test_what_is_read_page.py::test_nothing_is_said_twice`", "is none of"),
    ],
)
def test_a_row_that_is_not_proved_is_found(cells: str, complaint: str) -> None:
    [row] = rows_of(f"| {cells} |")

    assert complaint in "".join(complaints(row))


def test_the_page_is_on_the_way_of_who_looks_for_it() -> None:
    assert "(docs/what-is-read.md)" in (ROOT / "README.md").read_text()
    assert "(what-is-read.md)" in (ROOT / "docs" / "architecture.md").read_text()
