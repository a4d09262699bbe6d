"""Forks processes: from this one, or from one that does nothing else.

A process shares each page of memory with what it forked until one of them writes to it. A worker writes to a thousand
pages between two forks, because counts of references stand in them: it would have a new copy of each, and each of its
crawl processes an old one that nobody shares. A process that only forks writes to few.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import select
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from orbweaver.crawler.containment import prctl

# Standard output and standard error: a forked process keeps them, for its log.
LOG_DESCRIPTORS = (1, 2)
_MOST_DESCRIPTORS = 8
_REQUEST_BYTES = 64

# What a forked process does: it gets its descriptors, and what was given for it.
Work = Callable[[Sequence[int], bytes], None]


@dataclass(frozen=True)
class Forked:
    """A process that was forked; `wait` waits for its end, and returns its exit code, negative for a signal.

    `descriptor` stands for the process, for as long as it is open: the number of one that has ended may be another's.
    """

    process_id: int
    descriptor: int
    wait: Callable[[], int]

    def send(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.descriptor, number)

    def ends_within(self, seconds: float) -> bool:
        """Whether the process has ended, or does so within these seconds."""
        return bool(select.select([self.descriptor], [], [], seconds)[0])


# Forks a process, which gets copies of the descriptors, and what is given. Raises OSError.
Fork = Callable[[Sequence[int], bytes], Forked]


def fork_here(work: Work, descriptors: Sequence[int], given: bytes) -> Forked:
    """Fork this process; the new one inherits all that it has open. Raises OSError."""
    parent = os.getpid()
    with _held_back(signal.SIGTERM):
        process_id = os.fork()
        if not process_id:
            _do(parent, lambda: work(descriptors, given))
    return Forked(process_id, os.pidfd_open(process_id), functools.partial(_exit_code_of_child, process_id))


class ForkingProcess:
    """A fork of this process that forks further for one kind of work, on request; a context manager.

    It dies with this process, and all that it forked dies with it. If it is killed, the next request starts another.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def fork(self, descriptors: Sequence[int], given: bytes) -> Forked:
        """Fork a process as `Fork` says."""
        receiver, sender = os.pipe()
        try:
            try:
                answer = self._ask_again(b"fork", [receiver, *descriptors])
            finally:
                os.close(receiver)
            if answer < 0:
                raise OSError(-answer, os.strerror(-answer))
            with contextlib.suppress(BrokenPipeError):  # it has been killed already
                _write_whole(sender, given)
        finally:
            os.close(sender)
        return Forked(answer, os.pidfd_open(answer), functools.partial(self._exit_code, self._control, answer))

    def _exit_code(self, control: socket.socket, process_id: int) -> int:
        with contextlib.suppress(OSError):
            if control is self._control:
                return self._ask(str(process_id).encode())
        return -signal.SIGKILL  # by the kernel: what had forked it has ended

    def _ask_again(self, request: bytes, descriptors: Sequence[int]) -> int:
        """Return the answer to a request, of another process when the first has ended. Raises OSError."""
        try:
            return self._ask(request, descriptors)
        except OSError:
            self._end()
            self._start()
            return self._ask(request, descriptors)

    def _ask(self, request: bytes, descriptors: Sequence[int] = ()) -> int:
        """Return the answer to a request. Raises OSError when the process has ended."""
        socket.send_fds(self._control, [request], list(descriptors), socket.MSG_NOSIGNAL)
        answer = self._control.recv(_REQUEST_BYTES)
        if not answer:
            raise BrokenPipeError("the process that forks has ended")
        return int(answer)

    def _start(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._forked = fork_here(functools.partial(_fork_on_request, self._work), (theirs.fileno(),), b"")

    def _end(self) -> None:
        self._control.close()
        self._forked.send(signal.SIGKILL)
        self._forked.wait()
        os.close(self._forked.descriptor)


def _write_whole(sender: int, given: bytes) -> None:
    """Write what a forked process reads as the first thing that it does: through a pipe, it may be much."""
    unwritten = memoryview(given)
    while unwritten:
        unwritten = unwritten[os.write(sender, unwritten) :]


def _fork_on_request(work: Work, descriptors: Sequence[int], _nothing: bytes) -> None:
    """Fork for each request that comes with descriptors, and wait for each process that is named; end with the parent.

    Signals that end a worker in order are for the worker.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    prctl.let_go_of_descriptors((*LOG_DESCRIPTORS, *descriptors))
    with socket.socket(fileno=descriptors[0]) as control:
        while True:
            request, given, _, _ = socket.recv_fds(control, _REQUEST_BYTES, _MOST_DESCRIPTORS)
            if not request:
                return
            answer = _fork_for(work, control, given) if given else _exit_code_of_child(int(request))
            control.send(str(answer).encode())


def _fork_for(work: Work, control: socket.socket, descriptors: Sequence[int]) -> int:
    """Return the number of the new process, or less than 0 for the number of an error."""
    own = os.getpid()
    try:
        process_id = os.fork()
    except OSError as error:
        process_id = -(error.errno or errno.EAGAIN)
    if not process_id:
        control.close()
        _do(own, lambda: _read_and_work(work, descriptors))
    for one in descriptors:
        os.close(one)
    return process_id


def _read_and_work(work: Work, descriptors: Sequence[int]) -> None:
    receiver, *others = descriptors
    with os.fdopen(receiver, "rb") as pipe:
        given = pipe.read()
    work(others, given)


def _do(parent: int, work: Callable[[], None]) -> None:
    """Do the work of a process that was just forked, which dies with its parent; never return to that of its parent."""
    try:
        prctl.die_with_parent(parent)
        work()
    finally:
        os._exit(1)  # what it had to say it has said


def _exit_code_of_child(process_id: int) -> int:
    _, status = os.waitpid(process_id, 0)
    return os.waitstatus_to_exitcode(status)


@contextlib.contextmanager
def _held_back(number: signal.Signals) -> Iterator[None]:
    """Hold a signal back while a process starts: until it has its own way to stop, it would do as its parent does."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
