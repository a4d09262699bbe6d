"""An RQ job that can call nothing but the functions that its worker hands it, whatever the store says.

Whoever can write to the store must not be able to run code in a worker. The JSON serializer is half of that; a
job still names its function, callbacks, webhooks and retries. Everything of a job that is not exactly what we
enqueue turns the job into one that fails with the reason, so it is parked where an operator sees it.
"""

from __future__ import annotations

import contextlib
import re
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from orbweaver.queue.errors import RefusedJob
from pydantic_core import from_json
from redis import Redis
from redis.exceptions import ResponseError
from rq.exceptions import DequeueTimeout, NoSuchJobError
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job, JobStatus
from rq.queue import Queue
from rq.serializers import JSONSerializer

MODULE = "orbweaver.queue.jobs"
JOB_ID = re.compile(rb"[A-Za-z0-9_-]+")
MOST_DATA_BYTES = 16 * 1024
MOST_RETRIES = 10
MOST_SECONDS = 10**9
# The fields that RQ 3.0 writes for a job of ours. By any other (callbacks, webhooks, dependencies, repeats, rate
# limits, groups) a job could do more than call its function.
TEXTS = frozenset(
    {
        "created_at",
        "data",
        "description",
        "ended_at",
        "enqueued_at",
        "last_heartbeat",
        "origin",
        "started_at",
        "status",
        "worker_name",
    }
)
NUMBERS = {
    "failure_ttl": MOST_SECONDS,
    "number_of_retries": MOST_RETRIES,
    "result_ttl": MOST_SECONDS,
    "retries_left": MOST_RETRIES,
    "timeout": MOST_SECONDS,
}
AT_ONCE = b"[0]"  # retry_intervals of Retry(max=...)
# A worker of several queues waits for the first and looks at the others every so many seconds.
LOOK_SECONDS = 1
# RQ would unpack these without a bound, and we have no use for them.
UNREAD = frozenset({"exc_info", "meta", "result"})


class JobName(StrEnum):
    """The names of the job functions: queue.jobs has one function of each name."""

    RECRAWL = "recrawl"
    MATCH = "match"
    DELIVER = "deliver"
    REMATCH = "rematch"
    RECALL = "recall"
    FORGET = "forget"


NAMES = frozenset(JobName)


def refusal(fields: Mapping[str, bytes]) -> str | None:
    """Say why a job's stored fields are refused, or None when they are what we enqueue. Pure."""
    for field, value in fields.items():
        if value and field not in UNREAD:
            reason = _refusal_of_field(field, value)
            if reason is not None:
                return reason
    call = _call_of(fields.get("data", b""))
    if call is None:
        return "its data is not JSON of function, instance, arguments and options"
    name, instance, arguments, options = call
    if not isinstance(name, str) or name.rpartition(".")[0] != MODULE or name.rpartition(".")[2] not in NAMES:
        return f"it calls {str(name)[:80]!r}, which is not a job function"
    if instance is not None or options != {}:
        return "it carries an instance or keyword arguments"
    if not isinstance(arguments, list) or not all(isinstance(value, str) for value in arguments):
        return "its arguments are not a list of texts"
    return None


def first_argument(data: bytes) -> str | None:
    """Return the first argument of a job by its stored data; None for a job that has none, or is none of ours."""
    call = _call_of(data)
    arguments = None if call is None else call[2]
    is_text = isinstance(arguments, list) and bool(arguments) and isinstance(arguments[0], str)
    return str(arguments[0]) if is_text and arguments is not None else None


def _call_of(data: bytes) -> tuple[Any, Any, Any, Any] | None:
    """Return function, instance, arguments and options by a job's data, as they come; None for what is no such data."""
    try:
        name, instance, arguments, options = from_json(_inflated(data))
    except (ValueError, zlib.error, TypeError):
        return None
    return name, instance, arguments, options


def _refusal_of_field(field: str, value: bytes) -> str | None:
    if field in TEXTS:
        return f"its {field} is too large" if len(value) > MOST_DATA_BYTES else None
    if field in NUMBERS:
        is_small = value.isdigit() and len(value) <= len(str(MOST_SECONDS)) and int(value) <= NUMBERS[field]
        return None if is_small else f"its {field} is out of bounds"
    if field == "retry_intervals":
        return None if value == AT_ONCE else "its retry_intervals is out of bounds"
    return f"it carries {field[:80]}"


def _inflated(data: bytes) -> bytes:
    """Return the data of a job, decompressed within bounds; raises ValueError when it is larger."""
    if len(data) > MOST_DATA_BYTES:
        raise ValueError("too large")
    try:
        inflate = zlib.decompressobj()
        plain = inflate.decompress(data, MOST_DATA_BYTES)
    except zlib.error:
        return data  # RQ accepts uncompressed data as well
    if not inflate.eof:
        raise ValueError("too large")
    return plain


