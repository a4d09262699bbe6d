"""Backs up the store while everything works on it, and restores a backup into a store that nobody uses."""

from __future__ import annotations

import functools
import os
import socket
from datetime import datetime
from pathlib import Path

from orbweaver.crawler.containment import prctl
from orbweaver.model import format_time
from orbweaver.queue.errors import StoreBusy
from orbweaver.queue.fleet import dead_workers, processes
from orbweaver.queue.hosts import due, scheduler_sign
from orbweaver.queue.runs import run_lock
from orbweaver.settings import Settings
from orbweaver.store import backup_file, durability, keys, snapshot
from orbweaver.store.backup_file import BackupFile, Command, Manifest
from orbweaver.store.connection import Store, text
from orbweaver.store.errors import BackupUnusable, StoreNotEmpty, StoreUnreachable
from orbweaver.store.opening import open_existing, open_store
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError, WatchError

# Written in one transaction. One key of a large store is a small part of either.
COMMANDS_AT_ONCE = 500
BYTES_AT_ONCE = 4 * 2**20
# What an empty store may have: `orbweaver doctor` has tried its disk.
OF_NO_VALUE = frozenset({keys.disk_fence().encode(), keys.restoring().encode()})


def back_up(settings: Settings, path: Path, *, version: str, at: datetime, is_forced: bool = False) -> Manifest:
    """Write a backup of the store: the state of one moment, whole or not at all. The store is only read.

    `version` is that of this release. Raises BackupUnusable when the file exists, unless `is_forced`; the errors of the
    store, OSError.
    """
    path = path.expanduser().absolute()
    if not is_forced:
        backup_file.refuse_existing(path)
    tie = functools.partial(prctl.die_with_parent, os.getpid())
    with open_existing(settings) as store, snapshot.taken(store, path.parent, tie) as (commands, counts):
        stored = store.get(keys.store_id())
        return backup_file.write(
            path,
            commands,
            counts,
            orbweaver=version,
            made_at=at,
            store_id=None if stored is None else text(stored),
            is_forced=is_forced,
        )


def restore(settings: Settings, path: Path, *, at: datetime, is_replacing: bool = False) -> Manifest:
    """Write a backup into the store that the settings name, count what is there, and compare.

    While it writes, and after it was interrupted, no other command accepts the store. Raises BackupUnusable before
    anything is written, and when the numbers differ at the end; StoreBusy while somebody uses the store, StoreNotEmpty
    when it has data, unless `is_replacing`; the errors of the store, OSError.
    """
    backup = backup_file.read(path.expanduser().absolute())
    replicas = settings.store_replicas
    with open_store(settings, settings.state_dir, is_restoring=True) as (store, _):
        _refuse_in_use(store)
        if not (is_replacing or store.exists(keys.restoring())):
            _refuse_full(store)
        with durability.kept(store, replicas):
            store.set(keys.restoring(), format_time(at))
            _delete_ours(store)
            _write(store, backup)
            _compare(store, backup)
            _forget_processes(store)
        store.delete(keys.restoring())
        durability.wait_for_disk(store, replicas)
    return backup.manifest


def _refuse_in_use(store: Store) -> None:
    """Raise StoreBusy while a run, a worker or a scheduler uses the store."""
    holder = store.get(keys.run_lock())
    if holder is not None and run_lock.is_held(store):
        raise StoreBusy(f"this store is in use by {run_lock.said(text(holder))}: wait until it has ended")
    if alive := dead_workers.alive(store):
        raise StoreBusy(f"this store is in use by {len(alive)} workers, such as {alive[0]}: stop them first")
    sign = scheduler_sign.last(store)
    if sign is None or scheduler_sign.silence(sign, due.server_time(store)) is not None:
        return
    if sign.machine != socket.gethostname() or processes.is_there(sign.process_id):
        raise StoreBusy(
            f"this store is in use by the scheduler with process {sign.process_id} on {sign.machine}: stop it first; "
            f"{scheduler_sign.SILENT_SECONDS:.0f} s after its end the store is free"
        )


def _refuse_full(store: Store) -> None:
    found = next((name for name in snapshot.our_keys(store) if name not in OF_NO_VALUE), None)
    if found is not None:
        counts = snapshot.count(store)
        raise StoreNotEmpty(
            f"the store is not empty: {counts.cases} cases, {counts.events} events, {counts.keys} keys; give another "
            "with --state DIR or STORE_URL, or --replace to delete what it has"
        )


def _delete_ours(store: Store) -> None:
    names = [name for name in snapshot.our_keys(store) if name != keys.restoring().encode()]
    for start in range(0, len(names), COMMANDS_AT_ONCE):
        store.unlink(*names[start : start + COMMANDS_AT_ONCE])


def _write(store: Store, backup: BackupFile) -> None:
    """Write the commands of a backup. Raises StoreUnreachable when the store is lost, BackupUnusable."""
    some: list[Command] = []
    size = 0
    for command in backup_file.commands_of(backup):
        some.append(command)
        size += sum(map(len, command))
        if len(some) >= COMMANDS_AT_ONCE or size >= BYTES_AT_ONCE:
            _write_some(store, backup, some)
            some, size = [], 0
    _write_some(store, backup, some)


def _write_some(store: Store, backup: BackupFile, commands: list[Command]) -> None:
    with store.pipeline(transaction=True) as pipe:
        # A lost connection would have the transaction sent again, and a list would have its entries twice.
        pipe.watch(keys.restoring())
        pipe.multi()
        for command in commands:
            pipe.execute_command(*command)
        try:
            pipe.execute()
        except (WatchError, RedisConnectionError) as error:
            raise StoreUnreachable("the store was lost while it was restored: run the same command again") from error
        except ResponseError as error:
            raise BackupUnusable(f"the store does not take what is in {backup.path}: {error}") from error


def _forget_processes(store: Store) -> None:
    """Forget who works: it is on the store that was backed up. The jobs that these had are done again."""
    dead_workers.forget_all_workers(store)
    store.delete(keys.run_lock(), keys.service_lock(), keys.scheduler(), keys.verifications())


def _compare(store: Store, backup: BackupFile) -> None:
    """Raise BackupUnusable when other numbers of cases, events or undelivered ones are there than the backup names.

    Keys whose time is over are gone by now, so their number may be smaller.
    """
    wanted, found = backup.manifest.counts, snapshot.count(store)
    same = (wanted.cases, wanted.events, wanted.undelivered) == (found.cases, found.events, found.undelivered)
    if not same or found.keys > wanted.keys + len(OF_NO_VALUE):
        raise BackupUnusable(f"{backup.path} was to give {wanted}, and the store has {found}: use another backup")
