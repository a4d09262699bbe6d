"""Every report has an outcome, and only those that were answered let a run end with 0."""

from __future__ import annotations

import pytest
from builders import STAMP, a_match, a_sighting, an_order
from orbweaver.model import Outcome, Report, Reported
from orbweaver.queue.intake.orders import Order
from orbweaver.queue.records.recrawls import RecrawlRecord, RecrawlState
from orbweaver.queue.records.report_outcomes import ANSWERED, ReportOutcome, judge, results
from orbweaver.takedown.cases.transitions import change_by_match

URL = "http://h.test/a.bin"
REPORT = Report(url=URL, line=2)


def a_record(state: RecrawlState = RecrawlState.FINISHED, **fields: object) -> RecrawlRecord:
    return RecrawlRecord(recrawl_id="c-1", run_id="run-1", order=an_order(), state=state).model_copy(update=fields)


def refused(outcome: Outcome, rule: str = "rule", status: int | None = None, reason: str = "why") -> Reported:
    return Reported(url=URL, outcome=outcome, rule=rule, status=status, reason=reason)


PAGE = Reported(url=URL, is_page=True, status=200, pages=1)
FILE = Reported(url=URL, status=200, files=1)


@pytest.mark.parametrize(
    ("seen", "outcome", "said"),
    [
        (FILE, "no_match", "the file is on no list"),
        (PAGE.model_copy(update={"pages": 2, "files": 9, "page_parts": 2}), "page", "2 pages, 9 files: no match"),
        (PAGE, "page_only", "1 page, 0 files"),
        (
            PAGE.model_copy(update={"files": 2, "page_parts": 2}),
            "page_only",
            "1 page, 2 files, all of them style sheets, scripts, fonts or icons",
        ),
        # Its picture was reported, too, and has an outcome of its own.
        (PAGE.model_copy(update={"has_reported_links": True}), "page", "1 page, 0 files: no match"),
        (refused(Outcome.HTTP_ERROR, "http.404", 404), "gone", "reported URL answered 404 (gone, or misread?)"),
        (refused(Outcome.HTTP_ERROR, "http.410", 410), "gone", "reported URL answered 410 (gone, or misread?)"),
        *((refused(Outcome.HTTP_ERROR, status=status), "refused", "why") for status in (401, 403, 407, 429, 451, 503)),
        (refused(Outcome.METHOD_REFUSED, status=405), "refused", "why"),
        (refused(Outcome.GATE, status=200), "gate", "why"),
        (refused(Outcome.ERROR_PAGE, status=200), "not_checked", "why"),
        (refused(Outcome.ERROR_PAGE, "error_page.gone", 200), "gone", "why (gone, or misread?)"),
        (refused(Outcome.ERROR_PAGE, "error_page.elsewhere", 200), "refused", "why"),
        (refused(Outcome.ERROR_PAGE, "error_page.unavailable", 200), "refused", "why"),
        (refused(Outcome.EMPTY, status=200), "not_checked", "why"),
        (refused(Outcome.INCOMPLETE), "not_checked", "why"),
        (refused(Outcome.OUT_OF_SCOPE, "scope.host"), "out_of_scope", "why"),
        (refused(Outcome.TRAP), "out_of_scope", "why"),
        (refused(Outcome.OUT_OF_SCOPE, "scope.expired"), "expired", "nothing is fetched any more: why"),
        (refused(Outcome.ROBOTS), "robots", "why"),
        (refused(Outcome.LIMIT), "limit", "why"),
        (refused(Outcome.TIMEOUT), "not_reached", "why"),
        (refused(Outcome.REFUSED_ADDRESS), "not_reached", "why"),
    ],
)
def test_what_was_seen_of_a_reported_url_has_one_outcome(seen: Reported, outcome: str, said: str) -> None:
    found = judge(REPORT, a_record(), seen)
    assert (found.outcome.value, found.said) == (outcome, said)
    assert found.status == seen.status


@pytest.mark.parametrize(
    ("record", "outcome", "said"),
    [
        (a_record(RecrawlState.FAILED, reason="no sandbox"), "not_reached", "its host failed: no sandbox"),
        (a_record(RecrawlState.INTERRUPTED), "not_reached", "its host was interrupted"),
        (a_record(stopped_by="max_seconds"), "limit", "max_seconds was reached first"),
        (a_record(), "not_reached", "recorded nothing about it"),
    ],
)
def test_a_report_of_which_nothing_was_seen_says_how_its_recrawl_ended(
    record: RecrawlRecord, outcome: str, said: str
) -> None:
    found = judge(REPORT, record, None)
    assert found.outcome.value == outcome
    assert said in found.said


@pytest.mark.parametrize("state", [RecrawlState.INTERRUPTED, RecrawlState.FAILED])
def test_a_page_whose_recrawl_did_not_end_has_no_answer_yet_but_a_file_has(state: RecrawlState) -> None:
    found = judge(REPORT, a_record(state), PAGE.model_copy(update={"files": 9}))
    assert (found.outcome, found.is_answered) == (ReportOutcome.NOT_REACHED, False)
    assert found.said.endswith("; until then 1 page, 9 files: no match")
    assert judge(REPORT, a_record(state), FILE).outcome is ReportOutcome.NO_MATCH
    assert judge(REPORT, a_record(state), PAGE, led_to=["c"]).outcome is ReportOutcome.MATCH


