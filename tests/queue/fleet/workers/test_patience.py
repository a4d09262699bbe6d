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


def test_who_is_told_to_stop_and_waits_for_ever_ends_all_the_same() -> None:
    code = "import signal; from orbweaver.queue.fleet.workers import patience;patience.end_within(0.01); signal.pause()"
    ended = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert ended.returncode == 1
    assert "what it worked on is given back" in ended.stderr
