"""Reports in: reads what hotlines send, line by line, and says for each line that is no report why.

Five formats, told apart by content: CSV with a header row, SCARt's import CSV, JSON Lines, lines of text, and
spreadsheets. A quoted CSV field may go on over a few lines; a quote that is never closed costs its line, not the rest
of the file. Text is UTF-8, or UTF-16 with its mark, or as it is declared: nothing is guessed, a wrong guess is a wrong
URL.
"""

from __future__ import annotations

import functools
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.rules.spelt_urls import spell_text
from orbweaver.matcher_client.lists.file_kind import is_separator_line
from orbweaver.model import Report
from orbweaver.queue.errors import BadFields, NotCertain, QuoteOpen, ReportsUnreadable
from orbweaver.queue.intake.broken_lines import broken_by
from orbweaver.queue.intake.report_fields import has_no_zone, read_about, read_written
from orbweaver.queue.intake.report_formats import (
    FIELDS,
    Parse,
    choose_format,
    columns_without_header,
    csv_parser,
    header_in_comment,
    ignored_columns,
    is_csv_header,
    parse_text,
)
from orbweaver.queue.intake.report_lines import (
    MAX_LINE_LENGTH,
    Line,
    encoding_of,
    excerpt_of,
    first_piece,
    number_lines,
)
from orbweaver.queue.intake.spreadsheets import MOST_BYTES, SheetNote, is_spreadsheet, read_rows
from orbweaver.queue.intake.written_urls import WrittenUrl

