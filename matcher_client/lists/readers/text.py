"""Reads text with one row a line: CSV with a header, bare digests, or the output of `sha256sum`.

The header names the columns. A line that cannot be used is refused, and the others are used. But the whole file is
refused when a line shows that it is not one complete list: when the line begins another list (files were joined by
`cat`), or is the last one and has no end.
"""

from __future__ import annotations

import base64
import codecs
import csv
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from orbweaver.matcher_client.errors import BadFileError, BadRowError, LeftOutError
from orbweaver.matcher_client.lists.file_format import Label
from orbweaver.matcher_client.lists.file_kind import is_separator_line
from orbweaver.matcher_client.lists.readers.bare_lines import (
    PLACE_BY_HEX_LENGTH,
    BareLines,
    has_columns,
    is_digest,
    wrong_length,
)
from orbweaver.matcher_client.lists.readers.columns import (
    ALGORITHM,
    ANY_DIGEST,
    COLUMNS,
    DELIMITERS,
    DIGEST_COLUMNS,
    OF_ANOTHER_ALGORITHM,
    Header,
    column_name,
    header_text,
    names_another_algorithm,
    read_header,
    unread_digests,
)
from orbweaver.matcher_client.lists.row import (
    NO_DIGESTS,
    Digests,
    LeftOutRow,
    Read,
    RefusedRow,
    Row,
    bare_hex,
    read_digests,
    read_text,
)
from orbweaver.matcher_client.lists.row import make_row as row_of
from orbweaver.model import EntryStatus

_LINE_BYTES = 64 * 1024
# Blanks that pages and chats put around a text, and nobody sees.
_NOT_SEEN = " \t\u00a0\u200b\u200e\u200f\u2060\ufeff"

Values = dict[str, str]
MakeRow = Callable[[Values, str], Row]

# The beginning of a list in JSON or XML, perhaps directly after a digest whose line has no end. A name in a column may
# begin with a bracket, too.
_OTHER_START = re.compile(rb"""[0-9a-fA-F]*(?:[\[{]\s*(?:["\[{]|$)|<(?:\?xml|\w*:?queryResult)\b)""")


def make_row(values: Values, list_name: str) -> Row:
    """Return the row of a plain CSV's line from its values by column; raises BadRowError."""
    texts = {name: read_text(values.get(name), name) for name in ("list", "category", "scheme", "status", "entryid")}
    status = texts["status"]
    # A CSV that was made of VICS has its columns: there 0 says that a file is harmless.
    scheme = texts["scheme"] or ("vics" if "mediaid" in values and "category" in values else None)
    label = Label(texts["list"] or list_name, texts["category"], scheme, status.lower() if status else None)
    digests, spoilt = digests_of(values)
    return row_of(digests, label, size=values.get("size"), entry_id=texts["entryid"], spoilt=spoilt)


def digests_of(values: Values) -> tuple[Digests, str | None]:
    """Return the digests of a CSV row by column name, and why one cannot be read; raises BadRowError for none."""
    digest = values.get(ANY_DIGEST)
    # Beside a column that names its algorithm, one called "hash" may be anything, such as a perceptual hash.
    if digest is not None and values.keys().isdisjoint(DIGEST_COLUMNS):
        values = _sorted_in(digest, values)
    digests, spoilt = read_digests(values.get("sha256"), values.get("sha1"), values.get("md5"))
    if digests == NO_DIGESTS:
        raise BadRowError("the line has no digest")
    return digests, spoilt


def _sorted_in(digest: str, values: Values) -> Values:
    """Return the values with the digest of a column that names no algorithm under its own, which its length tells."""
    place = PLACE_BY_HEX_LENGTH.get(len(bare_hex(digest)))
    named = column_name(values.get(ALGORITHM, "").removeprefix("HASH_"))
    if named and named not in DIGEST_COLUMNS:
        raise LeftOutError(f"{values[ALGORITHM][:20]} is not MD5, SHA-1 or SHA-256")
    if place is None and not named:
        raise BadRowError(wrong_length(len(digest)))
    return {**values, named or DIGEST_COLUMNS[place or 0]: digest}


