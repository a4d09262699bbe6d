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

from orbweaver.model import EntryStatus, Listing, Nature
from orbweaver.takedown.errors import ExportRefused
from orbweaver.takedown.exports.export_record import ExportRecord

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


def categories_of(record: ExportRecord) -> tuple[tuple[str | None, str | None], ...]:
    """Return scheme and category by everybody who accuses, each pair once.

    People who assessed this very file and named a category have the last word. Else it is each list that has the file,
    the leading one first, without lists of other material.
    """
    assessed = record.released
    if assessed is not None and assessed.classification is not None:
        return ((assessed.classification.scheme, assessed.classification.category),)
    verdict = record.case.verdict
    listed = [(one.scheme, one.category) for one in verdict.listings if one.accuses]
    found = dict.fromkeys(listed or [(verdict.scheme, verdict.category)])
    return tuple((scheme, category) for scheme, category in found if not _is_other_material(scheme))


def require_abuse_of_children(record: ExportRecord) -> None:
    """Raise ExportRefused when the list that leads, or the category that people named, is of other material."""
    named = record.released.classification if record.released is not None else None
    for scheme in (record.case.verdict.scheme, None if named is None else named.scheme):
        if _is_other_material(scheme):
            raise ExportRefused(f"the scheme {scheme!r} is not of child sexual abuse material")


def _is_other_material(scheme: str | None) -> bool:
    return (scheme or "").lower() in _NOT_OF_CHILDREN


def equivalent_of(record: ExportRecord, words: Mapping[Category, Word], vocabulary: str) -> Word:
    """Return the one word that means what all say; raises ExportRefused with the reason."""
    given = [(scheme, category) for scheme, category in categories_of(record) if category is not None]
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
    if not record.is_classified_by_people and any(map(_is_doubtful, record.case.verdict.listings)):
        raise ExportRefused("an entry is disputed, or its category is unknown")
    return next(iter(found))


def _is_doubtful(listing: Listing) -> bool:
    return listing.nature is Nature.UNKNOWN or listing.status is EntryStatus.DISPUTED


def _named(scheme: str | None, category: str) -> str:
    return f"category {category!r} of {f'the scheme {scheme!r}' if scheme else 'no scheme'}"
