"""Sweeps go through all retained sightings, or all cases, slice by slice, in one job at a time.

The rest that is still to do is a sorted set in the store, by the time from when it is due. A slice takes things off it
in the transaction that writes their results, so a sweep goes on exactly where a killed one stopped. Questions without
an answer stay, due later. A job works while the record has its token; with another token there it does nothing more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import uuid4

from orbweaver.model import format_time, now
from orbweaver.queue import queues
from orbweaver.queue.queues import QueueName
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.store.reads import Read
from redis.exceptions import WatchError

if TYPE_CHECKING:
    from redis.client import Pipeline

# Questions without an answer are asked again after this long.
RETRY_SECONDS = 900
COUNT = "count:"
# The field of the token in a sweep's record; it keeps the name that earlier releases gave it.
TURN = "turn"
_OPEN = [TURN, "generation"]


class SweepName(StrEnum):
    """The sweeps; each is a job function of queue.jobs."""

    REMATCH = "rematch"
    RECALL = "recall"
    FORGET = "forget"


@dataclass(frozen=True)
class SliceBudget:
    """The most that one slice may take, so that waiting batches are asked too: seconds by its clock, and questions.

    Both are looked at between two portions, so a slice takes somewhat more.
    """

    seconds: float = 5.0
    questions: int = 10_000
    clock: Callable[[], float] = time.monotonic


USUAL_BUDGET = SliceBudget()


@dataclass(frozen=True)
class SweepStatus:
    """The progress of a sweep: `left` is due now, `later` could not be answered; counts are since it began."""

    run_id: str | None
    is_ended: bool
    left: int
    later: int
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Slice:
    """The right to work on a sweep: over when the record has another token, or when the sweep began anew."""

    name: SweepName
    token: str
    generation: int
    run_id: str

    @property
    def key(self) -> str:
        """The sweep's record."""
        return keys.sweep(self.name)

    def is_open(self, pipe: Pipeline) -> bool:
        """Whether token and generation are still those of the record."""
        return self.is_named(*pipe.hmget(self.key, _OPEN))

    def is_named(self, token: bytes | str | None, generation: bytes | str | None) -> bool:
        """Whether the record has this token and generation. Pure."""
        return token is not None and (text(token), int(generation or 0)) == (self.token, self.generation)


@dataclass(frozen=True)
class SliceResult:
    """The result of a slice, which answers are written to: things are done, or due again later."""

    ours: Slice
    done: Collection[str] = ()
    unanswered: Collection[str] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    staying: Collection[str] = ()  # a sighting that nobody could answer stays retained

    @property
    def watched(self) -> tuple[str, ...]:
        """The sweep's record."""
        return (self.ours.key,)

    def reading(self) -> Read[SliceResult | None]:
        """Return the read of how it stands: itself as long as the slice may write."""
        return Read(
            lambda pipe: pipe.hmget(self.ours.key, _OPEN),
            lambda answers: self if self.ours.is_named(*answers[0]) else None,
        )

    def asked_again(self, sighting_ids: Collection[str]) -> SliceResult:  # noqa: ARG002 - a part of a shard cannot be due
        """Return it with nothing done: the same things stay due."""
        return replace(self, done=(), unanswered=(), counts={})

    def end(self, pipe: Pipeline) -> None:
        """Queue that things are done, or due again later, and what was counted."""
        due = keys.sweep_due(self.ours.name)
        if self.done:
            pipe.zrem(due, *self.done)
        if self.unanswered:
            pipe.zadd(due, dict.fromkeys(self.unanswered, time.time() + RETRY_SECONDS))
        for counted, number in self.counts.items():
            if number:
                pipe.hincrby(self.ours.key, f"{COUNT}{counted}", number)


