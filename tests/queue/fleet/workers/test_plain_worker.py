"""Workers as production starts them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from builders import (
    PATIENCE_SECONDS,
    a_sighting,
    add_batch,
    an_order,
    build_list,
    parked,
    started_worker,
    transaction,
    url_of,
    work,
)
from orbweaver.matcher_client.errors import TimeIsOver
from orbweaver.queue import queues
from orbweaver.queue.allowed_jobs import AllowedJob
from orbweaver.queue.errors import WorkerNameTaken
from orbweaver.queue.fleet import dead_workers
from orbweaver.queue.fleet.workers import plain_worker
from orbweaver.queue.hosts import dispatch
from orbweaver.queue.job_errors import JobTimeIsOver
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, recrawls
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.store import connection, embedded, keys
from orbweaver.store.connection import Store
from orbweaver_command import eventually
from redis import Redis
from rq.timeouts import JobTimeoutException
from synthetic_host import SyntheticHost

LOOPBACK = {"SANDBOX": "off", "ALLOW_ADDRESSES": "127.0.0.0/8"}


@pytest.mark.parametrize("names", [[QueueName.RECRAWL, QueueName.MATCH], [QueueName.TAKEDOWN, QueueName.RECRAWL]])
def test_hostile_content_is_never_opened_by_a_worker_that_does_not_fork(store: Store, names: list[QueueName]) -> None:
    with pytest.raises(ValueError, match="the recrawl queue needs a worker of its own"):
        plain_worker.work(store, names, burst=True)


def test_one_worker_takes_an_event_from_its_match_to_its_delivery(store: Store) -> None:
    batch_id = add_batch(store, a_sighting())
    work(store, QueueName.MATCH, QueueName.TAKEDOWN)
    assert batches.read(store, batch_id) is None


def test_a_worker_reads_its_settings_once_not_where_a_stop_request_would_look_like_an_unusable_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Looking(Redis):
        """A connection on which the settings become unusable when the worker first compares them."""

        def hmget(self, name: Any, *args: Any, **options: Any) -> Any:
            if name == keys.in_force():
                monkeypatch.setenv("FILE_BYTES", "garbage")
            return super().hmget(name, *args, **options)

    with transaction(store) as pipe:
        queues.enqueue_delivery(store, pipe, "gone")
    with contextlib.closing(Looking.from_url(url_of(store))) as looking:
        work(looking, QueueName.TAKEDOWN)
    # The job itself reads them, and is parked; the worker that read them again would have ended with the job in hand.
    assert parked(store, QueueName.TAKEDOWN).keys() == {queues.delivery_job_id("gone")}


def test_an_idle_worker_looks_every_minute_for_what_dead_ones_left(store: Store, tmp_path: Path) -> None:
    with started_worker(store, "takedown", TAKEDOWN_SINKS=f"jsonl:{tmp_path}") as worker:
        waiting = eventually(lambda: [one for one in store.client_list() if one["cmd"] == "blmove"])
        [(_, lasts)] = [(key, store.ttl(key)) for key in store.scan_iter("rq:worker:*")]
        worker.terminate()
        assert worker.wait() == 0
    assert len(waiting) == 1
    assert lasts <= plain_worker.WORKER_SECONDS + 60  # as long as RQ takes a silent worker to be alive


def test_an_idle_worker_that_its_store_has_forgotten_enters_itself_again(store: Store) -> None:
    with started_worker(store, "recrawl", RECRAWLS_AT_ONCE="17", **LOOPBACK) as worker:
        [waiting] = eventually(lambda: [one for one in store.client_list() if one["cmd"] == "blmove"])
        [name] = dead_workers.alive(store)
        fields = store.hgetall(f"rq:worker:{name}").keys()
        # On a machine that is frozen, or cut off, for a minute: the record expires, and the others forget the worker.
        dead_workers.forget_worker(store, QueueName.RECRAWL, name)
        assert dispatch.places(store) == 0

        def found_again() -> list[str]:
            store.execute_command("CLIENT", "UNBLOCK", waiting["id"])  # it gives one sign a second, if it looks
            return dead_workers.alive(store)

        assert eventually(found_again) == [name]
        assert store.hgetall(f"rq:worker:{name}").keys() == fields
        assert dispatch.places(store) == 17
        worker.terminate()
        assert worker.wait() == 0
    assert not dead_workers.alive(store)


def test_a_worker_takes_the_name_of_a_killed_one_and_its_job_and_never_that_of_one_that_is_alive(store: Store) -> None:
    class Killed(plain_worker.PlainWorker):
        """A worker whose process has ended; it had begun a job."""

        def serialize(self) -> dict[str, Any]:
            return {**super().serialize(), queues.PROCESS_START: 1}

    queue = queues.queue_for(store, QueueName.MATCH)
    with transaction(store) as pipe:
        queues.enqueue_match(store, pipe, "gone")
    killed = Killed([queue], name="w1", connection=store, job_class=AllowedJob)
    killed.register_birth()
    [job] = queue.jobs
    killed.prepare_execution(job)
    killed.prepare_job_execution(job)
    store.delete(queue.key)
    mine = plain_worker.PlainWorker([queue], name="w1", connection=store, job_class=AllowedJob)
    mine.register_birth()
    assert (dead_workers.alive(store), queue.job_ids) == (["w1"], [job.id])
    with pytest.raises(WorkerNameTaken, match="a worker of the name w1 works on this store"):
        plain_worker.PlainWorker([queue], name="w1", connection=store, job_class=AllowedJob).register_birth()


def test_a_worker_works_at_a_store_whose_path_has_a_blank_and_what_means_something_in_a_url(short_dir: Path) -> None:
    state_dir = short_dir / "a case's store, 50%20?x=ü#1"
    with embedded.running(state_dir) as ours:
        batch_id = add_batch(ours, a_sighting())
        with contextlib.closing(connection.connect(embedded.url_for(state_dir))) as theirs:
            work(theirs, QueueName.MATCH, QueueName.TAKEDOWN)
        assert batches.read(ours, batch_id) is None


def test_a_worker_never_imports_a_reactor(store: Store) -> None:
    script = (
        "import sys; from orbweaver.queue.fleet.workers.preload import preload; preload();"
        "from orbweaver.queue import queues; from orbweaver.queue.fleet.workers import plain_worker;"
        "from orbweaver.store import connection;"
        "plain_worker.work(connection.connect(sys.argv[1]), [queues.QueueName.RECRAWL], burst=True);"
        "print('scrapy' in sys.modules, 'twisted.internet.reactor' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-P", "-c", script, url_of(store)], stdout=subprocess.PIPE, check=True)
    assert said.stdout.split() == [b"True", b"False"]


def test_match_and_takedown_workers_hold_no_crawler(store: Store) -> None:
    add_batch(store, a_sighting())
    script = (
        "import sys; from orbweaver.queue import queues; from orbweaver.queue.fleet.workers import plain_worker;"
        "from orbweaver.store import connection;"
        "names = [queues.QueueName.MATCH, queues.QueueName.TAKEDOWN];"
        "plain_worker.work(connection.connect(sys.argv[1]), names, burst=True);"
        "print(*({'scrapy', 'twisted', 'aiohttp', 'orbweaver.crawler.recrawl'} & sys.modules.keys()))"
    )
    said = subprocess.run([sys.executable, "-P", "-c", script, url_of(store)], stdout=subprocess.PIPE, check=True)
    assert said.stdout.split() == []
    assert queues.waiting_jobs(store, QueueName.MATCH) == 0


def test_a_worker_that_is_asked_to_stop_keeps_what_its_recrawl_found(store: Store) -> None:
    asked = threading.Event()

    async def never(_: web.BaseRequest) -> web.StreamResponse:
        asked.set()
        await asyncio.sleep(3600)
        raise AssertionError

    page = b'<a href="/a.bin">a</a> <a href="/slow.bin">b</a>'  # in this order
    pages = {"/": ("text/html", page), "/a.bin": ("application/zip", b"known"), "/slow.bin": ("text/plain", never)}
    with SyntheticHost(pages) as host:
        recrawl_id = recrawls.create(store, "run", an_order(host.host))
        queues.enqueue_recrawl(store, host.host, recrawl_id, 60)
        # One file after the other.
        with started_worker(store, "recrawl", HOST_CONNECTIONS="1", **LOOPBACK) as worker:
            assert asked.wait(PATIENCE_SECONDS)
            worker.terminate()
            assert worker.wait() == 0
    record = recrawls.read(store, recrawl_id)
    assert record is not None
    assert (record.state, record.tally.files) == (RecrawlState.QUEUED, 1)  # handed back
    [batch_id] = store.smembers(keys.batches())
    batch = batches.read(store, batch_id.decode())
    assert batch is not None
    assert [sighting.url for sighting in batch.sightings] == [f"{host.url}a.bin"]


def test_a_job_of_a_recrawl_that_is_gone_does_nothing(store: Store) -> None:
    queues.enqueue_recrawl(store, "h.test", "gone", 60)
    with started_worker(store, "recrawl", "--burst", **LOOPBACK) as worker:
        assert worker.wait() == 0
    assert store.keys("rq:job:*") == []
    of_upkeep = (keys.upkeep(), keys.rechecks_entered(), keys.cases_entered(), keys.retention())
    assert {one.decode() for one in store.keys("orbweaver:*")} <= {*of_upkeep}


def run_worker(store: Store, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "orbweaver.cli", "worker", *arguments, "--burst"]
    given = {**os.environ, "STORE_URL": url_of(store), **environment}
    return subprocess.run(command, env=given, capture_output=True, text=True)


def test_a_worker_says_that_it_starts_and_what_became_of_each_job(store: Store, tmp_path: Path) -> None:
    add_batch(store, a_sighting())
    matcher = build_list(tmp_path / "list.hashes", [a_sighting().digests.sha256])
    done = run_worker(store, "match", "takedown", MATCHER_URL=matcher, TAKEDOWN_SINKS=f"jsonl:{tmp_path}")
    assert done.returncode == 0, done.stderr
    said = [line.partition(": ")[2] for line in done.stderr.splitlines() if " orbweaver.worker INFO: " in line]
    assert said[0].startswith("works on match, takedown as process ")
    assert {line.partition(" in ")[0] for line in said[1:]} == {"match job done", "takedown job done"}
    assert "http" not in done.stderr
    assert a_sighting().digests.sha256 not in done.stderr


def test_a_worker_that_cannot_ask_says_why_and_does_not_end_well(store: Store, tmp_path: Path) -> None:
    add_batch(store, a_sighting())
    missing = f"hashlist:{tmp_path}/missing.hashes"
    done = run_worker(store, "match", "takedown", MATCHER_URL=missing, TAKEDOWN_SINKS=f"jsonl:{tmp_path}")
    assert done.returncode == 1
    assert f"WARNING: {missing} is unhealthy since" in done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"orbweaver: {missing} is unhealthy since")
    assert run_worker(store, "match", MATCHER_URL="nothing:/x").returncode == 2
    mixed = run_worker(store, "recrawl", "match", MATCHER_URL=missing)
    assert mixed.returncode == 2
    assert "the recrawl queue needs a worker of its own" in mixed.stderr
    assert "Traceback" not in mixed.stderr


def test_the_end_of_a_jobs_time_is_no_fault_of_the_service_that_it_asks() -> None:
    longest = plain_worker.PlainWorker.death_penalty_class(3_600, JobTimeoutException)
    with pytest.raises(JobTimeIsOver) as ended, longest:
        signal.raise_signal(signal.SIGALRM)  # as at the end of the hour

    assert isinstance(ended.value, TimeIsOver)
    assert isinstance(ended.value, JobTimeoutException)
