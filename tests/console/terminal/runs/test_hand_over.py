"""The findings of a run reach the files also when standard output takes nothing."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from orbweaver.console.terminal.runs import hit_report
from orbweaver.console.terminal.runs.verify import hand_over
from orbweaver.queue.runs.verify_result import VerifyResult


def test_a_reader_that_has_seen_enough_does_not_cost_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    result = VerifyResult("run", now, now, (), (), frozenset(), (), {}, 0, is_interrupted=False)
    said = hit_report.summary(result, usable_reports=1, bad_lines=[], hashes=None)
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    monkeypatch.setattr(sys, "stdout", stream)
    with pytest.raises(BrokenPipeError):
        hand_over(result, said, is_json=True, out=tmp_path)
    monkeypatch.undo()
    with pytest.raises(BrokenPipeError):
        stream.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cases.jsonl", "skipped.jsonl", "summary.json"]
