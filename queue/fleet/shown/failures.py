"""Groups what failed by its reason: parked jobs, and events that a sink did not take. A thousand may have one cause."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final, TypeVar

from orbweaver.queue.fleet.shown import job_list
from orbweaver.queue.fleet.shown.job_list import JobSeen, JobState
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import deliveries
from orbweaver.store.connection import Store
from orbweaver.takedown.delivery import standing
from orbweaver.takedown.delivery.standing import FailedDelivery

# So many are read; of more the groups are of the first ones.
MOST_READ: Final = 2_000
_Kind = TypeVar("_Kind", bound=Hashable)
_One = TypeVar("_One")


@dataclass(frozen=True)
class JobFailure:
    """Parked jobs of a queue with one reason; `next_step` is what becomes of them by themselves."""

    queue: QueueName
    reason: str
    next_step: str | None
    is_ours: bool
    count: int
    first_at: datetime | None
    last_at: datetime | None
    example: str


@dataclass(frozen=True)
class DeliveryFailure:
    """Events that a sink did not take, with one reason; `next_at` is when the first is tried again, None: parked."""

    sink: str
    reason: str
    is_parked: bool
    count: int
    most_tries: int
    since: datetime
    next_at: datetime | None


@dataclass(frozen=True)
class Failures:
    """The groups of failures, the largest first; `are_all` unless there are more than were read."""

    jobs: tuple[JobFailure, ...]
    deliveries: tuple[DeliveryFailure, ...]
    are_all: bool


def look(store: Store, most: int = MOST_READ) -> Failures:
    """Group the parked jobs of all queues, and the failed deliveries of the sinks in force. Raises RedisError."""
    jobs = list(islice(job_list.jobs(store, list(QueueName), [JobState.FAILED]), most + 1))
    failed = list(islice(standing.failed(store, deliveries.sinks_of(store)), most + 1))
    of_jobs = _grouped((_of_job(one), one) for one in jobs[:most])
    of_events = _grouped((_of_delivery(one), one) for one in failed[:most])
    return Failures(
        tuple(_job_failure(some) for some in of_jobs),
        tuple(_delivery_failure(some) for some in of_events),
        len(jobs) <= most and len(failed) <= most,
    )


def _grouped(pairs: Iterable[tuple[_Kind, _One]]) -> list[list[_One]]:
    groups: dict[_Kind, list[_One]] = defaultdict(list)
    for kind, one in pairs:
        groups[kind].append(one)
    return sorted(groups.values(), key=len, reverse=True)


def _of_job(one: JobSeen) -> tuple[str | None, ...]:
    return one.queue.value, one.reason, one.next_step, str(one.is_ours)


def _job_failure(some: list[JobSeen]) -> JobFailure:
    first, times = some[0], sorted(one.since for one in some if one.since is not None)
    return JobFailure(
        first.queue,
        first.reason or "",
        first.next_step,
        first.is_ours,
        len(some),
        times[0] if times else None,
        times[-1] if times else None,
        first.subject,
    )


def _of_delivery(one: FailedDelivery) -> tuple[str | bool, ...]:
    return one.sink, one.failing.reason, one.failing.is_parked


def _delivery_failure(some: list[FailedDelivery]) -> DeliveryFailure:
    first = some[0]
    nexts = [one.next_at for one in some if one.next_at is not None]
    return DeliveryFailure(
        first.sink,
        first.failing.reason,
        first.failing.is_parked,
        len(some),
        max(one.failing.tries for one in some),
        datetime.fromtimestamp(min(one.failing.since for one in some), UTC),
        datetime.fromtimestamp(min(nexts), UTC) if nexts else None,
    )
