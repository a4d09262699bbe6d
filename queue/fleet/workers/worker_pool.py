"""The workers of one verification run as child processes: started, replaced when they die, and ended together."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from uuid import uuid4

from orbweaver.queue import queues
from orbweaver.queue.fleet import dead_workers
from orbweaver.queue.fleet.workers.worker_log import WorkerLog
from orbweaver.queue.queues import QueueName
from orbweaver.store.connection import Store

# The module that a run's workers are started with.
WORKER_CHILD = "orbweaver.queue.fleet.workers.worker_child"
# In one hour so many workers are replaced, of whatever queue; then the run ends and says so.
MOST_REPLACEMENTS = 10
REPLACEMENTS_SECONDS = 3_600.0
# A match worker that may not work for so long will not before the run ends.
IDLE_SECONDS = 10.0


@dataclass
class _Child:
    queue: QueueName
    name: str
    process: subprocess.Popen[bytes]


class WorkerProcesses:
    """A worker for every queue; that for recrawls has `recrawls_at_once` under way, and there is none for 0.

    Each has a session of its own, so that Ctrl-C in the terminal reaches only us. The kernel kills each when we die, or
    the thread that started it ends (decision 0027). What they say goes to `log_file`.
    """

    def __init__(self, store: Store, *, recrawls_at_once: int, environment: Mapping[str, str], log_file: Path) -> None:
        self._store = store
        self._environment = {**environment, "RECRAWLS_AT_ONCE": str(max(recrawls_at_once, 1))}
        self._log = WorkerLog(log_file)
        self._children: list[_Child] = []
        self._replaced_at: list[float] = []
        self._idle_since: float | None = None
        self._wanted = [name for name in QueueName if name is not QueueName.RECRAWL or recrawls_at_once]

    def __enter__(self) -> WorkerProcesses:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._log)
            stack.callback(self.kill)
            for queue in self._wanted:
                self._children.append(self._start(queue))
            self._at_the_end = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ask_to_stop()
        self.wait(seconds=1.0)
        self._at_the_end.close()

    def replace_dead(self) -> None:
        """Start a new worker for each that died, and give its jobs back."""
        for place, child in enumerate(self._children):
            if child.process.poll() is None or self.are_exhausted:
                continue
            self._replaced_at.append(time.monotonic())
            dead_workers.recover(self._store, child.queue, child.name)
            self._children[place] = self._start(child.queue)

    @property
    def are_exhausted(self) -> bool:
        """Whether workers died so often that no more are started."""
        an_hour_ago = time.monotonic() - REPLACEMENTS_SECONDS
        return sum(at > an_hour_ago for at in self._replaced_at) >= MOST_REPLACEMENTS

    def takes_no_match_job(self) -> bool:
        """Whether our match worker has said for a while that it cannot work: its list was replaced by an older one."""
        names = [child.name for child in self._children if child.queue is QueueName.MATCH]
        if not any(queues.idle_because(self._store, name) for name in names):
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = time.monotonic()
        return self._idle_since is not None and time.monotonic() - self._idle_since > IDLE_SECONDS

    def ask_to_stop(self, queue: QueueName | None = None) -> None:
        """Ask the workers of one queue, or all, to end in order: the running job is ended first."""
        for child in self._children:
            if queue in {None, child.queue} and child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)

    def wait(self, *, seconds: float, queue: QueueName | None = None) -> bool:
        """Wait until the workers of one queue, or all, have ended; False when the time was too short."""
        deadline = time.monotonic() + seconds
        for child in self._children:
            if queue in {None, child.queue}:
                try:
                    child.process.wait(timeout=max(deadline - time.monotonic(), 0.01))
                except subprocess.TimeoutExpired:
                    return False
        return True

    def kill(self) -> None:
        """End every worker at once; crawl processes die with their worker."""
        for child in self._children:
            if child.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):  # it ended between the two
                    os.killpg(child.process.pid, signal.SIGKILL)
        for child in self._children:
            child.process.wait()
            dead_workers.forget_worker(self._store, child.queue, child.name)

    def _start(self, queue: QueueName) -> _Child:
        name = f"{queue}-{uuid4().hex[:12]}"
        process = subprocess.Popen(  # noqa: S603 - this interpreter, our own command
            [
                sys.executable,
                "-P",
                "-m",
                WORKER_CHILD,
                str(os.getpid()),
                queue,
                "--name",
                name,
                "--warnings-only",
            ],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log.writer,
            stderr=self._log.writer,
            start_new_session=True,
        )
        return _Child(queue, name, process)
