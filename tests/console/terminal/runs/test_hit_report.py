"""A run says what came of it at its end, also by its exit status."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from builders import STAMP, a_match, a_sighting, an_order
from orbweaver.console.terminal.runs.hit_report import exit_status, show, summary
from orbweaver.model import Tally
from orbweaver.queue.hosts.visit_outcome import VisitEnding, VisitOutcome
from orbweaver.queue.matching.rematch_result import RematchResult
from orbweaver.queue.records.recrawls import RecrawlRecord, RecrawlState
from orbweaver.queue.runs.verify_result import VerifyResult
from orbweaver.takedown.cases.transitions import change_by_match
from rich.console import Console

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


@pytest.mark.parametrize("reason", [None, "0 of the 1 replicas wrote to their disks"])
def test_what_the_disks_did_not_confirm_is_said_and_ends_the_run_with_one(reason: str | None) -> None:
    result = VerifyResult(
        "r", STAMP.at, STAMP.at, (), (), frozenset(), (), {}, 0, is_interrupted=False, unconfirmed=reason
    )
    console = Console(file=io.StringIO(), width=200)
    show(console, result)
    assert isinstance(console.file, io.StringIO)
    assert ("not confirmed: 0 of the 1 replicas" in console.file.getvalue()) is (reason is not None)
    assert exit_status(result) == (0 if reason is None else 1)
    assert summary(result, usable_reports=0, bad_lines=[], hashes=None)["unconfirmed"] == reason


@pytest.mark.parametrize("number", [0, 2])
def test_matches_of_files_that_people_rejected_are_said_though_they_make_no_case(number: int) -> None:
    tally = Tally(files=3)
    record = RecrawlRecord(recrawl_id="r", run_id="r", order=an_order(), state=RecrawlState.FINISHED, tally=tally)
    result = VerifyResult(
        "r", STAMP.at, STAMP.at, (record,), (), frozenset(), (), {"r": ()}, 0, is_interrupted=False, not_raised=number
    )
    console = Console(file=io.StringIO(), width=200)
    show(console, result)
    assert isinstance(console.file, io.StringIO)
    assert ("not raised: 2 places of files that people rejected" in console.file.getvalue()) is (number > 0)
    assert ("but for those that people rejected" in console.file.getvalue()) is (number > 0)
    assert summary(result, usable_reports=0, bad_lines=[], hashes=None)["totals"]["not_raised"] == number


def test_cases_that_a_person_has_to_decide_are_counted_with_where_to_see_them() -> None:
    held = change_by_match(a_sighting(), a_match("md5"), None, STAMP).after.case
    opened = change_by_match(a_sighting(b"other"), a_match(body=b"other"), None, STAMP).after.case
    record = RecrawlRecord(recrawl_id="r", run_id="r", order=an_order(), state=RecrawlState.FINISHED)
    for cases, is_said in (((held, opened), True), ((opened,), False)):
        result = VerifyResult(
            "r", STAMP.at, STAMP.at, (record,), cases, frozenset(), (), {"r": ()}, 0, is_interrupted=False
        )
        console = Console(file=io.StringIO(), width=200)
        show(console, result)
        assert isinstance(console.file, io.StringIO)
        said = "held: 1 case: a person has to decide, see orbweaver cases list --case-state held"
        assert (said in console.file.getvalue()) is is_said


def test_how_many_files_had_not_changed_is_said_beside_how_many_there_were() -> None:
    tally = Tally(files=3, unchanged=2, pages=1)
    record = RecrawlRecord(recrawl_id="r", run_id="r", order=an_order(), state=RecrawlState.FINISHED, tally=tally)
    result = VerifyResult(
        "r", STAMP.at, STAMP.at, (record,), (), frozenset(), (), {"r": ()}, 0, is_interrupted=False, unconfirmed=None
    )
    console = Console(file=io.StringIO(), width=200)
    show(console, result)
    assert isinstance(console.file, io.StringIO)
    assert "3 files (2 unchanged since an earlier visit) and 1 page on 1 host" in console.file.getvalue()
    assert summary(result, usable_reports=1, bad_lines=[], hashes=None)["totals"]["unchanged"] == 2


@pytest.mark.parametrize(
    ("ending", "line"),
    [
        (VisitEnding(VisitOutcome.FINISHED), None),
        (VisitEnding(VisitOutcome.BUDGET, "max_pages was reached"), None),  # lines about limits say that
        (
            VisitEnding(VisitOutcome.BLOCKED, "the host refused 9 of 9 files"),
            "blocked: host h.test: the host refused 9",
        ),
        (
            VisitEnding(VisitOutcome.TRAPPED, "max_host_cost was reached by 9 requests"),
            "trapped: host h.test: max_host",
        ),
    ],
)
def test_the_outcome_of_a_host_that_gave_too_little_is_said_and_that_of_each_is_written(
    ending: VisitEnding, line: str | None
) -> None:
    record = RecrawlRecord(recrawl_id="r", run_id="r", order=an_order(), state=RecrawlState.FINISHED, slices=2)
    result = VerifyResult(
        "r",
        STAMP.at,
        STAMP.at,
        (record,),
        (),
        frozenset(),
        (),
        {"r": ()},
        0,
        is_interrupted=False,
        endings={"r": ending},
    )
    console = Console(file=io.StringIO(), width=200)
    show(console, result)
    assert isinstance(console.file, io.StringIO)
    said = console.file.getvalue()
    assert any(one.startswith(f"{ending.outcome}: ") for one in said.splitlines()) is (line is not None)
    assert line is None or line in said
    [host] = summary(result, usable_reports=0, bad_lines=[], hashes=None)["hosts"]
    assert (host["outcome"], host["outcome_reason"], host["slices"]) == (ending.outcome.value, ending.reason, 3)
