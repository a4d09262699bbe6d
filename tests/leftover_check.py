"""The check of a whole run: no test leaves a process, a socket, a thread or a file behind.

A pytest plugin. What was started in a test itself must be gone when the test and its fixtures have ended: it is given
time to end by itself, then it is killed and the test fails. All else (what longer-lived fixtures started, sockets,
threads, files) must be gone at the end of the run, which fails and names the test after which it was first seen. Each
process that runs tests has a TMPDIR and a HOME of its own, so that what lies there is its own tests'.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import multiprocessing.util
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import leftovers
import preloaded
import pytest

# What ends by itself a moment after its test has this long, on any machine.
GRACE_SECONDS = 60.0
ELSEWHERE = {"XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"}


def begin(config: pytest.Config, *, grace_seconds: float = GRACE_SECONDS) -> None:
    """Begin; called by the conftest, once in each process of a run."""
    is_controller = not hasattr(config, "workerinput")
    if is_controller:
        config.pluginmanager.register(WholeRun(config, grace_seconds))
    else:
        config.pluginmanager.register(OneProcess(config.workerinput["room"], grace_seconds))  # type: ignore[attr-defined]
    if is_controller and not config.getoption("tx", None):
        config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # before TMPDIR changes
        config.pluginmanager.register(OneProcess(_new_room(), grace_seconds), "leftovers of this process")


def _new_room() -> str:
    return tempfile.mkdtemp(prefix="ow-", dir="/tmp")  # short: the paths of sockets in it must be


@dataclass(frozen=True)
class Left:
    """Something that a test left behind."""

    what: str
    test: str

    def __str__(self) -> str:
        return f"{self.test}: {self.what}"


@dataclass
class Seen:
    """What there was when tests began, and for all that came later the test after which it was first seen."""

    before: set[Any] = field(default_factory=set)
    first: dict[Any, str] = field(default_factory=dict)

    def note(self, found: set[Any], test: str) -> None:
        for one in found - self.before:
            self.first.setdefault(one, test)


class OneProcess:
    """The check in a process that runs tests; `left` is filled at its end."""

    def __init__(self, room: str, grace_seconds: float) -> None:
        leftovers.adopt_orphans()
        self.grace_seconds = grace_seconds
        self.room = Path(room)
        self.folders = [self.room / "tmp", self.room / "home"]
        self.room.chmod(0o711)
        for folder in self.folders:
            folder.mkdir()
            folder.chmod(0o1777)  # as /tmp is: some tests are another user for a moment
        os.environ.update({"TMPDIR": str(self.folders[0]), "HOME": str(self.folders[1])})
        for name in ELSEWHERE & os.environ.keys():
            del os.environ[name]
        tempfile.tempdir = None  # to be read anew
        self.processes = Seen(leftovers.children())
        self.sockets = Seen(set(leftovers.sockets()))
        self.threads = Seen(leftovers.threads())
        self.files = Seen()
        self.shared_memory = Seen(leftovers.files_in([leftovers.SHARED_MEMORY]))
        self.left: list[Left] = []

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        """Note what fixtures start: it may live longer than the test."""
        yield
        self.processes.note(leftovers.children(), item.nodeid)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
        """Note what came with the test, and fail it for what it started and did not end."""
        try:
            yield
        finally:
            self.sockets.note(set(leftovers.sockets()), item.nodeid)
            self.threads.note(leftovers.threads(), item.nodeid)
            self.files.note(leftovers.files_in(self.folders), item.nodeid)
            self.shared_memory.note(leftovers.files_in([leftovers.SHARED_MEMORY]), item.nodeid)
            self._refuse_what_runs(item)

    def _refuse_what_runs(self, item: pytest.Item) -> None:
        still: list[leftovers.Process] = []
        # One that ends may leave a child to us that was not to be seen before.
        while started := leftovers.children() - self.processes.before - self.processes.first.keys():
            self.processes.note(started, item.nodeid)
            own = [one for one in started if not leftovers.is_servant(one.pid)]
            still += leftovers.wait_for_end(own, self.grace_seconds)
        said = [leftovers.describe(one) for one in still]
        leftovers.end(still)
        if said:
            pytest.fail(f"{item.nodeid} left behind: {'; '.join(said)}", pytrace=False)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        """Look at all that is there when every fixture has ended, and end it."""
        yield
        _end_servants()
        gc.collect()
        self._look_at_processes()
        for inode, descriptor in leftovers.sockets().items():
            if inode not in self.sockets.before:
                test = self.sockets.first.get(inode, "a fixture")
                self.left.append(Left(leftovers.describe_socket(descriptor), test))
        for thread in leftovers.wait_for_threads(self.threads.first, self.grace_seconds):
            self.left.append(Left(leftovers.describe_thread(thread), self.threads.first[thread]))
        for path in leftovers.files_in(self.folders):
            self.left.append(Left(f"file {path}", self.files.first.get(path, "a fixture")))
        shutil.rmtree(self.room, ignore_errors=True)
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["left"] = [(one.what, one.test) for one in self.left]
            noted = {str(path): test for path, test in self.shared_memory.first.items()}
            session.config.workeroutput["shared_memory"] = noted

    def _look_at_processes(self) -> None:
        still = [one for one in leftovers.descendants() if one not in self.processes.before]
        still = leftovers.wait_for_end(still, self.grace_seconds)
        for one in still:
            test = self.processes.first.get(one) or leftovers.test_in(one) or "a fixture"
            self.left.append(Left(leftovers.describe(one), test))
        leftovers.end(still)


class WholeRun:
    """The check in the process that the user started: collects what the others say, and fails the run."""

    def __init__(self, config: pytest.Config, grace_seconds: float) -> None:
        leftovers.adopt_orphans()  # of a process of ours that crashed
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the run in order, as Ctrl-C does
        self.grace_seconds = grace_seconds
        self.before = set(leftovers.descendants())
        self.rooms: list[str] = []
        self.checkout = config.rootpath
        self.untracked = leftovers.untracked_in(self.checkout)
        self.left: list[Left] = []
        self.shared_memory: dict[str, set[str]] = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Give a process that will run tests its room."""
        self.rooms.append(_new_room())
        node.workerinput["room"] = self.rooms[-1]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take what an ended process says of its tests."""
        output = getattr(node, "workeroutput", {})
        self.left += [Left(what, test) for what, test in output.get("left", [])]
        for path, test in output.get("shared_memory", {}).items():
            self.shared_memory.setdefault(path, set()).add(test)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        """Fail the run if anything is left, by whomever."""
        yield
        here = session.config.pluginmanager.get_plugin("leftovers of this process")
        if here is not None:
            self.left += here.left
            self.shared_memory |= {str(path): {test} for path, test in here.shared_memory.first.items()}
        still = leftovers.wait_for_end(set(leftovers.descendants()) - self.before, self.grace_seconds)
        self.left += [Left(leftovers.describe(one), leftovers.test_in(one) or "a test") for one in still]
        leftovers.end(still)
        for path in leftovers.left_in_shared_memory([Path(one) for one in self.shared_memory]):
            self.left.append(Left(f"file {path}", " or ".join(sorted(self.shared_memory[str(path)]))))
            path.unlink()
        for path in leftovers.untracked_in(self.checkout) - self.untracked:
            self.left.append(Left(f"file {path}", "a test, or somebody who worked in the checkout meanwhile"))
        for room in self.rooms:
            shutil.rmtree(room, ignore_errors=True)
        if self.left and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name what was left, and by which test."""
        if self.left:
            terminalreporter.section("left behind", red=True)
            for one in sorted(map(str, self.left)):
                terminalreporter.line(f"LEFT BEHIND by {one}", red=True)


def _end_servants() -> None:
    """End the helpers that serve until their last user ends, and take the folder of multiprocessing's away."""
    preloaded.stop()
    multiprocessing.forkserver._forkserver._stop()  # type: ignore[attr-defined]
    multiprocessing.resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]
    with contextlib.suppress(OSError):
        multiprocessing.util._run_finalizers()  # type: ignore[attr-defined]
