"""Every module that a docstring, a comment or a document names exists: a move must not leave old names behind."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from import_graph import ROOMS, ROOT, product_files

NAME = re.compile(rf"(?<![\w./:-])(?:orbweaver\.)?((?:{'|'.join(ROOMS)})(?:\.[A-Za-z_]\w*)+)")
# Files of the state directory, a page, and a host name begin like the room `store`.
NO_MODULES = frozenset(
    {
        "console.css",
        "console.md",
        "store.internal",
        "store.log",
        "store.md",
        "store.sock",
        "store.start.lock",
        "store.users.lock",
    }
)


def texts_of(source: str) -> Iterator[str]:
    """Yield the docstrings and comments of a module."""
    if any(NAME.search(line.partition("#")[2]) for line in source.splitlines()):  # else no comment names a module
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                yield token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def is_there(name: str, root: Path) -> bool:
    """Whether a dotted name is a folder, a module, or something that a module defines."""
    parts = name.split(".")
    for count in range(len(parts), 1, -1):
        place, rest = root.joinpath(*parts[:count]), parts[count:]
        module = place.with_suffix(".py")
        if module.is_file():
            defined = rf"^\s*(?:(?:async )?def {rest[0]}|class {rest[0]}|{rest[0]} *[:=])" if rest else ""
            return re.search(defined, module.read_text(), re.MULTILINE) is not None
        if place.is_dir():
            return not rest
    return False


def missing(text: str) -> set[str]:
    return {name for name in NAME.findall(text) if name not in NO_MODULES and not is_there(name, ROOT)}


def test_every_module_that_the_code_names_in_a_text_exists() -> None:
    found = {
        path.relative_to(ROOT): set().union(*map(missing, texts_of(path.read_text()))) for path in product_files(ROOT)
    }

    assert {path: names for path, names in found.items() if names} == {}


def test_every_module_that_a_document_names_exists() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "queue" / "README.md"]

    assert {path.relative_to(ROOT): names for path in documents if (names := missing(path.read_text()))} == {}


@pytest.mark.parametrize(
    "name", ["crawler.pace", "queue.records.runs.nothing", "matcher_client.services.nothing", "crawler.links.extract"]
)
def test_a_module_that_does_not_exist_is_found(name: str) -> None:
    assert missing(f"as crawler.rules.urls and queue.records say, and orbweaver.{name}") == {name}
