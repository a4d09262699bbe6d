"""The exit status of a run whose list has changed: what was asked again is a part of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from builders import STAMP
from orbweaver.console.terminal.hit_report import exit_status
from orbweaver.queue.matching.rematch_result import RematchResult
from orbweaver.queue.runs.verification import VerifyResult

CLEAN = RematchResult(
    asked=3,
    cases_asked=1,
    new_cases=1,
    opened=0,
    corrected=0,
    unknown=0,
    undelivered=0,
    is_finished=True,
    cases=(),
)


@pytest.mark.parametrize(
    ("differs", "status"),
    [({}, 0), ({"unknown": 1}, 1), ({"undelivered": 1}, 1), ({"is_finished": False}, 1)],
    ids=["all is done", "a file without an answer", "an event that no sink took", "not finished"],
)
def test_what_a_changed_list_left_open_ends_the_run_with_one(differs: dict[str, Any], status: int) -> None:
    result = VerifyResult(
        run_id="r",
        began_at=STAMP.at,
        ended_at=STAMP.at,
        recrawls=(),
        cases=(),
        new_case_ids=frozenset(),
        unknown=(),
        skips_of={},
        undelivered=0,
        is_interrupted=False,
        rematched=replace(CLEAN, **differs),
    )
    assert exit_status(result) == status
