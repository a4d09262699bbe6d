"""All of it at one look: hosts, budget, visits, cases, matching services and the sandbox, each in a few numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orbweaver.crawler.containment.sandbox import LAYERS
from orbweaver.matcher_client.gate import service_health
from orbweaver.matcher_client.gate.service_health import ServiceHealth
from orbweaver.queue import queues
from orbweaver.queue.allowed_jobs import first_argument
from orbweaver.queue.hosts import counting, day_totals, due, scheduler_sign, spending
from orbweaver.queue.hosts.counting import LastCount
from orbweaver.queue.hosts.day_totals import HourTotals
from orbweaver.queue.hosts.due import HostCounts
from orbweaver.queue.hosts.shown import lags
from orbweaver.queue.queues import QueueName
from orbweaver.settings import Settings
from orbweaver.store import hash_fields, keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.cases import case_numbers
from orbweaver.takedown.cases.case_numbers import CaseNumbers

# The sandboxes of so many recrawls under way are looked at.
MOST_RECRAWLS: Final = 500


@dataclass(frozen=True)
class Containment:
    """The sandbox of the recrawls under way: `told` have said what the kernel enforces, `whole` that it is all of it.

    `is_on` is the setting that is in force for all workers; None when nothing is in force yet.
    """

    is_on: bool | None
    told: int
    whole: int


@dataclass(frozen=True)
class Overview:
    """The state of a store at one moment. `budget_left` and `budget` are in `unit`; `count` is of the last few minutes.

    `silence` says that no scheduler looks at the hosts. `last_day` and `day_before` are of 24 hours each.
    """

    at: datetime
    hosts: HostCounts
    overdue: int
    count: LastCount | None
    silence: str | None
    budget: float
    budget_left: float
    unit: str
    last_day: HourTotals
    day_before: HourTotals
    cases: CaseNumbers
    services: tuple[ServiceHealth, ...]
    containment: Containment


def look(store: Store, settings: Settings) -> Overview:
    """Look at all of it; the time for it does not grow with hosts or cases. Raises RedisError."""
    at, plan = due.server_time(store), counting.plan_of(settings)
    last_day, day_before = day_totals.last_hours(store, at)
    services = service_health.read_all(store).values()
    return Overview(
        at=at,
        hosts=due.counts(store),
        overdue=lags.overdue(store, at),
        count=counting.last_count(store),
        silence=scheduler_sign.silence(scheduler_sign.last(store), at),
        budget=plan.policy.budget,
        budget_left=spending.left(store, plan.policy.budget, at),
        unit=plan.unit,
        last_day=last_day,
        day_before=day_before,
        cases=case_numbers.count(store, at),
        services=tuple(sorted(services, key=lambda one: (one.is_healthy, one.service))),
        containment=_containment(store),
    )


def _containment(store: Store) -> Containment:
    in_force = store.hget(keys.in_force(), "sandbox")
    job_ids = sorted(set(queues.started_job_ids(store, QueueName.RECRAWL)))[:MOST_RECRAWLS]
    rows = hash_fields.read(store, queues.job_key(""), job_ids, ("data",))
    recrawl_ids = [one for one in (first_argument(data) for [data] in rows if data is not None) if one is not None]
    told = [
        json.loads(sandbox)
        for [sandbox] in hash_fields.read(store, keys.recrawl(""), recrawl_ids, ("sandbox",))
        if sandbox is not None
    ]
    whole = sum(set(LAYERS) <= set(one.get("layers", ())) for one in told)
    return Containment(None if in_force is None else json.loads(text(in_force)) == "on", len(told), whole)
