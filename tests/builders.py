"""Small builders of the nouns, and real workers, for tests of the queue and the takedown folder."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from orbweaver.matcher_client.lists import build
from orbweaver.matcher_client.verdicts import judge
from orbweaver.model import (
    Algorithm,
    DigestSet,
    HttpFacts,
    Limits,
    Listing,
    Report,
    Scope,
    ScopeKind,
    Sighting,
    Verdict,
)
from orbweaver.queue import queues
from orbweaver.queue.fleet.workers import plain_worker
from orbweaver.queue.intake.orders import Order
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches
from orbweaver.store import connection, keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases.changes import Stamp
from redis import Redis
from redis.client import Pipeline

RUN = "run-1"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
# Far beyond what any machine needs: only a fault lets it pass.
PATIENCE_SECONDS = 300.0
THE_END = "the end of the monitoring"
STAMP = Stamp(UUID("0b8f1c6e-3d0a-4c53-9a7e-5f1d2b3c4a59"), NOON)


def digests_of(body: bytes) -> DigestSet:
    return DigestSet(
        md5=hashlib.md5(body).hexdigest(),
        sha1=hashlib.sha1(body).hexdigest(),
        sha256=hashlib.sha256(body).hexdigest(),
        size=len(body),
    )


def a_sighting(
    body: bytes = b"known",
    *,
    url: str = "http://h.test/a.bin",
    report_ids: tuple[str, ...] = (),
    minutes: float = 0,
) -> Sighting:
    return Sighting(
        url=url,
        final_url=url,
        host="h.test",
        report_ids=report_ids,
        digests=digests_of(body),
        http=HttpFacts(status=200),
        seen_at=NOON + timedelta(minutes=minutes),
    )


def a_match(*algorithms: Algorithm, list_size: int | None = None, body: bytes = b"known") -> Verdict:
    listing = Listing(service="hashlist:test", list="list", algorithms=algorithms or ("sha256",), size=list_size)
    return judge(digests_of(body), [listing], service="hashlist:test", asked_at=NOON)


def an_order(name: str = "h.test", *, max_seconds: float = 60) -> Order:
    scope = Scope(kind=ScopeKind.HOST, name=name, limits=Limits(max_seconds=max_seconds))
    return Order(scope=scope, reports=(Report(url=f"http://{name}/"),))


def build_list(path: Path, rows: Sequence[str]) -> str:
    """Build a hash list of CSV rows (header first) or bare digests; returns its matcher URL."""
    source = path.with_suffix(".csv" if "," in rows[0] else ".txt")
    source.write_text("".join(f"{row}\n" for row in rows))
    build.build([source], path)
    return f"hashlist:{path}"


@contextmanager
def transaction(store: Store) -> Iterator[Pipeline]:
    with store.pipeline(transaction=True) as pipe:
        pipe.multi()
        yield pipe
        pipe.execute()


def add_batch(store: Store, *sightings: Sighting, run_id: str = RUN) -> str:
    with transaction(store) as pipe:
        return batches.add(store, pipe, run_id, sightings)


def work(store: Store, *names: QueueName) -> None:
    """Do every waiting match and delivery job with a real worker in this process."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        plain_worker.work(store, names or [QueueName.MATCH, QueueName.TAKEDOWN], burst=True)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def parked(store: Store, name: QueueName) -> dict[str, str]:
    """Return the queue's parked jobs, and the last line of what is said about each."""
    queue = queues.queue_for(store, name)
    found = {}
    for job_id in queue.failed_job_registry.get_job_ids():
        job = queue.job_class.fetch(job_id, connection=store)
        result = job.latest_result()
        found[job_id] = ((result.exc_string or "").strip().splitlines() or [""])[-1] if result else ""
    return found


def url_of(store: Store) -> str:
    return f"unix://{connection.socket_path(store)}"


@contextmanager
def started_worker(
    store: Store, *arguments: str, stderr: int = subprocess.DEVNULL, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a worker as production does; it is killed at the end if it still runs."""
    worker = subprocess.Popen(
        [sys.executable, "-P", "-m", "orbweaver.cli", "worker", *arguments],
        env={**os.environ, "STORE_URL": url_of(store), **environment},
        stdin=subprocess.DEVNULL,
        stderr=stderr,
    )
    try:
        yield worker
    finally:
        worker.kill()
        worker.wait()


def kill_worker(store: Store, is_time: Callable[[str], bool], *arguments: str, **environment: str) -> None:
    """Start a worker and kill it at the first command to the store that `is_time` picks; fails when it ends before.

    On a busy machine it goes on for a while before it is killed.
    """
    with said_to(store) as commands, started_worker(store, *arguments, **environment) as worker:

        def tell_the_end() -> None:
            try:
                worker.wait(PATIENCE_SECONDS)
            finally:
                store.echo(THE_END)

        watch = threading.Thread(target=tell_the_end)
        watch.start()
        try:
            assert any(is_time(said) for said in commands), "the worker ended before its time"
        finally:
            worker.kill()
            watch.join()


def beginning(then: str, *, after: str = "") -> Callable[[str], bool]:
    """Pick the first command that begins with `then`, of those that come after one that begins with `after`."""
    is_begun = False

    def is_time(said: str) -> bool:
        nonlocal is_begun
        is_begun = is_begun or said.startswith(after)
        return is_begun and said.startswith(then)

    return is_time


def end_leases(store: Store) -> None:
    """Let the minute pass for which a courier that was killed still has its lanes."""
    for key in store.keys(keys.lane("*", "*")):
        store.delete(key)


@contextmanager
def said_to(store: Store) -> Iterator[Iterator[str]]:
    """Give each command that the server executes from now on, as text, until THE_END is said."""
    # redis-py gives a silent connection up after five seconds; a worker on a busy machine is silent for longer.
    with closing(Redis.from_url(url_of(store), socket_timeout=None)) as patient, patient.monitor() as monitor:

        def until_the_end() -> Iterator[str]:
            for command in monitor.listen():
                if THE_END in command["command"]:
                    return
                yield command["command"]

        yield until_the_end()


@contextmanager
def monitored(store: Store) -> Iterator[list[str]]:
    """Collect every command that the server executes meanwhile, as text, in order."""
    seen: list[str] = []
    with said_to(store) as commands:
        yield seen
        store.echo(THE_END)
        seen += commands
