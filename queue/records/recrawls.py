"""The record of a recrawl: its order, state, tally, what the kernel enforced, and what was not fetched."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import uuid4

from orbweaver.model import HostAnswers, Noun, Reported, Sighting, Skip, Tally, format_time, now
from orbweaver.queue.intake.orders import Order, RecheckPlan
from orbweaver.queue.records import batches, checkpoints, recheck_sightings, recrawl_fence
from orbweaver.queue.records.recrawl_fence import Attempt, Write
from orbweaver.store import keys, reads
from orbweaver.store.connection import Store, text
from orbweaver.store.reads import Read
from pydantic import Field
from redis.exceptions import WatchError
from redis.typing import EncodableT, FieldT

if TYPE_CHECKING:
    from redis.client import Pipeline

KEPT_SECONDS = 30 * 24 * 3600


class RecrawlState(StrEnum):
    """The state of a recrawl."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


ENDED = frozenset({RecrawlState.FINISHED, RecrawlState.INTERRUPTED, RecrawlState.FAILED})


class RecrawlRecord(Noun):
    """A recrawl as an operator sees it.

    `stopped_by` names what ended it early, `limit` the limit by which most URLs were left out otherwise; `reason` says
    why it failed; `sandbox` is what the kernel enforced; `suggestions` are hosts whose files the scope's pages show,
    with how many at least; `answers` is how each host answered for its files and pages. `slices` counts those that were
    over before the last one.
    """

    recrawl_id: str
    run_id: str
    order: Order
    state: RecrawlState
    attempt: int = 0
    tally: Tally = Tally()
    stopped_by: str | None = None
    limit: str | None = None
    reason: str | None = None
    sandbox: dict[str, object] | None = None
    suggestions: dict[str, int] = Field(default_factory=dict)
    answers: dict[str, HostAnswers] = Field(default_factory=dict)
    slices: int = 0


def create(store: Store, run_id: str, order: Order) -> str:
    """Write a new recrawl's record and add it to its run; returns its id."""
    recrawl_id = uuid4().hex
    pipe = store.pipeline(transaction=True)
    pipe.hset(
        keys.recrawl(recrawl_id),
        mapping={
            "run_id": run_id,
            "order": order.model_dump_json(),
            "state": RecrawlState.QUEUED,
            "attempt": 0,
            "created_at": format_time(now()),
            "limits": order.scope.limits.model_dump_json(),
        },
    )
    pipe.expire(keys.recrawl(recrawl_id), KEPT_SECONDS)
    pipe.rpush(keys.run_recrawls(run_id), recrawl_id)
    pipe.expire(keys.run_recrawls(run_id), KEPT_SECONDS)
    pipe.execute()
    return recrawl_id


def read(store: Store, recrawl_id: str) -> RecrawlRecord | None:
    """Read a recrawl's record; None when there is none."""
    stored = {text(name): text(value) for name, value in store.hgetall(keys.recrawl(recrawl_id)).items()}
    if "order" not in stored:
        return None
    return RecrawlRecord(
        recrawl_id=recrawl_id,
        run_id=stored["run_id"],
        order=Order.model_validate_json(stored["order"]),
        state=RecrawlState(stored["state"]),
        attempt=int(stored["attempt"]),
        tally=Tally.model_validate_json(stored.get("tally", "{}")),
        stopped_by=stored.get("stopped_by"),
        limit=stored.get("limit"),
        reason=stored.get("reason"),
        sandbox=json.loads(stored["sandbox"]) if "sandbox" in stored else None,
        suggestions=json.loads(stored.get("suggestions", "{}")),
        answers=json.loads(stored.get("answers", "{}")),
        slices=int(stored.get("slices", 0)),
    )


def keep_for(pipe: Pipeline, recrawl_id: str, seconds: int) -> None:
    """Queue that a recrawl is forgotten after so many seconds from now."""
    for key in (
        keys.recrawl(recrawl_id),
        keys.recrawl_skips(recrawl_id),
        keys.recrawl_reported(recrawl_id),
        keys.recrawl_seen(recrawl_id),
    ):
        pipe.expire(key, seconds)


def begin(store: Store, recrawl_id: str, *, run_id: str | None = None) -> Attempt | None:
    """Mark a recrawl as running, from its last checkpoint or from its start; returns the attempt.

    What was recorded after the checkpoint is recorded again, so it is forgotten, but for what was found: that is asked
    about once, however often it is found. None when nothing may be fetched any more: it has ended, or its run is over.
    The latter ends it. Who has read its record names its run.
    """
    key = keys.recrawl(recrawl_id)
    run_key = keys.run(text(store.hget(key, "run_id") or "") if run_id is None else run_id)
    with store.pipeline(transaction=True) as pipe:
        while True:
            pipe.watch(key, run_key, keys.recrawl_checkpoint(recrawl_id))
            state, is_over, before = reads.together(
                store,
                Read(lambda asked: asked.hget(key, "state"), lambda answers: answers[0]),
                Read(lambda asked: asked.hexists(run_key, "over_at"), lambda answers: bool(answers[0])),
                checkpoints.reading_recorded(recrawl_id),
            )
            if state is not None and RecrawlState(text(state)) in ENDED:
                return None
            pipe.multi()
            if is_over:
                ended(recrawl_id, RecrawlState.INTERRUPTED)(pipe)
            else:
                pipe.hincrby(key, "attempt", 1)
                pipe.hset(key, "state", RecrawlState.RUNNING)
                pipe.hdel(key, "writes", "stopped_by", "limit", "reason", "sandbox", "suggestions", "answers")
                if before is None:
                    pipe.hdel(key, "tally", "slices")
                    pipe.delete(keys.recrawl_skips(recrawl_id), keys.recrawl_reported(recrawl_id))
                    checkpoints.forget(pipe, recrawl_id)
                else:
                    checkpoints.go_back(pipe, recrawl_id, before)
            try:
                answers = pipe.execute()
            except WatchError:
                continue  # somebody wrote meanwhile: look again
            return None if is_over else Attempt(int(answers[0]))


