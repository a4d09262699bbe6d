"""The exit statuses of the command, and the status of each error."""

from __future__ import annotations

FAILED = 1
BAD_USAGE = 2
INTERRUPTED = 130  # 128 + the number of SIGINT, as in a shell


def status_of(error: Exception) -> int | None:
    """Return the exit status of an expected error, None for a bug."""
    from orbweaver.console.errors import ConsoleError, OutputNotWritten
    from orbweaver.crawler.errors import CrawlError, NetworkRefused
    from orbweaver.matcher_client.errors import MatcherError, StorageFull, Unavailable
    from orbweaver.queue.errors import NotInForce, QueueError, StoreBusy, WorkerNameTaken, WorkersDied, WorkersTooOld
    from orbweaver.store.errors import BackupUnusable, NoStore, StateDirUnusable, StoreError, StoreNotEmpty
    from orbweaver.takedown.errors import AuditLogBroken, TakedownError
    from redis.exceptions import RedisError

    of_store = StateDirUnusable | NoStore | BackupUnusable | StoreNotEmpty
    usage = of_store | MatcherError | QueueError | TakedownError | ConsoleError | NetworkRefused
    refused_for_now = (
        AuditLogBroken
        | NotInForce
        | StoreBusy
        | WorkerNameTaken
        | WorkersDied
        | WorkersTooOld
        | Unavailable
        | StorageFull
        | OutputNotWritten
    )
    if isinstance(error, usage) and not isinstance(error, refused_for_now):
        return BAD_USAGE
    failed = refused_for_now | StoreError | RedisError | CrawlError | OSError
    if isinstance(error, failed):
        return FAILED
    return None