def test_a_match_counts_before_everything_else_and_an_event_that_waits_is_said() -> None:
    for seen in (FILE, None, refused(Outcome.HTTP_ERROR, status=404)):
        assert judge(REPORT, a_record(), seen, here=["c"]).outcome is ReportOutcome.MATCH
    assert judge(REPORT, a_record(), PAGE, led_to=["c", "d"]).said == "2 cases"
    assert judge(REPORT, a_record(), refused(Outcome.ROBOTS), led_to=["c"]).outcome is ReportOutcome.ROBOTS
    assert judge(REPORT, a_record(), FILE, here=["c"], undelivered={"c"}).outcome is ReportOutcome.UNDELIVERED
    assert judge(REPORT, a_record(), FILE, unknown="the list is away").said == "the list is away"


@pytest.mark.parametrize("outcome", Outcome)
def test_no_outcome_of_a_url_lets_its_report_pass_as_answered(outcome: Outcome) -> None:
    for status in (None, 200, 403, 404, 410, 500):
        assert judge(REPORT, a_record(), refused(outcome, status=status)).outcome not in ANSWERED


MISREAD = Report(url="http://h.test/a.jpg)", line=2)


@pytest.mark.parametrize(
    ("seen", "outcome"),
    [
        (refused(Outcome.HTTP_ERROR, status=404), ReportOutcome.MISREAD),
        (refused(Outcome.ERROR_PAGE, status=200), ReportOutcome.MISREAD),
        (PAGE, ReportOutcome.MISREAD),
        (FILE, ReportOutcome.NO_MATCH),
        (PAGE.model_copy(update={"files": 9}), ReportOutcome.PAGE),
        (refused(Outcome.HTTP_ERROR, status=403), ReportOutcome.REFUSED),
        (refused(Outcome.TIMEOUT), ReportOutcome.NOT_REACHED),
    ],
)
def test_a_url_that_looks_misread_and_led_to_nothing_is_a_failure_of_its_own(
    seen: Reported, outcome: ReportOutcome
) -> None:
    found = judge(MISREAD, a_record(), seen)
    assert found.outcome is outcome
    assert found.said.endswith("; the URL looks misread: a bracket is not closed, or not opened") == (
        outcome is ReportOutcome.MISREAD
    )
    assert not (outcome is ReportOutcome.MISREAD and found.is_answered)
    assert judge(MISREAD, a_record(), seen, here=["c"]).outcome is ReportOutcome.MATCH


def test_every_report_line_has_its_result_in_the_order_of_the_lines() -> None:
    order = an_order()
    page = Report(url="http://h.test/", report_id="R-2", line=3)
    same = Report(url="http://h.test/", line=5)
    first = a_record(order=Order(scope=order.scope, reports=(page, same)))
    second = a_record(recrawl_id="c-2", order=Order(scope=order.scope, reports=(REPORT,)))
    case = change_by_match(a_sighting(url=URL, report_ids=("R-2",)), a_match(), None, STAMP).after.case
    found = results([first, second], {"c-2": {URL: FILE}}, [case], unknown={}, undelivered=())
    assert [(one.report.line, one.outcome.value, len(one.case_ids)) for one in found] == [
        (2, "match", 1),
        (3, "not_reached", 1),
        (5, "not_reached", 0),
    ]


def test_reports_of_one_file_behind_links_with_other_tokens_all_have_its_match() -> None:
    reports = tuple(Report(url=f"http://h.test/a.jpg?token=t{number}", line=number) for number in range(3))
    record = a_record(order=Order(scope=an_order().scope, reports=reports))
    before = None
    for report in reports:
        before = change_by_match(a_sighting(url=report.url), a_match(), before, STAMP).after
    assert before is not None
    seen = {report.url: Reported(url=report.url, status=200, files=1) for report in reports}
    found = results([record], {"c-1": seen}, [before.case], unknown={}, undelivered=())
    assert [one.outcome.value for one in found] == ["match"] * 3


def test_the_match_of_another_url_of_the_place_answers_for_none_that_was_not_read() -> None:
    reports = tuple(Report(url=f"http://h.test/a.jpg?ts=177236640{number}", line=number) for number in range(4))
    record = a_record(order=Order(scope=an_order().scope, reports=reports))
    case = change_by_match(a_sighting(url=reports[0].url), a_match(), None, STAMP).after.case
    files = [Reported(url=report.url, status=200, files=1) for report in reports]
    forbidden = refused(Outcome.HTTP_ERROR, status=403).model_copy(update={"url": reports[1].url})
    seen = {one.url: one for one in [files[0], forbidden, files[2]]}
    unknown = {reports[2].url: "the list is away"}
    found = results([record], {"c-1": seen}, [case], unknown=unknown, undelivered=())
    assert [one.outcome.value for one in found] == ["match", "refused", "unknown", "not_reached"]