def end(
    store: Store,
    recrawl_id: str,
    state: RecrawlState,
    *,
    attempt: Attempt | None = None,
    stopped_by: str | None = None,
    reason: str | None = None,
    suggestions: Mapping[str, int] | None = None,
    answers: Mapping[str, HostAnswers] | None = None,
) -> None:
    """Mark a recrawl as ended; an `attempt` that is not the last one says nothing any more.

    Raises NotRecorded when the store has lost what the attempt wrote before.
    """
    write = ended(recrawl_id, state, stopped_by=stopped_by, reason=reason, suggestions=suggestions, answers=answers)
    if attempt is not None:
        recrawl_fence.write_under_fence(store, recrawl_id, attempt, [write])
        return
    with store.pipeline(transaction=True) as pipe:
        write(pipe)
        pipe.execute()


def ended(
    recrawl_id: str,
    state: RecrawlState,
    *,
    stopped_by: str | None = None,
    limit: str | None = None,
    reason: str | None = None,
    suggestions: Mapping[str, int] | None = None,
    answers: Mapping[str, HostAnswers] | None = None,
) -> Write:
    """Return the write that marks a recrawl as ended; nobody goes on where it was."""
    given = {
        "state": state.value,
        "ended_at": format_time(now()),
        "stopped_by": stopped_by,
        "limit": limit,
        "reason": reason,
        "suggestions": json.dumps(suggestions) if suggestions else None,
        "answers": json.dumps({host: one.model_dump() for host, one in answers.items()}) if answers else None,
    }
    fields: dict[FieldT, EncodableT] = {name: said for name, said in given.items() if said is not None}

    def write(pipe: Pipeline) -> None:
        pipe.hset(keys.recrawl(recrawl_id), mapping=fields)
        checkpoints.forget(pipe, recrawl_id)

    return write


def contained(recrawl_id: str, enforced: dict[str, object]) -> Write:
    """Return the write of what the kernel enforces on the recrawl's process."""
    return _fields(keys.recrawl(recrawl_id), {"sandbox": json.dumps(enforced)})


def handed_back(recrawl_id: str) -> Write:
    """Return the write that nobody works on the recrawl, and another attempt will."""
    return _fields(keys.recrawl(recrawl_id), {"state": RecrawlState.QUEUED.value})


def sliced(recrawl_id: str) -> Write:
    """Return the write that a slice of the recrawl is over, and another attempt will go on."""

    def write(pipe: Pipeline) -> None:
        pipe.hset(keys.recrawl(recrawl_id), "state", RecrawlState.QUEUED.value)
        pipe.hincrby(keys.recrawl(recrawl_id), "slices", 1)

    return write


def answered(recrawl_id: str, reported: Sequence[Reported]) -> Write:
    """Return the write of the outcomes of reported URLs."""
    said: dict[FieldT, EncodableT] = {one.url: one.model_dump_json() for one in reported}
    return _fields(keys.recrawl_reported(recrawl_id), said, seconds=KEPT_SECONDS)


def found(
    store: Store,
    recrawl_id: str,
    run_id: str,
    sightings: Sequence[Sighting],
    skips: Sequence[Skip],
    tally: Tally,
    *,
    recheck: RecheckPlan | None = None,
) -> Write:
    """Return the write of findings: sightings with the job that asks about them, skips, and the tally so far.

    A re-check keeps its sightings, and asks only about files that it did not look for.
    """
    asked = sightings if recheck is None else recheck_sightings.not_looked_for(recheck, sightings)

    def write(pipe: Pipeline) -> None:
        if recheck is not None:
            recheck_sightings.keep(pipe, recrawl_id, recheck, sightings)
        if asked:
            batches.add(store, pipe, run_id, asked, recrawl_id=recrawl_id)
        if skips:
            pipe.rpush(keys.recrawl_skips(recrawl_id), *(skip.model_dump_json() for skip in skips))
            pipe.expire(keys.recrawl_skips(recrawl_id), KEPT_SECONDS)
        pipe.hset(keys.recrawl(recrawl_id), "tally", tally.model_dump_json())

    return write


def reported(store: Store, recrawl_id: str) -> dict[str, Reported]:
    """Read the outcomes of the reported URLs whose visit has ended, by URL."""
    stored = store.hgetall(keys.recrawl_reported(recrawl_id))
    return {text(url): Reported.model_validate_json(said) for url, said in stored.items()}


def _fields(target: str, fields: Mapping[FieldT, EncodableT], *, seconds: int | None = None) -> Write:
    """Return the write of fields of a hash of the recrawl's, which is then kept for so many seconds."""

    def write(pipe: Pipeline) -> None:
        pipe.hset(target, mapping=fields)
        if seconds is not None:
            pipe.expire(target, seconds)

    return write


def skips(store: Store, recrawl_id: str) -> list[Skip]:
    """Read the URLs that a recrawl did not fetch, each with the reason."""
    return [Skip.model_validate_json(line) for line in store.lrange(keys.recrawl_skips(recrawl_id), 0, -1)]


def skip_counts(store: Store, recrawl_id: str, most: int) -> Counter[tuple[str, str]]:
    """Count the URLs that a recrawl did not fetch by outcome and rule, in the first so many lines."""
    counted: Counter[tuple[str, str]] = Counter()
    for line in store.lrange(keys.recrawl_skips(recrawl_id), 0, most - 1):
        skip = Skip.model_validate_json(line)
        counted[skip.outcome.value, skip.rule] += skip.count
    return counted
