"""Runs the tests in several processes, which are forked when everything is imported and collected: once, not in each.

A pytest plugin, with the option `--numprocesses` (`-n`); with 0, pytest runs the tests itself. The tests of a file stay
together and in their order, since they share servers and measurements: a process that has nothing to do takes the next
file. A process that ends in the middle of a test fails this test, and another one does the rest of the file.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NoReturn

import leftover_check
import pytest


def add_option(parser: pytest.Parser) -> None:
    group = parser.getgroup("processes")
    # pytest keeps short options for itself, but this one everybody knows.
    group._addoption("-n", "--numprocesses", type=int, default=0, help="run the tests in so many processes")


def is_wanted(config: pytest.Config) -> bool:
    """Whether the tests run in processes of their own."""
    return config.option.numprocesses > 0 and not config.option.usepdb


def begin(config: pytest.Config, check: leftover_check.WholeRun) -> None:
    """Have the tests run in processes of their own; called by the conftest."""
    config.pluginmanager.register(_Run(config, check))


@dataclass
class _Worker:
    """A process that runs tests: the file that it was given, and where in it it is."""

    pid: int
    waits_for: deque[int] = field(default_factory=deque)
    at: int | None = None


class _Run:
    """The process that the user started: hands out the files, and reports what the others say."""

    def __init__(self, config: pytest.Config, check: leftover_check.WholeRun) -> None:
        self.config = config
        self.check = check
        self.workers: dict[Connection, _Worker] = {}
        self.started = 0
        terminal = config.pluginmanager.getplugin("terminalreporter")
        if terminal is not None:
            terminal.showfspath = False  # several files are run at once

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run the tests, unless pytest has none to run or something to say of them."""
        if not session.items or session.testsfailed or self.config.option.collectonly:
            return None
        places = range(len(session.items))
        self.files = deque(deque(file) for _path, file in groupby(places, lambda place: session.items[place].path))
        self.config.pluginmanager.getplugin("capturemanager").stop_global_capturing()  # each process has its own
        try:
            for _ in range(min(self.config.option.numprocesses, len(self.files))):
                self._start(session)
            while self.workers:
                self._listen_to_all(session)
                if session.shouldfail:
                    raise session.Failed(session.shouldfail)
                if session.shouldstop:
                    raise session.Interrupted(session.shouldstop)
        finally:
            self.files.clear()
            for worker in self.workers.values():
                os.kill(worker.pid, signal.SIGTERM)  # ends it in order, as Ctrl-C does
            while self.workers:
                self._listen_to_all(session)
        return True

    def _listen_to_all(self, session: pytest.Session) -> None:
        for connection in wait(list(self.workers)):
            assert isinstance(connection, Connection)
            self._listen(session, connection)

    def _start(self, session: pytest.Session) -> None:
        ours, its = Pipe()
        room = self.check.new_room()
        sys.stdout.flush()
        sys.stderr.flush()
        if (pid := os.fork()) == 0:
            for other in (ours, *self.workers):
                other.close()
            self.config.pluginmanager.unregister(self)
            self.config.pluginmanager.unregister(self.check)
            _work(session, its, self.check, room, f"process-{self.started}")
        its.close()
        self.workers[ours] = _Worker(pid)
        self.started += 1

    def _listen(self, session: pytest.Session, connection: Connection) -> None:
        """Do what a process says, or take its place when it has ended without a word."""
        worker = self.workers[connection]
        said, value = _received(connection)
        match said:
            case "is gone":
                self._give_up(session, connection)
            case "wants a file":
                worker.waits_for += self.files[0] if self.files else ()
                connection.send(list(self.files.popleft()) if self.files else None)
            case "begins":
                worker.at = worker.waits_for.popleft()
            case "reports":
                for data in value:
                    self._report(self.config.hook.pytest_report_from_serializable(config=self.config, data=data))
            case "warns":
                text, filename, line, when, nodeid, location = value
                warning = warnings.WarningMessage(Warning(text), Warning, filename, line)
                of = {"warning_message": warning, "when": when, "nodeid": nodeid, "location": location}
                self.config.hook.pytest_warning_recorded.call_historic(kwargs=of)
            case "ends":
                self.check.take(value)
                os.waitpid(self.workers.pop(connection).pid, 0)
                connection.close()

    def _report(self, report: pytest.TestReport) -> None:
        self.config.hook.pytest_runtest_logreport(report=report)
        if report.when == "teardown":
            self.config.hook.pytest_runtest_logfinish(nodeid=report.nodeid, location=report.location)

    def _give_up(self, session: pytest.Session, connection: Connection) -> None:
        worker = self.workers.pop(connection)
        connection.close()
        _pid, status = os.waitpid(worker.pid, 0)
        said = f"the process that ran this test ended with {os.waitstatus_to_exitcode(status)}"
        if worker.at is None:
            raise RuntimeError(said.replace("ran this test", "was to run tests"))
        item = session.items[worker.at]
        failed = pytest.TestReport(item.nodeid, item.location, {}, "failed", said, "call")
        self._report(failed)
        self._report(pytest.TestReport(item.nodeid, item.location, {}, "passed", None, "teardown"))
        if worker.waits_for:
            self.files.appendleft(worker.waits_for)
        if self.files:
            self._start(session)


