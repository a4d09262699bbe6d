"""A fleet that spends a budget on visits, the host that is due first before the others."""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from orbweaver.queue.schedule.simulation.world import World

# A host that waits for so many even intervals is called starved.
STARVED_AFTER: Final = 10


class Revisits(Protocol):
    """A policy at work on one world; it learns from visits what it can, and says when a host is due next, in days."""

    def after_visit(self, host: int, now: float, since: float, is_hit: bool) -> float:
        """Return when a host is due next, after a visit `since` days after the last one."""
        ...

    def after_failure(self, host: int, now: float) -> float:
        """Return when a host is due next, after a visit that failed."""
        ...

    def new_day(self, now: float) -> None:
        """Do what is done once a day, at the latest with its first visit."""
        ...


@dataclass(frozen=True)
class Measured:
    """The achievement of a policy on a world; times to detection are days.

    `weighted_mean` weighs each re-upload by its host's weight. `longest` is the longest that any host waited for a
    visit, `starved` how many waited for too long, `spent` what all visits cost in a day.
    """

    weighted_mean: float
    mean: float
    p95: float
    longest: float
    starved: int
    visits: int
    spent: float
    uploads: int


def simulate(world: World, revisits: Revisits, *, is_idle_allowed: bool = False) -> Measured:
    """Visit the hosts of a world as a policy says, and measure how long re-uploads stayed unseen.

    A visit takes the time in which the budget pays for it. When no host is due, the fleet waits (`is_idle_allowed`), or
    visits the one that will be due first: then every policy spends exactly the same, whatever intervals it has. An
    upload that is unseen at the end counts with the time so far, and one of a host that is gone for good does not.
    """
    hosts = len(world.names)
    source = random.Random(f"first visits {world.seed}")
    due = [(source.uniform(0, world.even), host) for host in range(hosts)]
    heapq.heapify(due)
    last, longest = [0.0] * hosts, [0.0] * hosts
    seen, outage = [0] * hosts, [0] * hosts
    found: list[tuple[float, float]] = []
    begin, end = world.warm_up, world.last_upload
    visits, spent, idle, now, next_day = 0, 0.0, 0.0, 0.0, 0
    while due:
        at, host = due[0]
        if is_idle_allowed and at > now:
            idle += at - now
        now = idle + spent / world.budget
        if now >= world.days:
            break
        if now >= next_day:
            revisits.new_day(now)
            next_day = int(now) + 1
        visits += 1
        if outage_at(world.outages[host], outage, host, now):
            spent += min(1.0, world.costs[host])  # one request
            heapq.heapreplace(due, (revisits.after_failure(host, now), host))
            continue
        spent += world.costs[host]
        uploads = world.uploads[host]
        first = position = seen[host]
        while position < len(uploads) and uploads[position] <= now:
            if begin <= uploads[position] < end:
                found.append((now - uploads[position], world.weights[host]))
            position += 1
        seen[host] = position
        since = now - last[host]
        if now >= begin:
            longest[host] = max(longest[host], min(since, now - begin))
        last[host] = now
        heapq.heapreplace(due, (revisits.after_visit(host, now, since, position > first), host))
    for host, uploads in enumerate(world.uploads):
        if _is_gone(world, host):
            longest[host] = 0.0  # nobody can visit it
            continue
        longest[host] = max(longest[host], world.days - max(last[host], begin))
        found.extend((world.days - time, world.weights[host]) for time in uploads[seen[host] :] if begin <= time < end)
    return _measured(world, found, longest, visits, spent)


def outage_at(outages: Sequence[tuple[float, float]], place: list[int], host: int, now: float) -> bool:
    """Whether a host is down; `place` remembers how far each host's outages are over."""
    while place[host] < len(outages) and outages[place[host]][1] <= now:
        place[host] += 1
    return place[host] < len(outages) and outages[place[host]][0] <= now


def _is_gone(world: World, host: int) -> bool:
    outages = world.outages[host]
    return bool(outages) and outages[-1][1] > world.days


def _measured(
    world: World, found: list[tuple[float, float]], longest: list[float], visits: int, spent: float
) -> Measured:
    delays = sorted(delay for delay, _ in found)
    weight = sum(weight for _, weight in found)
    return Measured(
        weighted_mean=sum(delay * weight for delay, weight in found) / weight if weight else 0.0,
        mean=sum(delays) / len(delays) if delays else 0.0,
        p95=delays[int(0.95 * len(delays))] if delays else 0.0,
        longest=max(longest, default=0.0),
        starved=sum(wait > STARVED_AFTER * world.even for wait in longest),
        visits=visits,
        spent=spent / world.days,
        uploads=len(found),
    )
