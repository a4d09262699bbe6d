"""A signal sets its event at whatever moment it comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

from builders import PATIENCE_SECONDS
from orbweaver.console.terminal.termination import stopped_by_signals

AT_THE_WORST_MOMENT = """
import os, signal, threading
from orbweaver.console.terminal.termination import stopped_by_signals
with stopped_by_signals() as stop:
    with stop._cond:  # as Event.wait() has it, just before and just after it waits
        os.kill(os.getpid(), signal.SIGTERM)
    assert stop.wait(3_600)
"""


def test_a_signal_that_comes_while_the_main_thread_holds_the_lock_of_the_event_is_not_lost() -> None:
    command = [sys.executable, "-P", "-c", AT_THE_WORST_MOMENT]
    assert subprocess.run(command, timeout=PATIENCE_SECONDS, check=False).returncode == 0


def test_a_signal_ends_a_wait() -> None:
    with stopped_by_signals() as stop:
        threading.Timer(0.01, lambda: os.kill(os.getpid(), signal.SIGHUP)).start()
        assert stop.wait(PATIENCE_SECONDS)
