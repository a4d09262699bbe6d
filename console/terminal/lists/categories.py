"""Tells the user, when a list is built, on which rows a match will be held because of their category, and why."""

from __future__ import annotations

from collections.abc import Iterator

from orbweaver.console.text import safe
from orbweaver.matcher_client.lists.build import FileReport
from orbweaver.matcher_client.lists.category_table import CategoryTable

SIGNS_SHOWN = 10


def say_held(file: FileReport, table: CategoryTable | None) -> Iterator[str]:
    """Say on which rows a match will be held because their category has no meaning; and if the table is for others."""
    name = safe(file.file)
    if table is not None and file.schemes and not set(map(str.lower, file.schemes)) & table.schemes.keys():
        yield (
            f'{name}: the category table "{safe(table.name)}" is for {", ".join(table.schemes)}, but the rows are of '
            f"{safe(', '.join(file.schemes))}: it does not apply. Use a table for the region that the file names."
        )
    if file.held:
        counts = sorted(file.held.items(), key=lambda count: (-count[1], count[0]))
        signs = ", ".join(f"{safe(sign)}: {count:,}" for sign, count in counts[:SIGNS_SHOWN])
        more = f", and {len(counts) - SIGNS_SHOWN:,} more" if len(counts) > SIGNS_SHOWN else ""
        mend = (
            "If you know the meaning, write it in a category table: --category-table FILE"
            if table is None
            else f'The category table "{safe(table.name)}" does not have it, or says unknown'
        )
        yield (
            f"{name}: a match on {sum(file.held.values()):,} rows will be held for an analyst, because what their "
            f"category means is not known ({signs}{more}). {mend}."
        )
