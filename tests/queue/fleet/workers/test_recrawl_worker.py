"""The worker that has many recrawls under way: at once, apart from each other, and never twice."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import PATIENCE_SECONDS, an_order, parked, started_worker, url_of
from gate import Gate
from orbweaver.queue import queues
from orbweaver.queue.fleet.workers.recrawl_worker import RecrawlWorker
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import recrawls, runs
from orbweaver.queue.records.recrawls import RecrawlRecord, RecrawlState
from orbweaver.store import embedded, keys
from orbweaver.store.connection import Store
from orbweaver_command import eventually
from redis.exceptions import RedisError
from synthetic_host import Resource, SyntheticHost

# However busy the machine is, a crawl waits at its gate and asks no second time.
PATIENT = {"HEADER_TIMEOUT": "1h", "TRANSFER_TIMEOUT": "1h"}
LOOPBACK = {"SANDBOX": "off", "ALLOW_ADDRESSES": "127.0.0.0/8", **PATIENT}
KNOWN = b'<a href="/known.bin">a</a>'


class GatedHost:
    """A host whose page is answered when its gate is opened; behind it is one file."""

    def __init__(self, store: Store, server: SyntheticHost, gate: Gate, run_id: str) -> None:
        self.server, self.gate = server, gate
        self.recrawl_id = recrawls.create(store, run_id, an_order(server.host))
        queues.enqueue_recrawl(store, server.host, self.recrawl_id, 600)

    def record(self, store: Store) -> RecrawlRecord:
        found = recrawls.read(store, self.recrawl_id)
        assert found is not None
        return found

    def has(self, store: Store, *states: RecrawlState) -> bool:
        return self.record(store).state in states

    @property
    def visits(self) -> int:
        return self.server.paths.count("/")


@contextlib.contextmanager
def gated_hosts(store: Store, count: int, *, runs_of_their_own: bool = False) -> Iterator[list[GatedHost]]:
    with contextlib.ExitStack() as stack:
        hosts = []
        for number in range(count):
            gate = Gate(Resource("text/html", KNOWN))
            pages = {"/": Resource(None, gate.answer), "/known.bin": ("application/zip", b"known")}
            run_id = f"run{number}" if runs_of_their_own else "run"
            hosts.append(GatedHost(store, stack.enter_context(SyntheticHost(pages)), gate, run_id))
            stack.callback(gate.open)
        yield hosts


def crawl_processes(worker: subprocess.Popen[bytes]) -> list[int]:
    return [pid for forking in children_of(worker.pid) for pid in children_of(forking)]


def children_of(process: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def has_ended(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes() == b""
    except OSError:
        return True


def test_as_many_recrawls_are_under_way_as_the_setting_allows_and_no_more(store: Store) -> None:
    with (
        gated_hosts(store, 5) as hosts,
        started_worker(store, "recrawl", "--burst", RECRAWLS_AT_ONCE="4", **LOOPBACK) as worker,
    ):
        assert eventually(lambda: sum(host.gate.is_reached for host in hosts) == 4)  # nobody is answered before that
        assert len(crawl_processes(worker)) == 4
        assert [host.has(store, RecrawlState.QUEUED) for host in hosts] == [False] * 4 + [True]
        hosts[2].gate.open()
        hosts[4].gate.wait_until_reached()
        for host in hosts:
            host.gate.open()
        assert worker.wait(PATIENCE_SECONDS) == 0
        assert [host.record(store).state for host in hosts] == [RecrawlState.FINISHED] * 5
        assert [host.record(store).tally.files for host in hosts] == [1] * 5
    assert queues.waiting_jobs(store, QueueName.RECRAWL) == 0
    assert store.keys("rq:job:recrawl-*") == []


def test_its_record_says_how_many_it_has_at_once(store: Store) -> None:
    with started_worker(store, "recrawl", RECRAWLS_AT_ONCE="17", **LOOPBACK):
        [name] = eventually(lambda: store.smembers("rq:workers"))
        assert eventually(lambda: store.hget(name, queues.RECRAWLS_AT_ONCE)) == b"17"


def test_signs_of_life_are_not_given_three_times_a_job(store: Store) -> None:
    worker = RecrawlWorker([queues.queue_for(store, QueueName.RECRAWL)], connection=store)
    worker.register_birth()
    worker.heartbeat()
    assert store.hdel(worker.key, "last_heartbeat") == 1
    worker.heartbeat()
    assert not store.hexists(worker.key, "last_heartbeat")
    with store.pipeline() as pipe:
        worker.heartbeat(pipeline=pipe)
        pipe.execute()
    assert store.hexists(worker.key, "last_heartbeat")


def test_a_crawl_process_that_dies_is_started_anew_and_the_others_go_on(store: Store) -> None:
    with (
        gated_hosts(store, 2) as hosts,
        started_worker(store, "recrawl", "--burst", RECRAWLS_AT_ONCE="2", **LOOPBACK) as worker,
    ):
        for host in hosts:
            host.gate.wait_until_reached()
        first, _ = crawl_processes(worker)
        os.kill(first, signal.SIGKILL)
        assert eventually(lambda: sum(host.visits for host in hosts) == 3)
        for host in hosts:
            host.gate.open()
        assert worker.wait(PATIENCE_SECONDS) == 0
        assert sorted(host.record(store).attempt for host in hosts) == [1, 2]
        assert [host.record(store).state for host in hosts] == [RecrawlState.FINISHED] * 2


def test_a_worker_that_is_told_to_stop_hands_its_recrawls_back_and_another_does_them(store: Store) -> None:
    with gated_hosts(store, 2) as hosts:
        with started_worker(store, "recrawl", RECRAWLS_AT_ONCE="2", **LOOPBACK) as worker:
            for host in hosts:
                host.gate.wait_until_reached()
            retries = [_retries_left(store, host) for host in hosts]
            worker.terminate()
            assert worker.wait(PATIENCE_SECONDS) == 0
        assert [host.record(store).state for host in hosts] == [RecrawlState.QUEUED] * 2
        assert [_retries_left(store, host) for host in hosts] == retries
        assert len(queues.queue_for(store, QueueName.RECRAWL).get_job_ids()) == 2
        for host in hosts:
            host.gate.open()
        with started_worker(store, "recrawl", "--burst", RECRAWLS_AT_ONCE="2", **LOOPBACK) as worker:
            assert worker.wait(PATIENCE_SECONDS) == 0
        assert [host.record(store).state for host in hosts] == [RecrawlState.FINISHED] * 2
        assert parked(store, QueueName.RECRAWL) == {}


def _retries_left(store: Store, host: GatedHost) -> int | None:
    job = queues.queue_for(store, QueueName.RECRAWL).fetch_job(queues.recrawl_job_id(host.server.host))
    assert job is not None
    return job.retries_left


def test_a_recrawl_whose_run_is_over_ends_in_order_and_the_others_go_on(store: Store) -> None:
    with (
        gated_hosts(store, 2, runs_of_their_own=True) as (stopped, other),
        started_worker(store, "recrawl", "--burst", RECRAWLS_AT_ONCE="2", **LOOPBACK) as worker,
    ):
        stopped.gate.wait_until_reached()
        other.gate.wait_until_reached()
        runs.note_over(store, stopped.record(store).run_id)
        assert eventually(lambda: stopped.has(store, RecrawlState.INTERRUPTED))
        assert other.has(store, RecrawlState.RUNNING)
        other.gate.open()
        assert worker.wait(PATIENCE_SECONDS) == 0
        assert other.has(store, RecrawlState.FINISHED)


def test_the_crawl_processes_of_a_killed_worker_end_and_another_worker_does_their_recrawls(store: Store) -> None:
    with gated_hosts(store, 2) as hosts:
        with started_worker(store, "recrawl", RECRAWLS_AT_ONCE="2", **LOOPBACK) as worker:
            for host in hosts:
                host.gate.wait_until_reached()
            crawling = crawl_processes(worker)
            worker.kill()
            worker.wait()
            assert eventually(lambda: all(map(has_ended, crawling)))
        for host in hosts:
            host.gate.open()
        store.delete(keys.upkeep())  # half a minute later
        with started_worker(store, "recrawl", RECRAWLS_AT_ONCE="2", **LOOPBACK) as worker:
            assert eventually(lambda: all(host.has(store, RecrawlState.FINISHED) for host in hosts))
        assert [host.record(store).attempt for host in hosts] == [2, 2]


class EndedStore:
    """A real store in a directory of its own, whose server can be killed and started again."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._stack = contextlib.ExitStack()

    def start(self) -> Store:
        return self._stack.enter_context(embedded.running(self._state_dir))

    def kill(self, store: Store) -> None:
        os.kill(int(store.info("server")["process_id"]), signal.SIGKILL)
        with contextlib.suppress(RedisError):
            self._stack.close()


