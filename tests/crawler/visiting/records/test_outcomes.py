"""Each way in which a request can end has one name, and only some leave a file unchecked."""

from __future__ import annotations

import pytest
from orbweaver.crawler import errors, transfer_errors
from orbweaver.crawler.visiting.records.host_answers import A_PAGE, EMPTY, GIVEN
from orbweaver.crawler.visiting.records.outcomes import (
    arrival_of,
    ending_of_error,
    ending_of_own_error,
    is_failure,
    is_status_failure,
    outcome_of,
    outcome_of_status,
    rule_of,
)
from orbweaver.model import Outcome
from scrapy import exceptions

REFUSAL = errors.EgressRefused("10.0.0.1", "private")


@pytest.mark.parametrize(
    ("error", "outcome", "rule"),
    [
        (REFUSAL, "refused_address", "egress.private"),
        (transfer_errors.LimitReached("max_files"), "limit", "limit.max_files"),
        (transfer_errors.Interrupted("stop"), "interrupted", "fetch.interrupted"),
        (transfer_errors.BodyCut("cut"), "incomplete", "fetch.incomplete"),
        (transfer_errors.BodyTooLarge("large"), "too_large", "fetch.too_large"),
        (transfer_errors.TransferTooSlow("slow"), "too_slow", "fetch.too_slow"),
        (transfer_errors.BadResponse("bad"), "bad_response", "fetch.bad_response"),
        (transfer_errors.PartSent("part"), "partial", "fetch.partial"),
        (exceptions.UnsupportedURLSchemeError("ftp"), "refused_url", "fetch.refused_url"),
        (exceptions.CannotResolveHostError("?"), "unresolved", "fetch.unresolved"),
        (exceptions.DownloadTimeoutError("?"), "timeout", "fetch.timeout"),
        (exceptions.DownloadConnectionRefusedError("?"), "unreachable", "fetch.unreachable"),
        (exceptions.DownloadFailedError("?"), "unreachable", "fetch.unreachable"),
        (RuntimeError("a bug"), "unreachable", "fetch.unreachable"),
    ],
)
def test_an_error_has_an_outcome_and_a_rule(error: Exception, outcome: str, rule: str) -> None:
    assert outcome_of(error) == outcome
    assert rule_of(error) == rule


@pytest.mark.parametrize("outcome", Outcome)
def test_only_a_limit_and_an_obeyed_robots_txt_are_no_failure(outcome: Outcome) -> None:
    assert is_failure(outcome) is (outcome not in {Outcome.LIMIT, Outcome.ROBOTS})


@pytest.mark.parametrize(
    ("status", "if_file", "if_page"),
    [
        (400, True, False),
        (408, True, True),
        (425, True, True),
        (401, True, False),
        (403, True, False),
        (404, False, False),
        (410, False, False),
        (405, True, True),
        (429, True, True),
        (451, True, False),
        (500, True, True),
        (503, True, True),
        (501, True, True),
        (599, True, True),
        # no answer to a plain GET at all
        (304, True, True),
    ],
)
def test_which_statuses_leave_a_file_unchecked(status: int, if_file: bool, if_page: bool) -> None:
    assert is_status_failure(status, is_file=True) is if_file
    assert is_status_failure(status, is_file=False) is if_page


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (301, "bad_response"),
        (304, "bad_response"),
        (404, "http_error"),
        (405, "method_refused"),
        (501, "method_refused"),
    ],
)
def test_a_status_has_an_outcome(status: int, outcome: str) -> None:
    assert outcome_of_status(status) == outcome


FACTS = ("is_page", "is_empty", "is_file_expected", "is_file_promised", "is_reported")


@pytest.mark.parametrize(
    ("status", "facts", "counted", "rule", "fails"),
    [
        # a file
        (200, "is_file_expected", ("file", GIVEN), None, False),
        (206, "", ("file", GIVEN), None, False),
        (200, "is_reported", ("file", GIVEN), None, False),
        # a page
        (200, "is_page", ("page", GIVEN), None, False),
        (200, "is_page is_reported", ("page", GIVEN), None, False),
        (200, "is_page is_file_promised", ("page", GIVEN), None, False),
        # a page where a file was expected: it counts against the host only where the file was promised
        (200, "is_page is_file_expected", None, "error_page", False),
        (200, "is_page is_file_expected is_file_promised", ("file", A_PAGE), "error_page", False),
        (200, "is_page is_file_expected is_file_promised is_reported", ("file", A_PAGE), "error_page", True),
        # a file of no bytes
        (200, "is_empty", ("file", EMPTY), "degenerate", False),
        (200, "is_empty is_file_expected is_reported", ("file", EMPTY), "degenerate", True),
        # another status, whatever came with it
        (404, "", ("page", "http.404"), "http.404", False),
        (404, "is_page is_file_expected", ("file", "http.404"), "http.404", False),
        (403, "is_empty is_file_expected is_reported", ("file", "http.403"), "http.403", True),
        (403, "is_page is_file_expected", ("file", "http.403"), "http.403", True),
        (451, "is_page", ("page", "http.451"), "http.451", False),
        (503, "is_page", ("page", "http.503"), "http.503", True),
        (304, "is_empty", ("page", "http.304"), "http.304", True),
    ],
)
def test_what_a_response_is_worth(
    status: int, facts: str, counted: tuple[str, str] | None, rule: str | None, fails: bool
) -> None:
    arrival = arrival_of(status, **{fact: fact in facts.split() for fact in FACTS})

    assert (None if arrival.counted is None else ("file" if arrival.is_file else "page", arrival.counted)) == counted
    assert (None if arrival.ending is None else arrival.ending.rule) == rule
    assert (arrival.ending is not None and arrival.ending.is_failure) is fails
    assert arrival.ending is None or arrival.ending.status == status


@pytest.mark.parametrize(
    ("stopped_by", "outcome", "rule", "fails"),
    [("interrupted", "interrupted", "fetch.interrupted", True), ("max_seconds", "limit", "limit.max_seconds", False)],
)
def test_a_transfer_that_ended_with_its_recrawl_is_named_after_its_reason(
    stopped_by: str, outcome: str, rule: str, fails: bool
) -> None:
    error = transfer_errors.Interrupted("stop")
    ending = ending_of_error(error, is_reported=False, stopped_by=stopped_by)

    assert (ending.outcome, ending.rule, ending.is_failure) == (outcome, rule, fails)
    assert ending_of_error(error, is_reported=True, stopped_by=stopped_by).is_failure


def test_an_error_of_our_own_is_a_failure_that_quotes_nothing() -> None:
    ending = ending_of_own_error(ValueError("<bytes of a body>"))

    assert (ending.outcome, ending.rule, ending.reason) == ("bad_response", "internal", "internal error: ValueError")
    assert ending.is_failure
    assert ending_of_own_error(MemoryError()).outcome == "out_of_memory"
