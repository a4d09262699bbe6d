"""Counts all hosts, some at each tick, for how the budget is shared and what each group of hosts shows of its rates.

On the way it moves the due times of hosts that another budget, policy or clock has made wrong.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from orbweaver.crawler.rules.scope import site_of
from orbweaver.crawler.rules.urls import hostname_of
from orbweaver.model import format_time
from orbweaver.queue.errors import ScheduleRefused
from orbweaver.queue.hosts import due, host_store
from orbweaver.queue.hosts.due import NEVER
from orbweaver.queue.hosts.host_clock import FIELDS, HostClock, scheduled
from orbweaver.queue.schedule import due_time
from orbweaver.queue.schedule.allotment import Allotment
from orbweaver.queue.schedule.census import Census
from orbweaver.queue.schedule.exposure import Exposure
from orbweaver.queue.schedule.policy import PolicyName, SchedulePolicy
from orbweaver.queue.schedule.rates import DEFAULT_PRIOR, Prior
from orbweaver.queue.schedule.scheduled_host import ScheduledHost
from orbweaver.settings import Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from redis.typing import EncodableT, FieldT

# A store with fewer hosts is counted at once; of another so many keys are looked at in each step.
COUNTED_AT_ONCE: Final = 2_000
_EVERY: Final = timedelta(minutes=10)
# A due time is moved when it is wrong by more than this share of the time until then.
_TOLERATED: Final = 0.1
_NEAR: Final = timedelta(minutes=5)
# Of hosts of which no visit begins, why.
_LEFT_OUT: Final = ("paused", "retired", "expired")


@dataclass(frozen=True)
class BudgetPlan:
    """The operator's policy, what its budget counts (`visits` or `requests`), and what else goes by days.

    `prior` is that of a host of which nothing is known. Hosts are counted `counted_every` so often, and a due time that
    is less than `near` away is then left alone: it is decided again when it comes. Nobody sets these three but
    `bench/detection`, where a day is some seconds.
    """

    policy: SchedulePolicy
    unit: str = "visits"
    prior: Prior = DEFAULT_PRIOR
    counted_every: timedelta = _EVERY
    near: timedelta = _NEAR


@dataclass(frozen=True)
class Shares:
    """How the budget is shared since the last count, and the prior of hosts whose group is not known."""

    allotment: Allotment
    prior: Prior
    hosts: int
    counted_at: datetime | None = None

    @property
    def cost(self) -> float:
        """The cost of a visit, on average."""
        even, budget = self.allotment.even, self.allotment.budget
        return even * budget / self.hosts if self.hosts and budget and 0 < even < math.inf else 1.0


def plan_of(settings: Settings) -> BudgetPlan:
    """Return the plan that the operator's settings make."""
    policy = SchedulePolicy(budget=settings.schedule_budget, name=PolicyName(settings.schedule_policy))
    return BudgetPlan(policy, settings.schedule_unit)


def group_of(name: str) -> str:
    """Return what hosts have in common: the registrable domain of a host's name."""
    return site_of(hostname_of(f"http://{name}/"))


def read(store: Store, plan: BudgetPlan) -> Shares | None:
    """Read the shares of the last count; None when there was none, or its plan was another."""
    stored = {text(name): text(value) for name, value in store.hgetall(keys.schedule()).items()}
    try:
        if (float(stored["budget"]), stored["policy"], stored["unit"]) != (
            plan.policy.budget,
            str(plan.policy.name),
            plan.unit,
        ):
            return None
        numbers = {name: float(stored[name]) for name in ("budget", "scale", "stretch", "spent", "even")}
        return Shares(
            Allotment(**numbers),
            Prior(float(stored["hits"]), float(stored["days"])),
            int(stored["hosts"]),
            datetime.fromisoformat(stored["counted_at"]),
        )
    except (KeyError, ValueError):
        return None


def priors_of(store: Store, names: Sequence[str], shares: Shares) -> list[Prior]:
    """Return the priors of hosts, in order: that of their group, else the general one."""
    stored = store.hmget(keys.priors(), [group_of(name) for name in names]) if names else []
    return [shares.prior if one is None else Prior(*json.loads(one)) for one in stored]


def provisional(policy: SchedulePolicy, hosts: int, prior: Prior = DEFAULT_PRIOR) -> Shares:
    """Return the shares of so many hosts of which nothing is known but a prior, until they are counted."""
    alike = Census(dataclasses.replace(policy, budget=policy.budget / max(hosts, 1)))
    alike.add(ScheduledHost("each", prior=prior), datetime.fromtimestamp(0, UTC))
    of_one = alike.allotment()
    allotment = dataclasses.replace(of_one, budget=policy.budget, spent=of_one.spent * max(hosts, 1))
    return Shares(allotment, prior, hosts)


@dataclass(frozen=True)
class LastCount:
    """The last count of all hosts: those of which no visit begins, and how long uploads stay unseen."""

    counted_at: datetime
    paused: int
    retired: int
    expired: int
    exposure: Exposure | None


