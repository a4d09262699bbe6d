"""Runs a recrawl in a process of its own, which holds nothing of ours but a pipe for its messages.

So a host that takes the process over has no connection to the store, and message_checks.read() checks each message.
The parent never waits for a crawl process: it can have many under way, and read each when there is something to read.
"""

from __future__ import annotations

import functools
import logging
import os
import select
import signal
import time
from collections.abc import Collection, Iterator, Sequence
from types import TracebackType
from typing import Final, Self

from orbweaver.crawler import crawl_messages, recrawl
from orbweaver.crawler.containment import prctl
from orbweaver.crawler.crawl_messages import (
    Answered,
    AskedToWait,
    Broken,
    Checkpoint,
    Contained,
    CrawlMessage,
    Finished,
    Found,
    GivenUp,
    MetUrls,
    Reached,
)
from orbweaver.crawler.errors import (
    AccessRefused,
    CrawlDied,
    NotRecorded,
    ReadersWrong,
    SandboxUnavailable,
)
from orbweaver.crawler.fetching.pace.pace_board import PaceBoard
from orbweaver.crawler.fetching.pace.shared_pace import PaceNews, SharedPace, own_pace_networks
from orbweaver.crawler.forking import LOG_DESCRIPTORS, Fork, ForkingProcess, fork_here
from orbweaver.crawler.message_checks import MessageStream
from orbweaver.crawler.revisiting.known_responses import KnownResponses
from orbweaver.crawler.rules import scope as scopes
from orbweaver.crawler.visiting.checkpoints.earlier_slices import NO_SLICES, EarlierSlices
from orbweaver.crawler.visiting.checkpoints.keeping import Checkpointing
from orbweaver.model import Report, Scope, Sighting, Skip, Tally
from orbweaver.settings import Settings
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

log = logging.getLogger("orbweaver.crawl")
# A process that was told to stop ends its recrawl within so many seconds, or is ended.
OBEY_SECONDS = 60.0
# One that has closed its pipe has ended, or is about to; a process that was taken over may do neither.
ENDING_SECONDS = 0.2
# What a pipe holds: a parent that reads many takes so much of each in turn.
PIPE_BYTES = 64 * 1024


@dataclass(frozen=True, config=ConfigDict(ser_json_bytes="base64", val_json_bytes="base64"))
class CrawlOrder:
    """The recrawl that a child is to do, as it is told: in JSON."""

    scope: Scope
    reports: tuple[Report, ...]
    store_ports: frozenset[int]
    known: KnownResponses | None
    resume: EarlierSlices


_ORDERS: Final = TypeAdapter(CrawlOrder)


class CrawlProcess:
    """A recrawl that is under way in a child process; `fileno` is what a selector watches.

    As a context manager it ends the child when the block is left, however that is. Iterated, it yields the messages up
    to the last, and waits for each: for a parent that has nothing else to do. By `board` the parent and the child tell
    each other of the pace of hosts; without one the recrawl shares nothing.
    """

    def __init__(
        self,
        scope: Scope,
        reports: Sequence[Report],
        settings: Settings,
        *,
        store_ports: Collection[int] = (),
        known: KnownResponses | None = None,
        board: PaceBoard | None = None,
        resume: EarlierSlices = NO_SLICES,
        fork: Fork | None = None,
    ) -> None:
        """Fork the child, which goes on where the slices in `resume` ended. Raises OSError.

        `fork` is that of a process which `forking_process` made with the same settings; without it this one forks.
        """
        self._stream = MessageStream(scope, reports, met_bytes=sum(map(len, resume.met)))
        self._must_obey_by: float | None = None
        self._code: int | None = None
        self._receiver, sender = os.pipe()
        try:
            os.set_blocking(self._receiver, False)
            descriptors = (sender,) if board is None else (sender, board.descriptor)
            order = CrawlOrder(scope, tuple(reports), frozenset(store_ports), known, resume)
            fork = fork or functools.partial(fork_here, functools.partial(_work, settings))
            self._child = fork(descriptors, _ORDERS.dump_json(order))
        except BaseException:
            os.close(self._receiver)
            raise
        finally:
            os.close(sender)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[CrawlMessage]:
        while True:
            while (message := self.next_message()) is None:
                select.select([self._receiver], [], [])
                self.receive()
            yield message
            if isinstance(message, Finished | GivenUp):
                return

    def fileno(self) -> int:
        """Return the receiving end of the pipe."""
        return self._receiver

    @property
    def process_id(self) -> int:
        """The number of the child."""
        return self._child.process_id

    def receive(self) -> None:
        """Take what the pipe holds, without waiting. Raises CrawlDied when the child has ended."""
        try:
            piece = os.read(self._receiver, PIPE_BYTES)
        except BlockingIOError:
            return
        if not piece:
            raise CrawlDied(f"the crawl process ended with {self._exit_code()}")
        self._stream.feed(piece)

    def next_message(self) -> CrawlMessage | None:
        """Return the next message of those received; None when there is no whole one.

        Raises CrawlDied when the child says that it broke, and MessageRefused when a message cannot be true.
        """
        message = self._stream.next_message()
        if isinstance(message, Broken):
            raise CrawlDied(message.reason)
        return message

    def tell_to_stop(self, *, within: float = OBEY_SECONDS) -> None:
        """Have the child end its recrawl in order; `end_if_disobedient` kills it when it has not in so many seconds."""
        must_obey_by = time.monotonic() + within
        if self._must_obey_by is None:
            self._child.send(signal.SIGTERM)
        self._must_obey_by = min(must_obey_by, self._must_obey_by or must_obey_by)

    def end_if_disobedient(self) -> None:
        """Kill a child that was told to stop and has had its time."""
        if self._must_obey_by is not None and time.monotonic() > self._must_obey_by:
            self._child.send(signal.SIGKILL)

    def close(self) -> None:
        """End the child, and forget the pipe."""
        self._exit_code(within=0)
        os.close(self._child.descriptor)
        os.close(self._receiver)

    def _exit_code(self, *, within: float = ENDING_SECONDS) -> int:
        """Return how the child has ended, once it has; at the latest it is ended after so many seconds."""
        if self._code is None:
            if not self._child.ends_within(within):
                self._child.send(signal.SIGKILL)
            self._code = self._child.wait()
        return self._code


