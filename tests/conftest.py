"""What many tests need: a real store, emptied for each of them."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import leftover_check
import preloaded
import pytest
from orbweaver.store import embedded
from orbweaver.store.connection import Store

# A shared machine stands still for longer than an example may take; what must end in time has tests that measure it.
hypothesis.settings.register_profile("shared machine", deadline=None)
hypothesis.settings.load_profile("shared machine")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Have the whole run fail for what a test leaves behind, and Ctrl-C mean in every child what it does by default."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what it puts into the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    leftover_check.begin(config)
    preloaded.install()


def pytest_collection_finish() -> None:
    """Keep what was collected, a million objects, out of the way of the collector and of forks: it stays to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _hashing_threads() -> Iterator[None]:
    """The threads that hash long streams live as long as their process: here, as long as its tests."""
    yield
    digests = sys.modules.get("orbweaver.crawler.bodies.digests")
    if digests is not None:
        digests._threads.shutdown()


@pytest.fixture
def real_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command is started anew, as a user starts it: it finds, imports and runs what it needs by itself."""
    monkeypatch.setattr(subprocess, "Popen", preloaded.RealPopen)


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A directory whose path is short enough for a socket in it, which pytest's own are not always."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


@pytest.fixture(scope="session")
def _server() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as path, embedded.running(Path(path)) as store:
        yield store


@pytest.fixture
def store(_server: Store) -> Store:
    """The embedded server, empty; one server serves the whole session."""
    _server.flushall()
    return _server


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test."""
    for name in os.environ.keys() & {
        "STORE_URL",
        "MATCHER_URL",
        "TAKEDOWN_SINKS",
        "STATE_DIR",
        "ALLOW_ADDRESSES",
        "SIGHTING_RETENTION",
    }:
        monkeypatch.delenv(name)
