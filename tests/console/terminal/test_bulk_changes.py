"""Whatever a filter chooses is counted and shown before it is changed, and is left alone without a yes."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from collections.abc import Callable

import pytest
from builders import url_of
from host_fleet import add_host
from orbweaver.console.errors import NothingToDo
from orbweaver.queue import queues
from orbweaver.queue.queues import QueueName
from orbweaver.store.connection import Store
from orbweaver_command import PATIENCE_SECONDS

Run = Callable[..., str]
# The words of each command that changes what a filter chose, what is asked, and what is said afterwards.
BULK: dict[str, tuple[str, str, str]] = {
    "pause": ("hosts pause --match *.test", "2 hosts would be paused, e.g. a.test", "2 hosts paused\n"),
    "resume": ("hosts resume --host-state paused", "1 host would be resumed, e.g. c.other", "1 host resumed\n"),
    "retire": ("hosts retire --all", "3 hosts would be retired, e.g. a.test", "3 hosts retired\n"),
    "set": ("hosts set --match a.* --weight 5", "1 host would be changed, e.g. a.test", "1 host changed\n"),
    "recrawl": ("recrawl --match *.test", "2 hosts would be asked for, e.g. a.test", "2 hosts asked for\n"),
    "discard": ("jobs discard --all", "2 jobs would be discarded, e.g. planted-1", "2 jobs discarded\n"),
}


def prepare(store: Store) -> None:
    for name in ("a.test", "b.test"):
        add_host(store, name, due_in=1e6)
    add_host(store, "c.other", pause="why")
    for number in (1, 2):
        store.hset(queues.job_key(f"planted-{number}"), mapping={"status": "failed", "data": b"[1]"})
        register = queues.queue_for(store, QueueName.MATCH).failed_job_registry.key
        store.zadd(register, {f"planted-{number}": 4e9})


def everything(store: Store) -> dict[bytes, bytes]:
    keys = [key for key in store.scan_iter("*", count=1_000) if not key.startswith(b"orbweaver:run-lock")]
    return {key: store.dump(key) or b"" for key in sorted(keys)}


@pytest.mark.parametrize(("words", "asked", "done"), BULK.values(), ids=BULK)
def test_the_number_is_shown_first_and_nothing_is_changed_without_a_yes(
    run: Run, store: Store, capsys: pytest.CaptureFixture[str], words: str, asked: str, done: str
) -> None:
    prepare(store)
    before = everything(store)
    for options in ((), ("--json",)):
        with pytest.raises(NothingToDo, match="nothing was changed: give --yes"):
            run(*words.split(), *options)
        said = capsys.readouterr()
        assert said.err == f"orbweaver: {asked}\n"
        assert said.out == ""
    assert everything(store) == before
    assert run(*words.split(), "--yes") == done
    assert everything(store) != before


@pytest.mark.parametrize(("answer", "status"), [(b"y\n", 0), (b"no\n", 2), (b"\x04", 2)], ids=["yes", "no", "nothing"])
def test_a_person_at_a_terminal_is_asked(store: Store, answer: bytes, status: int) -> None:
    prepare(store)
    before = everything(store)
    ours, its = pty.openpty()
    command = [sys.executable, "-P", "-m", "orbweaver.cli", "hosts", "retire", "--match", "*.test", "--json"]
    process = subprocess.Popen(
        command,
        env={**os.environ, "STORE_URL": url_of(store), "TERM": "xterm"},
        stdin=its,
        stdout=subprocess.PIPE,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    try:
        shown = b""
        while b"Go on? [y/N]" not in shown:
            shown += os.read(ours, 1_024)
        assert b"2 hosts would be retired, e.g. a.test" in shown
        os.write(ours, answer)
        printed, _ = process.communicate(timeout=PATIENCE_SECONDS)
    finally:
        process.kill()
        process.wait()
        with contextlib.suppress(OSError):
            os.close(ours)
    assert process.returncode == status
    assert printed == (b'{"hosts": ["a.test", "b.test"], "done": "retired"}\n' if status == 0 else b"")
    assert (everything(store) == before) is (status != 0)