def _harmless(fields: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the fields that a refused job is left with: where it belongs and whether it was parked already."""
    status = fields.get("status", b"")
    return {
        "data": JSONSerializer.dumps([f"{MODULE}.refused", None, [], {}]),
        "description": b"refused",
        "origin": fields.get("origin", b"")[:80].decode("utf-8", "replace").encode(),
        "status": status if status in {one.value.encode() for one in JobStatus} else b"queued",
    }


class AllowedQueue(Queue):
    """A queue whose list may hold anything: an entry that cannot be a job's id is dropped, and never ends a worker."""

    @classmethod
    def lmove(cls, connection: Redis, queue_key: str, timeout: int | None) -> Any:
        """Take the next job id, and note it in the queue's intermediate list."""
        while True:
            taken = super().lmove(connection, queue_key, timeout)
            if taken is None or JOB_ID.fullmatch(taken[1]):
                return taken
            _drop_taken(connection, queue_key, taken[1])

    @classmethod
    def _fetch_dequeued_job(
        cls, connection: Redis, queue_key: str, job_id: str, *arguments: Any, **classes: Any
    ) -> tuple[Job, Queue] | None:
        """Read the job that was taken; None when there is none.

        The id of a job that is done already (it was put back, and not lost) would stay noted as taken for minutes.
        """
        fetched = super()._fetch_dequeued_job(connection, queue_key, job_id, *arguments, **classes)
        if fetched is None:
            _drop_taken(connection, queue_key, job_id)
        return fetched

    @classmethod
    def lpop(cls, queue_keys: Sequence[str], timeout: int | None, connection: Redis | None = None) -> Any:
        """Take the next job id of several queues, and note it in its queue's intermediate list, as of one queue.

        RQ's own forgets an id that a worker took and was killed before it started the job. No command of the store
        moves from one of several lists: the first is waited for, and the others are looked at every second.
        """
        assert connection is not None, "RQ gives its worker's"
        ends_at = time.monotonic() + (timeout or 0)
        while True:
            for key in queue_keys:
                taken = cls.lmove(connection, key, None)
                if taken is not None:
                    return taken
            if timeout is None:
                return None
            if time.monotonic() > ends_at:
                raise DequeueTimeout(timeout, queue_keys)
            with contextlib.suppress(DequeueTimeout):
                return cls.lmove(connection, queue_keys[0], LOOK_SECONDS)


def _drop_taken(connection: Redis, queue_key: str, job_id: bytes | str) -> None:
    connection.lrem(IntermediateQueue.get_intermediate_queue_key(queue_key), 0, job_id)  # type: ignore[arg-type]


class AllowedJob(Job):
    """A job that is refused unless it calls a job function with a few texts.

    `functions` are the functions that it may call, by name: the worker that executes the job hands them over.
    """

    functions: Mapping[str, Callable[..., None]] = MappingProxyType({})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["serializer"] = JSONSerializer  # never pickle, whoever builds the job
        super().__init__(*args, **kwargs)
        self.refused: str | None = None

    @classmethod
    def fetch(cls, id: str, connection: Any = None, serializer: Any = None) -> Job:  # noqa: A002 - RQ's name
        """Read a job; an id that RQ would refuse is no job, and must not end the worker that found it.

        RQ would cut an id at a colon and read another job.
        """
        if ":" in id:
            raise NoSuchJobError(f"no job can have the id {id[:80]!r}")
        try:
            return super().fetch(id, connection=connection, serializer=serializer)
        except (ValueError, TypeError) as error:
            raise NoSuchJobError(f"no job can have the id {id[:80]!r}") from error

    def restore(self, raw_data: Mapping[Any, Any]) -> Any:
        """Read the stored fields; a refused job keeps nothing of them that RQ would act on."""
        fields = {
            (name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)): value
            for name, value in raw_data.items()
        }
        self.refused = refusal(fields)
        if self.refused is None:
            try:
                return super().restore({name: value for name, value in fields.items() if name not in UNREAD})
            except (ValueError, TypeError, KeyError, AttributeError, AssertionError, OverflowError) as error:
                self.refused = f"its fields cannot be read ({type(error).__name__})"
        return super().restore(_harmless(fields))

    def refresh(self) -> None:
        """Read the job from the store; a key that is no hash is no job."""
        try:
            super().refresh()  # type: ignore[no-untyped-call]
        except ResponseError as error:
            raise NoSuchJobError(f"{self.key} is not a job") from error

    @property
    def func(self) -> Callable[..., Any]:
        """Return the function to call: one of the worker's table, never one that the store names elsewhere.

        Raises RefusedJob for a job that is not one of ours, and where no worker has handed over its table.
        """
        if self.refused is not None:
            raise RefusedJob(f"job {self.id} refused: {self.refused}")
        function = self.functions.get(str(self.func_name).rpartition(".")[2])
        if function is None:
            raise RefusedJob(f"job {self.id} refused: only a worker may call its function")
        return function
