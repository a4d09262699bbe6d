"""What many tests need: a real store, emptied for each of them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from orbweaver.store import embedded
from orbweaver.store.connection import Store

# A shared machine stands still for longer than an example may take; what must end in time has tests that measure it.
hypothesis.settings.register_profile("shared machine", deadline=None)
hypothesis.settings.load_profile("shared machine")


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A directory whose path is short enough for a socket in it, which pytest's own are not always."""
    path = Path(tempfile.mkdtemp(prefix="ow-", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def _server() -> Iterator[Store]:
    path = Path(tempfile.mkdtemp(prefix="ow-", dir="/tmp"))
    with embedded.running(path) as store:
        yield store
    shutil.rmtree(path, ignore_errors=True)


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
