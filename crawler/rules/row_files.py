"""Reads the rows of a file of rules: a line each; empty lines and those that begin with # say nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

_Row = TypeVar("_Row")


def read(lines: Iterable[str], row_of: Callable[[str], _Row]) -> list[_Row]:
    """Return what `row_of` makes of each row.

    Raises ValueError with the number of the line for what is no row, or has a pattern that cannot be compiled.
    """
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            rows.append(row_of(line.strip()))
        except (ValueError, re.error) as error:
            raise ValueError(f"line {number}: {error}") from None
    return rows
