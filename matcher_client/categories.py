"""What a category of a hash list means in its scheme: abuse, benign, or outside the table and so unknown."""

from __future__ import annotations

from orbweaver.model import Nature

# Scheme, in lower case, and what each of its categories means. Sources: DOMAIN.md 3.1 and 3.3.
# VICS 0 is "non-pertinent": it must never alert. What VICS 4 (comparison) and 5 (uncategorised) mean, nobody says.
TABLES: dict[str, dict[str, Nature]] = {
    "vics": {"0": Nature.BENIGN, "1": Nature.ABUSE, "2": Nature.ABUSE, "3": Nature.ABUSE},
    "ncmec": dict.fromkeys(("A1", "A2", "B1", "B2"), Nature.ABUSE),
    "iwf": dict.fromkeys(("A", "B", "C"), Nature.ABUSE),
}


def nature_of(scheme: str | None, category: str | None) -> Nature:
    """Say what a category means; no category, or no scheme that we know, is the list's own word that it is abuse."""
    table = TABLES.get((scheme or "").lower())
    if table is None or category is None:
        return Nature.ABUSE
    return table.get(category, Nature.UNKNOWN)
