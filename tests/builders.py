"""Small builders of the nouns, and real workers, for tests of the queue and the takedown folder."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orbweaver.matcher_client import list_build
from orbweaver.matcher_client.judgement import judge
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
from orbweaver.queue import batches, queues, workers
from orbweaver.queue.plan import Order
from orbweaver.queue.queues import QueueName
from orbweaver.store import connection
from orbweaver.store.connection import Store
from redis.client import Pipeline

RUN = "run-1"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


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
    list_build.build([source], path)
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
        workers.work(store, names or [QueueName.MATCH, QueueName.TAKEDOWN], burst=True)
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


def start_worker(store: Store, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    """Start a worker as production does."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "orbweaver.cli", "worker", *arguments],
        env={**os.environ, "STORE_URL": url_of(store), **environment},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@contextmanager
def monitored(store: Store) -> Iterator[list[str]]:
    """Collect every command that the server executes meanwhile, as text, in order."""
    seen: list[str] = []
    with store.monitor() as monitor:
        yield seen
        store.echo("the end of the monitoring")
        for command in monitor.listen():
            if "the end of the monitoring" in command["command"]:
                break
            seen.append(command["command"])
