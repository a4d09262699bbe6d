"""Runs the orbweaver command as a user would, and looks at what it left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# A busy machine may need more than two seconds to start the store's server: it is said, and no test is about it here.
SLOW_START = re.compile(r"^orbweaver: the store in .* is not ready yet: waiting for it\n", re.MULTILINE)
PATIENCE_SECONDS = 300.0  # far beyond what any machine needs: only a fault lets it pass


@dataclass(frozen=True)
class Ran:
    """What a finished command said."""

    status: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        return json.loads(self.stdout)


class Workplace:
    """A folder with a state and an output directory of its own, and commands that run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.out = folder / "out"
        self.temporary = folder / "tmp"
        self.working = folder / "cwd"
        for path in (self.temporary, self.working):
            path.mkdir(parents=True)

    def environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if name not in {"STORE_URL", "MATCHER_URL"}}
        return {
            **clean,
            "TMPDIR": str(self.temporary),
            "ALLOW_ADDRESSES": "127.0.0.0/8",
            "STATE_DIR": str(self.state),
            **extra,
        }

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "orbweaver.cli", *arguments],
            env=self.environment(settings),
            cwd=self.working,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, standard_input: str = "", **settings: str) -> Ran:
        return finish(self.start(*arguments, **settings), standard_input)

    def write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def lines(self, name: str) -> list[dict[str, Any]]:
        """Return the lines of one of the output files."""
        return [json.loads(line) for line in (self.out / name).read_text().splitlines()]

    def processes(self) -> list[int]:
        """Return the ids of all processes that work for this state directory, the store's server among them."""
        return [pid for pid in process_ids() if str(self.state) in _said_by(pid)]

    def workers(self, *queues: str) -> list[int]:
        """Return the ids of the workers of these queues of this place."""
        name = re.compile(rf"worker(_child\0\d+)?\0({'|'.join(queues)})\0")
        forked = {pid for pid in self.processes() if name.search(_said_by(pid))}
        return [pid for pid in forked if parent_of(pid) not in forked]

    def recrawl_workers(self) -> list[int]:
        """Return the ids of the recrawl workers of this place."""
        return self.workers("recrawl")

    def crawl_processes(self) -> list[int]:
        """Return the ids of the sandboxed processes of recrawl workers: children of the child that only forks.

        They are not dumpable, so only root could read what they were started with.
        """
        workers = self.recrawl_workers()
        return [pid for pid in process_ids() if parent_of(parent_of(pid)) in workers]


def finish(process: subprocess.Popen[str], standard_input: str = "") -> Ran:
    try:
        stdout, stderr = process.communicate(standard_input, timeout=PATIENCE_SECONDS * 2)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        raise
    return Ran(process.returncode, stdout, SLOW_START.sub("", stderr))


def process_ids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _said_by(pid: int) -> str:
    try:
        folder = Path(f"/proc/{pid}")
        # Processes of others have whatever bytes they like.
        return "".join(folder.joinpath(name).read_text(errors="replace") for name in ("cmdline", "environ"))
    except OSError:
        return ""  # it ended, or is not ours


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    except OSError:
        return 0


def eventually(condition: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """Return the condition's first true value; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        pause.wait(0.02)  # lets other processes have the processor; what is waited for is the condition
    raise AssertionError(f"{condition} did not become true within {seconds} s")