def last_count(store: Store) -> LastCount | None:
    """Read the last count; None when no scheduler of this release has counted the hosts yet. Raises RedisError."""
    stored = {text(name): text(value) for name, value in store.hgetall(keys.schedule()).items()}
    try:
        numbers = [float(one) for one in stored["exposure"].split()]
        return LastCount(
            datetime.fromisoformat(stored["counted_at"]),
            paused=int(stored["paused"]),
            retired=int(stored["retired"]),
            expired=int(stored["expired"]),
            exposure=Exposure(numbers[0], numbers[1]) if numbers else None,
        )
    except (KeyError, ValueError, IndexError):
        return None


def _left_out_because(clock: HostClock, at: datetime) -> str:
    """Return why no visit of a host begins, in one word; empty where one does."""
    is_expired = clock.expires_at is not None and clock.expires_at <= at.timestamp()
    return clock.stop or ("expired" if is_expired else "")


class HostCount:
    """One count of all hosts, in steps; `shares` are those by which due times are judged on the way.

    SCAN may give a name twice: a count that is a few hosts wrong does no harm.
    """

    def __init__(self, plan: BudgetPlan, shares: Shares | None) -> None:
        self._plan = plan
        self._shares = shares
        self._census = Census(plan.policy, plan.prior)
        self._cursor = 0
        self._left_out: Counter[str] = Counter()
        self.is_over = False

    def step(self, store: Store, at: datetime, *, most: int = COUNTED_AT_ONCE) -> int:
        """Look at some more keys; when all are seen, write the shares. Returns how many due times were moved."""
        self._cursor, names = host_store.some_names(store, self._cursor, count=most)
        moved = 0
        for start in range(0, len(names), host_store.READ_AT_ONCE):
            moved += self._look_at(store, names[start : start + host_store.READ_AT_ONCE], at)
        if not self._cursor:
            self._write(store, at)
            self.is_over = True
        return moved

    def _look_at(self, store: Store, names: Sequence[str], at: datetime) -> int:
        clocks = host_store.clocks(store, names)
        priors = priors_of(store, names, self._shares) if self._shares else [self._plan.prior] * len(names)
        hosts = []
        for name, clock, prior in zip(names, clocks, priors, strict=True):
            try:
                host = scheduled(name, clock, prior)
            except ScheduleRefused:
                continue  # dispatch says so when it comes to the host
            self._census.add(host, at, group_of(name))
            self._left_out[_left_out_because(clock, at)] += 1
            hosts.append((host, clock))
        self._hurry_asked(store, dict(zip(names, clocks, strict=True)), at)
        if self._shares is None:
            return 0
        return due.shift(store, self._moved(store, hosts, self._shares.allotment, at))

    def _hurry_asked(self, store: Store, clocks: Mapping[str, HostClock], at: datetime) -> None:
        """Put hosts before the others that are due by themselves, and whose wish for a visit has come since."""
        asked = {name: one.asked_at for name, one in clocks.items() if one.asked_at is not None and one.slack >= 0}
        come = [name for name, moment in asked.items() if moment <= at.timestamp()]
        script = due.setting_script(store)
        for name, stored in zip(come, due.due_times(store, come), strict=True):
            # None: ready, or under way; the latter stays so.
            if stored is None or stored <= at.timestamp():
                setting = due.Setting(asked[name], {FIELDS["slack"]: str(round(due.ASKED_SLACK))})
                due.set_due(store, script, name, setting)

    def _moved(
        self, store: Store, hosts: Sequence[tuple[ScheduledHost, HostClock]], allotment: Allotment, at: datetime
    ) -> Iterator[tuple[str, float, float]]:
        now = at.timestamp()
        for (host, clock), stored in zip(hosts, due.due_times(store, [host.host for host, _ in hosts]), strict=True):
            if stored is None or stored - now < self._plan.near.total_seconds() or (clock.held and stored < NEVER):
                continue
            decided = due_time.due(host, self._plan.policy, allotment, at).at
            wanted = NEVER if decided is None else decided.timestamp()
            if wanted != stored and not abs(wanted - stored) <= _TOLERATED * (min(stored, wanted) - now):
                yield host.host, stored, wanted

    def _write(self, store: Store, at: datetime) -> None:
        allotment, prior = self._census.allotment(), self._census.general_prior()
        exposure = self._census.exposure()
        numbers: dict[FieldT, EncodableT] = {name: repr(value) for name, value in dataclasses.asdict(allotment).items()}
        written: dict[FieldT, EncodableT] = {
            **numbers,
            "policy": self._plan.policy.name,
            "unit": self._plan.unit,
            "hosts": str(self._census.hosts),
            "counted_at": format_time(at),
            "hits": repr(prior.hits),
            "days": repr(prior.days),
            **{reason: str(self._left_out[reason]) for reason in _LEFT_OUT},
            "exposure": "" if exposure is None else f"{exposure.mean_days!r} {exposure.p95_days!r}",
        }
        priors: dict[FieldT, EncodableT] = {
            group: json.dumps([one.hits, one.days]) for group, one in self._census.priors().items()
        }
        with store.pipeline(transaction=True) as pipe:
            pipe.hset(keys.schedule(), mapping=written)
            pipe.delete(keys.priors())
            if priors:
                pipe.hset(keys.priors(), mapping=priors)
            pipe.execute()
