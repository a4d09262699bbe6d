"""Who may import whom, and what the crawler must never call: read from every module's syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent

BELOW_QUEUE = frozenset({"crawler", "matcher_client", "takedown", "store", "model", "settings"})
# DESIGN section 3. "" is the package itself: `orbweaver.__version__`.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "": frozenset(),
    "model": frozenset(),
    "settings": frozenset(),
    "store": frozenset({"model", "settings"}),
    "crawler": frozenset({"store", "model", "settings"}),
    "matcher_client": frozenset({"store", "model", "settings"}),
    "takedown": frozenset({"store", "model", "settings"}),
    "queue": BELOW_QUEUE,
    "console": BELOW_QUEUE | {"queue", ""},
    "commands": BELOW_QUEUE | {"queue", "console"},
    "cli": frozenset({"commands", "settings", ""}),
}
PICKLES = frozenset({"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"})
REACTORS = ("twisted.internet.reactor", "twisted.internet.asyncioreactor", "scrapy.utils.reactor")
RESOLVERS = frozenset({"getaddrinfo", "gethostbyname", "gethostbyname_ex", "create_connection"})
WRITERS = frozenset({"write_text", "write_bytes", "touch", "mkdir", "makedirs", "mkfifo", "mknod", "symlink_to"})
WRITE_FLAGS = frozenset({"O_WRONLY", "O_RDWR", "O_CREAT", "O_APPEND", "O_TRUNC"})
# The sandbox tries to create a file, to prove that it cannot.
MAY_TRY_TO_WRITE = frozenset({"crawler/sandbox.py"})
# One fixed name, which no host of a scope has.
MAY_RESOLVE = frozenset({"crawler/nat64.py"})


class Import(NamedTuple):
    """One imported module or name, absolute, and the name it is bound to."""

    line: int
    target: str
    bound_to: str


def modules_of(root: Path) -> Iterator[Path]:
    yield from sorted(root.glob("*.py"))
    for room in sorted(filter(None, MAY_IMPORT)):
        yield from sorted((root / room).rglob("*.py"))


def room_of(path: Path, root: Path) -> str:
    first = path.relative_to(root).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def imports_of(tree: ast.Module, path: Path, root: Path) -> Iterator[Import]:
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


def room_named_by(target: str, root: Path) -> str | None:
    """The room of ours that an import is from; None when it is not ours."""
    package, _, rest = target.partition(".")
    if package != "orbweaver":
        return None
    first = rest.partition(".")[0]
    return first if (root / first).is_dir() or (root / f"{first}.py").is_file() else ""


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def violations_of(path: Path, root: Path) -> Iterator[str]:
    where = path.relative_to(root).as_posix()
    room = room_of(path, root)
    tree = ast.parse(path.read_bytes(), filename=where)
    strangers: dict[str, str] = {}
    for line, target, bound_to in imports_of(tree, path, root):
        other = room_named_by(target, root)
        if other is not None and other != room:
            if other not in MAY_IMPORT.get(room, frozenset()):
                yield f"{where}:{line}: {room or 'the package'} may not import {other or 'the package'} ({target})"
            if any(map(is_private, target.split("."))):
                yield f"{where}:{line}: {target} is private to {other}"
            strangers[bound_to] = other
        if PICKLES.intersection(target.split(".")):
            yield f"{where}:{line}: {target} lets data run code: use JSON"
        if any(f"{target}.".startswith(f"{reactor}.") for reactor in REACTORS):
            yield f"{where}:{line}: {target} is a reactor, whose epoll every fork would share"
        if room == "crawler" and target.partition(".")[0] == "tempfile":
            yield f"{where}:{line}: the crawler never makes a temporary file"
        if room == "crawler" and where not in MAY_RESOLVE and target.rpartition(".")[2] in RESOLVERS:
            yield f"{where}:{line}: names are resolved under the egress guard only ({target})"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            other = strangers.get(node.value.id)
            if other is not None and is_private(node.attr):
                yield f"{where}:{node.lineno}: {node.value.id}.{node.attr} is private to {other or 'the package'}"
        if room == "crawler" and isinstance(node, ast.Call):
            yield from (f"{where}:{node.lineno}: {said}" for said in misdeeds_of(node, where))


def misdeeds_of(call: ast.Call, where: str) -> Iterator[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in RESOLVERS and where not in MAY_RESOLVE:
        yield f"{name}() resolves a name outside the egress guard"
    if where in MAY_TRY_TO_WRITE:
        return
    if name in WRITERS:
        yield f"{name}() writes to the disk"
    if name in {"open", "fdopen"} and may_write(call):
        yield f"{name}() opens a file for writing"


def may_write(call: ast.Call) -> bool:
    """Whether an open() has a mode or flags to write, or a mode that cannot be read from the source."""
    for keyword in call.keywords:
        if keyword.arg == "mode" and not isinstance(keyword.value, ast.Constant):
            return True
    for node in (part for argument in (*call.args, *call.keywords) for part in ast.walk(argument)):
        if isinstance(node, ast.Attribute) and node.attr in WRITE_FLAGS:
            return True
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            is_mode = set(node.value) <= set("rwxabt+") and len(node.value) <= 4
            if is_mode and not {"w", "x", "a", "+"}.isdisjoint(node.value):
                return True
    return False


def all_violations(root: Path) -> list[str]:
    return [said for path in modules_of(root) for said in violations_of(path, root)]


def test_every_module_keeps_the_rules_of_the_house() -> None:
    assert all_violations(ROOT) == []


def test_every_module_of_the_package_is_read() -> None:
    rooms = {room_of(path, ROOT) for path in modules_of(ROOT)}

    assert rooms == set(MAY_IMPORT)


def test_queue_has_no_init_file() -> None:
    assert not (ROOT / "queue" / "__init__.py").exists()


PLANTED = {
    "model imports nothing of ours": ("model.py", "from orbweaver import settings", "may not import settings"),
    "settings import nothing of ours": ("settings.py", "import orbweaver.model", "may not import model"),
    "store does not know takedown": ("store/a.py", "from orbweaver.takedown import cases", "may not import takedown"),
    "crawler does not know matcher_client": (
        "crawler/a.py",
        "from orbweaver import matcher_client",
        "may not import matcher_client",
    ),
    "matcher_client does not know crawler": (
        "matcher_client/a.py",
        "import orbweaver.crawler.urls",
        "may not import crawler",
    ),
    "takedown does not know queue": ("takedown/a.py", "from orbweaver.queue import jobs", "may not import queue"),
    "an import inside a function counts": (
        "takedown/a.py",
        "def f():\n    from orbweaver.crawler import urls",
        "takedown/a.py:2: takedown may not import crawler",
    ),
    "a relative import counts": ("crawler/a.py", "from ..queue import jobs", "may not import queue"),
    "queue does not know console": ("queue/a.py", "from orbweaver.console import text", "may not import console"),
    "console does not know commands": ("console/a.py", "from orbweaver import commands", "may not import commands"),
    # It runs as `python -m orbweaver.cli`: who imports it has a second one.
    "commands do not know cli": ("commands/a.py", "from orbweaver.cli import main", "may not import cli"),
    "cli knows commands only": ("cli.py", "from orbweaver.queue import jobs", "may not import queue"),
    "a private name stays in its room": (
        "queue/a.py",
        "from orbweaver.crawler.urls import _parse",
        "private to crawler",
    ),
    "a private attribute stays in its room": (
        "queue/a.py",
        "from orbweaver.crawler import urls\nurls._parse('x')",
        "queue/a.py:2: urls._parse is private to crawler",
    ),
    "pickle is imported by nobody": ("store/a.py", "import pickle", "lets data run code"),
    "a name of pickle is imported by nobody": ("queue/a.py", "from pickle import loads", "lets data run code"),
    "the crawler imports no tempfile": ("crawler/a.py", "import tempfile", "temporary file"),
    "the crawler opens nothing for writing": ("crawler/a.py", "open('body', 'wb')", "opens a file for writing"),
    "the crawler opens no path for writing": (
        "crawler/a.py",
        "from pathlib import Path\nPath('body').open(mode='ab')",
        "opens a file for writing",
    ),
    "the crawler opens nothing with a mode nobody can read": (
        "crawler/a.py",
        "def f(m):\n    open('body', mode=m)",
        "opens a file for writing",
    ),
    "the crawler opens no descriptor for writing": (
        "crawler/a.py",
        "import os\nos.open('body', os.O_WRONLY | os.O_CREAT)",
        "opens a file for writing",
    ),
    "the crawler writes no path": ("crawler/a.py", "Path('body').write_bytes(b'')", "writes to the disk"),
    "the crawler resolves no name": ("crawler/a.py", "import socket\nsocket.getaddrinfo('h', 80)", "egress guard"),
    "the crawler imports no resolver": ("crawler/a.py", "from socket import getaddrinfo", "egress guard"),
    "nobody imports the reactor": ("queue/a.py", "from twisted.internet import reactor", "is a reactor"),
    "nobody imports the reactor's module": ("crawler/a.py", "import twisted.internet.reactor", "is a reactor"),
}


@pytest.fixture
def small_house(tmp_path: Path) -> Path:
    """A tree of the same rooms, with one innocent module in each folder."""
    for room in MAY_IMPORT:
        if room and (ROOT / room).is_dir():
            (tmp_path / room).mkdir()
            (tmp_path / room / "a.py").write_text("import json\nfrom orbweaver.model import Case\n")
        else:
            (tmp_path / f"{room or '__init__'}.py").write_text("import json\n")
    return tmp_path


def test_an_innocent_tree_has_no_violation(small_house: Path) -> None:
    (small_house / "crawler" / "nat64.py").write_text("import socket\nsocket.getaddrinfo('host', 80)\n")
    (small_house / "crawler" / "b.py").write_text(
        "from typing import TYPE_CHECKING\nfrom pathlib import Path\nfrom orbweaver.crawler.a import _own\n"
        "Path('list').open('rb')\nopen('list')\nopen('list', 'r')\n"
        "if TYPE_CHECKING:\n    from twisted.internet.defer import Deferred\n"
    )

    assert all_violations(small_house) == []


@pytest.mark.parametrize(("file", "source", "said"), PLANTED.values(), ids=PLANTED)
def test_a_planted_violation_is_found(small_house: Path, file: str, source: str, said: str) -> None:
    (small_house / file).write_text(source + "\n")

    found = all_violations(small_house)

    assert len(found) >= 1
    assert all(one.startswith(f"{file}:") for one in found)
    assert any(said in one for one in found)
