"""Text of one row a line: CSV with a header, bare digests, or what `sha256sum` prints.

A header decides which columns there are. A line that cannot be used costs that line only, except the last one when it
has no end: then the file was cut.
"""

from __future__ import annotations

import binascii
import csv
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO

from orbweaver.matcher_client.list_format import DIGEST_BYTES, Label
from orbweaver.matcher_client.list_row import (
    NO_DIGESTS,
    BadFileError,
    BadRowError,
    Digests,
    LeftOut,
    Read,
    RefusedRow,
    Row,
    read_digest,
    read_size,
    read_text,
)

_LINE_BYTES = 64 * 1024
_DELIMITERS = (",", ";", "\t")
_PLACE_BY_HEX_LENGTH = {2 * width: place for place, width in enumerate(DIGEST_BYTES.values())}
# Column names as they are compared: lower case, without "-", "_" and spaces.
_DIGEST_COLUMNS = tuple(DIGEST_BYTES)
_COLUMNS = frozenset((*_DIGEST_COLUMNS, "size", "category", "scheme", "entryid", "list", "status"))

Values = dict[str, str]
MakeRow = Callable[[Values, str], Row]
_Parse = Callable[[bytes], Row | None]


def make_row(values: Values, list_name: str) -> Row:
    """Return the row of a plain CSV's line from its values by column; raises BadRowError."""
    texts = {name: read_text(values.get(name), name) for name in ("list", "category", "scheme", "status", "entryid")}
    status = texts["status"]
    label = Label(texts["list"] or list_name, texts["category"], texts["scheme"], status.lower() if status else None)
    return Row(read_digests(values), label, read_size(values.get("size")), texts["entryid"])


def read(file: BinaryIO, name: str, *, list_name: str, make_row: MakeRow = make_row) -> Iterator[Read]:
    """Yield each line as a row, or as refused; `make_row` says what the columns mean. Raises BadFileError.

    The first line that is neither blank nor a `#` comment decides whether the file is CSV. Each line of a CSV
    stands for itself (no line breaks inside quotes), so that a lost quote costs one line and not the rest.
    """
    parse: _Parse | None = None
    header: bytes | None = None
    number = used = bad_lines = 0
    while line := file.readline(_LINE_BYTES):
        number += 1
        is_whole = line.endswith(b"\n")
        if len(line) == _LINE_BYTES and not is_whole:
            _skip_line(file)
            bad_lines += 1
            yield RefusedRow(name, f"line {number}", f"the line is longer than {_LINE_BYTES:,} bytes")
            continue
        line = line.strip(b" \r\n")  # not tabs: one may stand before an empty last field
        if parse is None:
            if not line.strip() or line.startswith(b"#"):
                continue
            parse, is_header = _choose_parser(line, list_name, make_row)
            if is_header:
                header = line
                continue
        try:
            row = parse(line)
        except BadRowError as bad:
            if used and not is_whole:
                raise BadFileError(f"ends early (inside line {number}): get it whole") from None
            bad_lines += 1
            yield _meet_header(line, header) or RefusedRow(name, f"line {number}", str(bad))
        else:
            if row is not None:
                used += 1
                yield row
    if not used + bad_lines:
        raise BadFileError("is empty: give one with at least one digest")


def _skip_line(file: BinaryIO) -> None:
    while (rest := file.readline(_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass


def split_header(line: bytes) -> tuple[str, list[str]]:
    """Return the delimiter of what may be a header, and its column names as they are compared."""
    text = line.decode(errors="replace")
    headers = {mark: [_normalise(field) for field in text.split(mark)] for mark in _DELIMITERS}
    delimiter = max(headers, key=lambda mark: len(_COLUMNS.intersection(headers[mark])))
    return delimiter, headers[delimiter]


def _choose_parser(line: bytes, list_name: str, make_row: MakeRow) -> tuple[_Parse, bool]:
    delimiter, header = split_header(line)
    if not _COLUMNS.intersection(header):
        return partial(_parse_bare_line, label=Label(list_name, None, None, None)), False
    known = [name for name in header if name in _COLUMNS]
    if not set(known).intersection(_DIGEST_COLUMNS):
        raise BadFileError("has no md5, sha1 or sha256 column: name one in its header")
    if twice := next((name for name in known if known.count(name) > 1), None):
        raise BadFileError(f"has two columns {twice}: keep one")
    return partial(_parse_csv_line, delimiter=delimiter, header=header, list_name=list_name, make_row=make_row), True


def _normalise(name: str) -> str:
    name = name.strip().strip('"').lower()
    return name.replace("-", "").replace("_", "").replace(" ", "")


def _parse_bare_line(line: bytes, label: Label) -> Row | None:
    place = _PLACE_BY_HEX_LENGTH.get(len(line))
    if place is None:
        line = line.strip()
        if not line or line.startswith(b"#"):
            return None
        # sha256sum writes "digest  name" or "digest *name", and a backslash first if it escaped the name.
        line, _, name = line.removeprefix(b"\\").partition(b" ")
        if name and name[:1] not in (b" ", b"*"):
            raise BadRowError("text after the digest that is not a sha256sum file name")
        place = _PLACE_BY_HEX_LENGTH.get(len(line))
        if place is None:
            raise BadRowError(f"a digest has 32, 40 or 64 hex digits, not {len(line)} characters")
    elif line.startswith(b"#"):
        return None
    try:
        digest = binascii.unhexlify(line)
    except ValueError:
        raise BadRowError("the digest has characters that are not hex digits") from None
    return Row(_at(place, digest), label)


def _at(place: int, digest: bytes) -> Digests:
    if place == 0:
        return digest, None, None
    return (None, digest, None) if place == 1 else (None, None, digest)


def _parse_csv_line(
    line: bytes,
    *,
    delimiter: str,
    header: list[str],
    list_name: str,
    make_row: MakeRow,
) -> Row | None:
    if not line.strip():
        return None
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise BadRowError("the line is not UTF-8") from None
    fields = _split(text, delimiter)
    if text.startswith("#") and (header[0] in _DIGEST_COLUMNS or len(fields) != len(header)):
        return None
    if len(fields) < len(header) or any(fields[len(header) :]):
        raise BadRowError(f"the line has {len(fields)} fields where the header has {len(header)}")
    values = {name: value for name, field in zip(header, fields, strict=False) if (value := field.strip())}
    return make_row(values, list_name)


def _meet_header(line: bytes, first: bytes | None) -> LeftOut | None:
    """Say what a line that cannot be used is when it is a header: files are joined by `cat`, and then differ."""
    names = {_normalise(field) for mark in _DELIMITERS for field in line.decode(errors="replace").split(mark)}
    if first is None or names.isdisjoint(_DIGEST_COLUMNS):
        return None
    if line != first:
        raise BadFileError("is several lists in one (another header further down): give each in its own file")
    return LeftOut("the header again")


def _split(text: str, delimiter: str) -> list[str]:
    if '"' not in text:
        return text.split(delimiter)
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error:
        raise BadRowError("the line has a quote that does not end on it") from None


def read_digests(values: Values) -> Digests:
    """Return the digests of a CSV row by column name; raises BadRowError when there is none."""
    digests = (
        read_digest(values.get("sha256"), "sha256", 32),
        read_digest(values.get("sha1"), "sha1", 20),
        read_digest(values.get("md5"), "md5", 16),
    )
    if digests == NO_DIGESTS:
        raise BadRowError("the line has no digest")
    return digests
