"""The errors of each package stand in its errors.py, whose head draws them as a tree: one look says how it can fail."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from import_graph import ROOT, product_files

TREES = sorted(path.relative_to(ROOT) for path in ROOT.glob("*/errors.py"))
# What needs a library that others do without stands beside the tree, and is part of it; settings is one module.
BESIDE = {"crawler": Path("crawler/transfer_errors.py"), "queue": Path("queue/job_errors.py")}
HOMES = frozenset({*map(str, TREES), *map(str, BESIDE.values()), "settings.py"})


def classes_in(path: Path) -> list[ast.ClassDef]:
    return [node for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.ClassDef)]


def errors_of(path: Path) -> set[str]:
    """Return the classes of a file that only holds errors."""
    return {one.name for one in classes_in(ROOT / path)}


KNOWN = {"Exception", "IgnoreRequest", *(name for tree in TREES for name in errors_of(tree))}


def is_error(one: ast.ClassDef) -> bool:
    bases = {ast.unparse(base).rpartition(".")[2] for base in one.bases}
    return any(base in KNOWN or base.endswith(("Error", "Exception")) for base in bases)


@pytest.mark.parametrize("path", TREES, ids=str)
def test_a_tree_draws_every_error_of_its_package(path: Path) -> None:
    drawn = set((ast.get_docstring(ast.parse((ROOT / path).read_bytes())) or "").replace("─", " ").split())
    own = errors_of(path)
    if beside := BESIDE.get(path.parts[0]):
        own |= errors_of(beside)
    assert own <= drawn


def test_no_error_stands_outside_its_packages_tree() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {one.name}"
        for path in product_files(ROOT)
        if str(path.relative_to(ROOT)) not in HOMES
        for one in classes_in(path)
        if is_error(one) and not one.name.startswith("_")
    }
    assert not found
