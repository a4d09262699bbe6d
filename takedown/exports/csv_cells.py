"""CSV that neither spreadsheets nor their languages take for anything but text: no cell is a formula, each is quoted.

A spreadsheet reads a cell that begins with =, +, -, @ or a tab as a formula (OWASP, "CSV Injection"). One that splits
at semicolons, as in most of Europe, can also begin a cell inside one of ours, unless it is the first of its line.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

from orbweaver.takedown.exports.checks import one_line

# The signs, and their wide forms, which some spreadsheets take for the same.
_BEGINS_FORMULA = re.compile(r"(^|[;,|])([ '\"]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")


def text_cell(text: str | None) -> str:
    """Return a text of a host or a list as a cell: one line, with an apostrophe before what would begin a formula.

    >>> text_cell("=1+1"), text_cell("\\t=1"), text_cell("a;=1"), text_cell("2026-03-01"), text_cell(None)
    ("'=1+1", '\ufffd=1', "a;'=1", '2026-03-01', '')
    """
    return _BEGINS_FORMULA.sub(r"\1\2'", one_line(text or ""))


def url_cell(url: str | None) -> str:
    """Return an exact URL as a cell: in none but the first column, a semicolon before a sign is spelt `%3B`."""
    return re.sub(r";(?=[=+\-@])", "%3B", url or "")


def table(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    """Return a table with a header; lines end as RFC 4180 says."""
    written = io.StringIO()
    writer = csv.DictWriter(written, columns, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()
