"""The store's run lock: one run at a time has workers, because they fetch, ask and deliver for everybody.

The lock of the store's service (`orbweaver run`) is another of the same kind, which that holds all its life. The value
of a lock says who holds it, so that a second run can say at once whom it would wait for, and take the place of one that
was killed on the same machine.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from orbweaver.model import Noun, format_time, now
from orbweaver.queue.errors import StoreBusy
from orbweaver.queue.fleet import processes
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from pydantic import ValidationError
from redis.exceptions import LockError, RedisError, WatchError
from redis.lock import Lock

# A run that gives no sign for so long has lost the lock.
HELD_SECONDS = 15
PAUSE_SECONDS = 0.2


class Holder(Noun):
    """The holder of the lock: a process of a user on a machine, the command that it runs, and since when.

    `kernel` is the kernel and the space of process ids in which `process_id` and its start time mean something.
    """

    run_id: str
    command: str
    machine: str
    user: str
    process_id: int
    process_start: int
    kernel: str
    since: datetime

    @classmethod
    def this_process(cls, run_id: str, command: str) -> Self:
        """Return this process as a holder, from now on."""
        return cls(
            run_id=run_id,
            command=command,
            machine=socket.gethostname(),
            user=_user_name(),
            process_id=os.getpid(),
            process_start=processes.start_of(os.getpid()) or 0,
            kernel=processes.kernel(),
            since=now(),
        )

    def __str__(self) -> str:
        return (
            f"orbweaver {self.command}, process {self.process_id} of user {self.user} on {self.machine}, "
            f"since {format_time(self.since)}"
        )

    def is_dead(self) -> bool:
        """Whether the process is known to have ended: it was one of this kernel, and is no more."""
        return processes.has_ended(self.process_id, self.process_start, self.kernel)


@dataclass(frozen=True)
class Claim:
    """A command's claim to the lock: its name, what else its user could do, and how it waits.

    `say_waiting` gets a line for each run that is waited for; without it nobody waits.
    """

    command: str
    advice: str = ""
    say_waiting: Callable[[str], None] | None = None


VERIFY = Claim("verify")
REMATCH = Claim("rematch")
SERVICE = Claim("run")


class RunLock:
    """A lock that is held: a thread renews it, so that a long step cannot lose it. A killed run renews no more.

    With `takes_again` one that expired while the store was away is taken again, if nobody else has it.
    """

    def __init__(self, lock: Lock, token: str, *, takes_again: bool = False) -> None:
        self._lock = lock
        self._token = token
        self._takes_again = takes_again
        self._is_over = threading.Event()
        self._is_lost = False
        self._keeper = threading.Thread(target=self._keep, name="run lock", daemon=True)
        self._keeper.start()

    def check(self) -> None:
        """Raise StoreBusy when the lock was lost."""
        if self._is_lost:
            raise StoreBusy("this run was stopped for so long that another run could begin: start it again")

    def give_back(self) -> None:
        """End the lock, unless another run has it by now."""
        self._is_over.set()
        self._keeper.join()
        with contextlib.suppress(LockError):
            self._lock.release()

    def _keep(self) -> None:
        while not self._is_over.wait(HELD_SECONDS / 5):
            try:
                self._lock.reacquire()
            except LockError:
                if not self._has_taken_again():
                    self._is_lost = True
                    return
            except RedisError:
                continue  # the store is away for a moment; the run itself sees it, too

    def _has_taken_again(self) -> bool:
        if not self._takes_again:
            return False
        with contextlib.suppress(RedisError):
            return bool(self._lock.acquire(blocking=False, token=self._token))
        return True  # the store is away again: the next renewal says whether it is held


@contextlib.contextmanager
def hold(
    store: Store,
    run_id: str,
    claim: Claim,
    stop: threading.Event,
    *,
    key: str | None = None,
    takes_again: bool = False,
) -> Iterator[RunLock]:
    """Hold the store's run lock, or another one by its key.

    Raises StoreBusy at once when another run is alive and the claim does not wait; else as soon as `stop` is set.
    """
    key = key or keys.run_lock()
    lock = store.lock(key, timeout=HELD_SECONDS, thread_local=False)
    waits_for: str | None = None
    token = Holder.this_process(run_id, claim.command).model_dump_json()
    while not lock.acquire(blocking=False, token=token):
        value = text(store.get(key) or "")
        if not value or _is_freed(store, value, key):
            continue
        if claim.say_waiting is None:
            raise StoreBusy(_refusal(value, claim.advice))
        if value != waits_for:
            waits_for = value
            claim.say_waiting(f"waiting for {said(value)}; Ctrl-C ends the waiting")
        if stop.wait(PAUSE_SECONDS):
            raise StoreBusy(f"stopped while it waited for {said(value)}: nothing was done")
    held = RunLock(lock, token, takes_again=takes_again)
    try:
        yield held
    finally:
        held.give_back()


def _is_freed(store: Store, value: str, key: str) -> bool:
    """Take the lock from a holder that is known to be dead, unless somebody else did so first."""
    holder = _holder(value)
    if holder is None or not holder.is_dead():
        return False
    with store.pipeline(transaction=True) as pipe:
        pipe.watch(key)
        if text(pipe.get(key) or "") == value:
            pipe.multi()
            pipe.delete(key)
            with contextlib.suppress(WatchError):
                pipe.execute()
    return True


def _value(store: Store, key: str) -> str | None:
    """Return the value of a lock; None when nobody holds it, or its process is known to be dead, which loses it."""
    value = text(store.get(key) or "")
    return value if value and not _is_freed(store, value, key) else None


def is_held(store: Store) -> bool:
    """Whether a run holds the lock; one whose process is known to be dead loses it."""
    return _value(store, keys.run_lock()) is not None


def service(store: Store) -> str | None:
    """Return who is the store's service, in words; None when there is none, or its process is known to be dead."""
    value = _value(store, keys.service_lock())
    return None if value is None else said(value)


def run_in_words(store: Store) -> str | None:
    """Return who holds the run lock, in words; None when nobody does, or its process is known to be dead."""
    value = _value(store, keys.run_lock())
    return None if value is None else said(value)


def holder_of(store: Store, key: str) -> Holder | None:
    """Return who holds a lock; None for nobody, for a dead process, and for a run of an older release."""
    value = _value(store, key)
    return None if value is None else _holder(value)


def run_under_way(store: Store) -> str | None:
    """Return the id of the run that holds the lock; None when there is none, or when an older release runs it."""
    holder = _holder(text(store.get(keys.run_lock()) or ""))
    return None if holder is None else holder.run_id


def _holder(value: str) -> Holder | None:
    """Read the lock's value; None when an older release wrote it."""
    try:
        return Holder.model_validate_json(value)
    except ValidationError:
        return None


def said(value: str) -> str:
    """Return who holds the lock by its value, in words."""
    return str(_holder(value) or "another run, of an older release")


def _refusal(value: str, advice: str) -> str:
    holder = _holder(value)
    ends = "" if holder is None else f" (Ctrl-C, or kill {holder.process_id} on {holder.machine})"
    elsewhere = holder is None or holder.kernel != processes.kernel()
    killed = f"; if it was killed, the store is free after {HELD_SECONDS} seconds" if elsewhere else ""
    return f"this store is in use by {said(value)}: wait for it with --wait, or end it{ends}{advice}{killed}"


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())
