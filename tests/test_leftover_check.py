"""The check of the whole run names the test that left something behind, whatever it is, and ends it."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

TESTS = Path(__file__).parent
CONFTEST = """
import leftover_check, pytest

@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    leftover_check.begin(config, grace_seconds=1)
"""
# Each test leaves one thing behind on purpose; what a process is given as argument names the run.
LEAVING = """
import ctypes, os, pathlib, signal, socket, subprocess, sys, tempfile, threading, pytest
kept = []
SLEEPS = "import sys; sys.stdin.read()"
held, holds = os.pipe()  # nobody writes, and it stays open

def start(code=SLEEPS, **options):
    command = [sys.executable, "-c", code, "MARK"]
    return subprocess.Popen(command, stdin=held, stdout=subprocess.DEVNULL, **options)

@pytest.fixture(scope="module")
def server():
    return start()

def test_that_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("pytest takes it away")
    subprocess.run([sys.executable, "-c", ""], check=True)

def test_that_leaves_a_child():
    kept.append(start())

def test_that_fails_and_leaves_a_child():
    kept.append(start())
    assert False

def test_that_leaves_a_daemon():
    again = f"import os, sys; os.setsid(); os.fork() and os._exit(0); {SLEEPS}"
    subprocess.run([sys.executable, "-c", f"import os; os.fork() and os._exit(0); {again}", "MARK"], stdin=held)

def test_that_leaves_a_process_that_hides():
    hides = "import ctypes; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); print(flush=True);" + SLEEPS
    child = subprocess.Popen([sys.executable, "-c", hides, "MARK"], stdin=held, stdout=subprocess.PIPE)
    child.stdout.read(1)
    kept.append(child)

def test_whose_fixture_leaves_a_server(server):
    pass

def test_that_leaves_a_socket():
    kept.append(socket.create_server(("127.0.0.1", 0)))

def test_that_leaves_a_thread():
    threading.Thread(target=threading.Event().wait, name="left on purpose", daemon=True).start()

def test_that_leaves_a_folder():
    tempfile.mkdtemp(prefix="left-")

def test_that_leaves_a_file_at_home():
    (pathlib.Path.home() / ".left").write_text("")

def test_that_leaves_a_file_in_the_checkout():
    pathlib.Path("left-in-checkout").write_text("")

def test_that_leaves_shared_memory():
    pathlib.Path("/dev/shm/orbweaver-MARK").write_text("")
"""
CRASHING = """
import os, subprocess, sys

def test_whose_process_crashes():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)", "MARK"])
    os._exit(1)
"""

# What is said of each; of what was left outside of a test's own folders, nobody can be sure whose it is.
EXPECTED = {
    "test_that_leaves_a_child": "process",
    "test_that_fails_and_leaves_a_child": "process",
    "test_that_leaves_a_daemon": "process",
    "test_that_leaves_a_process_that_hides": "process",
    "test_whose_fixture_leaves_a_server": "process",
    "test_that_leaves_a_socket": "socket listening at",
    "test_that_leaves_a_thread": "thread left on purpose",
    "test_that_leaves_a_folder": "/left-",
    "test_that_leaves_a_file_at_home": "/.left",
    "test_that_leaves_shared_memory": "/dev/shm/orbweaver-",
    "test_whose_process_crashes": "process",
    "": "/left-in-checkout",
}


def processes_with(mark: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_whatever_is_left_behind_is_named_and_ended(tmp_path: Path) -> None:
    mark = f"left-by-{uuid.uuid4().hex}"
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "conftest.py").write_text(CONFTEST)
    (checkout / "test_leaving.py").write_text(LEAVING.replace("MARK", mark))
    (checkout / "test_crashing.py").write_text(CRASHING.replace("MARK", mark))
    (checkout / "pytest.ini").write_text("[pytest]\n")
    subprocess.run(["git", "init", "--quiet"], cwd=checkout, check=True)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "2", f"--basetemp={tmp_path / 'base'}"]
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    told = [line for line in ran.stdout.splitlines() if "left behind: " in line or "LEFT BEHIND by " in line]
    for test, what in EXPECTED.items():
        assert any(what in line and (test in line or not test) for line in told), f"{test} is not named:\n{ran.stdout}"
    assert not any("test_that_leaves_nothing" in line for line in told), ran.stdout
    assert processes_with(mark) == []
    assert not Path(f"/dev/shm/orbweaver-{mark}").exists()
