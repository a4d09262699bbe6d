"""The embedded server: one for all its users, gone with the last of them, and its data kept."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from orbweaver.store import append_only_file, durability, embedded, server_lock
from orbweaver.store.connection import Store
from orbweaver.store.errors import ServerNotStarted, StateDirUnusable, StoreDamaged
from orbweaver_command import process_ids

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

    ready, _, _ = select.select([descriptor], [], [], 300)
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


def launch_by_hand(state_dir: Path, *options: str, lock: int | None = None) -> subprocess.Popen[bytes]:
    """Start a server as a child of this process, with a lock to inherit or, as older releases did, without."""
    return subprocess.Popen(
        [
            *(embedded.find_server(), "--port", "0", "--unixsocket", str(embedded.socket_file(state_dir))),
            *("--dir", str(embedded.data_folder(state_dir)), "--appendonly", "yes", "--save", "", *options),
        ],
        stdout=subprocess.DEVNULL,
        pass_fds=() if lock is None else (lock,),
    )


def test_a_server_that_still_reads_its_data_is_waited_for_and_not_doubled(short_dir: Path) -> None:
    with embedded.running(short_dir) as store:
        for n in range(200):
            store.set(f"key-{n}", n)
    options = ("--key-load-delay", "10000", "--loading-process-events-interval-bytes", "1024")
    slow = launch_by_hand(short_dir, *options)  # reads for two seconds, and answers that it does, or not at all
    try:
        with embedded.running(short_dir, say=list[str]().append) as store:
            assert pid_of(store) == slow.pid
            assert store.dbsize() == 200
    finally:
        slow.kill()
        slow.wait()


def test_a_socket_where_nobody_listens_yet_is_left_alone_while_a_server_lives(short_dir: Path) -> None:
    embedded.data_folder(short_dir).mkdir()
    lock = server_lock.take(embedded.data_folder(short_dir))
    assert lock is not None  # as a server holds it between bind and listen, its starter killed
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(embedded.socket_file(short_dir)))
        inode = embedded.socket_file(short_dir).stat().st_ino
        refused = pytest.raises(
            ServerNotStarted, match=r"a store server holds .*/store/server.lock .* its process cannot be seen on"
        )
        with refused, embedded.running(short_dir, patience=0):
            pytest.fail("a second server was started")
        assert embedded.socket_file(short_dir).stat().st_ino == inode
    assert server_lock.servers_at(embedded.data_folder(short_dir), embedded.socket_file(short_dir)) == []
    os.close(lock)
    with embedded.running(short_dir) as store:
        assert store.ping()


@pytest.mark.parametrize("has_lock", [True, False])
def test_a_server_whose_starter_was_killed_is_not_doubled_wherever_it_stands(short_dir: Path, has_lock: bool) -> None:
    embedded.data_folder(short_dir).mkdir()
    lock = server_lock.take(embedded.data_folder(short_dir)) if has_lock else None
    server = launch_by_hand(short_dir, lock=lock)
    server.send_signal(signal.SIGSTOP)  # before it binds, between bind and listen, or later: as it comes
    os.waitpid(server.pid, os.WUNTRACED)
    try:
        if lock is not None:
            os.close(lock)
        said = rf"process {server.pid}, works in .* and is stopped \(kill -CONT continues it\) and does not answer"
        with pytest.raises(ServerNotStarted, match=said), embedded.running(short_dir, patience=0):
            pytest.fail("a second server was started")
        server.send_signal(signal.SIGCONT)
        with embedded.running(short_dir) as store:
            assert pid_of(store) == server.pid
            assert not embedded.start_again_if_ended(short_dir), "it lives, with or without a lock of ours"
    finally:
        server.kill()
        server.wait()


def test_a_server_whose_socket_was_removed_is_named_and_not_doubled(short_dir: Path) -> None:
    with embedded.running(short_dir) as store:
        pid = pid_of(store)
        socket_file = embedded.socket_file(short_dir)
        socket_file.rename(short_dir / "elsewhere")
        said = rf"process {pid}, works in .* does not answer at {socket_file}: .* end it \(kill {pid}\)"
        with pytest.raises(ServerNotStarted, match=said), embedded.running(short_dir, patience=0):
            pytest.fail("a second server was started")
        (short_dir / "elsewhere").rename(socket_file)


def test_the_lock_is_the_servers_alone_and_free_when_it_has_ended(short_dir: Path) -> None:
    data = embedded.data_folder(short_dir)
    with embedded.running(short_dir) as store:
        pid = pid_of(store)
        assert server_lock.is_held(data)
        holders = [one for one in process_ids() if has_open(one, data / server_lock.LOCK_FILE)]
        assert holders == [pid]
        assert server_lock.signature(data).startswith(f"started on {socket.gethostname()} at 20")
    assert not server_lock.is_held(data)
    assert not is_running(pid)


def has_open(pid: int, path: Path) -> bool:
    try:
        return any(str(one.readlink()) == str(path) for one in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def test_a_server_of_the_same_path_in_another_folder_is_another(short_dir: Path) -> None:
    with embedded.running(short_dir / "mnt" / "a"):
        data = embedded.data_folder(short_dir / "mnt" / "a")
        assert len(server_lock.servers_at(data, embedded.socket_file(short_dir / "mnt" / "a"))) == 1
        inside = Path("/", *(short_dir / "mnt" / "a").parts[2:])  # the end of its path
        assert server_lock.servers_at(short_dir, embedded.socket_file(inside)) == []


def incremental_file(state_dir: Path) -> Path:
    """The file that a server which was killed has appended to."""
    with embedded.running(state_dir) as store:
        store.set("first", "kept")
        store.set("last", "cut off")
        durability.wait_for_disk(store)
        pid = pid_of(store)
        os.kill(pid, signal.SIGKILL)
        wait_for_end(pid)
    file = append_only_file.last_file(embedded.data_folder(state_dir))
    assert file is not None
    return file


@pytest.mark.parametrize("behind", [b"", bytes(5_000)])
def test_a_write_that_a_crash_cut_off_is_said_and_cut_off_with_a_copy_kept(short_dir: Path, behind: bytes) -> None:
    file = incremental_file(short_dir)
    whole = file.read_bytes()
    cut = whole[: whole.index(b"cut off")] + behind
    file.write_bytes(cut)
    said: list[str] = []
    with embedded.running(short_dir, say=said.append) as store:
        assert (store.get("first"), store.get("last")) == (b"kept", None)
        store.set("next", "kept")
    [copy] = list(short_dir.glob("damaged-*.aof"))
    assert copy.read_bytes() == cut
    assert [
        line for line in said if "were cut off, and a copy of the damaged file is kept" in line and str(copy) in line
    ]
    with embedded.running(short_dir, say=said.append) as store:
        assert (store.get("first"), store.get("next")) == (b"kept", b"kept")
    assert list(short_dir.glob("damaged-*.aof")) == [copy]


def test_damage_that_is_not_at_the_end_refuses_and_changes_nothing(short_dir: Path) -> None:
    file = incremental_file(short_dir)
    damaged = file.read_bytes().replace(b"$4\r\nkept", b"$9000\r\nkept")  # the server would cut off the rest
    file.write_bytes(damaged)
    said = r"incr.aof is damaged after [0-9,]+ of [0-9,]+ bytes, and not only at its end: nothing was changed; put back"
    with pytest.raises(StoreDamaged, match=said), embedded.running(short_dir):
        pytest.fail("a damaged store was opened")
    assert file.read_bytes() == damaged
    assert not server_lock.is_held(embedded.data_folder(short_dir))


def test_data_without_their_manifest_are_not_taken_for_an_empty_store(short_dir: Path) -> None:
    folder = incremental_file(short_dir).parent
    (folder / "appendonly.aof.9.base.rdb").write_bytes(bytes(1_000))
    (folder / append_only_file.MANIFEST).unlink()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    said = r"appendonlydir has data and no appendonly.aof.manifest, .*: nothing was changed; put back a whole copy of"
    with pytest.raises(StoreDamaged, match=said), embedded.running(short_dir):
        pytest.fail("an empty store was begun on the files of another")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_why_a_server_did_not_start_is_said_from_its_log(short_dir: Path) -> None:
    incremental_file(short_dir)
    manifest = embedded.data_folder(short_dir) / append_only_file.FOLDER / append_only_file.MANIFEST
    manifest.write_text("damaged\n")
    said = r"did not start: .*[Mm]anifest.* \(see .*/store.log\)"
    with pytest.raises(ServerNotStarted, match=said), embedded.running(short_dir):
        pytest.fail("a store without a manifest was opened")


def test_files_of_another_user_are_named(short_dir: Path) -> None:
    with embedded.running(short_dir):
        pass
    (short_dir / "store.users.lock").chmod(0o400)
    short_dir.chmod(0o755)
    is_root = os.geteuid() == 0
    (short_dir / "store.start.lock").chmod(0o666)
    if is_root:
        os.seteuid(65534)
    try:
        with (
            pytest.raises(StateDirUnusable, match=r"\(Permission denied\): .*store.users.lock belongs to \w+; run as"),
            embedded.running(short_dir),
        ):
            pytest.fail("another user's store was opened")
    finally:
        if is_root:
            os.seteuid(0)


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
    said = "too long a path for the store's socket, 108 bytes of at most 107: choose a shorter one"
    with pytest.raises(StateDirUnusable, match=said):
        embedded.prepare_state_dir(short_dir / (name + "d"))
    assert [path.name for path in short_dir.iterdir()] == [name]


def test_the_longest_path_that_is_allowed_works(short_dir: Path) -> None:
    name = "d" * (embedded.LONGEST_SOCKET_PATH - len(str(short_dir)) - len("//store.sock"))
    with embedded.running(short_dir / name) as store:
        assert store.ping()


def test_a_server_that_stands_still_is_waited_for_and_not_doubled(short_dir: Path) -> None:
    with embedded.running(short_dir) as first:
        server = pid_of(first)
        os.kill(server, signal.SIGSTOP)
        said: list[str] = []

        def go_on(line: str) -> None:
            said.append(line)
            os.kill(server, signal.SIGCONT)

        with embedded.running(short_dir, say=go_on) as second:
            assert pid_of(second) == server
    assert said == [f"the store in {short_dir} is not ready yet: waiting for it"]
