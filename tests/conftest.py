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

# The files that take longest, the longest first. They are begun first: what begins last, the others wait for.
LONG = (
    "test_hostile_servers.py",
    "test_hma.py",
    "test_contract.py",
    "test_test_servers.py",
    "test_slices.py",
    "test_main_job.py",
    "test_units.py",
    "test_verification.py",
    "test_archive_reader.py",
    "test_delivery_faults.py",
    "test_address_table.py",
    "test_outage.py",
    "test_fail_over.py",
    "test_case_commands.py",
    "test_recall.py",
    "test_web_session.py",
    "test_courier.py",
    "test_judging.py",
    "test_embedded.py",
    "test_recrawl_worker.py",
    "test_documents.py",
    "test_access_paths.py",
    "test_service.py",
    "test_unhealthy_services.py",
    "test_import_rules.py",
    "test_transfer.py",
    "test_spider.py",
    "test_health_gate.py",
    "test_assessing.py",
    "test_handler.py",
    "test_fuzz.py",
    "test_ncmec_sync.py",
    "test_file_format.py",
    "test_jobs.py",
    "test_bad_input.py",
    "test_rematch.py",
    "test_backups.py",
    "test_what_is_read.py",
    "test_rechecks.py",
    "test_acting_links.py",
    "test_html.py",
    "test_webhook.py",
    "test_several_verifications.py",
    "test_source.py",
    "test_gate_words.py",
)

# A shared machine stands still for longer than an example may take; what must end in time has tests that measure it.
# Fifty examples, where a test names no number: each run draws others, and `make fuzz` goes on for as long as one likes.
hypothesis.settings.register_profile("shared machine", deadline=None, max_examples=50)
hypothesis.settings.load_profile("shared machine")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Have the whole run fail for what a test leaves behind, and Ctrl-C mean in every child what it does by default."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what it puts into the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    leftover_check.begin(config)
    preloaded.install()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first; the order is the same in all processes of a run."""
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONG)))


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
    """No setting of the machine reaches a test, and no transfer that a test holds up delays the end that it orders."""
    monkeypatch.setenv("STOP_GRACE", "0s")
    monkeypatch.setenv("CONSOLE_LISTEN", "off")  # its port is for one service on a machine
    for name in os.environ.keys() & {
        "STORE_URL",
        "MATCHER_URL",
        "TAKEDOWN_SINKS",
        "SINK_SECRETS",
        "SINK_ROOTS",
        "STATE_DIR",
        "ALLOW_ADDRESSES",
        "SIGHTING_RETENTION",
    }:
        monkeypatch.delenv(name)
