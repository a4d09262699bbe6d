"""Paths that people give: on Linux a name may be any bytes, and the store and JSON take UTF-8 only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from orbweaver.console.errors import OutputUnusable
from orbweaver.console.terminal.lists import raw_list
from orbweaver.console.terminal.runs import output_files
from orbweaver.matcher_client.errors import HashListUnreadable
from orbweaver.store import embedded
from orbweaver.store.errors import StateDirUnusable
from rich.console import Console


def test_paths_that_are_not_utf8_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9")
    with pytest.raises(StateDirUnusable, match=r"not UTF-8: choose another with --state DIR"):
        embedded.prepare_state_dir(path)
    with pytest.raises(OutputUnusable, match=r"not UTF-8: choose another with --out DIR"):
        output_files.prepare(path)
    with pytest.raises(HashListUnreadable, match=r"not UTF-8: rename it"):
        raw_list.open_raw(path, tmp_path, Console())
    assert list(tmp_path.iterdir()) == []