def test_a_store_that_is_killed_and_comes_back_costs_no_recrawl_and_no_file(short_dir: Path) -> None:
    state_dir = short_dir / "state"
    server = EndedStore(state_dir)
    store = server.start()
    with gated_hosts(store, 2) as hosts:
        with started_worker(store, "recrawl", "--burst", RECRAWLS_AT_ONCE="2", **LOOPBACK) as worker:
            for host in hosts:
                host.gate.wait_until_reached()
            server.kill(store)
            for host in hosts:  # what is found now cannot be kept yet
                host.gate.open()
            assert eventually(lambda: all("/known.bin" in host.server.paths for host in hosts))
            store = server.start()
            assert worker.wait(PATIENCE_SECONDS) == 0
        assert [host.record(store).state for host in hosts] == [RecrawlState.FINISHED] * 2
        assert [host.record(store).attempt for host in hosts] == [1, 1]
        assert [host.visits for host in hosts] == [1, 1]
        assert store.scard(keys.batches()) == 2
    server.kill(store)


def test_a_worker_that_was_away_from_its_store_for_too_long_ends_its_crawls_before_others_begin_them(
    short_dir: Path,
) -> None:
    state_dir = short_dir / "state"
    server = EndedStore(state_dir)
    store = server.start()
    script = (
        "import sys; from orbweaver.queue.fleet.workers.preload import preload; preload();"
        "from orbweaver.queue import queues;"
        "from orbweaver.queue.fleet.workers import plain_worker, recrawl_worker;"
        "from orbweaver.store import connection;"
        "recrawl_worker.HEARTBEAT_SECONDS, recrawl_worker.SILENT_SECONDS = 1.0, 10.0;"
        "plain_worker.work(connection.connect(sys.argv[1]), [queues.QueueName.RECRAWL])"
    )
    environment = {**os.environ, **LOOPBACK, "RECRAWLS_AT_ONCE": "2"}
    with gated_hosts(store, 2) as hosts:
        command = [sys.executable, "-P", "-c", script, url_of(store)]
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as worker:
            try:
                for host in hosts:
                    host.gate.wait_until_reached()
                crawling = crawl_processes(worker)  # type: ignore[arg-type]
                server.kill(store)
                assert eventually(lambda: all(map(has_ended, crawling)))
                for host in hosts:
                    host.gate.open()
                store = server.start()
                assert eventually(lambda: all(host.has(store, RecrawlState.FINISHED) for host in hosts))
                worker.terminate()
                _, said = worker.communicate(timeout=PATIENCE_SECONDS)
            finally:
                worker.kill()
        assert "the store was away for too long" in said
        assert all(host.record(store).attempt >= 2 for host in hosts)
        assert all(host.visits >= 2 for host in hosts)
    server.kill(store)


@pytest.mark.parametrize("name", ["match", "deliver"])
def test_a_job_of_another_kind_on_its_queue_is_refused(store: Store, name: str) -> None:
    queues.enqueue_recrawl(store, "h.test", "gone", 60)
    job = queues.queue_for(store, QueueName.RECRAWL).fetch_job(queues.recrawl_job_id("h.test"))
    assert job is not None
    job.func_name = f"orbweaver.queue.jobs.{name}"
    job.save()
    with started_worker(store, "recrawl", "--burst", **LOOPBACK) as worker:
        assert worker.wait(PATIENCE_SECONDS) == 0
    [said] = parked(store, QueueName.RECRAWL).values()
    assert said.endswith("refused: only a worker may call its function")