def start(
    store: Store,
    name: SweepName,
    mark: Callable[[Pipeline], None] | None = None,
    *,
    run_id: str | None = None,
    only_if: Callable[[Pipeline], bool] = lambda _: True,
) -> bool:
    """Begin a sweep over all that `mark` makes due; without it, go on with what is left of the last one.

    False when there is nothing to do, when another job does it already, or when `only_if` (asked while the record is
    watched) says no. A running sweep that is marked anew goes on with all of it.
    """
    key, due = keys.sweep(name), keys.sweep_due(name)
    while True:
        with store.pipeline(transaction=True) as pipe:
            pipe.watch(key)
            token, ended_at = pipe.hmget(key, TURN, "ended_at")
            is_working = token is not None and queues.is_alive(
                store, QueueName.MATCH, queues.sweep_job_id(name, text(token))
            )
            if not only_if(pipe):
                return False
            if mark is None and (is_working or not pipe.zcount(due, "-inf", time.time())):
                return False
            counted = [one for one in pipe.hkeys(key) if text(one).startswith(COUNT)]
            pipe.multi()
            if mark is not None:
                mark(pipe)
                pipe.hincrby(key, "generation", 1)
                pipe.hset(key, "began_at", format_time(now()))
            if not is_working:
                next_token = uuid4().hex
                pipe.hset(key, TURN, next_token)
                queues.enqueue_sweep(store, pipe, name, next_token)
                if mark is not None or ended_at is not None:
                    pipe.hdel(key, "ended_at", *counted)
                    pipe.hset(key, "run_id", run_id or uuid4().hex)
            try:
                pipe.execute()
            except WatchError:
                continue
            return True


def work(
    store: Store,
    name: SweepName,
    token: str,
    do: Callable[[Slice, list[str]], int | None],
    *,
    most: int,
    budget: SliceBudget = USUAL_BUDGET,
) -> None:
    """Do a slice: give up to `most` due things at a time to `do`, which writes what it did, then pass the token on.

    `do` returns how many questions it asked, or None when nobody answers: then the sweep ends, and what is left
    waits for its next start.
    """
    key, due = keys.sweep(name), keys.sweep_due(name)
    ends_at, asked, is_answered = budget.clock() + budget.seconds, 0, True
    while True:
        current, generation, run_id = store.hmget(key, TURN, "generation", "run_id")
        if current is None or text(current) != token:
            return
        ours = Slice(name, token, int(generation or 0), text(run_id or ""))
        ready = store.execute_command("ZRANGEBYSCORE", due, "-inf", time.time(), "LIMIT", 0, most)
        if not ready or not is_answered:
            if _pass_on(store, ours, None):
                return
        elif asked >= budget.questions or budget.clock() > ends_at:
            if _pass_on(store, ours, uuid4().hex):
                return
        else:
            questions = do(ours, [text(one) for one in ready])
            asked += questions or 0
            is_answered = questions is not None


def _pass_on(store: Store, ours: Slice, to: str | None) -> bool:
    """Pass the token to another job, or end the sweep; False when it began anew meanwhile."""
    with store.pipeline(transaction=True) as pipe:
        pipe.watch(ours.key)
        if not ours.is_open(pipe):
            return False
        pipe.multi()
        if to is None:
            pipe.hdel(ours.key, TURN)
            pipe.hset(ours.key, "ended_at", format_time(now()))
        else:
            pipe.hset(ours.key, TURN, to)
            queues.enqueue_sweep(store, pipe, ours.name, to)
        try:
            pipe.execute()
        except WatchError:
            return False
        return True


def status(store: Store, name: SweepName) -> SweepStatus:
    """Return how far a sweep is."""
    at = time.time()
    with store.pipeline(transaction=True) as pipe:
        pipe.hgetall(keys.sweep(name))
        pipe.zcount(keys.sweep_due(name), "-inf", at)
        pipe.zcard(keys.sweep_due(name))
        stored, left, all_of_it = pipe.execute()
    fields = {text(name): text(value) for name, value in stored.items()}
    return SweepStatus(
        run_id=fields.get("run_id"),
        is_ended="ended_at" in fields,
        left=left,
        later=all_of_it - left,
        counts={name.removeprefix(COUNT): int(value) for name, value in fields.items() if name.startswith(COUNT)},
    )