def forking_process(settings: Settings) -> ForkingProcess:
    """Return a process that forks crawl processes; what it reads now once, each of them would read again."""
    own_pace_networks(settings.own_pace_networks)
    return ForkingProcess(functools.partial(_work, settings))


def _work(settings: Settings, descriptors: Sequence[int], order: bytes) -> None:
    """Do the child's work: close what was inherited, enter the sandbox, crawl. Its descriptors are pipe and board."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which tells this process to stop
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    sender, *boards = descriptors
    board = PaceBoard(boards[0]) if boards else None
    prctl.let_go_of_descriptors((*LOG_DESCRIPTORS, sender))
    _send(sender, _crawl(sender, order, settings, board))


def _crawl(sender: int, order: bytes, settings: Settings, board: PaceBoard | None) -> CrawlMessage:
    def record(sightings: Sequence[Sighting], skips: Sequence[Skip], tally: Tally) -> None:
        for start in range(0, max(len(sightings), len(skips), 1), crawl_messages.MOST_AT_ONCE):
            some = slice(start, start + crawl_messages.MOST_AT_ONCE)
            _send(sender, Found(sightings=tuple(sightings[some]), skips=tuple(skips[some]), tally=tally))

    def keep(met: Sequence[bytes], state: bytes) -> None:
        for piece in met:
            _send(sender, MetUrls(piece=piece))
        _send(sender, Checkpoint(state=state))

    try:
        its = _ORDERS.validate_json(order)
        enforced = recrawl.enter_sandbox(its.scope, settings, store_ports=its.store_ports)
        _send(sender, Contained(enforced=enforced.as_record()))
        pace = None if board is None else _shared_pace(sender, its.scope, settings, board)
        checkpoints = Checkpointing(keep, its.resume)
        ended = recrawl.run(
            its.scope, its.reports, record, settings, known=its.known, pace=pace, checkpoints=checkpoints
        )
    except (SandboxUnavailable, AccessRefused, ReadersWrong) as error:
        return GivenUp(reason=str(error)[: crawl_messages.REASON_CHARACTERS])
    except MemoryError:
        return GivenUp(reason=f"out of memory: MEMORY_BYTES is {settings.memory_bytes}")
    except Exception as error:
        log.exception("the crawl process failed")
        return Broken(reason=f"{type(error).__name__}: {error}"[: crawl_messages.REASON_CHARACTERS])
    for start in range(0, len(ended.reported), crawl_messages.MOST_AT_ONCE):
        _send(sender, Answered(reported=ended.reported[start : start + crawl_messages.MOST_AT_ONCE]))
    for message in crawl_messages.remembered(ended.remembered):
        _write(sender, message)
    return Finished(
        stopped_by=ended.stopped_by, limit=ended.limit, suggestions=ended.suggestions, answers=ended.answers
    )


def _shared_pace(sender: int, scope: Scope, settings: Settings, board: PaceBoard) -> SharedPace:
    def reached(host: str, addresses: tuple[str, ...]) -> None:
        _send(sender, Reached(host=host, addresses=addresses))

    def asked_to_wait(host: str, status: int, seconds: float | None) -> None:
        if scopes.is_host_of(scope, host):
            _send(sender, AskedToWait(host=host, status=status, seconds=seconds))

    return SharedPace(
        board,
        PaceNews(reached, asked_to_wait),
        own_pace=own_pace_networks(settings.own_pace_networks),
        is_proxied=scope.access.proxy is not None,
    )


def _send(sender: int, message: CrawlMessage) -> None:
    _write(sender, message.model_dump_json().encode())


def _write(sender: int, message: bytes) -> None:
    unsent = memoryview(message + b"\n")  # JSON has no line feed of its own
    try:
        while unsent:
            unsent = unsent[os.write(sender, unsent) :]
    except OSError as error:
        raise NotRecorded("the process that records what is found has ended") from error
