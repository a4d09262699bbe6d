"""The import graph of the product, file by file: `python -m tests.import_graph` prints it as a table.

A floor is how far a file stands above the files that import nothing of ours; a circle has no floor.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("commands", "console", "crawler", "matcher_client", "model", "queue", "store", "takedown")


class Import(NamedTuple):
    """One imported module or name, absolute, and the name it is bound to."""

    line: int
    target: str
    bound_to: str


def product_files(root: Path) -> Iterator[Path]:
    """Yield every module of the product: those beside settings.py, and those of each room."""
    yield from sorted(root.glob("*.py"))
    for room in ROOMS:
        yield from sorted((root / room).rglob("*.py"))


def imports_of(tree: ast.Module, path: Path, root: Path) -> Iterator[Import]:
    """Yield what a module imports, wherever in it the import stands."""
    package = ["orbweaver", *path.relative_to(root).parent.parts]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, alias.asname or alias.name.partition(".")[0])
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(node.lineno, f"{module}.{alias.name}", alias.asname or alias.name)


def file_of(target: str, root: Path) -> Path | None:
    """Return the file of ours that an imported module or name is in; None when it is not ours."""
    package, *parts = target.split(".")
    if package != "orbweaver":
        return None
    for length in range(len(parts), -1, -1):
        place = root.joinpath(*parts[:length])
        for file in (place.with_name(f"{place.name}.py") if length else None, place / "__init__.py"):
            if file is not None and file.is_file():
                return file
    return None


def graph_of(root: Path) -> dict[Path, set[Path]]:
    """Return what each file imports of ours; a package's own `__init__.py` does not count as an import of it."""
    graph: dict[Path, set[Path]] = {}
    for path in product_files(root):
        targets = (one.target for one in imports_of(ast.parse(path.read_bytes()), path, root))
        files = {file for target in targets if (file := file_of(target, root)) is not None}
        graph[path] = {file for file in files if file.name != "__init__.py"} - {path}
    return graph


def circle_in(graph: Mapping[Path, set[Path]]) -> list[Path]:
    """Return one circle of files that import each other, the first file again at its end; empty when there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[Path] = error.args[1]
        return circle[::-1]
    return []


def files_in_circles(graph: Mapping[Path, set[Path]]) -> set[Path]:
    """Return every file that imports itself, directly or through others."""
    reached = {file: _reached_from(file, graph) for file in graph}
    return {file for file in graph if file in reached[file]}


def _reached_from(file: Path, graph: Mapping[Path, set[Path]]) -> set[Path]:
    reached: set[Path] = set()
    left = list(graph[file])
    while left:
        one = left.pop()
        if one not in reached:
            reached.add(one)
            left.extend(graph[one])
    return reached


def floors_of(graph: Mapping[Path, set[Path]]) -> dict[Path, int]:
    """Return the floor of each file: 0 when it imports nothing of ours, else one more than the highest it imports.

    Raises graphlib.CycleError for a graph with a circle.
    """
    floors: dict[Path, int] = {}
    for file in TopologicalSorter(graph).static_order():
        floors[file] = max((floors[one] + 1 for one in graph[file]), default=0)
    return floors


def table_of(graph: Mapping[Path, set[Path]], root: Path) -> str:
    """Return the graph as a table: a row for each folder, then the circles."""
    circular = files_in_circles(graph)
    # A circle is cut out, so that the other files still have a floor.
    floors = floors_of({file: targets - circular for file, targets in graph.items() if file not in circular})
    folders = sorted({path.relative_to(root).parent.as_posix() for path in graph})
    rows = [f"{'folder':<32}{'files':>6}{'lines':>7}{'floors':>9}{'in circles':>12}"]
    for folder in folders:
        files = [path for path in graph if path.relative_to(root).parent.as_posix() == folder]
        lines = sum(len(path.read_text().splitlines()) for path in files)
        own = sorted(floors[path] for path in files if path in floors)
        span = f"{own[0]}-{own[-1]}" if own else "-"
        rows.append(f"{folder:<32}{len(files):>6}{lines:>7}{span:>9}{sum(path in circular for path in files):>12}")
    total = sum(len(path.read_text().splitlines()) for path in graph)
    highest = max(floors.values(), default=0)
    rows.append(f"{'all':<32}{len(graph):>6}{total:>7}{f'0-{highest}':>9}{len(circular):>12}")
    circle = circle_in(graph)
    if circle:
        rows.append("a circle: " + " -> ".join(path.relative_to(root).as_posix() for path in circle))
    return "\n".join(rows)


if __name__ == "__main__":
    chosen = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
    sys.stdout.write(table_of(graph_of(chosen), chosen) + "\n")
