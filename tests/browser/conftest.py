"""A console on the store that `orbweaver demo --keep` left, and a Chromium that shows its pages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from console_site import an_account, serving
from orbweaver import settings
from orbweaver.model import Role
from orbweaver.store import embedded
from orbweaver.store.connection import Store
from playwright.sync_api import Browser, sync_playwright

# Far beyond what any machine needs.
PATIENCE_MILLISECONDS = 300_000
# As root, Chromium has no sandbox of its own. The rest keeps it from speaking to its maker.
FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]
PEOPLE = {"anna": tuple(Role), "bo": (Role.ANALYST,)}


@dataclass(frozen=True)
class Site:
    """A console with the demo's hosts and cases, and an account of each role."""

    url: str
    store: Store
    state: Path


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="ow-") as name:
        state = Path(name) / "state"
        command = [sys.executable, "-P", "-m", "orbweaver.cli", "demo", "--keep", name]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        loaded = settings.load().model_copy(update={"state_dir": state, "assessors": 2})
        with embedded.running(state) as store:
            reports = Path(name) / "more.txt"
            reports.write_text("http://host.test/gallery/1\n")
            add = [
                sys.executable,
                "-P",
                "-m",
                "orbweaver.cli",
                "reports",
                "import",
                str(reports),
                "--state",
                str(state),
            ]
            done = subprocess.run(add, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, done.stderr
            for person, roles in PEOPLE.items():
                an_account(store, *roles, name=person)
            with serving(store, loaded) as url:
                yield Site(url, store, state)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        pytest.exit("these tests need Chromium. On Debian: apt-get install chromium", returncode=2)
    with tempfile.TemporaryDirectory(prefix="ow-") as home, sync_playwright() as playwright:
        environment = {**os.environ, "HOME": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home}
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS, env=environment)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def screenshots() -> Path | None:
    """Where pictures of the pages are to be kept; None where nobody asked for them."""
    named = os.environ.get("CONSOLE_SCREENSHOTS")
    return Path(named) if named else None
