"""Shows the hit report, to people and to scripts: cases with their evidence, then everything that was not checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import orbweaver
from orbweaver.console.terminal.cases import case_blocks
from orbweaver.console.terminal.lists.raw_list import RawList
from orbweaver.console.terminal.runs import rematch_result, report_list
from orbweaver.console.text import count, for_people, reason_for_people, safe, size
from orbweaver.model import CaseState, Outcome, format_time
from orbweaver.queue.hosts.visit_outcome import VisitOutcome
from orbweaver.queue.intake.reports import BadLine
from orbweaver.queue.records.recrawls import RecrawlRecord, RecrawlState
from orbweaver.queue.runs.verify_result import VerifyResult
from rich.console import Console

# A person reads so many; the files have them all.
LINES_SHOWN = 20
CASES_SHOWN = 200
SUGGESTIONS_SHOWN = 5
# Of the others the lines about states and limits tell.
_SHOWN_OUTCOMES = frozenset(
    {VisitOutcome.REFUSED, VisitOutcome.UNREACHABLE, VisitOutcome.BLOCKED, VisitOutcome.TRAPPED}
)


def exit_status(result: VerifyResult) -> int:
    """Return 0 when every host was recrawled, every report and file has an answer, every event was delivered; else 1.

    The rematch that a changed list started counts, too.
    """
    are_all_finished = all(record.state is RecrawlState.FINISHED for record in result.recrawls)
    are_all_answered = all(report.is_answered for report in result.reports)
    is_told = not (result.undelivered or result.unconfirmed)
    is_clean = is_told and not (result.tally.failures or result.unknown or result.is_interrupted)
    again = result.rematched
    is_clean_again = again is None or (again.is_finished and not (again.unknown or again.undelivered))
    return 0 if are_all_finished and are_all_answered and is_clean and is_clean_again else 1


def summary(
    result: VerifyResult, *, usable_reports: int, bad_lines: Sequence[BadLine], hashes: RawList | None
) -> dict[str, Any]:
    """Return the whole result as values for JSON; URLs are exact."""
    tally = result.tally
    return {
        "run_id": result.run_id,
        "orbweaver": orbweaver.__version__,
        "began_at": format_time(result.began_at),
        "ended_at": format_time(result.ended_at),
        "exit_status": exit_status(result),
        "interrupted": result.is_interrupted,
        "unconfirmed": result.unconfirmed,
        "reports": {
            "usable": usable_reports,
            "refused": [_line(bad) for bad in bad_lines if not bad.is_report_kept],
            "notes": [_line(bad) for bad in bad_lines if bad.is_report_kept],
            "outcomes": report_list.counts(result.reports),
            "each": [report_list.as_json(report) for report in result.reports],
        },
        "hashes": None if hashes is None else hashes.as_json(),
        "totals": {
            "hosts": len(result.recrawls),
            "hosts_finished": sum(record.state is RecrawlState.FINISHED for record in result.recrawls),
            "pages": tally.pages,
            "files": tally.files,
            "unchanged": tally.unchanged,
            "error_bodies": tally.error_bodies,
            "bytes_read": tally.bytes_read,
            "bytes_kept": tally.bytes_kept,
            "cases": len(result.cases),
            "new_cases": len(result.new_case_ids),
            "held_cases": sum(case.state is CaseState.HELD for case in result.cases),
            "not_raised": result.not_raised,
            "unknown": len(result.unknown),
            "undelivered": result.undelivered,
            "skipped": tally.skipped,
            "failures": tally.failures,
        },
        "unhealthy_services": [
            {"service": health.service, "since": format_time(health.unhealthy_since), "reason": health.reason}
            for health in result.unhealthy
            if health.unhealthy_since is not None
        ],
        "rematched": None if result.rematched is None else rematch_result.as_json(result.rematched),
        "hosts": [_host(record, result) for record in result.recrawls],
        "unknown": [{"url": unknown.url, "reason": unknown.reason} for unknown in result.unknown],
        "failures": [
            {"url": skip.url, "outcome": skip.outcome.value, "reason": skip.reason}
            for skip in result.skips
            if skip.is_failure
        ],
    }


def _line(bad: BadLine) -> dict[str, Any]:
    return {"line": bad.line, "reason": bad.reason}


def _host(record: RecrawlRecord, result: VerifyResult) -> dict[str, Any]:
    tally, ending = record.tally, result.endings.get(record.recrawl_id)
    return {
        "host": record.order.scope.name,
        "scope": record.order.scope.kind.value,
        "state": record.state.value,
        "outcome": None if ending is None else ending.outcome.value,
        "outcome_reason": None if ending is None else ending.reason,
        "slices": record.slices + 1,
        "attempts": record.attempt,
        "authority": record.order.scope.authority,
        "robots": record.order.scope.access.robots.value,
        "stopped_by": record.stopped_by,
        "limits": dict(_limits_reached(record, result)),
        "answers": {host: counts.model_dump() for host, counts in record.answers.items()},
        "without_digest": _without_digest(record, result),
        "reason": record.reason,
        "pages": tally.pages,
        "files": tally.files,
        "bytes_read": tally.bytes_read,
        "bytes_kept": tally.bytes_kept,
        "failures": tally.failures,
        "skipped": tally.skipped,
        "suggested_hosts": record.suggestions,
        "sandbox": record.sandbox,
    }


def show(console: Console, result: VerifyResult) -> None:
    """Print the hit report: a table of cases, then one line for each thing that was not checked."""
    if result.cases:
        shown = result.cases[:CASES_SHOWN]
        case_blocks.show(console, shown, new_case_ids=result.new_case_ids, title="Hit report")
        if len(result.cases) > CASES_SHOWN:
            console.print(f"{len(result.cases) - CASES_SHOWN} more cases, see cases.jsonl (--out DIR)")
    else:
        console.print(_no_case(result))
    report_list.show(console, result.reports)
    if result.rematched is not None:
        console.print("Files and cases of earlier runs were asked about again:", highlight=False)
        rematch_result.show(console, result.rematched)
    _show_hosts(console, result)
    _show_failures(console, result)
    _show_unknown(console, result)
    held = sum(case.state is CaseState.HELD for case in result.cases)
    if held:
        console.print(
            f"held: {count(held, 'case')}: a person has to decide, see orbweaver cases list --case-state held",
            highlight=False,
        )
    tally = result.tally
    unchanged = f" ({tally.unchanged} unchanged since an earlier visit)" if tally.unchanged else ""
    with_errors = f" (and {tally.error_bodies} bodies of error answers)" if tally.error_bodies else ""
    console.print(
        f"{count(len(result.cases), 'case')} ({len(result.new_case_ids)} new), "
        f"{count(tally.files - tally.error_bodies, 'file')}{unchanged}{with_errors} and {count(tally.pages, 'page')} "
        f"on {count(len(result.recrawls), 'host')}, {size(tally.bytes_read)} read, {tally.bytes_kept} bytes kept, "
        f"{count(tally.skipped, 'URL')} without a digest.",
        highlight=False,
    )


def _show_hosts(console: Console, result: VerifyResult) -> None:
    for record in result.recrawls:
        name = safe(record.order.scope.name)
        if record.state is not RecrawlState.FINISHED:
            console.print(
                f"{record.state.value}: host {name}: {reason_for_people(record.reason or 'stopped')}", highlight=False
            )
        elif record.stopped_by is not None:
            console.print(f"partial: host {name}: {record.stopped_by} was reached", highlight=False)
        ending = result.endings.get(record.recrawl_id)
        if ending is not None and ending.outcome in _SHOWN_OUTCOMES:
            console.print(f"{ending.outcome}: host {name}: {reason_for_people(ending.reason or '')}", highlight=False)
        expired = _expired(record, result)
        if expired is not None:
            console.print(f"expired: host {name}: {expired}", highlight=False)
        left_out_by_robots = _without_digest(record, result).get(Outcome.ROBOTS.value, 0)
        if left_out_by_robots:
            console.print(f"partial: host {name}: robots.txt left out {left_out_by_robots}", highlight=False)
        for rule, left_out in sorted(_limits_reached(record, result).items()):
            console.print(f"partial: host {name}: {rule} left out {left_out}", highlight=False)
        for host, files in list(record.suggestions.items())[:SUGGESTIONS_SHOWN]:
            shown = safe(host.replace(".", "[.]"))
            console.print(f"suggestion: pages of {name} show {files} or more files from {shown}", highlight=False)
        if record.sandbox is not None and not record.sandbox.get("is_on"):
            console.print(f"warning: host {name} was crawled with SANDBOX=off", highlight=False)


def _limits_reached(record: RecrawlRecord, result: VerifyResult) -> Counter[str]:
    """Count the URLs that limits left out, by limit; for the limits of a single page, count the pages."""
    reached: Counter[str] = Counter()
    for skip in result.skips_of.get(record.recrawl_id, ()):
        if skip.outcome is Outcome.LIMIT:
            reached[skip.rule] += skip.count
    return reached


def _no_case(result: VerifyResult) -> str:
    """Say that there is no case, and how much was read: nothing read differs from nothing known."""
    tally = result.tally
    files = tally.files - tally.error_bodies
    if not files:
        return f"No case, because no file was found: {count(tally.pages, 'page')}, 0 files."
    if result.not_raised:
        return f"No case: no file that was hashed matched, but for those that people rejected ({count(files, 'file')})."
    return f"No case: no file that was hashed matched ({count(files, 'file')})."


def _expired(record: RecrawlRecord, result: VerifyResult) -> str | None:
    """Say how many URLs were not fetched because the scope had expired; None when none was."""
    until = record.order.scope.expires_at
    left_out = sum(skip.count for skip in result.skips_of.get(record.recrawl_id, ()) if skip.rule == "scope.expired")
    if until is None or not left_out:
        return None
    return f"it was allowed until {format_time(until)} (--expires); {count(left_out, 'URL')} after that not fetched"


def _without_digest(record: RecrawlRecord, result: VerifyResult) -> dict[str, int]:
    """Count the URLs without a digest by outcome."""
    counted: Counter[str] = Counter()
    for skip in result.skips_of.get(record.recrawl_id, ()):
        counted[skip.outcome.value] += skip.count
    return dict(counted)


def _show_failures(console: Console, result: VerifyResult) -> None:
    failed = [skip for skip in result.skips if skip.is_failure]
    for skip in failed[:LINES_SHOWN]:
        console.print(
            f"not checked: {for_people(skip.url)}: {skip.outcome}: {reason_for_people(skip.reason)}", highlight=False
        )
    if len(failed) > LINES_SHOWN:
        console.print(f"not checked: {len(failed) - LINES_SHOWN} more, see skipped.jsonl (--out DIR)", highlight=False)


def _show_unknown(console: Console, result: VerifyResult) -> None:
    for health in result.unhealthy:
        console.print(f"warning: matching service {safe(health.complaint)}", highlight=False, markup=False)
    for reason, files in Counter(unknown.reason for unknown in result.unknown).most_common(LINES_SHOWN):
        console.print(
            f"unknown: {count(files, 'file')}: {safe(reason)}; they are asked again, at the latest by the next run",
            highlight=False,
        )
    if result.not_raised:
        console.print(
            f"not raised: {count(result.not_raised, 'place')} of files that people rejected "
            "(orbweaver assessments list)",
            highlight=False,
        )
    if result.undelivered:
        console.print(
            f"undelivered: {result.undelivered} events: they are delivered later, at the latest by the next run",
            highlight=False,
        )
    if result.unconfirmed is not None:
        show_unconfirmed(console, result.unconfirmed)


def show_unconfirmed(console: Console, reason: str) -> None:
    """Say that the store did not confirm that what a run found is on its disks."""
    console.print(
        f"not confirmed: {safe(reason)}; the store has the cases of this run, and may lose them when its machine fails",
        highlight=False,
        markup=False,
    )
