"""Says which word of another vocabulary means the same as a list's category, and refuses where none surely does.

A category is never translated into a stronger one, and none is assumed where a list gives none (decision 0087). What is
equivalent, and why nothing else is:

- NCMEC's A1, A2, B1 and B2 are the words of XARF, too.
- INTERPOL's Baseline (ICSE) is XARF's and ICCAM's `baseline`: a real child of at most about 13 years, a severe act.
- The United Kingdom's A, B and C (IWF), and the categories of VICS, say nothing of the age in these terms. XARF has no
  word for what only national law forbids.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final, TypeVar

from orbweaver.model import Case, EntryStatus, Nature
from orbweaver.takedown.errors import ExportRefused

Word = TypeVar("Word")
Category = tuple[str, str]
"""A scheme in lower case and a category as its list writes it."""


class IccamClassification(IntEnum):
    """The classifications of ICCAM's API, version 3."""

    BASELINE = 1
    NATIONAL = 2
    IGNORE = 4


XARF: Final[Mapping[Category, str]] = {
    **{("ncmec", word): word for word in ("A1", "A2", "B1", "B2")},
    ("icse", "baseline"): "baseline",
    ("iccam", "baseline"): "baseline",
}
ICCAM: Final[Mapping[Category, IccamClassification]] = {
    ("icse", "baseline"): IccamClassification.BASELINE,
    ("iccam", "baseline"): IccamClassification.BASELINE,
    ("iccam", "national"): IccamClassification.NATIONAL,
}
# Lists of other material: no notice about children may be made of them.
_NOT_OF_CHILDREN: Final = frozenset({"tcap"})


def categories_of(case: Case) -> tuple[tuple[str | None, str | None], ...]:
    """Return scheme and category of each listing that accuses, each pair once, the leading one first."""
    verdict = case.verdict
    listed = [(one.scheme, one.category) for one in verdict.listings if one.accuses]
    return tuple(dict.fromkeys(listed or [(verdict.scheme, verdict.category)]))


def require_abuse_of_children(case: Case) -> None:
    """Raise ExportRefused when a list of other material is among those that accuse."""
    for scheme, _ in categories_of(case):
        if (scheme or "").lower() in _NOT_OF_CHILDREN:
            raise ExportRefused(f"a list of the scheme {scheme} is not of child sexual abuse material")


def equivalent_of(case: Case, words: Mapping[Category, Word], vocabulary: str) -> Word:
    """Return the one word that means what all listings say; raises ExportRefused with the reason."""
    given = [(scheme, category) for scheme, category in categories_of(case) if category is not None]
    if not given:
        raise ExportRefused(f"no list gives a category, and {vocabulary} needs one: none is assumed")
    found: dict[Word, str] = {}
    for scheme, category in given:
        word = words.get(((scheme or "").lower(), category))
        if word is None:
            raise ExportRefused(f"{_named(scheme, category)} has no safe equivalent in {vocabulary}")
        found[word] = _named(scheme, category)
    if len(found) > 1:
        raise ExportRefused(f"the lists disagree: {' and '.join(found.values())}")
    if any(one.nature is Nature.UNKNOWN or one.status is EntryStatus.DISPUTED for one in case.verdict.listings):
        raise ExportRefused("an entry is disputed, or its category is unknown")
    return next(iter(found))


def _named(scheme: str | None, category: str) -> str:
    return f"category {category!r} of {f'the scheme {scheme!r}' if scheme else 'no scheme'}"
