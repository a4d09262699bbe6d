"""Reads every module's syntax tree: modules import only what they may, and the crawler never calls what it must not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from import_graph import (
    ROOMS,
    ROOT,
    circle_in,
    file_of,
    files_in_circles,
    graph_of,
    imports_of,
    product_files,
    table_of,
)

BELOW_QUEUE = frozenset({"crawler", "matcher_client", "takedown", "store", "model", "settings"})
# DESIGN section 3. "" is the package itself: `orbweaver.__version__`.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "": frozenset(),
    "model": frozenset(),
    # How values are written, and a table: settings are made of them.
    "setting_values": frozenset(),
    "cdn_networks": frozenset(),
    "settings": frozenset({"setting_values", "cdn_networks"}),
    "store": frozenset({"model", "settings"}),
    # The crawl process opens what hosts send, so it has no store (decision 0025).
    "crawler": frozenset({"model", "settings"}),
    "matcher_client": frozenset({"store", "model", "settings"}),
    # The package itself: an event says which release caused it.
    "takedown": frozenset({"store", "model", "settings", "setting_values", "cdn_networks", ""}),
    "queue": BELOW_QUEUE | {""},
    "console": BELOW_QUEUE | {"queue", ""},
    "commands": BELOW_QUEUE | {"queue", "console", "setting_values"},
    "cli": frozenset({"commands", "settings", ""}),
}
# Libraries that a room may not import: who asks about a digest, or raises a case, knows nothing of jobs.
MAY_NOT_IMPORT: dict[str, frozenset[str]] = {
    "crawler": frozenset({"redis", "rq", "tempfile"}),
    "matcher_client": frozenset({"rq"}),
    "takedown": frozenset({"rq"}),
    "store": frozenset({"rq"}),
}
# The sink that enqueues jobs of the engine's.
MAY_IMPORT_RQ = frozenset({"takedown/delivery/sinks/rq_queue.py"})
# The same inside a folder: its rooms, and what each may import: other rooms, and files at its root. Those may import
# every room.
MAY_IMPORT_INSIDE: dict[str, dict[str, frozenset[str]]] = {
    "crawler": {
        "rules": frozenset({"errors", "link_kind", "asked_as"}),
        "containment": frozenset({"errors"}),
        "bodies": frozenset({"errors", "transfer_errors"}),
        "links": frozenset({"bodies", "link_kind", "asked_as"}),
        "fetching": frozenset({"rules", "containment", "bodies", "errors", "transfer_errors", "link_kind", "asked_as"}),
        "revisiting": frozenset({"rules", "bodies", "links", "fetching", "asked_as"}),
        "visiting": frozenset(
            {"rules", "bodies", "links", "fetching", "revisiting", "errors", "transfer_errors", "link_kind", "asked_as"}
        ),
    },
    "console/terminal": {
        "cases": frozenset({"people"}),
        "doctor": frozenset(),
        "fleet": frozenset({"confirmation", "console_serving", "people", "termination"}),
        "hosts": frozenset({"confirmation", "dry_run", "runs"}),
        "lists": frozenset({"termination"}),
        "runs": frozenset({"cases", "dry_run", "lists", "termination"}),
        "statistics": frozenset({"cases"}),
    },
    # Whatever becomes of an export or a delivery, no case depends on it.
    "takedown": {
        "assessments": frozenset({"audit", "cases", "errors"}),
        "audit": frozenset({"cases", "errors", "retention"}),
        "cases": frozenset({"audit", "errors", "hosting", "removal"}),
        "delivery": frozenset({"cases", "errors"}),
        "exports": frozenset({"assessments", "cases", "errors"}),
        "hosting": frozenset(),
        "removal": frozenset({"cases", "errors", "hosting"}),
        "retention": frozenset({"assessments", "audit", "cases", "delivery", "errors", "removal"}),
        "statistics": frozenset({"delivery"}),
    },
}
# A folder in which few files may import more of ours: a sink gives events away and knows nothing of what is stored; a
# format is made of a record that was read before.
MAY_IMPORT_OF_OURS: dict[str, tuple[frozenset[str], dict[str, frozenset[str]]]] = {
    "takedown/delivery/sinks": (
        frozenset({"model", "takedown.errors", "takedown.delivery.sinks"}),
        # A full disk is said in the same words everywhere.
        {"opening.py": frozenset({"settings"}), "json_lines.py": frozenset({"store.disk"})},
    ),
    "takedown/exports": (
        frozenset({"model", "takedown.errors", "takedown.exports"}),
        {
            "reading.py": frozenset({"store", "takedown.cases", "takedown.assessments"}),
            "reporter.py": frozenset({"settings"}),
        },
    ),
}
# Rules decide and touch nothing: no network, no file, no process, no clock that they wait for. They know these only.
_PURE = """
    __future__ codecs collections dataclasses datetime enum functools idna ipaddress protego re tldextract typing
    unicodedata urllib.parse socket.inet_aton socket.inet_ntoa
