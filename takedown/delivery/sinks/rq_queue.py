"""`rq+redis://HOST:PORT/DB?queue=NAME&function=MODULE.NAME`: a job of RQ for each event, on a queue of the engine's.

The job calls the engine's own function with the event, as a dictionary. Its worker must read JSON
(`rq worker --serializer rq.serializers.JSONSerializer`): nothing is pickled. The id of the job is that of the event.
"""

from __future__ import annotations

import json

from orbweaver.model import Event
from orbweaver.takedown.delivery.sinks.redis_server import EngineServer
from rq import Queue, Retry
from rq.exceptions import DuplicateJobError
from rq.job import Job
from rq.serializers import JSONSerializer

JOB_SECONDS = 600
# A job of a worker that died is done again this often.
RETRIES = 3
DONE_SECONDS = 86_400
FAILED_SECONDS = 90 * 86_400
_ENDED_WITHOUT_SUCCESS = frozenset({b"failed", b"stopped"})


class RqQueueSink:
    """Enqueues a job for each event, once as long as RQ knows the job: a day after its end."""

    def __init__(self, server: EngineServer) -> None:
        self.name = server.address.name
        self._function = server.address.options["function"]
        self._server = server
        self._queue = Queue(server.address.options["queue"], connection=server.client, serializer=JSONSerializer)

    def deliver(self, event: Event) -> None:
        """Enqueue an event; one whose job has failed before is enqueued again. Raises SinkAway."""
        with self._server.asked():
            try:
                self._enqueue(event, is_unique=True)
            except DuplicateJobError:
                job_id = str(event.event_id)
                if self._server.client.hget(Job.key_for(job_id), "status") in _ENDED_WITHOUT_SUCCESS:
                    self._queue.failed_job_registry.remove(job_id)
                    self._enqueue(event, is_unique=False)

    def complaint(self) -> tuple[bool, str] | None:
        """Say whether nothing can be enqueued now, or what is enqueued may be lost; enqueues nothing."""
        return self._server.complaint(self._queue.key, "list")

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def _enqueue(self, event: Event, *, is_unique: bool) -> None:
        self._queue.enqueue_call(
            self._function,
            args=(json.loads(event.model_dump_json()),),
            job_id=str(event.event_id),
            unique=is_unique,
            description=f"event {event.event_id} of Orbweaver",  # RQ's own would have the whole event, in every log
            timeout=JOB_SECONDS,
            result_ttl=DONE_SECONDS,
            failure_ttl=FAILED_SECONDS,
            retry=Retry(max=RETRIES),
        )