NO_ZONE = "received_at: without a time zone, taken as UTC, here and in the lines below"
FOR_SCRIPTS = "url: what follows the # is for scripts of the page, and the host never sees it"
# Of what is said once for a file: the keys of JSON objects can be anything.
MOST_SAID_ONCE = 20
# Over so many lines a quoted field may go on: a note has a few; a quote that is never closed must not cost a file.
MOST_RECORD_LINES = 50
_ENCODED_MAIL = re.compile(r"content-transfer-encoding:\s*(?:quoted-printable|base64)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line, counted from 1, that is not fully a report.

    `excerpt` has at most 60 characters, all printable, and no clickable URL.
    `is_report_kept` marks a note: the line's report was yielded, but for the field that `reason` names. `is_of_file`
    marks a note on the file as a whole, said once.
    """

    line: int
    reason: str
    excerpt: str
    is_report_kept: bool = False
    is_of_file: bool = False


def read_reports(
    source: Path | IO[bytes] | IO[str], *, name: str, encoding: str | None = None
) -> Iterator[Report | BadLine]:
    """Yield every report of a file or stream, and a BadLine for every line or field that could not be used.

    Nothing is read before the first item is asked for; ReportsUnreadable is raised then when the file as a
    whole is of no use. `name` is what its message calls the file, `encoding` that of its text, when it is declared.
    Equal URLs are all yielded.
    """
    try:
        if isinstance(source, Path):
            with source.open("rb") as stream:
                yield from _read_stream(stream, name, encoding)
        else:
            yield from _read_stream(source, name, encoding)
    except UnicodeDecodeError:
        # Only a text stream gets here, and it cannot go on after the bad bytes; a binary one can.
        raise ReportsUnreadable(f"{name}: not UTF-8 text; save it as UTF-8 and try again") from None
    except OSError as error:
        raise ReportsUnreadable(f"{name}: {error.strerror or error}; check the path and its permissions") from None


def _read_stream(stream: IO[bytes] | IO[str], name: str, declared: str | None) -> Iterator[Report | BadLine]:
    first = first_piece(stream)
    if isinstance(first, bytes) and is_spreadsheet(first):
        rest = stream.read(MOST_BYTES)
        yield from _read_spreadsheet(first + (rest if isinstance(rest, bytes) else b""), name)
        return
    encoding = encoding_of(first, declared, name)
    if encoding is not None:
        yield BadLine(1, f"read as {encoding}", "", is_report_kept=True, is_of_file=True)
    yield from _read_lines(number_lines(first, stream, name, encoding=encoding), name)


def _read_spreadsheet(data: bytes, name: str) -> Iterator[Report | BadLine]:
    said: set[str] = set()
    for item in read_rows(data, name):
        if isinstance(item, SheetNote):
            yield BadLine(item.number, item.reason, "", is_report_kept=True, is_of_file=True)
        else:
            yield from _read_fields(functools.partial(dict, item.fields), Line(item.number, item.text), said)


def _read_lines(lines: Iterator[Line], name: str) -> Iterator[Report | BadLine]:
    parse = None
    is_empty = True
    comment = None
    said: set[str] = set()
    waiting: deque[Line] = deque()  # lines that were looked at as parts of a record, and are none
    while (line := waiting.popleft() if waiting else next(lines, None)) is not None:
        if line.fault is not None:
            is_empty = False
            yield BadLine(line.number, line.fault, excerpt_of(line.text))
        elif not line.text.strip():
            continue
        elif parse is None and _is_left_out(line.text):
            comment = line
        elif parse is None:
            is_empty = False
            if comment is not None and (parse := header_in_comment(comment.text, line.text)) is not None:
                yield _note(comment, "a comment taken as the header")
                yield from _read_record(parse, line, lines, waiting, said)
                continue
            parse, is_header = choose_format(line.text, name)
            if not is_header:
                _refuse_no_list(parse, line, name)
                if parse is parse_text and (columns := columns_without_header(line.text)) is not None:
                    parse = csv_parser(*columns)
                    named = ", ".join(column or "(not read)" for column in columns[0])
                    yield _note(line, f"no header; its columns are taken as {named}")
                yield from _read_record(parse, line, lines, waiting, said)
            elif ignored := ignored_columns(line.text):
                yield _note(line, f"columns that are not read: {', '.join(ignored)}")
        else:
            _refuse_no_list(parse, line, name)
            yield from _read_record(parse, line, lines, waiting, said)
    if is_empty:
        raise ReportsUnreadable(f"{name}: no reports in it; write one URL a line, or CSV with a url column")


def _is_left_out(text: str) -> bool:
    """Whether a line before the reports says nothing to us: a comment, or Excel's `sep=;`."""
    text = text.strip(" ")
    return text.lstrip().startswith("#") or is_separator_line(text.encode("utf-8", "surrogateescape"))


def _refuse_no_list(parse: Parse, line: Line, name: str) -> None:
    """Refuse a CSV or an encoded mail that was taken for a list of URLs: other text would be a part of its URLs."""
    if parse is parse_text and is_csv_header(line.text):
        raise ReportsUnreadable(
            f"{name}: line {line.number} is the header of a CSV: put it into the first line, and use commas, "
            "semicolons or tabs between the columns"
        )
    if parse is parse_text and _ENCODED_MAIL.match(line.text):
        raise ReportsUnreadable(
            f"{name}: line {line.number}: a mail whose text is encoded, which breaks URLs: open it, and save its text"
        )


def _note(line: Line, reason: str) -> BadLine:
    return BadLine(line.number, reason, excerpt_of(line.text), is_report_kept=True, is_of_file=True)


def _read_record(
    parse: Parse, line: Line, lines: Iterator[Line], waiting: deque[Line], said: set[str]
) -> Iterator[Report | BadLine]:
    """Read the record that begins in a line: a quoted field may go on in the lines after it, but not for ever."""
    if parse is parse_text and (following := _line_after(lines, waiting)) is not None:
        broken = broken_by(line.text, following.text)
        if broken is not None:
            yield BadLine(line.number, f"url: {broken}", excerpt_of(line.text))
            return
    record = line
    try:
        parse(line.text)
    except QuoteOpen:
        record = _joined_record(line, lines, waiting)
    except BadFields:
        pass  # it is said below
    yield from _read_fields(lambda: parse(record.text), record, said)


def _line_after(lines: Iterator[Line], waiting: deque[Line]) -> Line | None:
    """Return the line that is read next, and leave it there."""
    if not waiting and (following := next(lines, None)) is not None:
        waiting.append(following)
    return waiting[0] if waiting else None


def _joined_record(line: Line, lines: Iterator[Line], waiting: deque[Line]) -> Line:
    """Return a line with those after it in which its open quote ends; as it is when that ends nowhere near."""
    parts = [line.text]
    after: list[Line] = []
    quotes = line.text.count('"')
    while quotes % 2 and len(after) < MOST_RECORD_LINES and sum(map(len, parts)) < MAX_LINE_LENGTH:
        following = waiting.popleft() if waiting else next(lines, None)
        if following is None:
            break
        after.append(following)
        parts.append(following.text)
        quotes += following.text.count('"')
        if following.fault is not None:
            break
    if quotes % 2 or any(part.fault is not None for part in after):
        waiting.extendleft(reversed(after))
        return line
    return Line(line.number, "\n".join(parts))


def _read_fields(
    parse: Callable[[], dict[str, object] | None], line: Line, said: set[str]
) -> Iterator[Report | BadLine]:
    """Yield a record's reports, one for each URL, and what is to be said of it; `said` was said of the file already."""
    notes: list[str] = []
    try:
        fields = parse()
        if fields is None:
            return
        written = read_written(fields.get("url"))
    except (BadFields, NotCertain) as error:
        reason = str(error) if isinstance(error, BadFields) else f"url: {error}"
        yield BadLine(line.number, reason, excerpt_of(line.text))
        return
    reports: list[Report] = []
    for url in written:
        try:
            spelt = spell_text(url.url)
        except UrlRefused as error:
            yield BadLine(line.number, f"url: {error.reason}", excerpt_of(url.url if len(written) > 1 else line.text))
            continue
        notes += (note for note in _notes_on(url) if note not in notes)
        reports.append(Report(url=spelt.url, spelling=spelt.spelling, line=line.number))
    if not reports:
        return
    if len(reports) > 1:
        notes.append(f"url: {len(reports)} URLs, read as a report each")
    about = read_about(fields, notes)
    yield from (report.model_copy(update=about) for report in reports)
    for note in notes:
        yield BadLine(line.number, note, excerpt_of(line.text), is_report_kept=True)
    unread = [f"key that is not read: {name}" for name in fields if name not in FIELDS and len(said) < MOST_SAID_ONCE]
    for reason in (NO_ZONE, *unread) if has_no_zone(fields) else unread:
        if reason not in said:
            said.add(reason)
            yield _note(line, reason)


def _notes_on(written: WrittenUrl) -> tuple[str, ...]:
    fragment = written.url.partition("#")[2]
    return (*written.notes, FOR_SCRIPTS) if fragment.startswith(("/", "!")) else written.notes
