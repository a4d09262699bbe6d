"""Says what a hash list's entry means by its category and its status: abuse, benign or unknown; active or not.

A category is never translated. A category outside the table of its scheme means unknown, and a match on such an entry
is held for an analyst. `None` in a table is a row without a category.
"""

from __future__ import annotations

from typing import Protocol

from orbweaver.model import EntryStatus, Nature

_ABUSE, _BENIGN, _UNKNOWN = Nature.ABUSE, Nature.BENIGN, Nature.UNKNOWN

Table = dict[str | None, Nature]

# In VICS data 0 is "non-pertinent" and must never alert (DOMAIN.md 3.1). What the other numbers mean depends on the
# region, and that a row has none means that nobody has judged it: whole case exports are so.
_VICS_ANYWHERE: Table = {"0": _BENIGN, None: _UNKNOWN}

# By scheme, in lower case.
TABLES: dict[str, Table] = {
    # VICS 1.x names no region. IPED (HashDBTool) takes 1 and 2 for abuse everywhere, and so do we.
    "vics": _VICS_ANYWHERE | {"1": _ABUSE, "2": _ABUSE},
    # Autopsy: 1 child abuse material, 2 child exploitive or age difficult, 3 CGI or animation. 4 is for comparison and
    # 5 uncategorised.
    "vics-us": _VICS_ANYWHERE | {"1": _ABUSE, "2": _ABUSE, "3": _ABUSE},
    # NCMEC hash sharing: A prepubescent, B pubescent; 1 sex act, 2 lascivious exhibition. Videos often have none.
    "ncmec": {None: _ABUSE} | dict.fromkeys(("A1", "A2", "B1", "B2"), _ABUSE),
    # The United Kingdom's sentencing categories, as the IWF gives them.
    "iwf": {None: _ABUSE} | dict.fromkeys(("A", "B", "C"), _ABUSE),
    # INTERPOL ICSE: what meets the Baseline is illegal everywhere, the rest depends on the country's law.
    "icse": {"baseline": _ABUSE, "not baseline": _UNKNOWN, None: _UNKNOWN},
    # ICCAM's classification, by word and by number: what is national depends on the country's law, doubtful is of its
    # second version, and what it is to ignore is not illegal.
    "iccam": dict.fromkeys(("1", "baseline", "Baseline"), _ABUSE)
    | dict.fromkeys(("2", "national", "National", "3", "doubtful", "Doubtful", None), _UNKNOWN)
    | dict.fromkeys(("4", "ignore", "Ignore"), _BENIGN),
    # NIST's sets: what is harmless is known by the shape of a whole VICS row, of which lists/readers/vics.py says so.
    # A CSV that only names the scheme proves nothing, neither that its rows are harmless nor that they are abuse.
    "nist-caid": {},
    # Tech Against Terrorism: the ideology is the category; its API knows these two.
    "tcap": {None: _ABUSE} | dict.fromkeys(("islamist", "far-right"), _ABUSE),
}


def is_vics(scheme: str) -> bool:
    """Whether a scheme (lower case) is that of VICS data, of whatever region."""
    return scheme == "vics" or scheme.startswith("vics-")


class Described(Protocol):
    """The fields of an entry, or of a label of many entries, that decide what it means; None: the list says nothing."""

    @property
    def category(self) -> str | None:
        """The category in the list's own words."""

    @property
    def scheme(self) -> str | None:
        """The scheme that the category is of."""

    @property
    def status(self) -> str | None:
        """The status in the list's own words."""

    @property
    def nature(self) -> Nature | None:
        """The nature of the list as a whole."""


class OwnTable(Protocol):
    """The category table of one list, which goes before the tables here."""

    def nature_of(self, scheme: str | None, category: str | None) -> Nature:
        """Say what a category means in a scheme."""


def entry_nature(entry: Described, table: OwnTable | None) -> Nature:
    """Return the nature of the whole list if it has one, else that of the category: by the list's own table, if any."""
    return entry.nature or meaning(table, entry.scheme, entry.category)


def entry_status(entry: Described) -> EntryStatus:
    """Return an entry's status. A status that we do not know is taken as disputed: its match is kept, and held."""
    if entry.status is None:
        return EntryStatus.ACTIVE
    try:
        return EntryStatus(entry.status)
    except ValueError:
        return EntryStatus.DISPUTED


def meaning(table: OwnTable | None, scheme: str | None, category: str | None) -> Nature:
    """Say what a category means, by a list's own table or without one."""
    return nature_of(scheme, category) if table is None else table.nature_of(scheme, category)


def nature_of(scheme: str | None, category: str | None) -> Nature:
    """Say what a category means. Without a scheme that we know, the list itself says of its entries: abuse."""
    name = (scheme or "").lower()
    table = TABLES.get(name)
    if table is None and is_vics(name):
        table = _VICS_ANYWHERE
    if table is None:
        return Nature.ABUSE
    return table.get(category, Nature.UNKNOWN)
