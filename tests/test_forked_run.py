"""The tests run in several processes: each failure is told, a file stays in one process, a crash costs one test."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CONFTEST = """
import forked_run, leftover_check, pytest

def pytest_addoption(parser):
    forked_run.add_option(parser)

@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    forked_run.begin(config, leftover_check.begin(config, runs_tests=False))
"""
FAILING = """
import os, pytest, warnings

@pytest.fixture(scope="module")
def process():
    yield os.getpid()
    print("the fixture ends")

def test_that_fails(process):
    print("said before it failed")
    assert process == 0

@pytest.mark.parametrize("number", range(40))
def test_of_the_same_process(process, number):
    assert process == os.getpid()

def test_that_is_skipped():
    pytest.skip("for a reason")

def test_that_warns():
    warnings.warn("mind the step")

def test_whose_folder_is_its_own(tmp_path):
    assert not list(tmp_path.iterdir())
"""
CRASHING = """
import os

def test_before():
    pass

def test_that_crashes():
    os._exit(7)

def test_after():
    pass
"""
WAITING = """
import pathlib, threading

def test_that_waits(tmp_path_factory):
    pathlib.Path("waits").write_text("")
    threading.Event().wait()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    plain = ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:xdist.looponfail"]
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-rfs", *plain, *options, f"--basetemp={folder / 'base'}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(TESTS), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_every_test_is_run_once_and_what_goes_wrong_is_told(folder: Path) -> None:
    for name in ("one", "two"):
        (folder / f"test_failing_{name}.py").write_text(FAILING)
    (folder / "test_crashing.py").write_text(CRASHING)
    running = start(folder, "--numprocesses=2")
    said, _ = running.communicate()

    assert running.returncode == 1
    assert re.search(r"3 failed, 86 passed, 2 skipped, 2 warnings in", said), said
    for expected in (
        "FAILED test_failing_one.py::test_that_fails - assert",
        "FAILED test_failing_two.py::test_that_fails - assert",
        "FAILED test_crashing.py::test_that_crashes - ",
        "the process that ran this test ended with 7\n",
        "for a reason",
        "UserWarning: mind the step",
        "said before it failed",
    ):
        assert expected in said, said
    assert "the fixture ends" not in said


def test_the_first_failure_ends_the_run_if_that_is_wanted(folder: Path) -> None:
    (folder / "test_failing.py").write_text(FAILING)
    (folder / "test_waiting.py").write_text(WAITING)
    running = start(folder, "--numprocesses=2", "--exitfirst")
    said, _ = running.communicate()

    assert running.returncode == 1
    assert "1 failed" in said
    assert "stopping after 1 failures" in said


def test_ctrl_c_ends_every_process(folder: Path) -> None:
    (folder / "test_failing.py").write_text(FAILING)
    (folder / "test_waiting.py").write_text(WAITING)
    running = start(folder, "--numprocesses=2")  # the second begins with what waits
    while not (folder / "waits").exists():
        assert running.poll() is None
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate()

    assert running.returncode == pytest.ExitCode.INTERRUPTED
    assert "KeyboardInterrupt" in said
