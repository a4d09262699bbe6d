"""A whole run, with the worker processes that production starts, on a host of our own."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from builders import STAMP, a_match, a_sighting, an_order, build_list, digests_of, started_worker, transaction, url_of
from gate import Gate
from orbweaver.queue import queues
from orbweaver.queue.fleet.workers import worker_pool
from orbweaver.queue.intake.orders import Order
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, deliveries, recrawl_progress, recrawls, runs
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.queue.runs import verification
from orbweaver.queue.runs.verify_result import VerifyProgress, VerifyResult
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver_command import eventually
from redis import Redis
from synthetic_host import Resource, SyntheticHost

PAGES = {
    "/": ("text/html", b'<a href="/known.bin">a</a> <a href="/other.bin">b</a>'),
    "/known.bin": ("application/zip", b"known"),
    "/other.bin": ("application/zip", b"other"),
}


class Run:
    """Starts verification runs against one store."""

    def __init__(self, store: Store, tmp_path: Path) -> None:
        self.store = store
        self.events = tmp_path / "events"
        self.matcher = build_list(tmp_path / "list.hashes", [digests_of(b"known").sha256])
        self.log = tmp_path / "workers.log"

    def __call__(
        self,
        orders: Sequence[Order],
        *,
        on_progress: Callable[[VerifyProgress], None] = lambda _: None,
        stop: threading.Event | None = None,
        **environment: str,
    ) -> VerifyResult:
        given: Mapping[str, str] = {
            **os.environ,
            "STORE_URL": url_of(self.store),
            "MATCHER_URL": self.matcher,
            "TAKEDOWN_SINKS": f"jsonl:{self.events}",
            "ALLOW_ADDRESSES": "127.0.0.0/8",
            "SANDBOX": "off",
            **environment,
        }
        return verification.verify(
            self.store,
            orders,
            recrawls_at_once=1,
            environment=given,
            log_file=self.log,
            on_progress=on_progress,
            stop=stop or threading.Event(),
        )


@pytest.fixture
def run(store: Store, tmp_path: Path) -> Run:
    return Run(store, tmp_path)


def test_a_run_finds_the_known_file_and_delivers_its_case(run: Run, store: Store) -> None:
    progress: list[VerifyProgress] = []
    with SyntheticHost(PAGES) as host:
        result = run([an_order(host.host)], on_progress=progress.append)
    [case] = result.cases
    assert (case.url, case.sha256) == (f"{host.url}known.bin", digests_of(b"known").sha256)
    assert result.new_case_ids == {str(case.case_id)}
    assert [record.state for record in result.recrawls] == [RecrawlState.FINISHED]
    assert (result.tally.files, result.unknown, result.undelivered, result.is_interrupted) == (2, (), 0, False)
    [line] = (run.events / "events.jsonl").read_text().splitlines()
    assert json.loads(line)["case"]["case_id"] == str(case.case_id)
    assert (progress[0].hosts_done, progress[-1].hosts_done, progress[-1].waiting) == (0, 1, 0)
    assert store.scard("rq:workers") == 0


def test_a_run_first_does_what_earlier_ones_left_unanswered_or_undelivered(run: Run, store: Store) -> None:
    undelivered = change_by_match(a_sighting(b"earlier"), a_match(), None, STAMP)
    assert undelivered.event is not None
    with transaction(store) as pipe:
        batches.keep_unanswered(pipe, [a_sighting()])
        case_store.write(pipe, undelivered)
        deliveries.note_events(store, pipe, "an earlier run", str(undelivered.event.event_id))
    store.delete("rq:queue:takedown")
    progress: list[VerifyProgress] = []

    def all_is_done_meanwhile(seen: VerifyProgress) -> None:
        """Look on until the workers have done what still waited when the run looked."""
        progress.append(seen)
        if seen.waiting:
            eventually(lambda: not (store.scard(keys.batches()) or store.hlen(keys.undelivered())))
            eventually(lambda: not queues.waiting_jobs(store, QueueName.MATCH, QueueName.TAKEDOWN))

    result = run([], on_progress=all_is_done_meanwhile)
    assert progress[0].waiting
    assert not progress[-1].waiting
    assert [case.sha256 for case in result.cases] == [digests_of(b"known").sha256]
    assert (result.unknown, result.undelivered) == ((), 0)
    lines = (run.events / "events.jsonl").read_text().splitlines()
    assert {json.loads(line)["case"]["sha256"] for line in lines} == {
        digests_of(b"known").sha256,
        digests_of(b"earlier").sha256,
    }


def test_a_run_that_finds_no_file_waits_until_a_changed_list_is_asked_again(run: Run, store: Store) -> None:
    with transaction(store) as pipe:
        case_store.write(pipe, change_by_match(a_sighting(), a_match("md5"), None, STAMP))
    result = run([])  # there is nothing else to wait for when its match worker has not begun yet
    assert result.rematched is not None
    assert (result.rematched.cases_asked, result.rematched.opened, result.rematched.undelivered) == (1, 1, 0)
    assert result.rematched.is_finished
    assert len((run.events / "events.jsonl").read_text().splitlines()) == 1


def test_a_run_whose_match_worker_may_not_work_waits_for_what_is_being_delivered(
    run: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_pool, "IDLE_SECONDS", 0.0)
    opened = change_by_match(a_sighting(), a_match(), None, STAMP)
    with transaction(store) as pipe:
        case_store.write(pipe, opened)
        deliveries.note_events(store, pipe, "an earlier run", str(opened.event and opened.event.event_id))
    store.delete("rq:queue:takedown")
    run.events.mkdir()
    looks: list[bytes] = []
    with (run.events / "events.jsonl").open("ab") as events:
        fcntl.flock(events, fcntl.LOCK_EX)  # so nothing can be delivered

        def look(_: VerifyProgress) -> None:
            for key in store.smembers("rq:workers"):
                if key.startswith(b"rq:worker:match-"):
                    store.hset(key, queues.IDLE_BECAUSE, "its list was replaced by an older one")
                    looks.append(key)
            if len(looks) == 4:
                fcntl.flock(events, fcntl.LOCK_UN)

        result = run([], on_progress=look)
    assert result.undelivered == 0
    assert len((run.events / "events.jsonl").read_text().splitlines()) == 1


def test_a_run_goes_on_when_a_worker_is_killed(run: Run, store: Store) -> None:
    killed = threading.Event()

    async def waits_for_the_kill(_: web.BaseRequest) -> web.StreamResponse:
        if not killed.is_set():
            await asyncio.sleep(3600)
        return web.Response(body=b"known", content_type="application/zip")

    with SyntheticHost({"/": ("application/zip", waits_for_the_kill)}) as host:

        def kill_its_recrawler(_: VerifyProgress) -> None:
            if host.paths and not killed.is_set():
                [worker] = [key for key in store.keys("rq:worker:recrawl-*") if key.count(b":") == 2]
                pid = store.hget(worker, "pid")
                assert pid is not None
                killed.set()
                os.kill(int(pid), signal.SIGKILL)

        result = run([an_order(host.host)], on_progress=kill_its_recrawler)
    [record] = result.recrawls
    assert (record.state, record.attempt) == (RecrawlState.FINISHED, 2)
    assert len(result.cases) == 1


def test_a_run_can_be_stopped_and_leaves_the_host_to_the_next(run: Run, store: Store) -> None:
    stop = threading.Event()
    stop.set()
    result = run([an_order("h.test")], stop=stop)
    assert result.is_interrupted
    assert [record.state for record in result.recrawls] == [RecrawlState.INTERRUPTED]
    assert not store.exists(f"rq:job:{queues.recrawl_job_id('h.test')}")
    assert not run.log.exists()  # no worker was started


def test_a_stop_ends_the_recrawls_of_every_worker_in_order_and_keeps_what_was_found(
    run: Run, store: Store, tmp_path: Path
) -> None:
    gates = [Gate(Resource("text/html", b"")) for _ in range(3)]
    stop = threading.Event()

    def stop_when_two_wait(progress: VerifyProgress) -> None:
        if sum(gate.is_reached for gate in gates) == 2 and progress.matches == 2:
            stop.set()

    with contextlib.ExitStack() as stack:
        hosts = [
            stack.enter_context(
                SyntheticHost(
                    {
                        "/": ("text/html", b'<a href="/known.bin">a</a> <a href="/gate">b</a>'),
                        "/known.bin": ("application/zip", b"known"),
                        "/gate": Resource(None, gate.answer),
                    }
                )
            )
            for gate in gates
        ]
        log = stack.enter_context((tmp_path / "another.log").open("w+"))
        worker = stack.enter_context(  # not the run's own
            started_worker(
                store,
                "recrawl",
                stderr=log.fileno(),
                ALLOW_ADDRESSES="127.0.0.0/8",
                SANDBOX="off",
                RECRAWLS_AT_ONCE="1",
            )
        )
        result = run([an_order(host.host) for host in hosts], on_progress=stop_when_two_wait, stop=stop)
        eventually(lambda: not store.keys("rq:job:recrawl-*"))
        fetched = [host.paths.count("/") for host in hosts]
        worker.terminate()
        worker.wait()
        said = Path(log.name).read_text()
        for gate in gates:
            gate.open()
    assert [record.state for record in result.recrawls] == [RecrawlState.INTERRUPTED] * 3
    assert sorted(record.attempt for record in result.recrawls) == [0, 1, 1]
    assert sorted(fetched) == [0, 1, 1]
    assert len(result.cases) == 2
    assert (result.unknown, result.undelivered) == ((), 0)
    assert "Traceback" not in said + run.log.read_text()
    assert queues.queue_for(store, QueueName.RECRAWL).failed_job_registry.get_job_ids() == []


def test_an_interrupt_in_the_middle_leaves_no_recrawl_to_other_workers(run: Run, store: Store) -> None:
    def second_ctrl_c(_: VerifyProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run([an_order("h.test"), an_order("other.test")], on_progress=second_ctrl_c)
    # Not by their keys: a worker may have begun one, which has several then.
    recrawl_ids = [text(one) for one in store.lrange(text(store.keys("orbweaver:run:*:recrawls")[0]), 0, -1)]
    assert len(recrawl_ids) == 2
    assert [recrawls.begin(store, one) for one in recrawl_ids] == [None, None]
    assert queues.queue_for(store, QueueName.RECRAWL).get_job_ids() == []


def test_a_host_that_a_living_worker_is_at_is_waited_for_and_the_job_of_a_killed_run_is_told_to_end(
    run: Run, store: Store
) -> None:
    progress: list[VerifyProgress] = []

    def end_the_other(seen: VerifyProgress) -> None:
        progress.append(seen)
        if len(progress) == 3:
            assert (host.paths, seen.hosts_done, runs.is_over(store, "another")) == ([], 0, True)
            store.delete(f"rq:job:{job_id}")

    with SyntheticHost(PAGES) as host:
        order = an_order(host.host)
        queues.enqueue_recrawl(store, host.host, recrawls.create(store, "another", order), 60)
        job_id = queues.recrawl_job_id(host.host)
        store.lrem("rq:queue:recrawl", 0, job_id)
        store.hset(f"rq:job:{job_id}", mapping={"status": "started", "worker_name": "elsewhere"})
        store.hset("rq:worker:elsewhere", "hostname", "another-machine")
        result = run([order], on_progress=end_the_other)
    assert [record.state for record in result.recrawls] == [RecrawlState.FINISHED]


def test_what_a_killed_run_left_waiting_does_not_keep_a_host_from_the_next(run: Run, store: Store) -> None:
    with SyntheticHost(PAGES) as host:
        order = an_order(host.host)
        queues.enqueue_recrawl(store, host.host, recrawls.create(store, "killed", order), 60)
        queues.enqueue_recrawl(store, "h.test", recrawls.create(store, "killed", an_order("h.test")), 60)
        result = run([order])
    assert [record.state for record in result.recrawls] == [RecrawlState.FINISHED]
    assert not store.exists(f"rq:job:{queues.recrawl_job_id('h.test')}")


def test_a_job_of_a_dead_worker_whose_execution_has_expired_holds_up_nothing(run: Run, store: Store) -> None:
    with SyntheticHost(PAGES) as host:
        order = an_order(host.host)
        queues.enqueue_recrawl(store, host.host, recrawls.create(store, "killed", order), 60)
        job_id = queues.recrawl_job_id(host.host)
        store.lrem("rq:queue:recrawl", 0, job_id)
        store.hset(f"rq:job:{job_id}", mapping={"status": "started", "worker_name": "dead"})
        store.zadd("rq:wip:recrawl", {f"{job_id}:expired": 9_999_999_999})
        store.sadd("rq:workers", "rq:worker:dead")
        result = run([order])
    assert [record.state for record in result.recrawls] == [RecrawlState.FINISHED]
    assert store.zcard("rq:wip:recrawl") == 0


def test_refused_jobs_fail_with_the_reason_or_are_replaced_and_hold_up_nothing(run: Run, store: Store) -> None:
    def tamper(_: VerifyProgress) -> None:
        if store.exists(tampered):
            store.hset(tampered, "webhooks", "[]")

    tampered = f"rq:job:{queues.recrawl_job_id('h.test')}"
    with SyntheticHost(PAGES) as host:
        planted = {"data": b"[]", "status": b"started", "origin": b"recrawl", "webhooks": b"[]"}
        store.hset(f"rq:job:{queues.recrawl_job_id(host.host)}", mapping=planted)  # type: ignore[arg-type]
        result = run([an_order("h.test"), an_order(host.host)], on_progress=tamper)
    refused, done = result.recrawls
    assert (refused.state, done.state) == (RecrawlState.FAILED, RecrawlState.FINISHED)
    assert "refused: it carries webhooks" in str(refused.reason)
    assert len(result.cases) == 1


def test_a_run_says_when_the_disks_did_not_confirm_what_it_found(run: Run) -> None:
    stopped = threading.Event()
    stopped.set()
    assert run([], stop=stopped).unconfirmed is None
    without_replica = run([], stop=stopped, STORE_REPLICAS="1").unconfirmed
    assert without_replica is not None
    assert without_replica.startswith("0 of the 1 replicas that STORE_REPLICAS asks for wrote to their disks")


class Racing(Redis):
    """A client that does something once, right after the run has looked at what waits."""

    meanwhile: Callable[[], None] | None = None

    def hmget(self, name: Any, *fields: Any) -> Any:
        if name == keys.list_versions() and self.meanwhile is not None:
            act, self.meanwhile = self.meanwhile, None
            act()
        return super().hmget(name, *fields)


def test_a_recrawl_that_ends_between_two_looks_leaves_no_file_unasked(store: Store, tmp_path: Path) -> None:
    racing = Racing.from_url(url_of(store))
    assert isinstance(racing, Racing)
    gate = Gate(Resource(*PAGES["/"]))
    stopped: list[int] = []
    seen: list[int] = []

    def end_the_recrawl() -> None:
        gate.wait_until_reached()
        [worker] = eventually(lambda: store.smembers("rq:workers:match"))
        stopped.append(int(store.hget(worker, "pid") or 0))
        os.kill(stopped[0], signal.SIGSTOP)
        gate.open()
        [recrawl_id] = map(text, store.lrange(text(store.keys("orbweaver:run:*:recrawls")[0]), 0, -1))
        eventually(lambda: recrawl_progress.statuses(store, [recrawl_id])[0].state is RecrawlState.FINISHED)

    def go_on(progress: VerifyProgress) -> None:
        """Let its files be asked about only when the run has looked once more after all hosts were done."""
        seen.append(progress.hosts_done)
        if sum(seen) == 2:
            os.kill(stopped[0], signal.SIGCONT)

    racing.meanwhile = end_the_recrawl
    with SyntheticHost({**PAGES, "/": Resource(None, gate.answer)}) as host:
        result = Run(racing, tmp_path)([an_order(host.host)], on_progress=go_on)
    racing.close()
    assert [case.url for case in result.cases] == [f"{host.url}known.bin"]
    assert (result.unknown, result.undelivered) == ((), 0)