"""
RULES_MAY_IMPORT = frozenset(_PURE.split())
# A list of words is read from the file beside it, once, when it is imported.
MAY_READ_THEIR_LISTS = frozenset(
    {
        "crawler/rules/acting_links.py",
        "crawler/rules/gate_words.py",
        "crawler/rules/gone_words.py",
        "crawler/rules/image_services.py",
    }
)
# So does the schedule: no store, no job, no clock that it reads. A time zone is read from the system's files.
PURE_FOLDERS = ("crawler/rules/", "queue/schedule/")
_SCHEDULE = "__future__ collections dataclasses datetime enum math typing zlib zoneinfo"
SCHEDULE_MAY_IMPORT = frozenset(_SCHEDULE.split())
# A simulation draws numbers, from a seed.
SIMULATION_MAY_IMPORT = SCHEDULE_MAY_IMPORT | {"heapq", "random"}
SCHEDULE_MAY_IMPORT_OF_OURS = frozenset({"orbweaver.queue.schedule", "orbweaver.queue.errors"})
CLOCKS = frozenset({"now", "utcnow", "today"})
READERS = frozenset({"open", "fdopen", "read_text", "read_bytes"})
PICKLES = frozenset({"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"})
REACTORS = ("twisted.internet.reactor", "twisted.internet.asyncioreactor", "scrapy.utils.reactor")
RESOLVERS = frozenset({"getaddrinfo", "gethostbyname", "gethostbyname_ex", "create_connection"})
WRITERS = frozenset({"write_text", "write_bytes", "touch", "mkdir", "makedirs", "mkfifo", "mknod", "symlink_to"})
WRITE_FLAGS = frozenset({"O_WRONLY", "O_RDWR", "O_CREAT", "O_APPEND", "O_TRUNC"})
# The sandbox tries to create a file, to prove that it cannot.
MAY_TRY_TO_WRITE = frozenset({"crawler/containment/sandbox.py"})
# One fixed name, which no host of a scope has.
MAY_RESOLVE = frozenset({"crawler/fetching/connecting/nat64.py"})


def room_of(path: Path, root: Path) -> str:
    first = path.relative_to(root).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def room_named_by(target: str, root: Path) -> str | None:
    """The room of ours that an import is from; None when it is not ours."""
    package, _, rest = target.partition(".")
    if package != "orbweaver":
        return None
    first = rest.partition(".")[0]
    return first if (root / first).is_dir() or (root / f"{first}.py").is_file() else ""


def room_inside(folder: str, path: Path, root: Path) -> str | None:
    """The room of a file in a folder of rooms; None for those at its root and for files elsewhere."""
    parts, of_folder = path.relative_to(root).parts, tuple(folder.split("/"))
    deep = len(of_folder)
    return parts[deep] if parts[:deep] == of_folder and len(parts) > deep + 1 else None


def trespasses_inside(target: str, path: Path, root: Path) -> Iterator[str]:
    """Say what is wrong with an import between rooms of one folder."""
    for folder, rooms in MAY_IMPORT_INSIDE.items():
        room, package = room_inside(folder, path, root), f"orbweaver.{folder.replace('/', '.')}"
        if room is not None and f"{target}.".startswith(f"{package}."):
            other = target.removeprefix(package).removeprefix(".").partition(".")[0]
            if other != room and other not in rooms.get(room, frozenset()):
                yield f"{folder}/{room} may not import {other or folder} ({target})"


def trespasses_of_few(target: str, where: str) -> Iterator[str]:
    """Say what is wrong with an import of ours in a folder that may have few."""
    for folder, (all_may, more) in MAY_IMPORT_OF_OURS.items():
        if where.startswith(f"{folder}/") and target.startswith("orbweaver"):
            known = all_may | more.get(where.removeprefix(f"{folder}/"), frozenset())
            if not any(f"{target}.".startswith(f"orbweaver.{one}.") for one in known):
                yield f"{folder} may not import {target}"


def trespasses_in_rules(target: str, where: str) -> Iterator[str]:
    """Say what is wrong with an import of a library in crawler/rules."""
    is_known = any(f"{target}.".startswith(f"{known}.") for known in RULES_MAY_IMPORT)
    if not is_known and not (where in MAY_READ_THEIR_LISTS and target == "pathlib.Path"):
        yield f"crawler/rules decides and touches nothing: {target} is not in RULES_MAY_IMPORT"


def trespasses_in_schedule(target: str, where: str) -> Iterator[str]:
    """Say what is wrong with an import of a file in queue/schedule."""
    is_simulation = where.startswith("queue/schedule/simulation/")
    others = SIMULATION_MAY_IMPORT if is_simulation else SCHEDULE_MAY_IMPORT
    known = SCHEDULE_MAY_IMPORT_OF_OURS if target.startswith("orbweaver") else others
    if not is_simulation and f"{target}.".startswith("orbweaver.queue.schedule.simulation."):
        yield f"queue/schedule decides without its simulation: {target}"
    if not any(f"{target}.".startswith(f"{one}.") for one in known):
        yield f"queue/schedule decides and touches nothing: {target} is not in SCHEDULE_MAY_IMPORT"


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
        yield from (f"{where}:{line}: {said}" for said in trespasses_inside(target, path, root))
        yield from (f"{where}:{line}: {said}" for said in trespasses_of_few(target, where))
        if where.startswith("crawler/rules/") and other is None:
            yield from (f"{where}:{line}: {said}" for said in trespasses_in_rules(target, where))
        if where.startswith("queue/schedule/"):
            yield from (f"{where}:{line}: {said}" for said in trespasses_in_schedule(target, where))
        if PICKLES.intersection(target.split(".")):
            yield f"{where}:{line}: {target} lets data run code: use JSON"
        if any(f"{target}.".startswith(f"{reactor}.") for reactor in REACTORS):
            yield f"{where}:{line}: {target} is a reactor, whose epoll every fork would share"
        library = target.partition(".")[0]
        if library in MAY_NOT_IMPORT.get(room, frozenset()) and not (library == "rq" and where in MAY_IMPORT_RQ):
            yield f"{where}:{line}: {room} may not import {target}"
        if room == "crawler" and where not in MAY_RESOLVE and target.rpartition(".")[2] in RESOLVERS:
            yield f"{where}:{line}: names are resolved under the egress guard only ({target})"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            other = strangers.get(node.value.id)
            if other is not None and is_private(node.attr):
                yield f"{where}:{node.lineno}: {node.value.id}.{node.attr} is private to {other or 'the package'}"
        if (room == "crawler" or where.startswith(PURE_FOLDERS)) and isinstance(node, ast.Call):
            yield from (f"{where}:{node.lineno}: {said}" for said in misdeeds_of(node, where))


def misdeeds_of(call: ast.Call, where: str) -> Iterator[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in RESOLVERS and where not in MAY_RESOLVE:
        yield f"{name}() resolves a name outside the egress guard"
    if name in READERS and where.startswith(PURE_FOLDERS) and where not in MAY_READ_THEIR_LISTS:
        yield f"{name}() reads a file: {where.rpartition('/')[0]} decides and touches nothing"
    if name in CLOCKS and where.startswith("queue/schedule/"):
        yield f"{name}() reads a clock: queue/schedule is given every moment"
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
    return [said for path in product_files(root) for said in violations_of(path, root)]


def test_every_module_keeps_the_rules_of_the_house() -> None:
    assert all_violations(ROOT) == []


def test_every_module_of_the_package_is_read() -> None:
    rooms = {room_of(path, ROOT) for path in product_files(ROOT)}

    assert rooms == set(MAY_IMPORT)
    assert set(ROOMS) == {room for room in MAY_IMPORT if room and (ROOT / room).is_dir()}
    for folder, table in MAY_IMPORT_INSIDE.items():
        assert {room for path in product_files(ROOT) if (room := room_inside(folder, path, ROOT))} == set(table)


@pytest.fixture(scope="module")
def graph() -> dict[Path, set[Path]]:
    """The import graph of the product; to read every file takes a second."""
    return graph_of(ROOT)


def test_no_file_imports_itself_through_others(graph: dict[Path, set[Path]]) -> None:
    assert circle_in(graph) == []
    assert files_in_circles(graph) == set()


def test_queue_has_no_init_file() -> None:
    assert not (ROOT / "queue" / "__init__.py").exists()


WITH_INPUT_OR_OUTPUT = """
    socket ssl asyncio aiohttp requests redis subprocess threading multiprocessing concurrent.futures os io selectors
    http.client urllib.request time pathlib scrapy
