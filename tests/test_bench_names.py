"""The names that benchmarks take from the package exist: nobody runs all of them, and types are not checked there."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from import_graph import ROOT


def problems_of(path: Path) -> Iterator[str]:
    """Say what a file names of the package that is not there: modules, their names, and what it asks of a module."""
    tree = ast.parse(path.read_bytes(), filename=str(path))
    bound: dict[str, ModuleType] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "orbweaver":
            for one in node.names:
                found = find(f"{node.module}.{one.name}")
                if found is False:
                    yield f"{path.name}:{node.lineno}: {node.module}.{one.name}"
                elif isinstance(found, ModuleType):
                    bound[one.asname or one.name] = found
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = bound.get(node.value.id)
            if module is not None and not hasattr(module, node.attr):
                yield f"{path.name}:{node.lineno}: {module.__name__}.{node.attr}"


def find(name: str) -> ModuleType | bool:
    """The module of that whole name, else whether a module has something of that name."""
    parent, _, last = name.rpartition(".")
    try:
        module = importlib.import_module(parent)
        if hasattr(module, last):
            found = getattr(module, last)
            return found if isinstance(found, ModuleType) else True
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return False


def test_every_benchmark_names_what_exists() -> None:
    files = sorted((ROOT / "bench").rglob("*.py"))

    assert [said for path in files for said in problems_of(path)] == []
    assert len(files) > 10


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("from orbweaver.crawler import pace", "orbweaver.crawler.pace"),
        ("from orbweaver.model import Sightings", "orbweaver.model.Sightings"),
        ("from orbweaver.nothing import one", "orbweaver.nothing.one"),
        ("from orbweaver.store import keys\nkeys.nothing()", "orbweaver.store.keys.nothing"),
    ],
)
def test_a_name_that_does_not_exist_is_found(tmp_path: Path, source: str, said: str) -> None:
    path = tmp_path / "a.py"
    path.write_text(source)

    assert [one.rpartition(" ")[2] for one in problems_of(path)] == [said]
