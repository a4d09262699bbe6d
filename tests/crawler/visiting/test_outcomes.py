"""Each way in which a request can end has one name, and only some leave a file unchecked."""

from __future__ import annotations

import pytest
from orbweaver.crawler import errors, transfer_errors
from orbweaver.crawler.visiting.outcomes import is_failure, is_status_failure, outcome_of, outcome_of_status, rule_of
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
    ("status", "if_reported", "if_linked"),
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
def test_which_statuses_leave_a_file_unchecked(status: int, if_reported: bool, if_linked: bool) -> None:
    assert is_status_failure(status, is_reported=True) is if_reported
    assert is_status_failure(status, is_reported=False) is if_linked


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