"""
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
        "import orbweaver.crawler.rules.urls",
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
        "from orbweaver.crawler.rules.urls import _parse",
        "private to crawler",
    ),
    "a private attribute stays in its room": (
        "queue/a.py",
        "from orbweaver.crawler import urls\nurls._parse('x')",
        "queue/a.py:2: urls._parse is private to crawler",
    ),
    "pickle is imported by nobody": ("store/a.py", "import pickle", "lets data run code"),
    "a name of pickle is imported by nobody": ("queue/a.py", "from pickle import loads", "lets data run code"),
    "the crawler imports no tempfile": ("crawler/a.py", "import tempfile", "crawler may not import tempfile"),
    "the crawler knows no store": ("crawler/a.py", "from orbweaver.store import keys", "crawler may not import store"),
    "the crawler knows no redis": ("crawler/a.py", "from redis import Redis", "crawler may not import redis"),
    "matcher_client knows no jobs": ("matcher_client/a.py", "from rq.job import Job", "may not import rq.job"),
    "takedown knows no jobs": ("takedown/a.py", "import rq", "takedown may not import rq"),
    "no other sink knows jobs": ("takedown/delivery/sinks/a.py", "from rq import Queue", "takedown may not import rq"),
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
    **{
        f"rules know no {module}": ("crawler/rules/a.py", f"import {module}", "decides and touches nothing")
        for module in WITH_INPUT_OR_OUTPUT.split()
    },
    **{
        f"the schedule knows no {module}": ("queue/schedule/a.py", f"import {module}", "decides and touches nothing")
        for module in (*WITH_INPUT_OR_OUTPUT.split(), "rq", "random", "orbweaver.store.keys", "orbweaver.queue.jobs")
    },
    "the schedule knows no simulation of it": (
        "queue/schedule/a.py",
        "from orbweaver.queue.schedule.simulation import world",
        "without its simulation",
    ),
    "a simulation knows no store": (
        "queue/schedule/simulation/a.py",
        "from orbweaver.store import keys",
        "decides and touches nothing",
    ),
    "the schedule knows no RQ through our errors": (
        "queue/schedule/a.py",
        "from orbweaver.queue.job_errors import JobTimeIsOver",
        "decides and touches nothing",
    ),
    "the schedule reads no file": ("queue/schedule/a.py", "open('list')", "reads a file"),
    "the schedule reads no clock": (
        "queue/schedule/a.py",
        "from datetime import datetime\ndatetime.now()",
        "reads a clock",
    ),
    "rules know no name of socket but two": ("crawler/rules/a.py", "from socket import socket", "touches nothing"),
    "rules know no opener of urllib": ("crawler/rules/a.py", "from urllib import request", "touches nothing"),
    "rules read no file": ("crawler/rules/a.py", "open('list')", "reads a file"),
    "rules read no path": ("crawler/rules/a.py", "Path('list').read_text()", "reads a file"),
    "rules know no fetching": (
        "crawler/rules/a.py",
        "from orbweaver.crawler.fetching import nat64",
        "crawler/rules may not import fetching",
    ),
    "rules know no visiting": (
        "crawler/rules/a.py",
        "def f():\n    import orbweaver.crawler.visiting.visit",
        "crawler/rules may not import visiting",
    ),
    "rules know no containment": (
        "crawler/rules/a.py",
        "from ..containment import sandbox",
        "crawler/rules may not import containment",
    ),
    "rules know no Scrapy through our errors": (
        "crawler/rules/a.py",
        "from orbweaver.crawler.transfer_errors import BodyCut",
        "crawler/rules may not import transfer_errors",
    ),
    "bodies know no links": (
        "crawler/bodies/a.py",
        "from orbweaver.crawler.links.pages.html import extract",
        "crawler/bodies may not import links",
    ),
    "bodies know no fetching": (
        "crawler/bodies/a.py",
        "from orbweaver.crawler.fetching import transfer",
        "crawler/bodies may not import fetching",
    ),
    "links know no visiting": (
        "crawler/links/a.py",
        "from orbweaver.crawler.visiting.visit import Visit",
        "crawler/links may not import visiting",
    ),
    "links know no fetching": (
        "crawler/links/a.py",
        "from orbweaver.crawler.fetching.transfer import Transfers",
        "crawler/links may not import fetching",
    ),
    "fetching knows no visiting": (
        "crawler/fetching/a.py",
        "from orbweaver.crawler.visiting.visit import Visit",
        "crawler/fetching may not import visiting",
    ),
    "fetching knows no links": (
        "crawler/fetching/a.py",
        "from orbweaver.crawler.links.pages.html import extract",
        "crawler/fetching may not import links",
    ),
    "a room of the crawler knows no door": (
        "crawler/visiting/a.py",
        "from orbweaver.crawler.spider import RecrawlSpider",
        "crawler/visiting may not import spider",
    ),
    "containment knows no other room": (
        "crawler/containment/a.py",
        "from orbweaver.crawler.rules import urls",
        "crawler/containment may not import rules",
    ),
    "a room of the terminal knows no other": (
        "console/terminal/lists/a.py",
        "from orbweaver.console.terminal.runs import verify",
        "console/terminal/lists may not import runs",
    ),
    "a room of the terminal knows no command without a room": (
        "console/terminal/hosts/a.py",
        "from orbweaver.console.terminal import doctor",
        "console/terminal/hosts may not import doctor",
    ),
    "a case depends on no delivery": (
        "takedown/cases/a.py",
        "from orbweaver.takedown.delivery import outbox",
        "takedown/cases may not import delivery",
    ),
    "a delivery knows no export": (
        "takedown/delivery/a.py",
        "from orbweaver.takedown.exports import xarf",
        "takedown/delivery may not import exports",
    ),
    "an export knows no delivery": (
        "takedown/exports/reading.py",
        "from orbweaver.takedown.delivery import outbox",
        "takedown/exports may not import delivery",
    ),
    "a format reads no store": (
        "takedown/exports/a.py",
        "from orbweaver.store import keys",
        "takedown/exports may not import orbweaver.store.keys",
    ),
    "a format reads no case by itself": (
        "takedown/exports/a.py",
        "from orbweaver.takedown.cases import case_store",
        "takedown/exports may not import orbweaver.takedown.cases.case_store",
    ),
    "a sink knows no store": (
        "takedown/delivery/sinks/a.py",
        "from orbweaver.store.connection import Store",
        "takedown/delivery/sinks may not import orbweaver.store.connection.Store",
    ),
    "a sink knows no lanes": (
        "takedown/delivery/sinks/opening.py",
        "from orbweaver.takedown.delivery import lanes",
        "takedown/delivery/sinks may not import orbweaver.takedown.delivery.lanes",
    ),
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
    for folder, rooms in MAY_IMPORT_INSIDE.items():
        for room in rooms:
            (tmp_path / folder / room).mkdir(parents=True)
    (tmp_path / "queue" / "schedule" / "simulation").mkdir(parents=True)
    (tmp_path / "takedown" / "delivery" / "sinks").mkdir()
    return tmp_path


def test_an_innocent_tree_has_no_violation(small_house: Path) -> None:
    (small_house / "queue" / "schedule" / "rates.py").write_text(
        "from datetime import datetime\nfrom zoneinfo import ZoneInfo\nfrom orbweaver.queue.errors import QueueError\n"
        "from orbweaver.queue.schedule.a import one\n"
    )
    (small_house / "crawler" / "rules" / "acting_links.py").write_text(
        "from pathlib import Path\nfrom socket import inet_aton\nfrom urllib.parse import quote\n"
        "from orbweaver.crawler.errors import UrlRefused\nPath('list').read_text()\n"
    )
    (small_house / "crawler" / "visiting" / "a.py").write_text("from orbweaver.crawler.fetching import nat64\n")
    (small_house / "crawler" / "fetching" / "connecting").mkdir()
    (small_house / "crawler" / "fetching" / "connecting" / "nat64.py").write_text(
        "import socket\nsocket.getaddrinfo('host', 80)\n"
    )
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


CIRCLES = {
    "two files": {"crawler/a.py": "from orbweaver.queue import b", "queue/b.py": "from orbweaver.crawler.a import one"},
    "an import inside a function": {
        "crawler/a.py": "from orbweaver.crawler import b",
        "crawler/b.py": "def f():\n    from orbweaver.crawler.a import one",
    },
    "for types alone": {
        "crawler/a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from orbweaver.crawler.b import One",
        "crawler/b.py": "import orbweaver.crawler.a",
    },
    "relative, through a third": {
        "crawler/a.py": "from . import b",
        "crawler/b.py": "from ..store import c",
        "store/c.py": "from orbweaver.crawler.a import one",
    },
}


@pytest.mark.parametrize("sources", CIRCLES.values(), ids=CIRCLES)
def test_a_planted_circle_is_found(small_house: Path, sources: dict[str, str]) -> None:
    for name, source in sources.items():
        (small_house / name).write_text(source + "\n")

    graph = graph_of(small_house)

    assert files_in_circles(graph) == {small_house / name for name in sources}
    assert {path.relative_to(small_house).as_posix() for path in circle_in(graph)} == set(sources)
    assert table_of(graph, small_house).splitlines()[-1].startswith("a circle: ")


def test_a_name_is_in_the_file_of_its_module(small_house: Path) -> None:
    assert file_of("orbweaver.crawler.a.one", small_house) == small_house / "crawler" / "a.py"
    assert file_of("orbweaver.settings", small_house) == small_house / "settings.py"
    assert file_of("json", small_house) is None


def test_the_table_has_a_row_for_each_folder_and_one_for_all(graph: dict[Path, set[Path]]) -> None:
    rows = table_of(graph, ROOT).splitlines()

    folders = {path.relative_to(ROOT).parent.as_posix() for path in product_files(ROOT)}
    assert {row.split()[0] for row in rows} == {"folder", "all", *folders}
    assert rows[-1].split()[-1] == "0", "no file is in a circle"
