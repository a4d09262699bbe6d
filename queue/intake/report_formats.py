"""The formats of a reports file: how the first line tells which it is, and how a line becomes fields."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from typing import Final

from orbweaver.queue.errors import BadFields, QuoteOpen, ReportsUnreadable
from orbweaver.queue.intake.url_starts import has_url

# A line's fields by our names; None is a line with nothing in it, such as a comment.
Parse = Callable[[str], dict[str, object] | None]

FIELDS: Final = (
    "url",
    "report_id",
    "received_at",
    "source",
    "referrer",
    "classification",
    "user_agent",
    "accept_language",
    "cookies",
)
# HTTP's own misspelling, a header's own name, and names that are written together.
_ALIASES = {
    "referer": "referrer",
    "cookie": "cookies",
    **{name.replace("_", ""): name for name in FIELDS},
    "urls": "url",
}

# SCARt's import file, so that a hotline can hand the same file to both.
_SCART_HEADER = frozenset({"url", "referer", "workuser", "reference", "source", "type"})
_SCART_NAMES = {
    "url": "url",
    "referer": "referrer",
    "reference": "report_id",
    "source": "source",
    "type": "classification",
}

_BETWEEN_WORDS = re.compile(r"[\s_.-]+")
_SEVERAL_URLS = re.compile(r"url(?:\(s\)|_?[1-9][0-9]?)")
_COLUMN_NAME = re.compile(r"[^\W\d][\w -]*")
# A day, or a moment, as ISO 8601 begins one.
_DATE = re.compile(r"[12][0-9]{3}-[01][0-9]-[0-3][0-9](?:[T ][0-9:.,]*(?:Z|[+-][0-9:]+)?)?")


def field_name(column: str) -> str:
    """Return our name of a column or key, however it is written; one that is not ours as it is compared.

    >>> field_name("Report ID"), field_name("\ufeffURL"), field_name("User-Agent"), field_name("received at ")
    ('report_id', 'url', 'user_agent', 'received_at')
    """
    name = _BETWEEN_WORDS.sub("_", column.replace("\ufeff", "").strip().casefold()).strip("_")
    return "url" if _SEVERAL_URLS.fullmatch(name) else _ALIASES.get(name, name)


def add_field(fields: dict[str, object], name: str, value: object) -> None:
    """Add a value under its name: of several URLs each counts, of other values with the same name the first."""
    before = fields.get(name)
    if name == "url" and before and value:
        fields[name] = [*_as_list(before), *_as_list(value)]
    elif not before:
        fields[name] = value


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def ignored_columns(first: str) -> list[str]:
    """Return the columns of a CSV header that are not read, as they are written."""
    headers = [(mark, names) for mark in ",;\t" if (names := _split_header(first, mark)) and "url" in names]
    if not headers:
        return []
    mark, names = max(headers, key=lambda choice: len(choice[1]))
    known = _SCART_HEADER if _SCART_HEADER.issubset(names) else frozenset(FIELDS)
    written = _split(first, mark)
    return [column.strip() for column, name in zip(written, names, strict=True) if name not in known]


def choose_format(first: str, name: str) -> tuple[Parse, bool]:
    """Return the parser for a file whose first line with content is `first`, and whether that is a header."""
    if first.lstrip().startswith("{\\rtf"):
        raise ReportsUnreadable(f"{name}: an RTF document; save it as plain text, or copy its URLs into a text file")
    if re.fullmatch(r"\s*\{\s*(?:\"[^\"]*\"\s*:\s*[\[{]?\s*)?", first):
        raise ReportsUnreadable(f"{name}: JSON over several lines; write JSON Lines, one object a line")
    if first.lstrip().startswith("{"):
        return parse_json, False
    if re.match(r"\s*\[\s*(\{|\Z)", first):
        raise ReportsUnreadable(f"{name}: a JSON array; write JSON Lines, one object per line")
    headers = [(delimiter, header) for delimiter in ",;\t" if (header := _split_header(first, delimiter))]
    with_url = [(delimiter, header) for delimiter, header in headers if "url" in header]
    if with_url:
        delimiter, header = max(with_url, key=lambda choice: len(choice[1]))
        # With one column nothing has to be delimited, and URLs contain commas and semicolons but no tab.
        return csv_parser(header, delimiter if len(header) > 1 else "\t"), True
    if any(_looks_like_header(header) for _, header in headers):
        raise ReportsUnreadable(f"{name}: its CSV header has no url column; name the column with the URLs url")
    return parse_text, False


def columns_without_header(first: str) -> tuple[list[str], str] | None:
    """Return names for the columns of a CSV without a header, and its mark; None when the line may be one URL.

    A URL has no tab, but it may have the other marks: those count when a date or an empty column shows that they
    part columns. The column with the URL is url, a date received_at, the first of the others report_id.
    """
    for mark in "\t;,|":
        try:
            row = [value.strip() for value in _split(first, mark)]
        except BadFields:
            continue
        with_url = [place for place, value in enumerate(row) if has_url(value)]
        others = [value for value in row if not has_url(value)]
        shows_columns = mark == "\t" or any(not value or _DATE.fullmatch(value) for value in others)
        if len(row) < 2 or len(with_url) != 1 or not shows_columns:
            continue
        names = [""] * len(row)
        names[with_url[0]] = "url"
        for place, value in enumerate(row):
            if place == with_url[0] or not value:
                continue
            name = "received_at" if _DATE.fullmatch(value) else "report_id"
            if name not in names:
                names[place] = name
        return names, mark
    return None


def header_in_comment(comment: str, first: str) -> Parse | None:
    """Return a parser for records under a header that is commented out; None when the first record does not fit it."""
    header = comment.lstrip().lstrip("#").strip()
    if not is_csv_header(header):
        return None
    parse, _ = choose_format(header, "")
    try:
        parse(first)
    except BadFields:
        return None
    return parse


def is_csv_header(line: str) -> bool:
    """Whether a line is a header with a url column and others, also with a mark between them that we do not read."""
    headers = (_split_header(line, mark) for mark in ",;\t|")
    return any(header is not None and len(header) > 1 and "url" in header for header in headers)


def _split_header(line: str, delimiter: str) -> list[str] | None:
    """Return the columns of a header; None for a line that is none: a header names URLs and has none in it."""
    try:
        columns = _split(line, delimiter)
    except BadFields:
        return None
    return None if any(map(has_url, columns)) else [_column(column) for column in columns]


def _column(written: str) -> str:
    """Return a column's name; SCARt's are its own."""
    name = written.replace("\ufeff", "").strip().lower()
    return name if name in _SCART_HEADER else field_name(written)


def _looks_like_header(header: list[str]) -> bool:
    known = {*FIELDS, *_SCART_HEADER}
    return not known.isdisjoint(header) or (
        len(header) > 1 and all(_COLUMN_NAME.fullmatch(column) for column in header)
    )


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise QuoteOpen("a quote is not closed") from None
        raise BadFields("not a CSV record") from None


def csv_parser(header: list[str], delimiter: str) -> Parse:
    """Return a parser for records under `header`; other columns than ours are ignored."""
    if _SCART_HEADER.issubset(header):
        names = [_SCART_NAMES.get(column) for column in header]
    else:
        names = [name if (name := field_name(column)) in FIELDS else None for column in header]

    def parse(line: str) -> dict[str, object] | None:
        row = _split(line, delimiter)
        if len(row) != len(header):
            raise BadFields(f"{len(row)} columns where the header has {len(header)}")
        fields: dict[str, object] = {}
        for name, value in zip(names, row, strict=True):
            if name is not None:
                add_field(fields, name, value)
        return fields

    return parse


def parse_json(line: str) -> dict[str, object] | None:
    """Return the fields of one JSON object."""
    try:
        record = json.loads(line)
    except RecursionError:
        raise BadFields("JSON is nested too deeply") from None
    except ValueError:
        raise BadFields("not valid JSON") from None
    if not isinstance(record, dict):
        raise BadFields("not a JSON object")
    fields: dict[str, object] = {}
    for key, value in record.items():
        add_field(fields, field_name(key), value)
    return fields


def parse_text(line: str) -> dict[str, object] | None:
    """Return the URL that a line is; lines that start with # are comments."""
    line = line.strip()
    return None if line.startswith("#") else {"url": line}
