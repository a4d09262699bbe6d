"""One run at a time: who holds the store is said at once, waited for on request, and known to be dead if it can be."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading

import pytest
from builders import RUN
from orbweaver.queue.errors import StoreBusy
from orbweaver.queue.runs import run_lock
from orbweaver.queue.runs.run_lock import VERIFY, Claim, Holder, RunLock
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver_command import eventually

# A run of another process: holds the lock until its standard input ends.
ANOTHER = """
import sys, threading
from orbweaver.queue.runs import run_lock
from orbweaver.store import connection
with run_lock.hold(connection.connect(sys.argv[1]), "run-2", run_lock.REMATCH, threading.Event()):
    print("holds", flush=True)
    sys.stdin.read()
"""


def holder(**fields: object) -> Holder:
    return Holder.this_process(RUN, "verify").model_copy(update=fields)


def refused_by(store: Store, claim: Claim = VERIFY) -> str:
    with pytest.raises(StoreBusy) as refused, run_lock.hold(store, "run-2", claim, threading.Event()):
        pytest.fail("two runs have the store")
    return str(refused.value)


def test_a_second_run_is_told_at_once_who_runs_since_when_and_what_to_do(store: Store) -> None:
    with run_lock.hold(store, RUN, VERIFY, threading.Event()) as held:
        said = refused_by(store, Claim("rematch", advice=", or do as the console says"))
        held.check()
    assert re.fullmatch(
        rf"this store is in use by orbweaver verify, process {os.getpid()} of user \S+ on {socket.gethostname()}, "
        rf"since 20[0-9T:.-]+Z: wait for it with --wait, or end it \(Ctrl-C, or kill {os.getpid()} on "
        rf"{socket.gethostname()}\), or do as the console says",
        said,
    )
    with run_lock.hold(store, "run-2", VERIFY, threading.Event()) as held:
        held.check()


def test_who_waits_says_for_whom_once_and_goes_on_when_that_run_ends(store: Store) -> None:
    said: list[str] = []
    first = run_lock.hold(store, RUN, VERIFY, threading.Event())
    first.__enter__()

    def end_the_first(line: str) -> None:
        said.append(line)
        first.__exit__(None, None, None)

    claim = Claim("rematch", say_waiting=end_the_first)
    with run_lock.hold(store, "run-2", claim, threading.Event()) as held:
        held.check()
    [line] = said
    assert line.startswith(f"waiting for orbweaver verify, process {os.getpid()} of user ")
    assert line.endswith("; Ctrl-C ends the waiting")


def test_a_stop_ends_the_waiting(store: Store) -> None:
    stop = threading.Event()
    claim = Claim("verify", say_waiting=lambda _: stop.set())
    with (
        run_lock.hold(store, RUN, VERIFY, threading.Event()),
        pytest.raises(StoreBusy, match=r"stopped while it waited for orbweaver verify, .*: nothing was done"),
        run_lock.hold(store, "run-2", claim, stop),
    ):
        pytest.fail("two runs have the store")


def test_the_place_of_a_run_that_was_killed_on_this_machine_is_free_at_once(store: Store) -> None:
    url = f"unix://{store.connection_pool.connection_kwargs['path']}"
    command = [sys.executable, "-P", "-c", ANOTHER, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as another:
        assert another.stdout is not None
        assert another.stdout.readline() == "holds\n"
        assert f"orbweaver rematch, process {another.pid} of user" in refused_by(store)
        another.kill()
    with run_lock.hold(store, RUN, VERIFY, threading.Event()) as held:
        held.check()


@pytest.mark.parametrize(
    ("fields", "is_dead"),
    [
        ({}, False),
        ({"process_id": 2**22 + 1}, True),  # more than the kernel gives
        ({"process_start": 1}, True),  # another process has its number by now
        ({"process_id": 2**22 + 1, "kernel": "of another machine"}, False),
    ],
)
def test_only_a_process_of_this_kernel_is_known_to_be_dead(fields: dict[str, object], is_dead: bool) -> None:
    assert holder(**fields).is_dead() is is_dead


def test_a_run_on_another_machine_is_free_after_its_time_and_that_is_said(store: Store) -> None:
    there = holder(machine="elsewhere", process_id=2**22 + 1, kernel="of another machine")
    store.set(keys.run_lock(), there.model_dump_json(), px=15_000)
    said = refused_by(store)
    assert said.endswith("kill 4194305 on elsewhere); if it was killed, the store is free after 15 seconds")


@pytest.mark.parametrize("value", ["5c1f", "{}", '{"run_id": 1}'])
def test_a_run_of_an_older_release_is_respected(store: Store, value: str) -> None:
    store.set(keys.run_lock(), value, px=15_000)
    assert refused_by(store).startswith("this store is in use by another run, of an older release: wait for it")


def test_the_lock_is_renewed_for_as_long_as_it_is_held(store: Store) -> None:
    with run_lock.hold(store, RUN, VERIFY, threading.Event()):
        value = store.get(keys.run_lock())
        store.expire(keys.run_lock(), 10_000)  # so that no slow machine loses it
        eventually(lambda: store.ttl(keys.run_lock()) <= run_lock.HELD_SECONDS)
        assert store.get(keys.run_lock()) == value


def check_until_told(held: RunLock) -> None:
    pause = threading.Event()
    while True:
        held.check()
        pause.wait(0.02)  # lets the thread that renews have the processor


def test_a_run_that_lost_the_lock_is_told_and_cannot_end_that_of_the_next(store: Store) -> None:
    with run_lock.hold(store, RUN, VERIFY, threading.Event()) as held:
        store.set(keys.run_lock(), "run-3")
        with pytest.raises(StoreBusy, match="another run could begin"):
            check_until_told(held)
    assert store.get(keys.run_lock()) == b"run-3"
