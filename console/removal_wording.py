"""Says of a case, for people, what the checks of it have shown: still there, not seen, removed, in probation, back."""

from __future__ import annotations

from orbweaver.console.evidence_wording import minute
from orbweaver.console.text import count, reason_for_people
from orbweaver.model import Case, CaseState, Presence, Removal
from orbweaver.takedown.removal.course import CONFIRMATIONS, PROBATION
from orbweaver.takedown.removal.siblings import Siblings

_WORDS = {
    Presence.LIVE: "the file is there",
    Presence.MOVED: "the file is there, and has moved",
    Presence.GONE: "the file is gone",
    Presence.CHANGED: "another file is there",
    Presence.UNAVAILABLE: "the host did not answer",
    Presence.BLOCKED: "the host does not show it to us",
    Presence.UNKNOWN: "nobody can say",
}


def removal_lines(case: Case) -> list[str]:
    """Return lines about the checks of a case; none before the first one."""
    removal = case.removal
    if removal is None:
        return []
    lines = [f"check: {_WORDS[removal.presence]} ({_said(removal)}), {minute(removal.checked_at)}"]
    if case.state is CaseState.OPEN and removal.confirmations:
        lines.append(f"removal: {removal.confirmations} of {CONFIRMATIONS} checks agree")
    if removal.unseen_since is not None:
        lines.append(f"nobody could see it since {minute(removal.unseen_since)}")
    if removal.removed_at is not None and case.state in {CaseState.REMOVED, CaseState.CLOSED}:
        first = minute(removal.first_gone_at or removal.removed_at)
        lines.append(f"removed: first seen gone {first}, confirmed {minute(removal.removed_at)}")
    if case.state is CaseState.REMOVED:
        lines.append(f"probation: {removal.probation_checks} of {len(PROBATION)} checks")
    if removal.returns:
        lines.append(f"reopened: it came back {count(removal.returns, 'time')} after a removal")
    return lines


def sibling_lines(siblings: Siblings) -> list[str]:
    """Return a line about the same file elsewhere; none where there is none."""
    if not siblings.count:
        return []
    hosts = len(siblings.hosts)
    elsewhere = f"{len(siblings.elsewhere)} on {count(hosts, 'other host')}" if hosts else "none on another host"
    return [
        f"the same file: {count(siblings.count, 'more place')}, {len(siblings.same_host)} on this host, {elsewhere}"
    ]


def _said(removal: Removal) -> str:
    return f"{removal.rule}: {reason_for_people(removal.reason)}"
