"""Ends the crawl processes of a worker that could give no sign of life, however long it waits for the store itself.

After job_ends.ALIVE_SECONDS without a sign another machine may crawl the same hosts, so these end before.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

LOOK_SECONDS = 1.0


class Silence:
    """Watches how long ago the worker gave a sign of life; a thread of its own ends the processes that it knows."""

    def __init__(self, longest_seconds: float) -> None:
        self._longest_seconds = longest_seconds
        self._lock = threading.Lock()
        self._processes: set[int] = set()
        self._sign_at = time.monotonic()
        self._was_too_long = False
        self._thread: threading.Thread | None = None

    def note_sign(self, asked_at: float) -> None:
        """Note that the store has taken a sign of life that was sent at this moment of the monotonic clock."""
        with self._lock:
            self._sign_at = max(self._sign_at, asked_at)

    def watch(self, process_id: int) -> None:
        """End this process, too, when the silence is too long."""
        with self._lock:
            self._processes.add(process_id)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="silence", daemon=True)
                self._thread.start()

    def leave(self, process_id: int) -> None:
        """Watch this process no longer; before it is waited for, because then its number may become another's."""
        with self._lock:
            self._processes.discard(process_id)

    def was_too_long(self) -> bool:
        """Whether processes were ended since this was last asked."""
        with self._lock:
            was, self._was_too_long = self._was_too_long, False
            return was

    def _look(self) -> None:
        """Look as long as there are processes; the thread ends with the last, and `watch` starts another."""
        pause = threading.Event()
        while self._look_once():
            pause.wait(LOOK_SECONDS)

    def _look_once(self) -> bool:
        """End the processes if it is time; False when there are none any more."""
        with self._lock:
            if self._processes and time.monotonic() > self._sign_at + self._longest_seconds:
                self._was_too_long = True
                for process_id in self._processes:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process_id, signal.SIGKILL)
                self._processes.clear()
            if not self._processes:
                self._thread = None
            return bool(self._processes)
