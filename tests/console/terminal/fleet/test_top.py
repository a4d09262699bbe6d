"""`orbweaver top`: the recrawls under way, once for scripts, live in a terminal, in a fixed number of commands."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import NOON, RUN, THE_END, an_order, started_worker, url_of
from gate import Gate
from host_fleet import add_host, add_worker, take_job
from orbweaver.console import recrawl_wording
from orbweaver.console.terminal.fleet import top
from orbweaver.model import Limits, Tally, WaitsFor
from orbweaver.queue import queues
from orbweaver.queue.fleet.shown import under_way
from orbweaver.queue.fleet.shown.pace import Pace, PaceMeter
from orbweaver.queue.fleet.shown.under_way import FleetSeen, RecrawlSeen
from orbweaver.queue.hosts import due
from orbweaver.queue.hosts.due import HostCounts
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import recrawls
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver_command import PATIENCE_SECONDS, eventually
from recorded_recrawls import recorder
from redis import Redis
from rich.console import Console
from synthetic_host import Resource, SyntheticHost

Run = Callable[..., str]


def recrawl(store: Store, name: str, tally: Tally, *, seconds_ago: float = 10.0) -> str:
    """Have a worker begin the recrawl of a host, and keep its first counts."""
    recrawl_id = recrawls.create(store, RUN, an_order(name, max_seconds=100))
    queues.enqueue_recrawl(store, name, recrawl_id, 100)
    take_job(store, name)
    began = due.server_time(store) - timedelta(seconds=seconds_ago)
    store.hset(queues.job_key(queues.recrawl_job_id(name)), "started_at", f"{began:%Y-%m-%dT%H:%M:%S.%fZ}")
    attempt = recrawls.begin(store, recrawl_id)
    assert attempt is not None
    recorder(store, recrawl_id, RUN, attempt)((), (), tally)
    return recrawl_id


def snapshot(run: Run) -> dict[str, Any]:
    return json.loads(run("top", "--json"))


def test_a_row_has_what_is_known_of_a_recrawl_under_way(run: Run, store: Store) -> None:
    add_worker(store, places=9)
    add_host(store, "later.test", due_in=1e6)
    tally = Tally(pages=30, files=18, failures=2, bytes_read=5_000_000, queued=7, waits_for=WaitsFor.RETRY_AFTER)
    recrawl_id = recrawl(store, "h.test:8080", tally)
    seen = snapshot(run)
    [row] = seen["recrawls"]
    assert (row["host"], row["recrawl_id"], row["worker"], row["attempt"]) == ("h.test:8080", recrawl_id, "worker", 1)
    assert (row["pages"], row["files"], row["bytes_read"], row["failures"], row["known"]) == (30, 18, 5_000_000, 2, 7)
    assert row["waits_for"] == "retry-after"
    assert 0 < row["seconds_left"] < 91
    assert 0 < row["requests_a_second"] <= 5
    assert row["limits"]["max_seconds"] == 100
    assert (seen["recrawls_at_once"], seen["hosts"]["waiting"], seen["jobs"]["recrawl"]["started"]) == (9, 1, 1)
    assert seen["no_scheduler"].startswith("no scheduler looks")
    said = run("top", "--once")
    [line] = [one for one in said.splitlines() if one.startswith("h[.]test:8080")]
    assert line.split()[1:5] == ["30", "18", "5.0", "MB"]
    assert "retry-after" in line
    assert "1 recrawl under way of 9 at once" in said
    assert "no scheduler looks at the hosts" in said


def test_what_is_not_known_is_said_to_be(run: Run, store: Store) -> None:
    recrawl_id = recrawl(store, "old.test", Tally())
    store.hdel(keys.recrawl(recrawl_id), "limits")  # as an older release has entered it
    store.hdel(queues.job_key(queues.recrawl_job_id("old.test")), "started_at")
    [row] = snapshot(run)["recrawls"]
    assert (row["seconds_left"], row["limits"], row["waits_for"], row["began_at"]) == (None, None, None, None)
    [line] = [one for one in run("top").splitlines() if one.startswith("old[.]test")]
    assert line.split()[-2:] == ["-", "-"]
    assert "no recrawl worker takes jobs: `orbweaver workers` says why" in run("top")


def test_a_recrawl_that_is_over_or_gone_has_no_row(run: Run, store: Store) -> None:
    recrawls.end(store, recrawl(store, "over.test", Tally()), recrawls.RecrawlState.FINISHED)
    store.delete(keys.recrawl(recrawl(store, "gone.test", Tally())))
    store.hset(queues.job_key(queues.recrawl_job_id("odd.test")), mapping={"data": b"\xff"})
    store.zadd(queues.queue_for(store, QueueName.RECRAWL).started_job_registry.key, {"recrawl-odd_2e_test:x": 4e9})
    assert snapshot(run)["recrawls"] == []


def commands_of_a_look(store: Store) -> int:
    with closing(Redis.from_url(url_of(store), socket_timeout=None)) as patient, patient.monitor() as monitor:
        under_way.look(store)
        store.echo(THE_END)
        number = 0
        for command in monitor.listen():
            if THE_END in command["command"]:
                return number
            number += command["client_type"] != "lua"
    raise AssertionError("the end is always said")


def test_a_look_takes_as_many_commands_for_forty_recrawls_as_for_one(store: Store) -> None:
    add_worker(store, places=99)
    recrawl(store, "h.test", Tally())
    of_one = commands_of_a_look(store)
    for number in range(39):
        recrawl(store, f"h{number}.test", Tally())
        add_host(store, f"h{number}.test")
    assert len(under_way.look(store).recrawls) == 40
    assert commands_of_a_look(store) == of_one
    assert of_one < 50


def seen(second: float, *recrawls_seen: RecrawlSeen) -> FleetSeen:
    jobs = {name: Counter() for name in QueueName}
    return FleetSeen(NOON + timedelta(seconds=second), recrawls_seen, jobs, HostCounts(0, 0, 0, 0), 1, 1, None)


def one(second: float = 0.0, *, attempt: int = 1, limits: Limits | None = None, **counts: int) -> RecrawlSeen:
    return RecrawlSeen("h.test", "id", "w", NOON + timedelta(seconds=second), attempt, Tally(**counts), limits)


def test_the_pace_is_that_of_the_last_seconds() -> None:
    meter = PaceMeter()
    assert meter.take(seen(10, one(pages=20, bytes_read=1_000)))["id"] == Pace(2.0, 100.0)
    for second in range(11, 31):
        pace = meter.take(seen(second, one(pages=20 + 5 * (second - 10), bytes_read=1_000)))["id"]
    assert pace == Pace(5.0, 0.0)
    # It goes on where it was: what the attempt before had counted is not the pace of this one.
    assert meter.take(seen(32, one(31, attempt=2, pages=300))) == {}
    assert meter.take(seen(34, one(31, attempt=2, pages=306)))["id"].requests == 3.0
    assert meter.take(seen(33)) == {}
    assert meter.take(seen(20, one(20))) == {}  # a clock that went back


@pytest.mark.parametrize(
    ("counts", "second", "left"),
    [
        ({}, 10.0, "1:06:30"),
        ({"pages": 85}, 10.0, "max_pages 85% used"),
        ({"pages": 85}, 3_900.0, "0:01:40"),
        ({"bytes_read": 2_000}, 10.0, "max_bytes 100% used"),
        ({}, 9_000.0, "0:00:00"),
    ],
)
def test_the_limit_that_is_nearest_is_said(counts: dict[str, int], second: float, left: str) -> None:
    limits = Limits(max_seconds=4_000, max_pages=100, max_bytes=1_000)
    assert recrawl_wording.left(one(limits=limits, **counts), seen(second).at) == left


def test_no_time_is_said_to_be_left_when_earlier_attempts_used_some_of_it() -> None:
    limits = Limits(max_seconds=4_000, max_pages=100)
    assert one(attempt=2, limits=limits).seconds_left(seen(10).at) is None
    assert recrawl_wording.left(one(attempt=2, limits=limits, pages=3), seen(10).at) == "-"
    assert recrawl_wording.left(one(attempt=2, limits=limits, pages=85), seen(10).at) == "max_pages 85% used"


def test_a_host_that_no_scheduler_has_seen_yet_counts_as_due(run: Run, store: Store) -> None:
    add_host(store, "due.test", due_in=-60)
    add_host(store, "later.test", due_in=1e6)
    assert snapshot(run)["hosts"] == {"waiting": 1, "ready": 1, "leased": 0, "never": 0}


def test_no_more_rows_than_there_is_room_for() -> None:
    console = Console(file=io.StringIO(), width=120)
    console.print(top.picture(seen(1, *[one() for _ in range(9)]), {}, rows=4))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().count("h[.]test") == 4
    assert "and 5 more hosts" in console.file.getvalue()


class _OneLook(threading.Event):
    """Ends a watch after its first look."""

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return True


def test_a_store_that_is_away_ends_no_watch(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    with closing(Redis.from_url(f"unix://{tmp_path}/nothing.sock")) as away:
        top.watch(away, console, _OneLook())
    assert isinstance(console.file, io.StringIO)
    assert "the store does not answer" in console.file.getvalue()


@contextlib.contextmanager
def in_a_terminal(store: Store, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    ours, its = pty.openpty()
    command = [sys.executable, "-P", "-m", "orbweaver.cli", *arguments]
    environment = {**os.environ, "STORE_URL": url_of(store), "TERM": "xterm"}
    process = subprocess.Popen(command, env=environment, stdin=its, stdout=its, stderr=its, start_new_session=True)
    os.close(its)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_a_terminal_it_goes_on_until_ctrl_c_and_that_is_no_failure(store: Store, number: int) -> None:
    recrawl(store, "h.test", Tally(pages=3))
    with in_a_terminal(store, "top") as (process, terminal):
        shown = b""
        while shown.count(b"under way of") < 2:  # it was shown again
            shown += os.read(terminal, 65_536)
        process.send_signal(number)
        with contextlib.suppress(OSError):  # the terminal is closed
            while os.read(terminal, 65_536):
                pass
        assert process.wait(PATIENCE_SECONDS) == 0
    assert b"h[.]test" in shown


def test_a_real_recrawl_says_what_it_waits_for(run: Run, store: Store) -> None:
    page, robots = Gate(Resource("text/html", b"")), Gate(Resource("text/plain", b""))
    pages = {"/": Resource(None, page.answer)}
    gated = {"/robots.txt": Resource(None, robots.answer), "/": ("text/html", b"")}
    patient = {"HEADER_TIMEOUT": "1h", "TRANSFER_TIMEOUT": "1h", "SANDBOX": "off", "ALLOW_ADDRESSES": "127.0.0.0/8"}
    with SyntheticHost(pages) as slow, SyntheticHost(gated) as silent, contextlib.ExitStack() as stack:
        for host in (slow, silent):
            queues.enqueue_recrawl(
                store, host.host, recrawls.create(store, RUN, an_order(host.host, max_seconds=600)), 600
            )
        stack.callback(page.open)
        stack.callback(robots.open)
        with started_worker(store, "recrawl", "--burst", RECRAWLS_AT_ONCE="2", **patient) as worker:
            expected = {slow.host: "answers", silent.host: "robots.txt"}
            eventually(lambda: {row["host"]: row["waits_for"] for row in snapshot(run)["recrawls"]} == expected)
            page.open()
            robots.open()
            assert worker.wait(PATIENCE_SECONDS) == 0
    assert snapshot(run)["recrawls"] == []
