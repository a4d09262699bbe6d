"""Commands that run on a real store in this process, for the tests of what people see."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from builders import url_of
from orbweaver import cli
from orbweaver.commands.plain_help import command_of
from orbweaver.store.connection import Store

COMMAND = command_of(cli.app)  # each command is built once for all tests


@pytest.fixture
def run(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., str]:
    """Run a command on the store in this process; what it prints is returned. A status that is not 0 is returned, too,
    in the last line."""
    monkeypatch.setenv("STORE_URL", url_of(store))
    monkeypatch.setenv("STATE_DIR", str(tmp_path))

    def run_command(*arguments: str) -> str:
        status = COMMAND.main(list(arguments), standalone_mode=False)
        printed = capsys.readouterr()
        return printed.out if not status else f"{printed.out}{printed.err}status {status}"

    return run_command
