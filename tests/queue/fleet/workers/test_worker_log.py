"""What workers say reaches the log, and the file stays out of their hands."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from orbweaver.queue.fleet.workers import worker_log
from orbweaver.queue.fleet.workers.worker_log import WorkerLog


def test_what_children_write_is_appended_to_the_last_line(tmp_path: Path) -> None:
    path = tmp_path / "workers.log"
    path.write_text("earlier\n")
    with WorkerLog(path) as log:
        for word in ("first", "second"):
            subprocess.run([sys.executable, "-c", f"print('{word}')"], stdout=log.writer, check=True)
    assert path.read_text() == "earlier\nfirst\nsecond\n"


def test_a_child_holds_a_pipe_and_no_file(tmp_path: Path) -> None:
    with WorkerLog(tmp_path / "workers.log") as log:
        assert stat.S_ISFIFO(os.fstat(log.writer).st_mode)
        assert not os.get_inheritable(log.writer)


def test_a_log_that_ended_leaves_nothing_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with WorkerLog(tmp_path / "workers.log") as log:
        os.write(log.writer, b"a line\n")
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(log.writer, b"another\n")


def test_a_run_that_says_too_much_is_cut_and_waits_for_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_log, "MOST_BYTES", 100_000)
    path = tmp_path / "workers.log"
    for _ in range(2):
        with WorkerLog(path) as log:
            for _ in range(500):
                os.write(log.writer, b"x" * 1_000)
    assert path.read_bytes() == b"x" * 100_000 + worker_log.CUT
    assert (tmp_path / "workers.log.1").read_bytes() == path.read_bytes()


def test_a_log_that_cannot_be_written_stops_nobody() -> None:
    with WorkerLog(Path("/dev/full")) as log:
        for _ in range(500):
            os.write(log.writer, b"x" * 1_000)  # more than a pipe holds
