"""Looks after jobs, events and files that nobody works on any more: each worker does it, so none waits for a run.

Jobs of dead workers are given back, events and batches without a job get one, and what failed is tried again after a
while: parked deliveries, parked questions, and sightings that nobody could answer. A decision of people whose command
was interrupted is brought to the rest of its cases, and what waits in the audit log is sealed. Cases of an older
release are entered in the index of cases. Where no scheduler runs, this has the files of cases looked for again, too.
What is over its time limit is pseudonymised, once a day and a little at each look.

One worker at a time looks, and two that look at once do no harm: each step is written only where nobody else has
written meanwhile.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from uuid import uuid4

from orbweaver import settings as orbweaver_settings
from orbweaver.model import format_time
from orbweaver.queue.fleet import dead_workers
from orbweaver.queue.matching import assessed_cases
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, deliveries
from orbweaver.queue.removal import rechecking
from orbweaver.queue.runs import lost_jobs, run_lock
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.audit import audit_log
from orbweaver.takedown.cases import case_index
from orbweaver.takedown.errors import AuditLogBroken
from orbweaver.takedown.retention import rounds
from redis.exceptions import WatchError

log = logging.getLogger("orbweaver.worker")
# Less than the interval at which one worker asks (plain_worker.MAINTENANCE_SECONDS), so a single one looks every time.
LOOK_EVERY = timedelta(seconds=30)
RETRY_EVERY = timedelta(minutes=15)
ENTERED_AT_ONCE = 5_000


def look_after(store: Store, at: datetime) -> bool:
    """Do all of it; False when another worker has done so just before the time that is given. Cheap when all is well.

    Something that is interrupted is done by the next look, or the next retry. Raises RedisError.
    """
    if not _take_turn(store, "looked_at", LOOK_EVERY, at):
        return False
    is_to_retry = _take_turn(store, "retried_at", RETRY_EVERY, at)
    dead_workers.retry_abandoned_jobs(store)
    lost_jobs.end_parked_recrawls(store)
    deliveries.enqueue_without_job(store, are_parked_due=is_to_retry)
    for job_id in batches.release_without_job(store, are_parked_due=is_to_retry):
        dead_workers.discard_parked(store, QueueName.MATCH, job_id)
    if is_to_retry:
        # A run that goes on counts them among its own, as it does what it found itself.
        batches.ask_unanswered(store, run_lock.run_under_way(store) or uuid4().hex)
    batches.enqueue_released(store)
    assessed_cases.apply_due(store)
    settings = orbweaver_settings.load()
    rechecking.look(store, settings, at)
    rounds.look(store, settings, at)
    case_index.enter_some(store, ENTERED_AT_ONCE)
    _seal_audit_log(store)
    return True


def _seal_audit_log(store: Store) -> None:
    """Seal what waits in the audit log; a broken log is said each time, and holds up nothing else."""
    try:
        audit_log.seal(store)
    except AuditLogBroken as error:
        log.error("%s", error)


def _take_turn(store: Store, field: str, every: timedelta, at: datetime) -> bool:
    """Take the turn to do something that was last done so long ago, and note it for all others; False otherwise.

    A time to come is that of a machine whose clock is fast: it keeps nobody from looking.
    """
    with store.pipeline(transaction=True) as pipe:
        pipe.watch(keys.upkeep())
        stored = pipe.hget(keys.upkeep(), field)
        if stored is not None and timedelta(0) <= at - datetime.fromisoformat(text(stored)) < every:
            return False
        pipe.multi()
        pipe.hset(keys.upkeep(), field, format_time(at))
        try:
            pipe.execute()
        except WatchError:
            return False  # another worker looks
        return True
