"""What is said of a disk: how much is free, and why nothing can be written; and what a full one does to the store."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from orbweaver.store import disk
from orbweaver.store.disk import Room

GIB = 2**30


@pytest.mark.parametrize(
    ("room", "said"),
    [
        (Room(100 * GIB, 10**6), None),
        (Room(100 * GIB, None), None),
        (Room(GIB - 1, 10**6), (False, "1,024.0 MiB are free")),
        (Room(49 * 2**20, 10**6), (True, "49.0 MiB are free")),
        (Room(0, 10**6), (True, "0.0 MiB are free")),
        (Room(100 * GIB, 9_999), (False, "9,999 more files can be made (inodes)")),
        (Room(100 * GIB, 0), (True, "0 more files can be made (inodes)")),
        (Room(100 * GIB, 10**6, is_read_only=True), (True, "it is mounted read-only")),
    ],
)
def test_little_room_is_said_and_less_is_too_little(room: Room, said: tuple[bool, str] | None) -> None:
    assert disk.complaint(room) == said


def test_a_folder_that_can_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    assert disk.shortage(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    assert disk.room_at(tmp_path).free_bytes > 0
    assert disk.nearest_folder(tmp_path / "not" / "there") == tmp_path
    assert disk.mount_of(tmp_path).is_mount()


@pytest.fixture
def no_writes() -> Iterator[None]:
    """No file may have a byte: as with a quota that is used up."""
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, unlimited[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)


def test_a_quota_that_is_used_up_is_seen_by_writing(tmp_path: Path, no_writes: None) -> None:
    said = f"the disk of {tmp_path} (mounted at {disk.mount_of(tmp_path)}) cannot be written: File too large"
    assert disk.shortage(tmp_path) == said
    assert list(tmp_path.iterdir()) == []


# On a small disk of its own: a store runs, the disk becomes full, the store is asked to keep something.
FULL = """
import os, subprocess, sys
from pathlib import Path
folder = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(folder)], check=True)
from orbweaver.store import disk, embedded
from orbweaver.store.errors import StoreError
try:
    with embedded.running(folder) as store:
        store.set("first", "kept")
        with open(folder / "filler", "wb", buffering=0) as filler:
            try:
                while filler.write(bytes(4096)):
                    pass
            except OSError:
                pass
        store.set("second", "x" * 100_000)
except StoreError as error:
    print(error)
(folder / "filler").unlink()
with embedded.running(folder) as store:
    print(store.get("first"), store.get("second"))
"""


def on_a_disk_of_its_own(script: str, *arguments: str) -> str:
    """Run a script where it may mount; skips where nobody lets us."""
    alone = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody mount a small disk")
    ran = subprocess.run([*alone, sys.executable, "-P", "-c", script, *arguments], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_disk_that_becomes_full_under_the_store_is_named_and_nothing_is_lost(short_dir: Path) -> None:
    said, kept = on_a_disk_of_its_own(FULL, str(short_dir)).splitlines()
    assert said == (
        f"the embedded store has ended: the disk of {short_dir} (mounted at {short_dir}) cannot be written: No space "
        "left on device; free space there, or choose another directory with --state DIR"
    )
    assert kept == "b'kept' None"
