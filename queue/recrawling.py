"""One recrawl that is under way: its crawl process is at work, and what that says is kept in the store."""

from __future__ import annotations

import contextlib
from typing import Self

from orbweaver.crawler.crawl_messages import Answered, Contained, CrawlMessage, Finished, Found, GivenUp
from orbweaver.crawler.crawl_process import CrawlProcess
from orbweaver.crawler.errors import CrawlDied
from orbweaver.queue.records import recrawls, runs
from orbweaver.queue.records.recrawls import Attempt, RecrawlRecord, RecrawlState
from orbweaver.settings import Settings
from orbweaver.store import connection
from orbweaver.store.connection import Store
from redis.exceptions import RedisError

STOPPED_IN_ORDER = "interrupted"


class RecrawlUnderWay:
    """A recrawl and its crawl process: `keep` whenever the pipe has something, until that says that it was the last.

    A kernel that cannot contain the process, a Python that reads wrongly, a proxy that cannot be used, or too little
    memory, fails the recrawl for good. Whatever else goes wrong is raised, and the recrawl is to be done again.
    """

    def __init__(self, store: Store, record: RecrawlRecord, attempt: Attempt, process: CrawlProcess) -> None:
        self.run_id = record.run_id
        # Whether another worker is to do it.
        self.is_handed_back = False
        self._store = store
        self._recrawl_id = record.recrawl_id
        self._attempt = attempt
        self._process = process
        self._record = recrawls.recorder(store, record.recrawl_id, record.run_id, attempt)
        self._unkept: CrawlMessage | None = None

    @classmethod
    def begin(cls, store: Store, recrawl_id: str, settings: Settings) -> Self | None:
        """Begin an attempt and its crawl process; None when nothing may be fetched any more."""
        record = recrawls.read(store, recrawl_id)
        attempt = recrawls.begin(store, recrawl_id) if record is not None else None
        if record is None or attempt is None:
            return None
        order = record.order
        ports = connection.tcp_ports(store)
        process = CrawlProcess(order.scope, order.reports, settings, store_ports=ports)
        return cls(store, record, attempt, process)

    def fileno(self) -> int:
        """Return the descriptor that has something to read when `keep` has something to do."""
        return self._process.fileno()

    def keep(self) -> bool:
        """Keep what the crawl process has said, without waiting for more; True when its recrawl has ended.

        Raises ConnectionError or TimeoutError of redis-py while the store is away: then nothing is lost, and the next
        call goes on with the same message. Raises CrawlDied, MessageRefused and NotRecorded: it must be done again.
        """
        message = self._unkept
        try:
            if message is None and (message := self._process.next_message()) is None:
                self._process.receive()
                message = self._process.next_message()
        except CrawlDied:
            if not (self.is_handed_back or self._is_over()):
                raise
            self._stopped()  # before it was ready to end in order, or it did not obey
            return True
        while message is not None:
            self._unkept = message
            self._keep(message)
            self._unkept = None
            if isinstance(message, Finished | GivenUp):
                return True
            message = self._process.next_message()
        return False

    def stop(self) -> None:
        """Have the recrawl ended in order, for good: its run is over."""
        self._process.tell_to_stop()

    def hand_back(self, *, within: float) -> None:
        """Have the crawl process end within these seconds, so that another worker can do the recrawl."""
        self.is_handed_back = True
        self._process.tell_to_stop(within=within)

    def end_if_disobedient(self) -> None:
        """End a crawl process that was told to stop and has not."""
        self._process.end_if_disobedient()

    def close(self) -> None:
        """End the crawl process at once."""
        self._process.close()

    def require_kept(self) -> None:
        """Raise NotRecorded when the store that is the primary by now has lost what was kept before."""
        recrawls.check(self._store, self._recrawl_id, self._attempt)

    def _is_over(self) -> bool:
        """Whether the recrawl's run is over; a store that is away for a moment has not said so."""
        with contextlib.suppress(RedisError):
            return runs.is_over(self._store, self.run_id)
        return False

    def _keep(self, message: CrawlMessage) -> None:
        match message:
            case Contained():
                recrawls.note_sandbox(self._store, self._recrawl_id, self._attempt, message.enforced)
            case Found():
                self._record(message.sightings, message.skips, message.tally)
            case Answered():
                recrawls.note_reported(self._store, self._recrawl_id, self._attempt, message.reported)
            case GivenUp():
                recrawls.end(
                    self._store, self._recrawl_id, RecrawlState.FAILED, attempt=self._attempt, reason=message.reason
                )
            case Finished():
                self._finish(message)

    def _finish(self, message: Finished) -> None:
        if message.stopped_by == STOPPED_IN_ORDER and not self._is_over():
            self._stopped()
            return
        is_stopped = message.stopped_by == STOPPED_IN_ORDER
        recrawls.end(
            self._store,
            self._recrawl_id,
            RecrawlState.INTERRUPTED if is_stopped else RecrawlState.FINISHED,
            attempt=self._attempt,
            stopped_by=message.stopped_by,
            suggestions=message.suggestions,
            answers=message.answers,
        )

    def _stopped(self) -> None:
        """Note that the crawl process was stopped: with its run, or, whoever stopped it, so that another goes on."""
        if self._is_over():
            recrawls.end(
                self._store, self._recrawl_id, RecrawlState.INTERRUPTED, attempt=self._attempt, reason="stopped"
            )
        else:
            self.is_handed_back = True
            recrawls.note_handed_back(self._store, self._recrawl_id, self._attempt)
