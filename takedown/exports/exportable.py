"""Decides whether a case may leave at all, and as a notice: what a person has not decided, or was taken back, may not.

A notice asks somebody to take a file down, so it is made only while the file is there. Formats that only tell of a
case (ICCAM, the list of digests, signals for police) take removed and closed cases, too.
"""

from __future__ import annotations

from orbweaver.model import CaseState, Strength, VerdictResult
from orbweaver.takedown.errors import ExportRefused
from orbweaver.takedown.exports import grounds
from orbweaver.takedown.exports.checks import exact_url
from orbweaver.takedown.exports.classification import require_abuse_of_children
from orbweaver.takedown.exports.export_record import ExportRecord

# A state that a later release adds is none of these, and refused.
_TOLD = frozenset({CaseState.OPEN, CaseState.REMOVED, CaseState.CLOSED})


def require_exportable(record: ExportRecord) -> None:
    """Raise ExportRefused, with the reason, for a case that nobody outside may be told of."""
    case = record.case
    verdict = case.verdict
    if case.pseudonymised is not None:
        raise ExportRefused(f"pseudonymised on {case.pseudonymised.at:%Y-%m-%d} ({case.pseudonymised.reason})")
    if verdict.result is not VerdictResult.MATCH or case.state is CaseState.WITHDRAWN:
        raise ExportRefused("withdrawn: what the case rested on was taken back")
    if case.state is CaseState.HELD:
        doubts = ", ".join(reason.value for reason in verdict.held_because) or "no reason is noted"
        raise ExportRefused(f"held ({doubts}): a person has to decide first")
    if case.state not in _TOLD:
        raise ExportRefused(f"its state is {case.state.value}: only open, removed and closed cases are exported")
    if record.is_rejected:
        raise ExportRefused("people rejected the file: its cases are withdrawn, or wait for people")
    if grounds.strength(case) is Strength.WEAK and record.released is None:
        raise ExportRefused("weak: nothing confirms its MD5 or SHA-1, and no person has assessed it")
    if case.size == 0:
        raise ExportRefused("the file is empty: its digests say nothing")
    require_abuse_of_children(record)
    exact_url(case.newest_url)


def require_notifiable(record: ExportRecord) -> None:
    """Raise ExportRefused, with the reason, for a case that no notice may be made of."""
    require_exportable(record)
    state = record.case.state
    if state is not CaseState.OPEN:
        raise ExportRefused(f"{state.value}: there is nothing to take down")
    if record.opening is None:
        raise ExportRefused("the store has no event that opened it, so a notice could not be recognised when repeated")
    if record.reporter is None:
        raise ValueError("a notice needs its reporter")
