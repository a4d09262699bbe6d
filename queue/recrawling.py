"""One recrawl that is under way: its crawl process is at work, and what that says is kept in the store."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Self

from orbweaver.crawler.crawl_messages import (
    Answered,
    Checkpoint,
    Contained,
    CrawlMessage,
    Finished,
    Found,
    GivenUp,
    MetUrls,
    PaceMessage,
    Remembered,
)
from orbweaver.crawler.crawl_process import CrawlProcess
from orbweaver.crawler.errors import CrawlDied, MessageRefused, NotRecorded
from orbweaver.crawler.forking import Fork
from orbweaver.crawler.visiting.checkpoints import keeping
from orbweaver.crawler.visiting.checkpoints.earlier_slices import NO_SLICES, EarlierSlices
from orbweaver.crawler.visiting.checkpoints.keeping import SLICES
from orbweaver.crawler.visiting.records.outcomes import INTERRUPTED
from orbweaver.queue.records import batches, checkpoints, known_responses, provenance, recrawl_fence, recrawls, runs
from orbweaver.queue.records.checkpoints import Recorded
from orbweaver.queue.records.known_responses import HostMemory
from orbweaver.queue.records.recrawl_fence import Attempt, Write
from orbweaver.queue.records.recrawls import RecrawlRecord, RecrawlState
from orbweaver.queue.recrawl_pace import RecrawlPace
from orbweaver.settings import Settings
from orbweaver.store import connection
from orbweaver.store.connection import Store
from redis.exceptions import RedisError


class RecrawlUnderWay:
    """A recrawl and its crawl process: `take` whenever the pipe has something, and `keep` it at once or later.

    What was taken since the last `keep` is written in one transaction, so who has many recrawls under way keeps each
    now and then. A kernel that cannot contain the process, a Python that reads wrongly, a proxy that cannot be used, or
    too little memory, fails the recrawl for good. Whatever else goes wrong is raised, and it is to be done again. What
    the process says of the pace of its hosts goes to `pace` at once: it waits for that.
    """

    def __init__(
        self,
        store: Store,
        record: RecrawlRecord,
        attempt: Attempt,
        process: CrawlProcess,
        memory: HostMemory | None,
        pace: RecrawlPace,
        earlier: EarlierSlices,
        recorded: Recorded,
    ) -> None:
        self.run_id = record.run_id
        self.pace = pace
        # Whether another worker is to go on with it; with `is_sliced` others are to go first.
        self.is_handed_back = False
        self.is_sliced = False
        self._store = store
        self._recrawl_id = record.recrawl_id
        self._recheck = record.order.recheck
        self._received = provenance.first_receipts(record.order.reports)
        self._sandbox: str | None = None
        self._attempt = attempt
        self._process = process
        self._memory = memory
        self._remembered: list[Remembered] = []
        # What the store has of it, and how long (seconds) was crawled before this attempt, which began at that moment.
        self._recorded = recorded
        self._seconds_before, self._began_at = earlier.seconds, time.monotonic()
        self._has_checkpoint = earlier.state is not None
        self._checkpoints = 0
        self._taken: list[CrawlMessage] = []
        # Whether it was tried to keep what was taken: then exactly the same is tried again.
        self._is_being_kept = False
        self._fault: Exception | None = None
        self._is_trusted = True
        self._is_told_to_stop = False

    @classmethod
    def begin(cls, store: Store, recrawl_id: str, settings: Settings, *, fork: Fork | None = None) -> Self | None:
        """Begin an attempt and its crawl process, which goes on from the last checkpoint if there is one.

        None when nothing may be fetched any more.
        """
        record = recrawls.read(store, recrawl_id)
        attempt = recrawls.begin(store, recrawl_id, run_id=record.run_id) if record is not None else None
        if record is None or attempt is None:
            return None
        order = record.order
        ports = connection.tcp_ports(store)
        # A re-check asks for everything in full, and what it finds is no memory of the host.
        is_recheck = order.recheck is not None
        known, memory = (None, None) if is_recheck else known_responses.begin(store, order.scope, settings)
        earlier, recorded = checkpoints.read(store, recrawl_id) if record.attempt else (NO_SLICES, Recorded())
        pace = RecrawlPace(order.scope)
        try:
            process = CrawlProcess(
                order.scope,
                order.reports,
                settings,
                store_ports=ports,
                known=known,
                board=pace.board,
                resume=earlier,
                fork=fork,
            )
        except BaseException:
            pace.close()
            raise
        return cls(store, record, attempt, process, memory, pace, earlier, recorded)

    @property
    def process_id(self) -> int:
        """The number of the crawl process."""
        return self._process.process_id

    def fileno(self) -> int:
        """Return the descriptor that has something to read when `take` has something to do."""
        return self._process.fileno()

    def take(self) -> bool:
        """Take what the crawl process has said, without waiting for more; True when that is to be kept at once.

        It is when there is as much as is kept together, and when the recrawl has ended, however that is.
        """
        if not self._is_complete:
            try:
                self._process.receive()
            except CrawlDied as error:
                self._fault = error
            self._read_messages()
        return self._is_complete

    def keep(self) -> bool:
        """Keep what was taken; True when its recrawl has ended.

        Raises ConnectionError or TimeoutError of redis-py while the store is away: then nothing is lost, and the next
        call goes on with the same messages. Raises CrawlDied, MessageRefused, NotRecorded, and for what it was given
        up, when all before is kept: it must be done again.
        """
        while self._taken:
            self._is_being_kept = True
            self._keep(self._taken)
            last, self._taken, self._is_being_kept = self._taken[-1], [], False
            if isinstance(last, Finished | GivenUp):
                return True
            self._read_messages()
        if self._fault is None:
            return False
        if isinstance(self._fault, CrawlDied) and (self.is_handed_back or self._is_over()):
            self._stopped()  # before it was ready to end in order, or it did not obey
            return True
        self._count_seconds()
        raise self._fault

    def give_up(self, error: Exception) -> None:
        """Have `keep` raise this error, once all before is kept."""
        self._fault = error

    @property
    def _is_complete(self) -> bool:
        return self._fault is not None or self._is_being_kept or self._is_enough

    @property
    def _is_enough(self) -> bool:
        # Each message counts as well, so that there are few of them: they are gone through for each that is read.
        sizes = [len(one.sightings) + len(one.skips) if isinstance(one, Found) else 1 for one in self._taken]
        is_kept_at_once = bool(self._taken) and isinstance(self._taken[-1], Finished | GivenUp | MetUrls | Checkpoint)
        return is_kept_at_once or max(sum(sizes), len(sizes)) >= batches.ASKED_AT_ONCE

    def _read_messages(self) -> None:
        """Read the messages that were received, as many as are kept together."""
        while self._is_trusted and not self._is_enough:
            try:
                message = self._process.next_message()
                self._check_slices(message)
                if isinstance(message, PaceMessage):
                    self.pace.hear(message)
                    continue
            except (CrawlDied, MessageRefused) as error:
                self._fault, self._is_trusted = error, False
                return
            if message is None:
                return
            if isinstance(message, Remembered):
                self._remembered.append(message)  # is written with the end
            else:
                self._taken.append(message)

    def _check_slices(self, message: CrawlMessage | None) -> None:
        """Raise MessageRefused for checkpoints without end, and for an end after which it would go on for ever."""
        if isinstance(message, Checkpoint):
            self._checkpoints += 1
            if self._checkpoints > 2 + 2 * (time.monotonic() - self._began_at) / keeping.CHECKPOINT_SECONDS:
                raise MessageRefused("checkpoints too often")
        if isinstance(message, Finished) and message.stopped_by in SLICES and not self._checkpoints:
            raise MessageRefused("the end of a slice without a checkpoint")
        if isinstance(message, Finished) and message.stopped_by == INTERRUPTED and not self._is_told_to_stop:
            # It would be begun again at once, and cost neither a retry nor a second of its time.
            raise MessageRefused("an interruption that nobody ordered")

    def stop(self) -> None:
        """Have the recrawl ended in order, for good: its run is over."""
        self._is_told_to_stop = True
        self._process.tell_to_stop()

    def hand_back(self, *, within: float) -> None:
        """Have the crawl process end within these seconds, so that another worker can do the recrawl."""
        self.is_handed_back = self._is_told_to_stop = True
        self._process.tell_to_stop(within=within)

    def end_if_disobedient(self) -> None:
        """End a crawl process that was told to stop and has not."""
        self._process.end_if_disobedient()

    def close(self) -> None:
        """End the crawl process at once."""
        self._process.close()
        self.pace.close()

    def require_kept(self) -> None:
        """Raise NotRecorded when the store that is the primary by now has lost what was kept before."""
        recrawl_fence.check(self._store, self._recrawl_id, self._attempt)

    def _is_over(self) -> bool:
        """Whether the recrawl's run is over; a store that is away for a moment has not said so."""
        with contextlib.suppress(RedisError):
            return runs.is_over(self._store, self.run_id)
        return False

    def _keep(self, messages: Sequence[CrawlMessage]) -> None:
        """Write what the messages say in one transaction; findings are asked about in as few jobs as may be."""
        writes: list[Write] = []
        found: list[Found] = []
        skips, pieces = self._recorded
        for message in messages:
            match message:
                case Contained():
                    writes.append(recrawls.contained(self._recrawl_id, message.enforced))
                    self._sandbox = provenance.sandbox_in_words(message.enforced)
                case Found():
                    found.append(message)
                    skips += len(message.skips)
                case MetUrls():
                    writes.append(checkpoints.met(self._recrawl_id, message.piece))
                    pieces += 1
                case Checkpoint():
                    recorded = Recorded(skips, pieces)
                    writes.append(checkpoints.kept(self._recrawl_id, message.state, recorded, self._seconds))
                case Answered():
                    writes.append(recrawls.answered(self._recrawl_id, message.reported))
                case GivenUp():
                    writes.append(recrawls.ended(self._recrawl_id, RecrawlState.FAILED, reason=message.reason))
                case Finished():
                    writes += [self._end_of(message), *self._handed_on(message)]
        writes += [
            recrawls.found(
                self._store,
                self._recrawl_id,
                self.run_id,
                provenance.completed(one.sightings, self._received, self._sandbox),
                one.skips,
                one.tally,
                recheck=self._recheck,
            )
            for one in _together(found)
        ]
        record = recrawl_fence.record_together if found else recrawl_fence.write_under_fence
        record(self._store, self._recrawl_id, self._attempt, writes)
        self._recorded = Recorded(skips, pieces)

    @property
    def _seconds(self) -> float:
        """How long was crawled so far; each slice counts as a second at least, so that they have an end."""
        return self._seconds_before + max(time.monotonic() - self._began_at, 1.0)

    def _count_seconds(self) -> None:
        """Count the seconds of an attempt that failed: it may have told where it was, and gone on for long."""
        if self._checkpoints or self._has_checkpoint:
            write = checkpoints.spent(self._recrawl_id, self._seconds)
            with contextlib.suppress(NotRecorded):  # then that is the least of what is wrong
                recrawl_fence.write_under_fence(self._store, self._recrawl_id, self._attempt, [write])

    def _end_of(self, message: Finished) -> Write:
        is_stopped = message.stopped_by == INTERRUPTED
        if is_stopped and not self._is_over():
            self.is_handed_back = True
            return recrawls.handed_back(self._recrawl_id)
        if message.stopped_by in SLICES:
            self.is_handed_back = self.is_sliced = True
            return recrawls.sliced(self._recrawl_id)
        return recrawls.ended(
            self._recrawl_id,
            RecrawlState.INTERRUPTED if is_stopped else RecrawlState.FINISHED,
            stopped_by=message.stopped_by,
            limit=message.limit,
            suggestions=message.suggestions,
            answers=message.answers,
        )

    def _handed_on(self, message: Finished) -> list[Write]:
        """Return the write of what the next recrawl of the scope is to know; a re-check has none."""
        if self._memory is None:
            return []
        return [
            self._memory.kept(
                [file for one in self._remembered for file in one.files],
                [page for one in self._remembered for page in one.pages],
                is_untrue=any(one.is_untrue for one in self._remembered),
                is_whole=message.stopped_by not in SLICES | {INTERRUPTED},
            )
        ]

    def _stopped(self) -> None:
        """Note that the crawl process was stopped: with its run, or, whoever stopped it, so that another goes on."""
        if self._is_over():
            recrawls.end(
                self._store, self._recrawl_id, RecrawlState.INTERRUPTED, attempt=self._attempt, reason="stopped"
            )
        else:
            self.is_handed_back = True
            write = recrawls.handed_back(self._recrawl_id)
            recrawl_fence.write_under_fence(self._store, self._recrawl_id, self._attempt, [write])


def _together(messages: Sequence[Found]) -> list[Found]:
    """Join messages in their order, as long as the files of each fit in one job. Pure."""
    joined: list[Found] = []
    for one in messages:
        if joined and len(joined[-1].sightings) + len(one.sightings) <= batches.ASKED_AT_ONCE:
            last = joined[-1]
            # Not checked again: neither is longer than a message may be, and both were read.
            joined[-1] = Found.model_construct(
                sightings=last.sightings + one.sightings, skips=last.skips + one.skips, tally=one.tally
            )
        else:
            joined.append(one)
    return joined
