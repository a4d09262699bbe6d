"""How a case's evidence is said to people: what agreed, which list says so, and why the case is held."""

from __future__ import annotations

from datetime import datetime

from orbweaver.console.text import safe
from orbweaver.model import Case, HoldReason

WHY_HELD = {
    HoldReason.WEAK: "nothing confirms its MD5 or SHA-1",
    HoldReason.SIZE_DIFFERS: "the list gives another size",
    HoldReason.UNKNOWN_CATEGORY: "the category is not in its table",
    HoldReason.DISPUTED: "the list disputes its entry",
    HoldReason.BENIGN_TOO: "it is on a benign list too",
    HoldReason.WITHDRAWN: "the list withdrew its entry",
    HoldReason.NO_LONGER_LISTED: "the list has it no longer",
}


def evidence(case: Case) -> list[str]:
    """Return lines on what a case rests on, when it was seen, and why it is held."""
    verdict = case.verdict
    algorithm = verdict.algorithm or "sha256"
    agreed = "+".join(verdict.algorithms) or algorithm
    listed = " ".join(part for part in ("list", verdict.list, verdict.category, verdict.entry_id) if part)
    scheme = f"scheme {verdict.scheme}" if verdict.scheme else ""
    status = verdict.status.value if verdict.status else ""
    return [
        f"{algorithm} {getattr(case, algorithm)[:16]}",
        " ".join(part for part in (agreed, verdict.strength or "", verdict.result.value) if part),
        safe(listed),
        *([safe(", ".join(part for part in (scheme, status) if part))] if scheme or status else []),
        *([safe(f"of {verdict.service}")] if verdict.service else []),
        *(f"held: {WHY_HELD[reason]}" for reason in verdict.held_because),
        f"first {minute(case.first_seen)}",
        f"last  {minute(case.last_seen)}",
    ]


def minute(moment: datetime) -> str:
    """Return a time to the minute, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
