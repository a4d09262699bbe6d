"""The folder in which a list is made: nothing of it stays, and a full disk is told from a wrong place."""

from __future__ import annotations

import errno
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from orbweaver.matcher_client.errors import OutputRefused, StorageFull
from orbweaver.matcher_client.lists.build import build
from orbweaver.matcher_client.lists.ncmec_client import format_seconds, read_source
from orbweaver.matcher_client.lists.ncmec_sync import sync
from orbweaver.matcher_client.lists.workspace import refuse_output, workspace
from stand_ins import ncmec
from stand_ins.ncmec import Entry

RANDOM = random.Random("workspace")
# Makes a folder as a build does, says so, and waits for its end.
WORKING = """
import sys, time
from pathlib import Path
from orbweaver.matcher_client.lists.workspace import workspace

with workspace(Path(sys.argv[1])) as folder:
    (folder / "states.0.run").write_text("half")
    print(folder.name, flush=True)
    sys.stdin.read()
"""


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@contextmanager
def another_process(output: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that is in the middle of making the list, and the name of its folder."""
    arguments = [sys.executable, "-c", WORKING, str(output)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    output = tmp_path / "list.hashes"
    others = {".list.hashes.d", ".list.hashes.notes.building", ".list.hashes.lock", ".other.abcdefgh.building"}
    for name in others:
        (tmp_path / name).mkdir()
    with another_process(output) as (process, left):
        with workspace(output) as ours:
            assert names(tmp_path) == {*others, left, ours.name}
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert names(tmp_path) == {*others, left}
        with workspace(output) as ours:
            assert names(tmp_path) == {*others, ours.name}
    assert names(tmp_path) == others


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_failure_and_says_that_nothing_was_changed(number: int) -> None:
    said = refuse_output(Path("/lists/a.hashes"), OSError(number, "No space"))
    assert isinstance(said, StorageFull)
    assert str(said) == "/lists/a.hashes cannot be written (No space): nothing was changed; free space there"


@contextmanager
def little_room(size: int) -> Iterator[None]:
    """No file may grow beyond this many bytes: the nearest to a full disk that a test can have without a mount."""
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, unlimited[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)


def test_a_build_that_finds_no_room_leaves_the_old_list_and_nothing_else(tmp_path: Path) -> None:
    output = tmp_path / "list.hashes"
    (tmp_path / "a").write_text(RANDOM.randbytes(32).hex())
    build([tmp_path / "a"], output)
    before = output.read_bytes()
    (tmp_path / "b").write_text("".join(f"{RANDOM.randbytes(32).hex()}\n" for _ in range(1_000)))
    with little_room(10_000), pytest.raises(StorageFull, match=r"list.hashes cannot be written .*nothing was changed"):
        build([tmp_path / "b"], output)
    assert output.read_bytes() == before
    assert names(tmp_path) == {"a", "b", "list.hashes"}


@pytest.mark.parametrize("room", [0, 1_000])
def test_a_sync_that_finds_no_room_leaves_the_old_list_and_nothing_else(tmp_path: Path, room: int) -> None:
    output = tmp_path / "list.hashes"
    with ncmec.run() as server:
        server.page_size = 100
        server.put(Entry(1, "first", "2020-01-01T00:00:00Z", {"md5": RANDOM.randbytes(16).hex()}))
        sync(read_source(server.url), output)
        before = output.read_bytes(), output.with_name("list.hashes.sync").read_bytes()
        for number in range(100):
            now = format_seconds(datetime.now(UTC))
            server.put(Entry(1, str(number), now, {"md5": RANDOM.randbytes(16).hex(), "pdna": "A" * 100}))
        with (
            little_room(room),
            pytest.raises(StorageFull, match=r"list.hashes cannot be written .*nothing was changed"),
        ):
            sync(read_source(server.url), output)
    assert (output.read_bytes(), output.with_name("list.hashes.sync").read_bytes()) == before
    assert names(tmp_path) == {"list.hashes", "list.hashes.sync", ".list.hashes.lock"}


def test_a_place_that_is_none_is_bad_usage(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputRefused, match=r"missing/list cannot be written .*choose another place"),
        workspace(tmp_path / "missing" / "list"),
    ):
        pass
