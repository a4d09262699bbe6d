"""Ending on a signal: what is being made is put away first."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from orbweaver.console.terminal.termination import unwound_when_terminated
from orbweaver.matcher_client.lists.workspace import workspace


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_unwinds_and_its_handler_is_as_before(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as ended, unwound_when_terminated(), workspace(tmp_path / "list"):
        os.kill(os.getpid(), number)
    assert ended.value.code == 128 + number
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(number) == before
