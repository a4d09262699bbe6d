"""Puts the evidence of a case into labelled lines for people: what agreed, on which list, and why the case is held."""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePath

from orbweaver.console.text import safe
from orbweaver.model import Algorithm, Case, CaseState, HoldReason, VerdictResult

WHY_HELD = {
    HoldReason.WEAK: "nothing confirms its MD5 or SHA-1",
    HoldReason.SIZE_DIFFERS: "the list gives another size",
    HoldReason.UNKNOWN_CATEGORY: "the category table does not have the category",
    HoldReason.DISPUTED: "the list disputes its entry",
    HoldReason.BENIGN_TOO: "it is on a benign list too",
    HoldReason.WITHDRAWN: "the list withdrew its entry",
    HoldReason.NO_LONGER_LISTED: "it is no longer on the list",
    HoldReason.REJECTED: "people refused the file, or the case",
}
_NAMES: dict[Algorithm, str] = {"sha256": "SHA-256", "sha1": "SHA-1", "md5": "MD5"}
LOCAL_LIST = "hashlist:"


def evidence(case: Case) -> list[str]:
    """Return lines `label: value` with the evidence of a case, and why it is held; equal for cases of one file."""
    verdict = case.verdict
    algorithm = verdict.algorithm or "sha256"
    entry = ", ".join(part for part in (verdict.entry_id, verdict.status.value if verdict.status else None) if part)
    scheme = f" (scheme {verdict.scheme})" if verdict.scheme else ""
    return [
        f"{_NAMES[algorithm]}: {getattr(case, algorithm)[:16]}...",
        f"match: {_strength(case)}",
        f"list: {safe(list_name(case))}",
        *([f"category: {safe(verdict.category + scheme)}"] if verdict.category else []),
        *([f"entry: {safe(entry)}"] if entry else []),
        *(f"{_label(case, reason)}: {_why(case, reason)}" for reason in verdict.held_because),
    ]


def _label(case: Case, reason: HoldReason) -> str:
    """Return what a doubt did to a case: nobody has to decide about one that people refused."""
    return "withdrawn" if case.state is CaseState.WITHDRAWN and reason is HoldReason.REJECTED else "held"


def list_name(case: Case) -> str:
    """Return the name of the list: its own, else that of its file; and the service, if that is another machine."""
    verdict = case.verdict
    service = verdict.service or ""
    if service.startswith(LOCAL_LIST):
        return verdict.list or PurePath(service.removeprefix(LOCAL_LIST)).name
    if verdict.list is None:
        return service or "no name"
    return f"{verdict.list} of {service}" if service else verdict.list


def _strength(case: Case) -> str:
    verdict = case.verdict
    agreed = " and ".join(_NAMES[algorithm] for algorithm in verdict.algorithms or ((verdict.algorithm or "sha256"),))
    if verdict.result is not VerdictResult.MATCH:
        return f"withdrawn (before, it was by {agreed})"
    return f"{verdict.strength.value}, by {agreed}" if verdict.strength else f"by {agreed}"


def _why(case: Case, reason: HoldReason) -> str:
    listed = case.verdict.listings[0].size if case.verdict.listings else None
    if reason is HoldReason.SIZE_DIFFERS and listed is not None:
        return f"{WHY_HELD[reason]}: {listed:,} bytes, the file has {case.size:,}"
    return WHY_HELD[reason]


def minute(moment: datetime) -> str:
    """Return a time to the minute, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
