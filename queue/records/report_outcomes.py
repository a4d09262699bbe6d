"""Gives each report of a run its outcome, one for every usable line: nothing that was reported disappears."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from orbweaver.crawler.visiting.records.host_answers import GONE_STATUSES
from orbweaver.model import Case, Outcome, Report, Reported
from orbweaver.queue.records.misread_urls import misreading
from orbweaver.queue.records.recrawls import RecrawlRecord, RecrawlState
from orbweaver.takedown.cases.places import place_of


class ReportOutcome(StrEnum):
    """The outcome of a report; docs/analysts.md explains each."""

    MATCH = "match"
    NO_MATCH = "no_match"
    PAGE = "page"
    PAGE_ONLY = "page_only"
    GONE = "gone"
    MISREAD = "misread"
    GATE = "gate"
    REFUSED = "refused"
    NOT_CHECKED = "not_checked"
    NOT_REACHED = "not_reached"
    OUT_OF_SCOPE = "out_of_scope"
    ROBOTS = "robots"
    EXPIRED = "expired"
    LIMIT = "limit"
    UNKNOWN = "unknown"
    UNDELIVERED = "undelivered"


# Outcomes that are an answer: the file is known, or not, or it is a page. That nothing is there is none: the file may
# have been removed, or its URL may have been misread.
ANSWERED: Final = frozenset({ReportOutcome.MATCH, ReportOutcome.NO_MATCH, ReportOutcome.PAGE, ReportOutcome.PAGE_ONLY})
# Answered, and a person should look all the same: it may be a gate.
NOTEWORTHY: Final = frozenset({ReportOutcome.PAGE_ONLY})
# Outcomes of a URL that led to nothing.
_MAY_BE_MISREAD: Final = frozenset({ReportOutcome.GONE, ReportOutcome.NOT_CHECKED, ReportOutcome.PAGE_ONLY})
# Rules of pages that say, with a status of success, that nothing is there.
GONE_PAGES: Final = "error_page."
# Rules of pages that say nothing of what was asked for: it is not shown here, or the host is in trouble.
REFUSING_PAGES: Final = frozenset({"error_page.elsewhere", "error_page.unavailable"})
_OF_OUTCOME: Final = {
    Outcome.GATE: ReportOutcome.GATE,
    Outcome.METHOD_REFUSED: ReportOutcome.REFUSED,
    Outcome.OUT_OF_SCOPE: ReportOutcome.OUT_OF_SCOPE,
    Outcome.ACTING_LINK: ReportOutcome.OUT_OF_SCOPE,
    Outcome.TRAP: ReportOutcome.OUT_OF_SCOPE,
    Outcome.ROBOTS: ReportOutcome.ROBOTS,
    Outcome.LIMIT: ReportOutcome.LIMIT,
    Outcome.REFUSED_ADDRESS: ReportOutcome.NOT_REACHED,
    Outcome.UNRESOLVED: ReportOutcome.NOT_REACHED,
    Outcome.UNREACHABLE: ReportOutcome.NOT_REACHED,
    Outcome.TIMEOUT: ReportOutcome.NOT_REACHED,
    Outcome.INTERRUPTED: ReportOutcome.NOT_REACHED,
}


@dataclass(frozen=True)
class ReportResult:
    """The outcome of one report, with its counts.

    `said` are its words. `pages` and `files` came from it first, `case_ids` are the cases at its URL, on its page, or
    with its report id.
    """

    report: Report
    outcome: ReportOutcome
    said: str
    status: int | None = None
    pages: int = 0
    files: int = 0
    case_ids: tuple[str, ...] = ()

    @property
    def is_answered(self) -> bool:
        """Whether the report got its answer; if not, the run ends with status 1."""
        return self.outcome in ANSWERED


def results(
    recrawls: Sequence[RecrawlRecord],
    reported_of: Mapping[str, Mapping[str, Reported]],
    cases: Sequence[Case],
    *,
    unknown: Mapping[str, str],
    undelivered: Collection[str],
) -> tuple[ReportResult, ...]:
    """Return the result of every report of every recrawl, in the order of the reports' lines.

    `reported_of` has by recrawl id what was seen of each URL, `unknown` by URL why a file's answer is not known,
    `undelivered` the ids of cases whose events wait.
    """
    at_url, at_place, by_report_id, on_page = _index(cases)
    judged = []
    for record in recrawls:
        seen_of = reported_of.get(record.recrawl_id, {})
        for report in record.order.reports:
            here = at_url.get(report.url, ())
            led_to = on_page.get(report.url, ()) if report.report_id is None else by_report_id.get(report.report_id, ())
            judged.append(
                judge(
                    report,
                    record,
                    seen_of.get(report.url),
                    here=here,
                    # Another URL of the place may have been read where this one was refused.
                    led_to=(*at_place.get(place_of(report.url).url, ()), *led_to),
                    unknown=unknown.get(report.url),
                    undelivered=undelivered,
                )
            )
    return tuple(sorted(judged, key=lambda one: one.report.line or 0))


def judge(
    report: Report,
    record: RecrawlRecord,
    seen: Reported | None,
    *,
    here: Sequence[str] = (),
    led_to: Sequence[str] = (),
    unknown: str | None = None,
    undelivered: Collection[str] = (),
) -> ReportResult:
    """Return the result of one report. Pure.

    `here` are the ids of cases at its URL, `led_to` of those at its place and of those that it led to, `unknown` says
    why the file at its URL has no answer, None when it has one.
    """
    case_ids = tuple(dict.fromkeys((*here, *led_to)))
    outcome, words = _outcome(record, seen, has_case_here=bool(here), has_case=bool(case_ids), unknown=unknown)
    if outcome in _MAY_BE_MISREAD and (sign := misreading(report.url)):
        outcome, words = ReportOutcome.MISREAD, f"{words}; the URL looks misread: {sign}"
    if outcome is ReportOutcome.MATCH:
        words = _count(len(case_ids), "case")
        if any(case_id in undelivered for case_id in case_ids):
            outcome, words = ReportOutcome.UNDELIVERED, f"{words}; the takedown engine has not been told of all of them"
    return ReportResult(
        report=report,
        outcome=outcome,
        said=words,
        status=None if seen is None else seen.status,
        pages=0 if seen is None else seen.pages,
        files=0 if seen is None else seen.files,
        case_ids=case_ids,
    )


def _outcome(
    record: RecrawlRecord, seen: Reported | None, *, has_case_here: bool, has_case: bool, unknown: str | None
) -> tuple[ReportOutcome, str]:
    if has_case_here:
        return ReportOutcome.MATCH, ""
    if seen is None:
        return _not_visited(record)
    if seen.outcome is not None:
        return _refused(seen, seen.outcome)
    if unknown is not None:
        return ReportOutcome.UNKNOWN, unknown
    if has_case:
        return ReportOutcome.MATCH, ""
    if not seen.is_page:
        return ReportOutcome.NO_MATCH, "the file is on no list"
    if record.state is not RecrawlState.FINISHED:  # what the page leads to was not all visited
        outcome, words = _not_visited(record)
        return outcome, f"{words}; until then {_seen_in_words(seen)}: no match"
    if seen.files > seen.page_parts or seen.has_reported_links:
        return ReportOutcome.PAGE, f"{_seen_in_words(seen)}: no match"
    return ReportOutcome.PAGE_ONLY, _seen_in_words(seen)


def _not_visited(record: RecrawlRecord) -> tuple[ReportOutcome, str]:
    if record.state is RecrawlState.FINISHED and record.stopped_by is not None:
        return ReportOutcome.LIMIT, f"{record.stopped_by} was reached first"
    if record.state is RecrawlState.FINISHED:
        return ReportOutcome.NOT_REACHED, "the recrawl recorded nothing about it"
    return ReportOutcome.NOT_REACHED, f"the recrawl of its host {_ENDED.get(record.state, 'did not end')}" + (
        f": {record.reason}" if record.reason else ""
    )


_ENDED = {RecrawlState.FAILED: "failed", RecrawlState.INTERRUPTED: "was interrupted"}


def _refused(seen: Reported, outcome: Outcome) -> tuple[ReportOutcome, str]:
    if outcome is Outcome.HTTP_ERROR:
        if seen.status in GONE_STATUSES:
            return ReportOutcome.GONE, f"reported URL answered {seen.status} (gone, or misread?)"
        return ReportOutcome.REFUSED, seen.reason
    if outcome is Outcome.ERROR_PAGE and seen.rule in REFUSING_PAGES:
        return ReportOutcome.REFUSED, seen.reason
    if outcome is Outcome.ERROR_PAGE and seen.rule.startswith(GONE_PAGES):
        return ReportOutcome.GONE, f"{seen.reason} (gone, or misread?)"
    if seen.rule == "scope.expired":
        return ReportOutcome.EXPIRED, f"nothing is fetched any more: {seen.reason}"
    return _OF_OUTCOME.get(outcome, ReportOutcome.NOT_CHECKED), seen.reason


def _seen_in_words(seen: Reported) -> str:
    words = f"{_count(seen.pages, 'page')}, {_count(seen.files, 'file')}"
    if seen.files and seen.files == seen.page_parts:
        words += ", all of them style sheets, scripts, fonts or icons"
    return words


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


_CaseIds = dict[str, list[str]]


def _index(cases: Sequence[Case]) -> tuple[_CaseIds, _CaseIds, _CaseIds, _CaseIds]:
    """Return the ids of cases by the URL where they were seen last, by place, report id and the page that led there."""
    at_url: _CaseIds = {}
    at_place: _CaseIds = {}
    by_report_id: _CaseIds = {}
    on_page: _CaseIds = {}
    for case in cases:
        case_id = str(case.case_id)
        at_url.setdefault(case.last_url or case.url, []).append(case_id)
        at_place.setdefault(place_of(case.url).url, []).append(case_id)
        for report_id in case.report_ids:
            by_report_id.setdefault(report_id, []).append(case_id)
        if case.referrer is not None:
            on_page.setdefault(case.referrer, []).append(case_id)
    return at_url, at_place, by_report_id, on_page
