"""Crawl processes end when their worker could give no sign of life for too long, whatever it waits for."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator

import pytest
from orbweaver.queue.fleet.workers.silence import Silence
from orbweaver_command import PATIENCE_SECONDS, eventually


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "1000"]) as process:
        yield process
        process.kill()


def test_a_silence_that_is_too_long_ends_the_processes_and_is_told_once(sleeper: subprocess.Popen[bytes]) -> None:
    silence = Silence(0.0)
    silence.watch(sleeper.pid)
    assert sleeper.wait(PATIENCE_SECONDS) == -signal.SIGKILL
    assert eventually(silence.was_too_long)
    assert not silence.was_too_long()


def test_signs_of_life_keep_the_processes(sleeper: subprocess.Popen[bytes]) -> None:
    silence = Silence(1e9)
    silence.watch(sleeper.pid)
    silence.note_sign(0.0)  # the answer to an older one comes late: it takes nothing back
    assert silence._look_once()
    assert not silence.was_too_long()
    assert sleeper.poll() is None
    silence.leave(sleeper.pid)  # with the last process its thread ends


def test_a_process_that_is_watched_no_longer_is_not_ended(sleeper: subprocess.Popen[bytes]) -> None:
    silence = Silence(0.0)
    silence._thread = threading.current_thread()  # none of its own looks meanwhile
    silence.watch(sleeper.pid)
    silence.leave(sleeper.pid)
    assert not silence._look_once()
    assert not silence.was_too_long()
    assert sleeper.poll() is None
