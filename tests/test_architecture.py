"""The map of the code, docs/architecture.md, names what is there and leaves out no folder."""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

import pytest
from import_graph import ROOT, product_files
from orbweaver.settings import Settings
from orbweaver.store import keys
from test_import_rules import MAY_IMPORT, MAY_IMPORT_INSIDE, MAY_NOT_IMPORT

MAP = ROOT / "docs" / "architecture.md"
CODE = re.compile(r"`([^`\n]+)`")
DRAWING = re.compile(r"^```mermaid\n(.*?)^```", re.DOTALL | re.MULTILINE)
# What is named: a path, a class, a function, a constant or setting, a key of the store.
PATH = re.compile(r"(?:[\w.]+/)+[\w.]*|[\w.]+\.(?:py|txt|md|toml|tsv)|\.[a-z]+/")
CLASS = re.compile(r"(?:[A-Z][a-z0-9]+){1,}")
FUNCTION = re.compile(r"(\w+)\(\)")
CONSTANT = re.compile(r"[A-Z]+(?:_[A-Z]+)*")
KEY = re.compile(r"orbweaver:[\w{}:-]+")
# The folder without this file is spoken of, too.
NOT_OURS = frozenset({"__init__.py"})


def names_in(text: str) -> set[str]:
    """Everything in code type, outside drawings."""
    return set(CODE.findall(DRAWING.sub("", text)))


def definitions() -> Iterator[tuple[str, str]]:
    """Yield the kind and name of everything that the product defines at the top of a module, and its methods."""
    for path in product_files(ROOT):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ClassDef):
                yield "class", node.name
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield "function", node.name
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                yield from (("constant", target.id) for target in targets if isinstance(target, ast.Name))


@cache
def defined() -> Counter[tuple[str, str]]:
    """Count the definitions; not at once, for every process of a run imports this file."""
    return Counter(definitions())


FAMILIES = {
    make(*(f"{{{parameter}}}" for parameter in inspect.signature(make).parameters))
    for _, make in inspect.getmembers(keys, inspect.isfunction)
}


def missing(text: str) -> list[str]:
    """Return the names in code type of a text that do not exist."""
    return sorted(name for name in names_in(text) - NOT_OURS if not is_there(name))


def is_there(name: str) -> bool:
    if KEY.fullmatch(name):
        return name in FAMILIES
    if PATH.fullmatch(name):
        return (ROOT / name.lstrip("/")).exists()
    if CLASS.fullmatch(name):
        return ("class", name) in defined()
    if found := FUNCTION.fullmatch(name):
        return ("function", found[1]) in defined()
    if CONSTANT.fullmatch(name):
        return name.lower() in Settings.model_fields or ("constant", name) in defined()
    return True


def section(heading: str) -> str:
    _, _, rest = MAP.read_text().partition(f"{heading}\n")
    assert rest, f"no section {heading!r}"
    return re.split(r"^#", rest, maxsplit=1, flags=re.MULTILINE)[0]


def table(text: str) -> list[list[str]]:
    """The cells of a section's rows, without the head."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return [row for row in rows[1:] if not set(row[0]) <= {"-", ":"} or not row[0]]


def test_the_map_names_nothing_that_does_not_exist() -> None:
    assert missing(MAP.read_text()) == []


@pytest.mark.parametrize(
    "name",
    ["crawler/pace.py", "crawler/schedule/", "tests/test_nothing.py", "Standings", "settled()", "NO_SETTING", "x.py"],
)
def test_a_name_of_what_does_not_exist_is_found(name: str) -> None:
    assert missing(f"The file `settings.py` and `{name}`.") == [name]


def test_a_key_that_does_not_exist_is_found() -> None:
    assert missing("`orbweaver:batch:{batch_id}`, `orbweaver:bath:{batch_id}`") == ["orbweaver:bath:{batch_id}"]


def test_every_folder_of_the_product_has_its_line_and_no_other() -> None:
    folders = {path.relative_to(ROOT).parent.as_posix() for path in product_files(ROOT)}
    rows = [row[0].strip("`") for row in table(section("## The folders"))]

    assert Counter(row.strip("/") or "." for row in rows) == Counter(folders | {"queue"})


def test_the_steps_of_the_drawing_are_those_of_the_table() -> None:
    text = section("## The way of one file")
    (drawing,) = DRAWING.findall(text)
    drawn = [int(number) for number in re.findall(r'\["(\d+) ', drawing)]
    steps = [int(row[0]) for row in table(text)]

    assert sorted(drawn) == steps == list(range(1, len(steps) + 1))


def test_the_steps_of_the_second_drawing_are_those_of_the_list() -> None:
    text = section("### How the links of a page come back")
    (drawing,) = DRAWING.findall(text)

    assert re.findall(r'\["(\d+) ', drawing) == re.findall(r"^(\d+)\. ", text, flags=re.MULTILINE) == list("123456")


def rooms_of(cell: str) -> frozenset[str]:
    return frozenset(name.removesuffix(".py").strip("/") for name in CODE.findall(cell))


def test_who_may_import_whom_is_what_the_import_rules_hold() -> None:
    text = section("### Who may import whom")
    of_rooms = text.partition("\nInside ")[0]
    said = {next(iter(rooms_of(row[0]))): rooms_of(row[1]) for row in table(of_rooms)}

    assert said == {room: allowed - {""} for room, allowed in MAY_IMPORT.items() if room}
    for folder in ("crawler", "takedown"):
        of_folder = text.partition(f"\nInside `{folder}/`")[2].partition("\nInside ")[0]
        rows = {next(iter(rooms_of(row[0]))): rooms_of(row[1]) for row in table(of_folder)}
        assert {room: {one for one in others if (ROOT / one).is_dir()} for room, others in rows.items()} == {
            f"{folder}/{room}": {f"{folder}/{other}" for other in allowed if (ROOT / folder / other).is_dir()}
            for room, allowed in MAY_IMPORT_INSIDE[folder].items()
        }
    (no_rq,) = re.findall(r"^(.*) know nothing of RQ", text, flags=re.MULTILINE)
    assert rooms_of(no_rq) == {room for room, libraries in MAY_NOT_IMPORT.items() if "rq" in libraries}


def test_a_word_has_one_meaning_and_one_class() -> None:
    rows = table(section("## The words"))
    words = Counter(word.strip() for row in rows for word in row[0].split(","))
    carriers = Counter(name for row in rows for name in CODE.findall(row[2]))

    assert {word for word, count in words.items() if count > 1} == set()
    assert {name for name, count in carriers.items() if count > 1} == set()
    assert {name for name in carriers if ("class", name) not in defined()} == set()


def test_no_two_classes_have_one_name() -> None:
    assert {name for (kind, name), count in defined().items() if kind == "class" and count > 1} == set()


def test_every_change_names_a_file_and_a_test() -> None:
    rows = table(section("## Where to change what"))

    assert len(rows) >= 10
    for change, file, test, _ in rows:
        assert any(PATH.fullmatch(name) for name in CODE.findall(file)), change
        assert any(name.startswith("tests/") for name in CODE.findall(test)), change


def test_the_map_is_on_the_way_of_who_looks_for_it() -> None:
    for document in ("README.md", "CONTRIBUTING.md"):
        assert "(docs/architecture.md)" in (ROOT / document).read_text(), document
