"""What workers say reaches the log, and the file stays out of their hands."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from orbweaver.queue.worker_log import WorkerLog


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
