"""The command: `python -m bench.recheck`; with `--write-docs` the figures go into docs/performance.md."""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from orbweaver.matcher_client.verdicts import judge
from orbweaver.model import (
    DigestSet,
    HttpFacts,
    Listing,
    Outcome,
    Reported,
    Sighting,
    Tally,
    Verdict,
    now,
)
from orbweaver.queue import queues
from orbweaver.queue.intake.orders import RecheckPlan
from orbweaver.queue.matching import settlement
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import recrawl_fence, recrawls
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.queue.removal import ending, starting
from orbweaver.store import embedded
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver.takedown.removal import recheck_times
from orbweaver.takedown.removal.course import Cadence
from rq.worker_registration import REDIS_WORKER_KEYS, WORKERS_BY_QUEUE_KEY

from bench.crawl import documents

CADENCE = Cadence(timedelta(hours=4), timedelta(hours=24))
# The aim: 100,000 open cases in each interval, and at most so much of one core.
CASES, SHARE = 100_000, 0.10
WRITTEN_AT_ONCE = 100
# Of ten cases this many are gone at their check.
GONE_OF_TEN = 1


@dataclass(frozen=True)
class Cost:
    """The CPU seconds of a round of re-checks: of this process, which starts, records and judges, and of the store."""

    cases: int
    rechecks: int
    own: float
    store: float

    @property
    def share(self) -> float:
        """The part of one core that the aim's number of cases takes."""
        return (self.own + self.store) / self.cases * CASES / CADENCE.recheck_every.total_seconds()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.recheck", description=sys.modules["bench.recheck"].__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="open cases (default 10000)")
    parser.add_argument("--cases-a-host", type=int, default=5, help="cases of a host (default 5)")
    parser.add_argument("--write-docs", action="store_true", help="put the figures into docs/performance.md")
    return parser.parse_args()


def open_cases(store: Store, count: int, cases_a_host: int, at: datetime) -> None:
    """Open cases that are all due at a moment."""
    stamp = case_store.stamp(store)
    for start in range(0, count, WRITTEN_AT_ONCE):
        sightings = [
            sighting_of(number, cases_a_host, at) for number in range(start, min(start + WRITTEN_AT_ONCE, count))
        ]
        changes = [change_by_match(one, match(one, at), None, stamp) for one in sightings]
        with store.pipeline(transaction=True) as pipe:
            pipe.multi()
            settlement.write_changes(store, pipe, "bench", changes)
            for change in changes:
                recheck_times.set_due(pipe, change.after.case.host, {str(change.after.case.case_id): at})
            pipe.execute()


def sighting_of(number: int, cases_a_host: int, at: datetime) -> Sighting:
    host = f"h{number // cases_a_host}.example"
    url = f"https://{host}/gallery/{number}.jpg"
    digests = DigestSet(md5=f"{number:032x}", sha1=f"{number:040x}", sha256=f"{number:064x}", size=100_000)
    return Sighting(
        url=url,
        final_url=url,
        host=host,
        ip="192.0.2.1",
        digests=digests,
        content_type="image/jpeg",
        sniffed_type="image/jpeg",
        http=HttpFacts(status=200, headers={"server": "nginx", "etag": f'"{number}"'}, bytes_received=100_000),
        seen_at=at,
    )


def match(sighting: Sighting, at: datetime) -> Verdict:
    listing = Listing(service="hashlist:bench", list="bench", algorithms=("sha256",))
    return judge(sighting.digests, [listing], service="hashlist:bench", asked_at=at)


def add_workers(store: Store) -> None:
    """Register a worker that has room for everything: what it would do is done here, but for the fetches."""
    store.sadd(REDIS_WORKER_KEYS, "rq:worker:bench")
    store.sadd(WORKERS_BY_QUEUE_KEY % QueueName.RECRAWL.value, "rq:worker:bench")
    store.hset("rq:worker:bench", mapping={"pid": os.getpid(), "queues": "recrawl", "recrawls_at_once": 1_000})


