"""The embedded server: one for all its users, gone with the last of them, and its data kept."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from orbweaver.store import durability, embedded
from orbweaver.store.connection import Store
from orbweaver.store.errors import StateDirUnusable
from orbweaver_command import eventually

# A user: waits for its start, uses the server, says who serves it, and leaves when told.
USER = """
import sys
from pathlib import Path
from orbweaver.store import embedded
sys.stdin.readline()
with embedded.running(Path(sys.argv[1])) as store:
    print(store.info("server")["process_id"], store.incr("users"), flush=True)
    sys.stdin.readline()
    store.set("left", "in order")
"""


class User:
    def __init__(self, state_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", USER, str(state_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def said(self) -> tuple[int, int]:
        assert self.process.stdout is not None
        pid, users = self.process.stdout.readline().split()
        return int(pid), int(users)

    def end(self) -> int:
        self.go_on()
        self.process.communicate()
        return self.process.returncode


def pid_of(store: Store) -> int:
    return int(store.info("server")["process_id"])


def is_running(pid: int) -> bool:
    """Whether a process is more than a zombie that nobody has buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for_end(pid: int) -> None:
    """Wait until the kernel says that a process that is not our child has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    import select

    ready, _, _ = select.select([descriptor], [], [], 10)
    os.close(descriptor)
    assert ready


def test_starters_at_the_same_moment_get_one_server(short_dir: Path) -> None:
    users = [User(short_dir) for _ in range(3)]
    for user in users:
        user.go_on()
    said = [user.said() for user in users]
    assert len({pid for pid, _ in said}) == 1
    assert sorted(count for _, count in said) == [1, 2, 3]
    assert [user.end() for user in users] == [0, 0, 0]
    wait_for_end(said[0][0])


def test_the_first_to_leave_leaves_the_server_to_the_others_and_the_last_stops_it(short_dir: Path) -> None:
    first = User(short_dir)
    first.go_on()
    pid, _ = first.said()
    with embedded.running(short_dir) as store:
        assert first.end() == 0
        assert store.get("left") == b"in order"
        assert pid_of(store) == pid
        assert is_running(pid)
    wait_for_end(pid)
    assert not embedded.socket_file(short_dir).exists()


def test_a_user_that_was_killed_does_not_keep_the_server(short_dir: Path) -> None:
    killed = User(short_dir)
    killed.go_on()
    pid, _ = killed.said()
    with embedded.running(short_dir) as store:
        killed.process.send_signal(signal.SIGKILL)
        killed.process.communicate()
        assert store.ping()
    wait_for_end(pid)


def test_what_was_written_is_there_the_next_time(short_dir: Path) -> None:
    with embedded.running(short_dir) as store:
        store.set("case", "open")
    with embedded.running(short_dir) as store:
        assert store.get("case") == b"open"


def test_a_killed_server_is_started_again_with_its_data(short_dir: Path) -> None:
    with embedded.running(short_dir) as store:
        store.set("case", "open")
        durability.wait_for_disk(store)
        pid = pid_of(store)
        os.kill(pid, signal.SIGKILL)
        wait_for_end(pid)
    assert embedded.socket_file(short_dir).exists()  # the stale one
    with embedded.running(short_dir) as store:
        assert store.get("case") == b"open"
        assert pid_of(store) != pid


def test_a_stale_socket_is_replaced(short_dir: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(embedded.socket_file(short_dir)))
    with embedded.running(short_dir) as store:
        assert store.ping()


def test_a_server_that_still_reads_its_data_is_waited_for_and_not_doubled(short_dir: Path) -> None:
    with embedded.running(short_dir) as store:
        for n in range(600):
            store.set(f"key-{n}", n)
    data = short_dir / "store"
    slow = subprocess.Popen(
        [
            *(embedded.find_server(), "--port", "0", "--unixsocket", str(embedded.socket_file(short_dir))),
            *("--dir", str(data), "--appendonly", "yes", "--save", "", "--key-load-delay", "10000"),
            *("--loading-process-events-interval-bytes", "1024"),
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        # From here on it reads for six seconds (600 keys, 10 ms each), and answers that it does, or not at all.
        eventually(embedded.socket_file(short_dir).exists)
        with embedded.running(short_dir) as store:
            assert pid_of(store) == slow.pid
            assert store.dbsize() == 600
    finally:
        slow.kill()
        slow.wait()


def test_the_server_keeps_what_it_is_given(short_dir: Path) -> None:
    with embedded.running(short_dir) as store:
        durability.require(store)
        assert store.config_get("appendfsync") == {"appendfsync": "always"}
        assert store.config_get("port") == {"port": "0"}


def test_only_the_user_can_reach_the_server_and_its_data(short_dir: Path) -> None:
    state_dir = short_dir / "state"
    with embedded.running(state_dir):
        modes = {path.name: path.stat().st_mode & 0o777 for path in (state_dir, *state_dir.iterdir())}
    assert modes["state"] == modes["store"] == 0o700
    assert modes["store.sock"] == 0o600


def test_a_state_directory_that_cannot_be_made_says_so(short_dir: Path) -> None:
    (short_dir / "file").write_text("")
    with pytest.raises(StateDirUnusable, match=r"file/state cannot be written \(Not a directory\): choose another"):
        embedded.prepare_state_dir(short_dir / "file" / "state")


def test_a_state_directory_whose_path_is_too_long_for_a_socket_says_so(short_dir: Path) -> None:
    name = "d" * (embedded.LONGEST_SOCKET_PATH - len(str(short_dir)) - len("//store.sock"))
    assert embedded.prepare_state_dir(short_dir / name) == short_dir / name
    with pytest.raises(StateDirUnusable, match="too long a path for a socket: choose a shorter one"):
        embedded.prepare_state_dir(short_dir / (name + "d"))


def test_the_longest_path_that_is_allowed_works(short_dir: Path) -> None:
    name = "d" * (embedded.LONGEST_SOCKET_PATH - len(str(short_dir)) - len("//store.sock"))
    with embedded.running(short_dir / name) as store:
        assert store.ping()


def test_a_server_that_stands_still_is_waited_for_and_not_doubled(short_dir: Path) -> None:
    with embedded.running(short_dir) as first:
        server = first.info("server")["process_id"]
        os.kill(server, signal.SIGSTOP)
        goes_on = threading.Timer(6, os.kill, (server, signal.SIGCONT))  # longer than one attempt's patience
        goes_on.start()
        with embedded.running(short_dir) as second:
            assert second.info("server")["process_id"] == server
        goes_on.join()
