"""What a category of a hash list means in its scheme: abuse, benign, or outside the table and so unknown.

A category is never translated, and what is outside its table is never taken for more than it says: such a match is
held for an analyst. `None` in a table is a row without a category.
"""

from __future__ import annotations

from orbweaver.model import Nature

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
    # NIST's sets: what is harmless is known by the shape of a whole VICS row, of which lists/readers/vics.py says so.
    # A CSV that only names the scheme proves nothing, neither that its rows are harmless nor that they are abuse.
    "nist-caid": {},
    # Tech Against Terrorism: the ideology is the category; its API knows these two.
    "tcap": {None: _ABUSE} | dict.fromkeys(("islamist", "far-right"), _ABUSE),
}


def is_vics(scheme: str) -> bool:
    """Whether a scheme (lower case) is that of VICS data, of whatever region."""
    return scheme == "vics" or scheme.startswith("vics-")


def nature_of(scheme: str | None, category: str | None) -> Nature:
    """Say what a category means; a scheme that we do not know, or none, is the list's own word that it is abuse."""
    name = (scheme or "").lower()
    table = TABLES.get(name)
    if table is None and is_vics(name):
        table = _VICS_ANYWHERE
    if table is None:
        return Nature.ABUSE
    return table.get(category, Nature.UNKNOWN)
