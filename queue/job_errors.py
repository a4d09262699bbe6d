"""The error of a job that takes too long; it needs RQ, so it is not in errors.py, which pure modules import."""

from __future__ import annotations

from orbweaver.matcher_client.errors import TimeIsOver
from orbweaver.queue.errors import QueueError
from rq.timeouts import JobTimeoutException


class JobTimeIsOver(QueueError, TimeIsOver, JobTimeoutException):
    """A job takes longer than it may, in the middle of whatever it does; for RQ its own sign of that."""
