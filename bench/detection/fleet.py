"""One fleet of a trial: an embedded store, a scheduler and real workers, as `orbweaver run` has them, sandbox on.

The only difference to the product's service is its plan: everything in it that goes by days is scaled (`plan_of`).
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from orbweaver import settings as orbweaver_settings
from orbweaver.model import Limits, Report, ScopeKind
from orbweaver.queue.fleet.scheduler import Scheduler
from orbweaver.queue.fleet.workers.worker_pool import WorkerProcesses
from orbweaver.queue.hosts import completion, counting, dispatch, due, host_store, spending
from orbweaver.queue.hosts.changes import Operator
from orbweaver.queue.hosts.counting import BudgetPlan
from orbweaver.queue.hosts.visit_outcome import VisitOutcome
from orbweaver.queue.intake import orders
from orbweaver.queue.queues import QueueName
from orbweaver.queue.runs import beginning, preparation
from orbweaver.queue.schedule.policy import LEAST_DAYS, PolicyName, SchedulePolicy
from orbweaver.queue.schedule.rates import DEFAULT_PRIOR
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.cases import case_store

from bench.detection.trial import Trial
from bench.fleet.hosts import address

RECRAWLS_AT_ONCE = 20
LOOK_SECONDS = 0.3
STOP_SECONDS = 20.0
SECONDS_OF_DAY = 86_400.0


@dataclass(frozen=True)
class Found:
    """A fleet's findings: when the case of each file was opened (seconds since 1970), and how its visits ended.

    `reasons` are those of the last ten visits of each host that did not finish.
    """

    opened: dict[str, float]
    outcomes: dict[str, int]
    reasons: tuple[str, ...] = ()


def run(trial: Trial, name: PolicyName, port: int, known: Path, folder: Path, begin: Callable[[], float]) -> Found:
    """Go through a trial with one policy; `begin` is called when the workers are there, and says when it began."""
    begun = preparation.begin(orbweaver_settings.load(), state_dir=folder, allow_addresses=["127.0.0.0/8"])
    begun = preparation.with_services(begun, [f"hashlist:{known}"])
    with preparation.opened(begun) as opened:
        store, environment, plan, stop = opened.store, opened.environment, plan_of(trial, name), threading.Event()
        _save_one_day_only(store, plan, trial)
        beginning.take_over(store, uuid4().hex, environment, tuple(QueueName), opened.places)
        scheduler = Scheduler(store, orbweaver_settings.load(environment), plan)
        clock = threading.Thread(target=scheduler.run, args=(stop,))
        workers = WorkerProcesses(
            store, recrawls_at_once=RECRAWLS_AT_ONCE, environment=environment, log_file=opened.log_file
        )
        with workers:
            clock.start()
            try:
                while not dispatch.places(store):
                    time.sleep(LOOK_SECONDS)
                _go_through(store, plan, trial, port, begin(), workers)
            finally:
                stop.set()
                clock.join()
            _see_through(store, plan)
            workers.ask_to_stop()
            workers.wait(seconds=STOP_SECONDS)
        return _found(store)


def plan_of(trial: Trial, name: PolicyName) -> BudgetPlan:
    """Return the plan of a fleet: the product's own, with everything that goes by days scaled."""
    scale = trial.day_seconds / SECONDS_OF_DAY
    usual = BudgetPlan(SchedulePolicy(trial.world.budget, name))
    days = {one.name: getattr(usual.policy, one.name) for one in fields(usual.policy) if one.name.endswith("_days")}
    scaled = {one: max(value * scale, LEAST_DAYS) for one, value in days.items()}
    return replace(
        usual,
        policy=replace(usual.policy, budget=usual.policy.budget / scale, **scaled),
        prior=replace(DEFAULT_PRIOR, days=DEFAULT_PRIOR.days * scale),
        counted_every=timedelta(seconds=usual.counted_every.total_seconds() * scale),
        near=timedelta(seconds=usual.near.total_seconds() * scale),
    )


def _save_one_day_only(store: Store, plan: BudgetPlan, trial: Trial) -> None:
    """Leave of the saved budget what one day of the trial has: the product saves that of one real day."""
    budget = plan.policy.budget
    spending.take(store, budget, 1.0, int(budget - trial.world.budget), due.server_time(store))


def _go_through(
    store: Store, plan: BudgetPlan, trial: Trial, port: int, begins_at: float, workers: WorkerProcesses
) -> None:
    """Enter the hosts one after the other, at the times of the simulation's first visits, and wait for the end.

    It does not come before every host was visited once, however slow the machine is.
    """
    source = random.Random(f"first visits {trial.seed}")
    first = sorted((source.uniform(0, trial.world.even), host) for host in range(trial.hosts))
    names: list[str] = []
    while (passed := time.time() - begins_at) < trial.seconds or first or not _are_visited(store, names):
        workers.replace_dead()
        while first and first[0][0] * trial.day_seconds <= passed:
            host = first.pop(0)[1]
            [order] = orders.plan([Report(url=f"http://{address(host)}:{port}/")], ScopeKind.HOST, Limits())
            operator = Operator(store, plan)
            operator.enter(order)
            operator.set(order.scope.name, {"weight": trial.world.weights[host]})
            names.append(order.scope.name)
        time.sleep(LOOK_SECONDS)


def _are_visited(store: Store, names: list[str]) -> bool:
    return all(one.visits for one in host_store.clocks(store, names))


def _see_through(store: Store, plan: BudgetPlan) -> None:
    """Wait for the visits that are under way, and for the answers about their files; no other begins."""
    shares = counting.read(store, plan)
    assert shares is not None
    while completion.complete(store, plan, shares, due.server_time(store)).under_way:
        time.sleep(LOOK_SECONDS)


def _found(store: Store) -> Found:
    opened = {}
    for case in case_store.all_cases(store):
        record = case_store.record_of(store, str(case.case_id))
        parts = urlsplit(case.url)
        if record is not None and record.recorded_at is not None:
            opened[f"{parts.hostname}{parts.path}"] = record.recorded_at.timestamp()
    totals: Counter[str] = Counter()
    for key in store.scan_iter(match=keys.visits_of_day("*")):
        totals.update({text(field): int(float(count)) for field, count in store.hgetall(key).items()})
    visits = [one for name in host_store.names(store) for one in host_store.visits(store, name)]
    reasons = [f"{one.outcome}: {one.reason}" for one in visits if one.outcome != VisitOutcome.FINISHED]
    return Found(opened, {str(one): totals[one] for one in VisitOutcome if totals[one]}, tuple(reasons))
