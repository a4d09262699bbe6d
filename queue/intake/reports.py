"""Reports in: reads what hotlines send, line by line, and says for each line that is no report why.

Four formats, told apart by content: CSV with a header row, SCARt's import CSV, JSON Lines, one URL a line.
A CSV record is one line: a quoted field cannot contain a line end, so that an unclosed quote costs one line,
never the rest of the file. Text is UTF-8; no other encoding is guessed: a wrong guess is a wrong URL.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from orbweaver.crawler.errors import AccessRefused, UrlRefused
from orbweaver.crawler.fetching.header_values import header_value
from orbweaver.crawler.rules.urls import assume_scheme, canonicalise, refang
from orbweaver.matcher_client.lists.file_kind import is_separator_line
from orbweaver.model import Report
from orbweaver.queue.errors import ReportsUnreadable
from orbweaver.queue.intake.report_formats import (
    FIELDS,
    BadFields,
    Parse,
    choose_format,
    ignored_columns,
    is_csv_header,
    parse_text,
)
from orbweaver.queue.intake.report_lines import Line, excerpt_of, number_lines

NO_ZONE = "received_at: without a time zone, taken as UTC, here and in the lines below"
# Of what is said once for a file: the keys of JSON objects can be anything.
MOST_SAID_ONCE = 20


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


def read_reports(source: Path | IO[bytes] | IO[str], *, name: str) -> Iterator[Report | BadLine]:
    """Yield every report of a file or stream, and a BadLine for every line or field that could not be used.

    Nothing is read before the first item is asked for; ReportsUnreadable is raised then when the file as a
    whole is of no use. `name` is what its message calls the file. Equal URLs are all yielded.
    """
    try:
        if isinstance(source, Path):
            with source.open("rb") as stream:
                yield from _read_stream(stream, name)
        else:
            yield from _read_stream(source, name)
    except UnicodeDecodeError:
        # Only a text stream gets here, and it cannot go on after the bad bytes; a binary one can.
        raise ReportsUnreadable(f"{name}: not UTF-8 text; save it as UTF-8 and try again") from None
    except OSError as error:
        raise ReportsUnreadable(f"{name}: {error.strerror or error}; check the path and its permissions") from None


def _read_stream(stream: IO[bytes] | IO[str], name: str) -> Iterator[Report | BadLine]:
    parse = None
    is_empty = True
    said: set[str] = set()
    for line in number_lines(stream, name):
        if line.fault is not None:
            is_empty = False
            yield BadLine(line.number, line.fault, excerpt_of(line.text))
        elif not line.text.strip() or (parse is None and _is_left_out(line.text)):
            continue
        elif parse is None:
            is_empty = False
            parse, is_header = choose_format(line.text, name)
            if not is_header:
                _refuse_late_header(parse, line, name)
                yield from _read_line(parse, line.number, line.text, said)
            elif ignored := ignored_columns(line.text):
                yield _note(line, f"columns that are not read: {', '.join(ignored)}")
        else:
            _refuse_late_header(parse, line, name)
            yield from _read_line(parse, line.number, line.text, said)
    if is_empty:
        raise ReportsUnreadable(f"{name}: no reports in it; write one URL a line, or CSV with a url column")


def _is_left_out(text: str) -> bool:
    """Whether a line before the reports says nothing to us: a comment, or Excel's `sep=;`."""
    text = text.strip(" ")
    return text.lstrip().startswith("#") or is_separator_line(text.encode())


def _refuse_late_header(parse: Parse, line: Line, name: str) -> None:
    """Refuse a CSV that was taken for a list of URLs: below its header, the other columns would be parts of URLs."""
    if parse is parse_text and is_csv_header(line.text):
        raise ReportsUnreadable(
            f"{name}: line {line.number} is the header of a CSV: put it into the first line, and use commas, "
            "semicolons or tabs between the columns"
        )


def _note(line: Line, reason: str) -> BadLine:
    return BadLine(line.number, reason, excerpt_of(line.text), is_report_kept=True, is_of_file=True)


def _read_line(parse: Parse, number: int, text: str, said: set[str]) -> Iterator[Report | BadLine]:
    """Yield a line's report and what is to be said of it; `said` has what was said of the file already."""
    notes: list[str] = []
    try:
        fields = parse(text)
        if fields is None:
            return
        url = _read_url(fields.get("url"), notes)
    except BadFields as error:
        yield BadLine(number, str(error), excerpt_of(text))
        return
    except UrlRefused as error:
        yield BadLine(number, f"url: {error.reason}", excerpt_of(text))
        return
    yield Report(
        url=url,
        line=number,
        report_id=_read_text(fields, "report_id", notes),
        received_at=_read_moment(fields, notes),
        source=_read_text(fields, "source", notes),
        referrer=_read_referrer(fields, notes),
        classification=_read_text(fields, "classification", notes),
        user_agent=_read_header(fields, "user_agent", notes),
        accept_language=_read_header(fields, "accept_language", notes),
        cookies=_read_header(fields, "cookies", notes),
    )
    for note in notes:
        yield BadLine(number, note, excerpt_of(text), is_report_kept=True)
    unread = [f"key that is not read: {name}" for name in fields if name not in FIELDS and len(said) < MOST_SAID_ONCE]
    for reason in (NO_ZONE, *unread) if _has_no_zone(fields) else unread:
        if reason not in said:
            said.add(reason)
            yield _note(Line(number, text), reason)


def _read_url(value: object, notes: list[str]) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadFields("no url")
    written = refang(value)
    url = assume_scheme(written)
    if url != written:
        notes.append("url: without http:// or https://, taken as http://")
    return canonicalise(url)


def _read_text(fields: dict[str, object], key: str, notes: list[str]) -> str | None:
    value = fields.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        notes.append(f"{key}: not text, ignored")
        return None
    if any("\ud800" <= character <= "\udfff" for character in value):
        notes.append(f"{key}: not valid Unicode, ignored")
        return None
    return value.strip() or None


def _read_header(fields: dict[str, object], key: str, notes: list[str]) -> str | None:
    """Return a text that can be sent as a header; line ends inside one would add headers of somebody's choice."""
    text = _read_text(fields, key, notes)
    if text is None:
        return None
    try:
        return header_value(text)
    except AccessRefused as error:
        notes.append(f"{key}: {error.reason}, ignored")
        return None


def _read_referrer(fields: dict[str, object], notes: list[str]) -> str | None:
    text = _read_text(fields, "referrer", notes)
    if text is None:
        return None
    try:
        return canonicalise(refang(text))
    except UrlRefused as error:
        notes.append(f"referrer: {error.reason}, ignored")
        return None


def _has_no_zone(fields: dict[str, object]) -> bool:
    value = fields.get("received_at")
    try:
        return isinstance(value, str) and datetime.fromisoformat(value.strip()).tzinfo is None
    except ValueError:
        return False


def _read_moment(fields: dict[str, object], notes: list[str]) -> datetime | None:
    value = fields.get("received_at")
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        # Text only: a number may be seconds, milliseconds or days, and a guess would be evidence.
        moment = datetime.fromisoformat(value.strip() if isinstance(value, str) else "")
        # A time without an offset is taken for UTC, as everywhere in the project.
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        notes.append("received_at: not an RFC 3339 time, ignored")
        return None
