"""A command that is forked from a preloaded process is what a started one is, and what would differ is started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import preloaded
import pytest
from builders import url_of
from orbweaver.queue import queues
from orbweaver.store.connection import Store
from orbweaver_command import Workplace, eventually, parent_of

COMMAND = [sys.executable, "-P", "-m", "orbweaver.cli"]


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines that the real subprocess.Popen is given from now on."""
    seen: list[list[str]] = []
    really = preloaded.RealPopen._execute_child  # type: ignore[attr-defined]

    def noted(process: Any, arguments: list[str], *others: Any) -> None:
        seen.append(arguments)
        really(process, arguments, *others)

    preloaded.server()
    monkeypatch.setattr(preloaded.RealPopen, "_execute_child", noted)
    return seen


@contextlib.contextmanager
def a_worker(store: Store, name: str, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "STORE_URL": url_of(store), "TAKEDOWN_SINKS": "jsonl:/nowhere", "ONE MORE": "é"}
    command = [*COMMAND, "worker", "takedown", "--name", name]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, **options) as process:
        try:
            eventually(lambda: store.exists(f"rq:worker:{name}") and heeds(process.pid, signal.SIGTERM))
            yield process
        finally:
            process.kill()


def test_a_forked_command_shows_what_a_started_one_shows(store: Store, starts: list[list[str]], tmp_path: Path) -> None:
    def shown(pid: int, name: str) -> list[bytes]:
        return Path(f"/proc/{pid}/{name}").read_bytes().rstrip(b"\0").split(b"\0")

    with a_worker(store, "forked", cwd=tmp_path, start_new_session=True) as forked:
        assert starts == []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(subprocess, "Popen", preloaded.RealPopen)
            with a_worker(store, "started", cwd=tmp_path, start_new_session=True) as started:
                assert len(starts) == 1
                for process, name in ((forked, b"forked"), (started, b"started")):
                    line = [*map(os.fsencode, COMMAND), b"worker", b"takedown", b"--name", name]
                    assert shown(process.pid, "cmdline") == line
                    assert parent_of(process.pid) == os.getpid()
                    assert os.getsid(process.pid) == os.getpgid(process.pid) == process.pid
                    assert os.readlink(f"/proc/{process.pid}/cwd") == str(tmp_path)
                assert shown(forked.pid, "environ") == shown(started.pid, "environ")
                assert signals(forked.pid) == signals(started.pid)
                # The threads that deliver connect when they come to it.
                eventually(lambda: descriptors(forked.pid) == descriptors(started.pid))


def heeds(pid: int, number: int) -> bool:
    """Whether a process has a function for a signal."""
    (caught,) = (line for line in signals(pid) if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def signals(pid: int) -> list[str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return [line for line in lines if line.startswith(("SigBlk", "SigIgn", "SigCgt"))]


def descriptors(pid: int) -> dict[str, str]:
    """Return what is open, but for the numbers of sockets and pipes."""
    folder = Path(f"/proc/{pid}/fd")
    return {one.name: os.readlink(one).partition("[")[0] for one in folder.iterdir()}


def test_it_ends_as_a_started_one_does(store: Store, starts: list[list[str]]) -> None:
    ran = subprocess.run([*COMMAND, "worker", "nonsense"], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "set STORE_URL" in ran.stderr
    for number, status in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0), (signal.SIGINT, 0)):
        with a_worker(store, f"ends-{number}") as worker:
            worker.send_signal(number)
            assert worker.wait() == status
    assert queues.waiting_jobs(store) == 0
    assert starts == []


def test_streams_are_those_of_the_caller(starts: list[list[str]]) -> None:
    with TemporaryDirectory() as folder:
        place = Workplace(Path(folder))
        ran = place.run("verify", "-", "--hashes", "list.csv", standard_input="no url: \N{SNOWMAN}\n")
    assert (ran.status, ran.stdout) == (2, "")
    assert ran.stderr.splitlines()[0] == "-:1: url: no scheme: no url: \N{SNOWMAN}"
    assert starts == []


@pytest.mark.parametrize(
    "options",
    [
        {"env": {**os.environ, "TLDEXTRACT_CACHE": "/elsewhere"}},  # tldextract reads it when it is imported
        {"env": {**os.environ, "PYTHONUTF8": "0"}},
        {"umask": 0o027},
        {"preexec_fn": os.setsid},
    ],
    ids=["a variable that was read", "a variable of Python's", "an option", "a function"],
)
def test_what_would_differ_is_started(starts: list[list[str]], options: dict[str, Any]) -> None:
    subprocess.run([*COMMAND, "--version"], capture_output=True, check=True, **options)
    assert len(starts) == 1


def test_what_a_process_inherits_is_that_of_the_caller(starts: list[list[str]]) -> None:
    before = os.umask(0o027)
    try:
        subprocess.run([*COMMAND, "--version"], capture_output=True, check=True)
    finally:
        os.umask(before)
    assert len(starts) == 1


def test_other_programs_need_no_server(starts: list[list[str]]) -> None:
    preloaded.stop()
    subprocess.run([sys.executable, "-c", ""], check=True)
    subprocess.run("true", check=True)
    assert len(starts) == 2
    assert preloaded._server is None
