"""Reports in a spreadsheet, Excel's (.xlsx, .xlsm, .xlsb) or LibreOffice's (.ods), as hotlines keep them.

Each sheet with a column of URLs is read, under our names of columns where it has a header. Values are read, no
formulas: python-calamine, a reader in Rust, runs nothing that is in the file.
"""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from orbweaver.queue.errors import ReportsUnreadable
from orbweaver.queue.intake.report_formats import FIELDS, add_field, field_name
from orbweaver.queue.intake.url_starts import has_url
from python_calamine import CalamineError, CalamineWorkbook

# Of a file as it lies, and of its parts unpacked: far more than reports need, and little enough to hold.
MOST_BYTES: Final = 64 * 2**20
MOST_UNPACKED_BYTES: Final = 512 * 2**20
_ZIP: Final = b"PK\x03\x04"
# A title and a date may stand above the header.
_HEADER_ROWS: Final = 20

Cell = object


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row with something in it, as people count rows; `fields` are its cells by our names of columns."""

    sheet: str
    number: int
    fields: dict[str, object]
    text: str


@dataclass(frozen=True, slots=True)
class SheetNote:
    """A remark on a whole sheet: which columns of it are read, or that none is."""

    sheet: str
    number: int
    reason: str


def is_spreadsheet(first: bytes | str) -> bool:
    """Whether a file that begins like this may be a spreadsheet; another ZIP file is refused when it is read."""
    return isinstance(first, bytes) and first.startswith(_ZIP)


def read_rows(data: bytes, name: str) -> Iterator[SheetRow | SheetNote]:
    """Yield what is in a spreadsheet's sheets, a note on each sheet first. Raises ReportsUnreadable."""
    _refuse_what_is_too_large(data, name)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        sheets = [(title, workbook.get_sheet_by_name(title)) for title in workbook.sheet_names]
        tables = [(title, sheet.to_python(skip_empty_area=False)) for title, sheet in sheets]
    except CalamineError as error:
        raise ReportsUnreadable(
            f"{name}: a ZIP file, and no spreadsheet that can be read ({_line(error)}); save the sheet as CSV UTF-8"
        ) from None
    has_found = False
    for title, rows in tables:
        for item in _read_sheet(title, rows, name):
            has_found = has_found or isinstance(item, SheetRow)
            yield item
    if not has_found:
        raise ReportsUnreadable(f"{name}: no sheet of it has a column with URLs; name the column with the URLs url")


def _refuse_what_is_too_large(data: bytes, name: str) -> None:
    if len(data) > MOST_BYTES:
        raise ReportsUnreadable(f"{name}: a spreadsheet of more than 64 MiB; save the sheet as CSV UTF-8")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return  # the reader says what it is
    if unpacked > MOST_UNPACKED_BYTES:
        raise ReportsUnreadable(f"{name}: a spreadsheet of more than 512 MiB, unpacked; save the sheet as CSV UTF-8")


def _read_sheet(title: str, rows: Sequence[Sequence[Cell]], name: str) -> Iterator[SheetRow | SheetNote]:
    header = next((number for number, row in enumerate(rows[:_HEADER_ROWS]) if "url" in map(_name_of, row)), None)
    if header is not None:
        names = [_name_of(cell) for cell in rows[header]]
        unread = [
            text
            for cell, column in zip(rows[header], names, strict=True)
            if column not in FIELDS and (text := _text_of(cell))
        ]
        said = f"sheet {title}: read under its header in row {header + 1}"
        yield SheetNote(
            title, header + 1, f"{said}; columns that are not read: {', '.join(unread)}" if unread else said
        )
        first = header + 1
    else:
        columns = sorted({column for row in rows for column, cell in enumerate(row) if has_url(_text_of(cell))})
        if not columns:
            if any(_text_of(cell) for row in rows for cell in row):
                yield SheetNote(title, 1, f"sheet {title}: not read, no URL is in it")
            return
        if len(columns) > 1:
            letters = ", ".join(map(_letter_of, columns))
            raise ReportsUnreadable(
                f"{name}: sheet {title} has URLs in columns {letters}; name the column with the reported URLs url"
            )
        yield SheetNote(title, 1, f"sheet {title}: without a header, column {_letter_of(columns[0])} taken as url")
        names = ["url" if column == columns[0] else "" for column in range(max(map(len, rows)))]
        first = 0
    for number, row in enumerate(rows[first:], first + 1):
        fields: dict[str, object] = {}
        for column, cell in zip(names, row, strict=False):
            if column in FIELDS:
                add_field(fields, column, _text_of(cell))
        text = " ".join(filter(None, map(_text_of, row)))
        if text and (header is not None or fields.get("url")):
            yield SheetRow(title, number, fields, text)
        elif text:
            yield SheetNote(title, number, f"sheet {title}: no URL in the row")


def _name_of(cell: Cell) -> str:
    return field_name(_text_of(cell))


def _text_of(cell: Cell) -> str:
    """Return a cell's value as a CSV would have it; a whole number without its `.0`."""
    if isinstance(cell, (datetime.datetime, datetime.date, datetime.time)):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def _letter_of(column: int) -> str:
    """Return a column's letters, as a spreadsheet shows them.

    >>> _letter_of(0), _letter_of(26)
    ('A', 'AA')
    """
    letters = ""
    number = column + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:100]