def read(
    file: BinaryIO,
    name: str,
    *,
    list_name: str,
    make_row: MakeRow = make_row,
    other_algorithm: str | None = None,
) -> Iterator[Read]:
    """Yield each line as a row, or as refused; `make_row` turns the columns into a row. Raises BadFileError.

    The first line that is neither blank nor a comment decides whether the file is CSV, unless it is a title above a
    header. Each line of a CSV is read alone (no line breaks inside quotes), so that a lost quote spoils one line and
    not the rest. Bare digests are refused when the file's name says that they are of `other_algorithm`.
    """
    bare = BareLines(list_name, other_algorithm)
    lines: BareLines | _CsvLines | None = None
    in_comment: tuple[bytes, Header] | None = None
    title: bytes | None = None
    number = used = bad_lines = 0
    while line := file.readline(_LINE_BYTES):
        number += 1
        is_whole = line.endswith(b"\n")
        is_too_long = len(line) == _LINE_BYTES and not is_whole
        # Tabs stay: one may be before an empty last field. A byte order mark is where another file was appended.
        line = line.strip(b" \r\n").removeprefix(codecs.BOM_UTF8)
        if lines is None or is_too_long:
            _refuse_lone_returns(line)
        if is_too_long:
            _skip_line(file)
            bad_lines += 1
            yield RefusedRow(name, f"line {number}", f"the line is longer than {_LINE_BYTES:,} bytes")
            continue
        if lines is None:
            if not line.strip() or is_separator_line(line):
                continue
            if line.startswith(b"#"):
                bare.parse(line)
                in_comment = _header_in_comment(line) or in_comment
                continue
            if (header := read_header(line)) is not None:
                lines = _CsvLines(line, header, list_name, make_row)
                continue
            if in_comment is not None and _fits(line, in_comment[1]):
                lines = _CsvLines(*in_comment, list_name, make_row)
            else:
                lines, title = bare, line
                _refuse_columns(line, title)
        try:
            row = lines.parse(line)
        except LeftOutError as left_out:
            used += 1
            yield LeftOutRow(str(left_out))
            continue
        except BadRowError as bad:
            if used and not is_whole:
                raise BadFileError(f"ends early (inside line {number}): get a complete copy") from None
            if lines is bare and not used and title is not None:
                if (header := read_header(line)) is not None:
                    lines = _CsvLines(line, header, list_name, make_row)
                    continue
                _refuse_columns(line, title)
            bad_lines += 1
            yield _meet_another_list(line, number, lines) or RefusedRow(name, f"line {number}", str(bad))
            continue
        if row is not None:
            if not is_whole and (row.spoilt is not None or lines.may_be_cut(line)):
                raise BadFileError(
                    f"ends early (inside line {number}): get a complete copy; if it is complete, "
                    "put a line end after its last line"
                )
            used += 1
            if lines.unread is not None:
                unread = f"the column {lines.unread} is not read: call it md5, sha1 or sha256, if it has their digests"
                row = row._replace(spoilt="; ".join(filter(None, (row.spoilt, unread))))
            yield row
    if not used + bad_lines:
        raise BadFileError("is empty: give one with at least one digest")


