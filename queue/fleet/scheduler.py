"""The scheduler: again and again it completes visits that are over, and sends hosts that are due to the workers.

Any number of schedulers may run on a store; each step of theirs is written under the fence of a lease, or not at all.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from dataclasses import dataclass, field
from datetime import datetime

from orbweaver.queue.errors import QueueError
from orbweaver.queue.fleet import stop_signals
from orbweaver.queue.fleet.checkpoint_keeper import CheckpointKeeper
from orbweaver.queue.hosts import completion, counting, dispatch, due, scheduler_sign
from orbweaver.queue.hosts.completion import Completed
from orbweaver.queue.hosts.counting import BudgetPlan, HostCount, Shares
from orbweaver.queue.hosts.dispatch import Dispatched
from orbweaver.queue.removal import rechecking
from orbweaver.queue.removal.rechecking import Rechecked
from orbweaver.settings import Settings
from orbweaver.store import connection
from orbweaver.store.connection import Store
from redis.exceptions import RedisError

log = logging.getLogger("orbweaver.scheduler")
LOG_FORMAT = "%(asctime)s %(name)s %(levelname)s: %(message)s"

TICK_SECONDS = 1.0
# Keys that a tick looks at for the count of a store that is too large to be counted at once: some 20 ms.
COUNTED_A_TICK = 500


@dataclass
class Tick:
    """The work of one tick."""

    completed: Completed = field(default_factory=Completed)
    dispatched: Dispatched = field(default_factory=Dispatched)
    moved: int = 0
    rechecked: Rechecked | None = None

    @property
    def text(self) -> str:
        """The tick in words for a log line, "" when nothing was done; it names no host."""
        outcomes = sorted({str(one) for one in self.completed.outcomes.values()})
        counts = [f"{sum(str(one) == name for one in self.completed.outcomes.values())} {name}" for name in outcomes]
        if self.dispatched.started:
            counts.append(f"{len(self.dispatched.started)} started")
        if self.dispatched.given_back:
            counts.append(f"{len(self.dispatched.given_back)} given back")
        if self.rechecked is not None and self.rechecked.text:
            counts.append(self.rechecked.text)
        if self.moved:
            counts.append(f"{self.moved} due times moved")
        return ", ".join(counts)


class Scheduler:
    """One scheduler: `tick()` once, or `run()` until it is told to stop. The store's server says what time it is.

    It goes by a plan that it is given, else by that of the settings.
    """

    def __init__(self, store: Store, settings: Settings, plan: BudgetPlan | None = None) -> None:
        self._store = store
        self._settings = settings
        self._plan = counting.plan_of(settings) if plan is None else plan
        self._count: HostCount | None = None
        self._keeper = CheckpointKeeper(store, settings)

    def tick(self) -> Tick:
        """Complete, re-check cases, dispatch, and count some hosts; nothing is half done.

        Raises RedisError while the store is away.
        """
        at = due.server_time(self._store)
        scheduler_sign.give(self._store, at)
        shares = self._shares(at)
        done = Tick(completion.complete(self._store, self._plan, shares, at))
        done.rechecked = rechecking.look(self._store, self._settings, at)
        done.dispatched = dispatch.dispatch(self._store, self._plan, shares, at)
        done.moved = self._go_on_counting(shares, at)
        return done

    def run(self, stop: threading.Event) -> None:
        """Tick every second until `stop` is set; while the store is away, wait for it."""
        is_away = False
        while not stop.is_set():
            try:
                done = self.tick()
            except RedisError as error:
                if not is_away:
                    log.warning("the store does not answer (%s): the scheduler waits for it", error)
                is_away = True
            except QueueError as error:
                log.warning("%s", error)
            else:
                if is_away:
                    log.warning("the store answers again")
                is_away = False
                if done.text:
                    log.info("%s; %d under way", done.text, done.completed.under_way)
                self._keeper.keep_if_due()
            stop.wait(TICK_SECONDS)

    def _shares(self, at: datetime) -> Shares:
        known = counting.read(self._store, self._plan)
        if known is not None:
            return known
        hosts = due.counts(self._store).hosts
        if hosts > counting.COUNTED_AT_ONCE:
            return counting.provisional(self._plan.policy, hosts, self._plan.prior)
        count = HostCount(self._plan, None)
        while not count.is_over:
            count.step(self._store, at)
        return counting.read(self._store, self._plan) or counting.provisional(
            self._plan.policy, hosts, self._plan.prior
        )

    def _go_on_counting(self, shares: Shares, at: datetime) -> int:
        if self._count is None:
            # A count of the future is that of a clock that has jumped back.
            if shares.counted_at is not None and abs(at - shares.counted_at) < self._plan.counted_every:
                return 0
            self._count = HostCount(self._plan, shares)
        moved = self._count.step(self._store, at, most=COUNTED_A_TICK)
        if self._count.is_over:
            self._count = None
        return moved


def serve(store: Store, settings: Settings) -> None:
    """Run a scheduler in this process until SIGTERM or SIGINT: then the tick that has begun is done, and it ends."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop_signals.tell(stop))
    logging.basicConfig(format=LOG_FORMAT)
    log.setLevel(logging.INFO)
    plan = counting.plan_of(settings)
    log.info(
        "schedules hosts as process %d; policy %s, %g %s a day; store %s",
        os.getpid(),
        plan.policy.name,
        plan.policy.budget,
        plan.unit,
        connection.place_of(store),
    )
    Scheduler(store, settings).run(stop)