def recrawl(store: Store, recrawl_id: str, at: datetime) -> None:
    """Record what a re-check would have: most files are there, the rest and the random URL answer 404."""
    record, attempt = recrawls.read(store, recrawl_id), recrawls.begin(store, recrawl_id)
    assert record is not None
    assert attempt is not None
    plan = record.order.recheck
    assert plan is not None
    there = [url for number, url in enumerate(plan.digests) if number % 10 >= GONE_OF_TEN]
    sightings = [seen(url, plan, at) for url in there]
    reported = [reported_of(url, url in there or url == plan.root) for url in {one.url for one in record.order.reports}]
    found = recrawls.found(store, recrawl_id, record.run_id, sightings, (), Tally(), recheck=plan)
    ended = recrawls.ended(recrawl_id, RecrawlState.FINISHED)
    writes = [found, recrawls.answered(recrawl_id, reported), ended]
    recrawl_fence.write_under_fence(store, recrawl_id, attempt, writes)
    job = queues.queue_for(store, QueueName.RECRAWL).fetch_job(queues.recrawl_job_id(record.order.scope.name))
    assert job is not None
    job.delete()


def seen(url: str, plan: RecheckPlan, at: datetime) -> Sighting:
    one = sighting_of(int(plan.digests[url][0], 16), 1, at)
    return one.model_copy(update={"url": url, "final_url": url, "host": plan.host})


def reported_of(url: str, is_there: bool) -> Reported:
    if is_there:
        return Reported(url=url, status=200, final_url=url, ip="192.0.2.1", files=1)
    reason = "the host answered 404"
    outcome = Outcome.HTTP_ERROR
    return Reported(url=url, outcome=outcome, rule="http.404", reason=reason, status=404, final_url=url)


def measure(store: Store, count: int, cases_a_host: int) -> Cost:
    """Open cases, let all be due, and check each once."""
    at = now()
    open_cases(store, count, cases_a_host, at)
    add_workers(store)
    own, of_store = cpu_seconds(), store_seconds(store)
    rechecks = checked = 0
    while True:
        started = starting.start(store, CADENCE, at).started
        for recrawl_id in started.values():
            recrawl(store, recrawl_id, at)
        judged = ending.complete(store, CADENCE, now())
        rechecks, checked = rechecks + judged.rechecks, checked + len(judged.changes)
        if not started:
            break
    assert checked == count, f"{checked} of {count} cases were checked"
    return Cost(count, rechecks, cpu_seconds() - own, store_seconds(store) - of_store)


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def store_seconds(store: Store) -> float:
    used = store.info("cpu")
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])


def text_of(cost: Cost) -> str:
    """Return the figures for people."""
    rows: Sequence[tuple[str, str]] = (
        ("open cases, each checked once", f"{cost.cases:,}"),
        ("re-checks (hosts)", f"{cost.rechecks:,}"),
        ("CPU a case, our processes", f"{cost.own / cost.cases * 1000:.2f} ms"),
        ("CPU a case, the store", f"{cost.store / cost.cases * 1000:.2f} ms"),
        (f"of one core, for {CASES:,} cases every 4 h (aim: at most {SHARE:.0%})", f"{cost.share:.1%}"),
    )
    return "\n".join(("| what | figure |", "| --- | --- |", *(f"| {what} | {figure} |" for what, figure in rows)))


def main() -> int:
    given = arguments()
    with tempfile.TemporaryDirectory(prefix="ow-") as folder, embedded.running(Path(folder)) as store:
        cost = measure(store, given.cases, given.cases_a_host)
    text = f"Measured {documents.machine()}; without the fetches.\n\n{text_of(cost)}"
    print(text)
    if given.write_docs:
        documents.put("figures of bench.recheck", text)
    return 0 if cost.share <= SHARE else 1


if __name__ == "__main__":
    sys.exit(main())