def _skip_line(file: BinaryIO) -> None:
    while (rest := file.readline(_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass


def _refuse_lone_returns(line: bytes) -> None:
    if b"\r" in line:
        raise BadFileError("ends its lines with CR alone, as old Macs did: save it with LF or CRLF")


def _header_in_comment(line: bytes) -> tuple[bytes, Header] | None:
    """Return a header of several columns that is commented out, or whose first column is called `#`."""
    line = line.lstrip(b"# ")
    try:
        header = read_header(line)
    except BadFileError:
        return None
    return (line, header) if header is not None and len(header[1]) > 1 else None


def _fits(line: bytes, header: Header) -> bool:
    try:
        fields = _split(line.decode(errors="replace"), header[0])
    except BadRowError:
        return False
    return len(fields) == len(header[1]) and has_columns(line)


def _refuse_columns(line: bytes, title: bytes) -> None:
    """Refuse a line of columns when no header said what they are; `title` is the first line of the file."""
    if not has_columns(line):
        return
    names = (column_name(field) for mark in DELIMITERS for field in title.decode(errors="replace").split(mark))
    if line is not title and any(map(names_another_algorithm, names)):
        raise BadFileError(OF_ANOTHER_ALGORITHM)
    raise BadFileError(
        "has columns and no header that names md5, sha1 or sha256: name them in a first line, such as sha256,size"
    )


def _encoding_of(name: str) -> str | None:
    """Return the encoding of digests that a column's name says, None for hex digits."""
    return next((encoding for encoding in _DECODERS if encoding in name.lower()), None)


_DECODERS: dict[str, Callable[[str], bytes]] = {"base64": base64.b64decode, "base32": base64.b32decode}


class _CsvLines:
    """Lines of a CSV, whose header says which columns there are."""

    def __init__(self, first: bytes, header: tuple[str, list[str]], list_name: str, make_row: MakeRow) -> None:
        self.first = first
        self._delimiter, self._header = header
        self._list_name = list_name
        self._make_row = make_row
        self.unread = unread_digests(first, header)
        written = header_text(first).split(self._delimiter)
        named = zip(self._header, written, strict=True)
        self._encodings = {
            name: encoding for name, column in named if name in COLUMNS and (encoding := _encoding_of(column))
        }

    def parse(self, line: bytes) -> Row | None:
        """Return the row of a line, None for a line without one; raises BadRowError."""
        if not line.strip():
            return None
        # Bytes that are not UTF-8 spoil the line only in a column that is read.
        text = line.decode(errors="surrogateescape")
        header = self._header
        fields = _split(text, self._delimiter)
        if text.startswith("#") and (header[0] in DIGEST_COLUMNS or len(fields) != len(header)):
            return None
        if len(fields) < len(header) or any(fields[len(header) :]):
            raise BadRowError(f"the line has {len(fields)} fields where the header has {len(header)}")
        values = {name: value for name, field in zip(header, fields, strict=False) if (value := _bare(field))}
        for name, encoding in self._encodings.items():
            if name in values:
                values[name] = _hex_of(values[name], encoding)
        return self._make_row(values, self._list_name)

    def may_be_cut(self, line: bytes) -> bool:
        """Whether a last line without an end has nothing in its last column, or the start of a status."""
        fields = _split(line.decode(errors="surrogateescape"), self._delimiter)
        last = fields[len(self._header) - 1].strip().lower()
        is_status = self._header[-1] == "status"
        return not last or (is_status and any(word.startswith(last) and word != last for word in EntryStatus))

    def tell_apart(self, line: bytes) -> str | None:
        """Say what an unusable line would be in a list of another kind; None when nothing."""
        digest, blank, _ = line.removeprefix(b"\\").partition(b" ")
        is_bare = is_digest(digest) and (blank or len(self._header) > 1)
        return f"is a bare digest, and the header has {len(self._header)} columns" if is_bare else None


def _bare(field: str) -> str:
    """Return a field without the blanks around it, and without Excel's `="..."`, which keeps a text a text."""
    field = field.strip().strip(_NOT_SEEN)
    return field[2:-1].strip() if field.startswith('="') and field.endswith('"') else field


def _hex_of(value: str, encoding: str) -> str:
    """Return a digest in hex digits; one that is not in the encoding as it is, for the row's reading to refuse."""
    try:
        return _DECODERS[encoding](value + "=" * (-len(value) % (4 if encoding == "base64" else 8))).hex()
    except ValueError:
        return value


def _meet_another_list(line: bytes, number: int, lines: BareLines | _CsvLines) -> LeftOutRow | None:
    """Refuse the file when a line that cannot be used begins another list: files are joined by `cat`."""
    _refuse_lone_returns(line)
    names = {column_name(field) for mark in DELIMITERS for field in line.decode(errors="replace").split(mark)}
    if line == lines.first:
        return LeftOutRow("the header again")
    if not names.isdisjoint(DIGEST_COLUMNS):
        what: str | None = "is another header" if lines.first else "is the header of a CSV"
    elif _OTHER_START.match(line):
        what = "begins JSON or XML"
    else:
        what = lines.tell_apart(line)
    if what is not None:
        raise BadFileError(f"is several lists in one (line {number} {what}): give each in its own file")
    return None


def _split(text: str, delimiter: str) -> list[str]:
    if '"' not in text:
        return text.split(delimiter)
    try:
        return next(csv.reader([text], delimiter=delimiter, skipinitialspace=True, strict=True))
    except csv.Error:
        raise BadRowError("the line has a quote that does not end on it") from None