def _received(connection: Connection) -> tuple[str, Any]:
    """Return the next message of a process, the last of which may be that it is gone."""
    try:
        message: tuple[str, Any] = connection.recv()
    except (EOFError, ConnectionError):
        return "is gone", None
    return message


# --- in the processes ---


class _Reporter:
    """Tells what happens to the process that the user started."""

    def __init__(self, config: pytest.Config, connection: Connection) -> None:
        self.config = config
        self.connection = connection
        self.reports: list[Any] = []

    def pytest_runtest_logstart(self) -> None:
        self.connection.send(("begins", None))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell what came of a test, when it has ended."""
        self.reports.append(self.config.hook.pytest_report_to_serializable(config=self.config, report=report))
        if report.when == "teardown":
            self.connection.send(("reports", self.reports))
            self.reports = []

    def pytest_warning_recorded(self, warning_message: Any, when: str, nodeid: str, location: Any) -> None:
        text = f"{warning_message.category.__name__}: {warning_message.message}"
        place = (warning_message.filename, warning_message.lineno)
        self.connection.send(("warns", (text, *place, when, nodeid, location)))


def _work(
    session: pytest.Session, connection: Connection, check: leftover_check.WholeRun, room: Path, name: str
) -> NoReturn:
    """Be a process that runs tests, to its end."""
    status = 1
    try:
        config = session.config
        config.pluginmanager.unregister(name="terminalreporter")
        config.pluginmanager.getplugin("capturemanager").start_global_capturing()
        folders = config._tmp_path_factory  # type: ignore[attr-defined]
        folders._basetemp = folders.getbasetemp() / name
        folders._basetemp.mkdir(mode=0o700)
        leftovers = check.process(room)
        config.pluginmanager.register(leftovers)
        config.pluginmanager.register(_Reporter(config, connection))
        _run_what_is_given(session, connection)
        config.hook.pytest_sessionfinish(session=session, exitstatus=pytest.ExitCode.OK)
        config._ensure_unconfigure()
        connection.send(("ends", leftovers.found()))
        status = 0
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _run_what_is_given(session: pytest.Session, connection: Connection) -> None:
    try:
        places = _places(connection)
        place = next(places, None)
        while place is not None:
            following = next(places, None)  # what the next test needs, too, is kept
            nextitem = None if following is None else session.items[following]
            session.items[place].ihook.pytest_runtest_protocol(item=session.items[place], nextitem=nextitem)
            place = following
    except (KeyboardInterrupt, pytest.exit.Exception):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends already


def _places(connection: Connection) -> Iterator[int]:
    """Yield the tests to run, as places in the list of all, until there are no more files."""
    while True:
        connection.send(("wants a file", None))
        file: Sequence[int] | None = connection.recv()
        if file is None:
            return
        yield from file
