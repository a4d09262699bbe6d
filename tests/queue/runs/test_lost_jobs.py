"""A job that no worker has, and none will start, does not hold up a run."""

from __future__ import annotations

from builders import a_sighting, add_batch
from orbweaver.queue import queues
from orbweaver.queue.queues import QueueName
from orbweaver.queue.runs import lost_jobs
from orbweaver.store.connection import Store


def test_a_job_that_reached_no_worker_is_put_back_after_a_while(store: Store) -> None:
    job_id = queues.match_job_id(add_batch(store, a_sighting()))
    store.lmove("rq:queue:match", "rq:queue:match:intermediate")  # as a worker does, and then dies
    since = lost_jobs.put_back_handed_over(store, None)
    assert since is not None
    assert lost_jobs.put_back_handed_over(store, since) == since
    assert not queues.is_alive(store, QueueName.MATCH, job_id)
    assert lost_jobs.put_back_handed_over(store, since - 2 * lost_jobs.HANDOVER_SECONDS) is None
    assert queues.is_alive(store, QueueName.MATCH, job_id)
    assert lost_jobs.put_back_handed_over(store, None) is None
