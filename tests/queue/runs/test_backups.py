"""Backups: the state of one moment, whole or not at all; and a store that is restored works on."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import old_cases
import pytest
from builders import NOON, RUN, a_sighting, add_batch, build_list, digests_of, started_worker, transaction, work
from hypothesis import given, settings
from hypothesis import strategies as st
from orbweaver.model import now
from orbweaver.queue.errors import StoreBusy
from orbweaver.queue.fleet import dead_workers
from orbweaver.queue.hosts import due, scheduler_sign
from orbweaver.queue.hosts.scheduler_sign import SchedulerSign
from orbweaver.queue.queues import QueueName
from orbweaver.queue.runs import backups, living, run_lock
from orbweaver.settings import Settings
from orbweaver.store import backup_file, connection, durability, embedded, keys, snapshot
from orbweaver.store.connection import Store, connect
from orbweaver.store.errors import BackupUnusable, StoreNotEmpty, StoreUnfit
from orbweaver.takedown.audit import audit_log, records
from orbweaver_command import Workplace, eventually
from redis import Redis
from sentinel_servers import Server

CASES = 5


def settings_for(store: Store) -> Settings:
    return Settings(store_url=f"unix://{connection.socket_path(store)}")


def back_up(store: Store, path: Path, **options: Any) -> backup_file.Manifest:
    return backups.back_up(settings_for(store), path, version="0.1.0", at=now(), **options)


def restore(store: Store, path: Path, **options: Any) -> backup_file.Manifest:
    return backups.restore(settings_for(store), path, at=now(), **options)


def contents(store: Store) -> dict[bytes, object]:
    """Return every key of ours with its value, and whether it expires."""
    found: dict[bytes, object] = {}
    for name in snapshot.our_keys(store):
        kind = store.type(name)
        value = {
            b"string": store.get,
            b"hash": store.hgetall,
            b"list": lambda key: store.lrange(key, 0, -1),
            b"set": store.smembers,
            b"zset": lambda key: store.zrange(key, 0, -1, withscores=True),
            b"stream": store.xrange,
        }[kind](name)
        found[name] = (value, store.pexpiretime(name))
    return found


def without_our_marks(found: dict[bytes, object]) -> dict[bytes, object]:
    return {name: value for name, value in found.items() if name not in backups.OF_NO_VALUE}


@dataclass(frozen=True)
class Filled:
    """A backup, and what was in its store."""

    file: Path
    made: backup_file.Manifest
    contents: dict[bytes, object]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Of a store with cases, events that wait for their delivery, retained and unknown files, and parked jobs."""
    folder = tmp_path_factory.mktemp("filled")
    listed = [digests_of(b"file %d" % number).sha256 for number in range(CASES)]
    matcher = build_list(folder / "list.hashes", listed)
    with (
        tempfile.TemporaryDirectory() as state,
        embedded.running(Path(state)) as store,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("MATCHER_URL", matcher)
        bodies = [b"%s %d" % (kind, number) for number in range(CASES) for kind in (b"file", b"other")]
        seen = [a_sighting(body, url=f"http://h.test/{place}.bin") for place, body in enumerate(bodies)]
        add_batch(store, *(one.model_copy(update={"seen_at": now()}) for one in seen))
        work(store, QueueName.MATCH)
        patch.setenv("MATCHER_URL", f"hashlist:{folder}/missing")
        add_batch(store, a_sighting(b"unknown"))
        work(store, QueueName.MATCH)
        store.zadd("orbweaver:numbers", {b"\x00\xff\r\n": 0.1, "b": float("-inf")})
        store.set("of somebody else", 1)
        made = back_up(store, folder / "backup")
        yield Filled(folder / "backup", made, without_our_marks(contents(store)))


@pytest.fixture
def empty(short_dir: Path) -> Iterator[Store]:
    with embedded.running(short_dir / "another") as store:
        yield store


def test_a_restored_store_is_equal_and_works_on(
    filled: Filled, empty: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, made = filled.file, filled.made
    assert (made.cases, made.events, made.undelivered) == (CASES, CASES, CASES)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(".")] == []
    assert restore(empty, file) == made == backup_file.read(file).manifest
    assert without_our_marks(contents(empty)) == filled.contents
    assert made.store_id == connection.text(empty.get(keys.store_id()) or "")
    assert not empty.exists("of somebody else", keys.restoring())
    monkeypatch.setenv("TAKEDOWN_SINKS", f"jsonl:{tmp_path}/events")
    work(empty, QueueName.TAKEDOWN)
    assert len((tmp_path / "events" / "events.jsonl").read_text().splitlines()) == CASES
    assert not empty.exists(keys.undelivered())


def test_a_restored_backup_brings_back_what_retention_took_and_the_next_round_takes_it_again(
    store: Store, empty: Store, tmp_path: Path
) -> None:
    case_id = old_cases.add(store, 1, *old_cases.TO_CLOSED)
    for _ in range(3):
        with transaction(store) as pipe:
            audit_log.note(pipe, records.of_access(old_cases.PERSON, NOON, "cases show", [case_id]))
    audit_log.seal(store)
    back_up(store, tmp_path / "before")
    assert old_cases.run(store).counts["accesses"] == 2
    back_up(store, tmp_path / "after")
    restore(empty, tmp_path / "after")
    assert old_cases.faults(empty) == []
    assert old_cases.secrets_in(empty, case_id) == set()
    restore(empty, tmp_path / "before", is_replacing=True)
    assert len(old_cases.secrets_in(empty, case_id)) > 1
    assert old_cases.faults(empty) == []
    done = old_cases.run(empty)
    assert (done.counts["cases"], done.counts["accesses"]) == (1, 2)
    assert old_cases.secrets_in(empty, case_id) == set()
    assert old_cases.faults(empty) == []


def test_who_worked_on_the_store_that_was_backed_up_does_not_work_on_the_restored_one(
    store: Store, empty: Store, tmp_path: Path
) -> None:
    stop = threading.Event()
    with (
        run_lock.hold(store, "run", run_lock.VERIFY, stop),
        run_lock.hold(store, "run", run_lock.SERVICE, stop, key=keys.service_lock()),
        living.sign_of_life(store, "run", run_lock.VERIFY, stop),
    ):
        scheduler_sign.give(store, due.server_time(store))
        store.sadd("rq:workers", "rq:worker:alive")
        store.sadd("rq:workers:match", "rq:worker:alive")
        store.hset("rq:worker:alive", mapping={"hostname": "elsewhere", "pid": "1"})
        back_up(store, tmp_path / "backup")
    restore(empty, tmp_path / "backup")
    assert (run_lock.service(empty), run_lock.is_held(empty), living.verifications(empty)) == (None, False, frozenset())
    assert (dead_workers.alive(empty), scheduler_sign.last(empty)) == ([], None)
    restore(empty, tmp_path / "backup", is_replacing=True)


def test_a_backup_is_the_state_of_one_moment_while_others_write(store: Store, empty: Store, tmp_path: Path) -> None:
    is_over = threading.Event()
    written = threading.Event()

    def write_pairs() -> None:
        with connect(f"unix://{connection.socket_path(store)}") as other:
            number = 0
            while not is_over.is_set():
                number += 1
                with other.pipeline(transaction=True) as pipe:
                    pipe.set(f"orbweaver:left:{number % 97}", number)
                    pipe.set(f"orbweaver:right:{number % 97}", number)
                    pipe.execute()
                if number > 100:
                    written.set()

    writer = threading.Thread(target=write_pairs)
    writer.start()
    try:
        written.wait()
        back_up(store, tmp_path / "backup")
    finally:
        is_over.set()
        writer.join()
    restore(empty, tmp_path / "backup")
    assert [empty.get(f"orbweaver:left:{number}") for number in range(97)] == [
        empty.get(f"orbweaver:right:{number}") for number in range(97)
    ]


def test_a_backup_is_never_replaced_unless_it_is_asked_for(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    file.write_text("of somebody")
    with pytest.raises(BackupUnusable, match="exists: give another name, or --force"):
        back_up(store, file)
    assert file.read_text() == "of somebody"
    back_up(store, file, is_forced=True)
    assert backup_file.read(file).manifest.cases == 0


def test_a_file_that_came_meanwhile_stays_and_nothing_else_is_left(store: Store, tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    commands.write_bytes(b"")
    file = tmp_path / "backup"
    file.write_text("of somebody")
    with pytest.raises(BackupUnusable, match="exists"):
        backup_file.write(
            file, commands, snapshot.count(store), orbweaver="0.1.0", made_at=now(), store_id=None, is_forced=False
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "commands"]
    assert file.read_text() == "of somebody"


def test_a_store_with_data_is_refused_unless_it_is_to_be_replaced(filled: Filled, empty: Store) -> None:
    file = filled.file
    durability.wait_for_disk(empty)  # as the doctor does
    empty.set("of somebody else", 1)
    restore(empty, file)
    empty.set(keys.case("of this store"), 1)
    with pytest.raises(StoreNotEmpty, match=f"the store is not empty: {CASES} cases, {CASES} events"):
        restore(empty, file)
    assert empty.exists(keys.case("of this store"))
    restore(empty, file, is_replacing=True)
    assert not empty.exists(keys.case("of this store"))
    assert empty.exists("of somebody else")


def test_a_store_whose_scheduler_is_alive_is_refused_and_one_whose_scheduler_has_ended_is_not(
    store: Store, tmp_path: Path
) -> None:
    back_up(store, tmp_path / "backup")
    ended = subprocess.Popen(["/bin/true"])
    ended.wait()
    here, at = socket.gethostname(), due.server_time(store)
    for machine, process_id in ((here, os.getppid()), ("another-machine", ended.pid)):
        sign = SchedulerSign(machine=machine, process_id=process_id, at=at)
        store.set(keys.scheduler(), sign.model_dump_json())
        with pytest.raises(StoreBusy, match=f"in use by the scheduler with process {process_id} on {machine}"):
            restore(store, tmp_path / "backup", is_replacing=True)
    store.set(keys.scheduler(), SchedulerSign(machine=here, process_id=ended.pid, at=at).model_dump_json())
    restore(store, tmp_path / "backup", is_replacing=True)


def test_a_store_that_is_in_use_is_refused_also_when_it_is_to_be_replaced(store: Store, tmp_path: Path) -> None:
    back_up(store, tmp_path / "backup")
    with (
        run_lock.hold(store, RUN, run_lock.VERIFY, threading.Event()),
        pytest.raises(StoreBusy, match="in use by orbweaver verify, process"),
    ):
        restore(store, tmp_path / "backup", is_replacing=True)
    with started_worker(store, "takedown", TAKEDOWN_SINKS=f"jsonl:{tmp_path}/events"):
        eventually(lambda: dead_workers.alive(store))
        with pytest.raises(StoreBusy, match="in use by 1 workers"):
            restore(store, tmp_path / "backup", is_replacing=True)


def changed(file: Path, change: str) -> None:
    first, _, rest = file.read_bytes().partition(b"\n")
    manifest = json.loads(first)
    if change == "a byte":
        rest = rest[:-3] + bytes([rest[-3] ^ 1]) + rest[-2:]
    elif change == "its end":
        rest = rest[:-10]
    elif change == "its first line":
        first = first[1:]
    elif change == "a newer format":
        manifest["version"] = 2
    elif change == "a number of cases":
        manifest["cases"] += 1
    if change in {"a newer format", "a number of cases"}:
        first = json.dumps(manifest).encode()
    file.write_bytes(first + b"\n" + rest)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("a byte", "is damaged: its checksum is another one"),
        ("its end", "is not whole"),
        ("its first line", "is no backup of Orbweaver"),
        ("a newer format", "is of version 2, which this release cannot read"),
    ],
)
def test_a_file_that_is_no_whole_backup_is_refused_before_anything_is_written(
    filled: Filled, empty: Store, tmp_path: Path, change: str, reason: str
) -> None:
    shutil.copy(filled.file, tmp_path / "backup")
    changed(tmp_path / "backup", change)
    with pytest.raises(BackupUnusable, match=reason):
        restore(empty, tmp_path / "backup")
    assert empty.dbsize() == 0


def test_a_backup_that_is_not_there_is_refused_by_its_name(empty: Store, tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "missing", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(BackupUnusable, match=f"{path} cannot be read: {reason}"):
            restore(empty, path)
    assert empty.dbsize() == 0


def test_what_does_not_give_the_numbers_of_its_first_line_is_no_store_until_another_is_restored(
    filled: Filled, empty: Store, tmp_path: Path
) -> None:
    shutil.copy(filled.file, tmp_path / "bad")
    changed(tmp_path / "bad", "a number of cases")
    with pytest.raises(BackupUnusable, match="use another backup"):
        restore(empty, tmp_path / "bad")
    with pytest.raises(StoreUnfit, match="restore is not finished: run `orbweaver restore FILE` again"):
        durability.require(empty)
    restore(empty, filled.file)  # what a half of a backup left needs no --replace
    durability.require(empty)


@pytest.mark.parametrize(
    "command",
    [
        (b"FLUSHALL",),
        (b"SET", b"of somebody else", b"1"),
        (b"CONFIG", b"SET", b"dir", b"/"),
        (b"EVAL", b"orbweaver:", b"0"),
        (b"SET",),
        (),
    ],
)
def test_a_command_that_is_not_about_our_keys_is_refused_before_anything_is_written(
    store: Store, tmp_path: Path, command: tuple[bytes, ...]
) -> None:
    words = b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in command)
    (tmp_path / "commands").write_bytes(b"*%d\r\n%b" % (len(command), words))
    file = tmp_path / "backup"
    made = {"orbweaver": "0.1.0", "made_at": now(), "store_id": None}
    backup_file.write(file, tmp_path / "commands", snapshot.count(store), **made)
    with pytest.raises(BackupUnusable, match="has something else than our data"):
        restore(store, file)
    assert store.dbsize() == 0


@settings(max_examples=30)
@given(
    st.lists(st.binary(max_size=12) | st.sampled_from([b"*1\r\n", b"*2\r\n", b"$3\r\nSET\r\n", b"$-1\r\n"]), max_size=8)
)
def test_any_bytes_are_commands_or_refused(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "commands").write_bytes(data)
        file = folder / "backup"
        counts = snapshot.Counts(0, 0, 0, 0)
        backup_file.write(file, folder / "commands", counts, orbweaver="0", made_at=now(), store_id=None)
        with contextlib.suppress(BackupUnusable):
            backup_file.read(file)


def test_a_store_over_tcp_in_another_database_with_rights_of_its_own(
    filled: Filled, short_dir: Path, tmp_path: Path
) -> None:
    """Also one that sends its copy by way of its disk, as older ones do."""
    server = Server(short_dir, "repl-diskless-sync no")
    try:
        server.client.set("of somebody else", 1)
        remote = Settings(store_url=f"redis://127.0.0.1:{server.port}/3")
        backups.restore(remote, filled.file, at=now())
        again = backups.back_up(remote, tmp_path / "again", version="0.1.0", at=now())
        assert again.counts.cases == again.counts.events == CASES
        assert b"of somebody else" not in (tmp_path / "again").read_bytes()
        with Redis("127.0.0.1", server.port, db=3) as other:
            assert without_our_marks(contents(other)) == filled.contents
        server.client.acl_setuser(
            "limited", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-@admin", "+config|get"]
        )
        limited = Settings(store_url=f"redis://limited:x@127.0.0.1:{server.port}/3")
        with pytest.raises(StoreUnfit, match=r"gives this user no copy of itself .*: allow \+sync and \+replconf"):
            backups.back_up(limited, tmp_path / "none", version="0.1.0", at=now())
        assert not (tmp_path / "none").exists()
    finally:
        server.kill()


def test_the_commands_say_what_they_did_and_an_interrupted_one_leaves_nothing(short_dir: Path) -> None:
    place = Workplace(short_dir / "place")
    assert place.run("backup", "none").status == 2
    with embedded.running(place.state) as store:
        store.sadd("orbweaver:set", *range(1_000))
        store.zadd(keys.cases(), {"a": 1})
        made = place.run("backup", "file", "--json")
        assert made.status == 0, made.stderr
        assert made.json()["cases"] == 1
        assert place.run("backup", "file").status == 2
        said = place.run("backup", "file", "--force").stdout
        assert said.startswith("file: 1 case, 0 events, 0 events to deliver, ")
        restored = place.run("restore", "file", "--state", str(short_dir / "another"))
        assert (restored.status, restored.stderr) == (0, "")
        assert restored.stdout.startswith("restored: 1 case, 0 events, 0 events to deliver, as they were at ")
        busy = place.run("restore", "file")
        assert busy.status == 2
        assert "the store is not empty: 1 cases" in busy.stderr
        store.config_set("repl-diskless-sync-delay", 3_600)  # so that it waits before it sends anything
        ending = place.start("backup", "interrupted")
        eventually(lambda: store.info("replication")["connected_slaves"] == 1)
        ending.terminate()
        ending.communicate()
        assert sorted(path.name for path in place.working.iterdir()) == ["file"]
        killed, living = (place.start("backup", name) for name in ("killed", "living"))
        eventually(lambda: store.info("replication")["connected_slaves"] == 2)
        left = set(place.working.glob(".*"))
        killed.kill()
        killed.communicate()
        eventually(lambda: store.info("replication")["connected_slaves"] == 1)
        assert set(place.working.glob(".*")) == left
        store.config_set("repl-diskless-sync-delay", 0)
        assert place.run("backup", "next").status == 0
        assert living.wait() == 0
        living.communicate()
    assert sorted(path.name for path in place.working.iterdir()) == ["file", "living", "next"]
    assert list(place.temporary.iterdir()) == []
