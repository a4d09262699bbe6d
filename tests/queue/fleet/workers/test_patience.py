"""A match or takedown worker waits for a store that is away, however long; told to stop meanwhile, it ends in time."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from orbweaver.queue.fleet.workers import patience
from orbweaver.store.connection import connect
from orbweaver_command import PATIENCE_SECONDS, eventually
from sentinel_servers import HERE, Server


@pytest.fixture
def server(short_dir: Path) -> Iterator[Server]:
    server = Server(short_dir)
    yield server
    server.kill()


def test_a_question_waits_until_the_store_is_back_and_both_are_said(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "orbweaver.worker")
    with connect(f"redis://{HERE}:{server.port}/0") as store:
        patience.wait_for_ever(store)
        server.kill()
        answers: list[bool] = []
        asking = threading.Thread(target=lambda: answers.append(store.ping()))
        asking.start()
        eventually(lambda: "the store is away" in caplog.text)
        assert answers == []
        server.start_again()
        asking.join(PATIENCE_SECONDS)
    assert answers == [True]
    assert caplog.text.count("the store answers again") == 1


# A handler like RQ's, which raises, is interrupted by a second signal at the moment when its thread has started. That
# thread runs when the exception has gone all its way: Python changes threads once a second.
TOLD_TWICE = """
import os, signal, sys
from orbweaver.queue.fleet.workers import patience

class StopRequested(Exception):
    pass

def request_stop(number, frame):
    patience.end_within(0.01)
    raise StopRequested

def tell_again(frame, event, function):
    if event == "c_return" and function.__name__ == "start_new_thread":
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGTERM)

sys.setswitchinterval(1)
signal.signal(signal.SIGTERM, request_stop)
sys.setprofile(tell_again)
try:
    os.kill(os.getpid(), signal.SIGTERM)
except StopRequested:
    print("stops", flush=True)
signal.pause()
"""


def test_who_is_told_to_stop_twice_at_once_and_waits_for_ever_ends_all_the_same() -> None:
    command = [sys.executable, "-P", "-c", TOLD_TWICE]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert (ended.returncode, ended.stdout) == (1, "stops\n")
    assert "what it worked on is given back" in ended.stderr
    assert "Traceback" not in ended.stderr
