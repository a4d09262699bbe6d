"""Reads text with one row a line: CSV with a header, bare digests, or the output of `sha256sum`.

The header names the columns. A line that cannot be used is refused, and the others are used. But the whole file is
refused when a line shows that it is not one complete list: when the line begins another list (files were joined by
`cat`), or is the last one and has no end.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import csv
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from orbweaver.matcher_client.errors import BadFileError, BadRowError, LeftOutError
from orbweaver.matcher_client.lists.file_format import DIGEST_BYTES, Label
from orbweaver.matcher_client.lists.file_kind import is_separator_line
from orbweaver.matcher_client.lists.row import (
    NO_DIGESTS,
    Digests,
    LeftOutRow,
    Read,
    RefusedRow,
    Row,
    bare_hex,
    lone_digest,
    read_digests,
    read_text,
)
from orbweaver.matcher_client.lists.row import make_row as row_of
from orbweaver.model import EntryStatus

_LINE_BYTES = 64 * 1024
_DELIMITERS = (",", ";", "\t")
_HEX_DIGITS = b"0123456789abcdefABCDEF"
_PLACE_BY_HEX_LENGTH = {2 * width: place for place, width in enumerate(DIGEST_BYTES.values())}
_OTHER_DIGESTS = {
    8: "a CRC-32",
    24: "an MD5 in base64, whose column has to say so (md5_base64)",
    28: "a SHA-1 in base64, whose column has to say so (sha1_base64)",
    44: "a SHA-256 in base64, whose column has to say so (sha256_base64)",
    56: "a SHA-224",
    96: "a SHA-384",
    128: "a SHA-512 or a BLAKE2b",
}
# Column names as they are compared: lower case, without "-", "_" and spaces.
_DIGEST_COLUMNS = tuple(DIGEST_BYTES)
# A column of digests that says no algorithm, or says it in another column, as PowerShell's and EnCase's.
ANY_DIGEST = "hash"
_COLUMNS = frozenset((*_DIGEST_COLUMNS, ANY_DIGEST, "size", "category", "scheme", "entryid", "list", "status"))
# As FTK, EnCase, X-Ways and others call a column of digests: `MD5 Hash`, `SHA-1 hash value`, `Hash1 (SHA-256)`.
_DIGEST_NAME = re.compile(
    r"(?:hash\d?)?\(?(md5|sha1|sha256)\)?(?:hash|hashvalue|value|sum|digest|checksum)?\(?(base64|base32|hex)?\)?"
)
_ANY_DIGEST_NAMES = frozenset({"hash", "hashvalue", "filehash", "digest", "checksum"})

# A digest alone on its line, as certutil and others write it: blanks or colons between the bytes.
_SPACED_DIGEST = re.compile(rb"(?:[0-9a-fA-F]{2}[ :-]){15,31}[0-9a-fA-F]{2}")

# The name of a list's only column, or its title, when its digests are of another algorithm.
_OTHER_ALGORITHM = re.compile(
    r"ripemd|rmd160|tiger|whirlpool|md[246](?!\d)|ntlm|nthash|ed2k|edonkey|crc|sha(?:224|384|512|3)|blake|xxh|photodna|pdq|"
    r"tlsh|ssdeep|quickxor|sha1git|gost|sm3"
)

Values = dict[str, str]
MakeRow = Callable[[Values, str], Row]

# The beginning of a list in JSON or XML, perhaps directly after a digest whose line has no end. A name in a column may
# begin with a bracket, too.
_OTHER_START = re.compile(rb"""[0-9a-fA-F]*(?:[\[{]\s*(?:["\[{]|$)|<(?:\?xml|\w*:?queryResult)\b)""")


def make_row(values: Values, list_name: str) -> Row:
    """Return the row of a plain CSV's line from its values by column; raises BadRowError."""
    texts = {name: read_text(values.get(name), name) for name in ("list", "category", "scheme", "status", "entryid")}
    status = texts["status"]
    label = Label(texts["list"] or list_name, texts["category"], texts["scheme"], status.lower() if status else None)
    digests, spoilt = digests_of(values)
    return row_of(digests, label, size=values.get("size"), entry_id=texts["entryid"], spoilt=spoilt)


def digests_of(values: Values) -> tuple[Digests, str | None]:
    """Return the digests of a CSV row by column name, and why one cannot be read; raises BadRowError for none."""
    digest = values.get(ANY_DIGEST)
    # Beside a column that names its algorithm, one called "hash" may be anything, such as a perceptual hash.
    if digest is not None and values.keys().isdisjoint(_DIGEST_COLUMNS):
        values = _sorted_in(digest, values)
    digests, spoilt = read_digests(values.get("sha256"), values.get("sha1"), values.get("md5"))
    if digests == NO_DIGESTS:
        raise BadRowError("the line has no digest")
    return digests, spoilt


def _sorted_in(digest: str, values: Values) -> Values:
    """Return the values with the digest of a column that names no algorithm under its own, which its length tells."""
    place = _PLACE_BY_HEX_LENGTH.get(len(bare_hex(digest)))
    named = values.get("algorithm", "").replace("-", "").lower()
    if named and named not in _DIGEST_COLUMNS:
        raise LeftOutError(f"{values['algorithm']} is not MD5, SHA-1 or SHA-256")
    if place is None and not named:
        raise BadRowError(wrong_length(len(digest)))
    return {**values, named or _DIGEST_COLUMNS[place or 0]: digest}


def wrong_length(length: int) -> str:
    """Say why a digest of so many characters is none of ours."""
    other = _OTHER_DIGESTS.get(length)
    if other is not None:
        return f"a digest of {length} characters is {other}: give MD5, SHA-1 or SHA-256"
    return f"a digest has 32, 40 or 64 hex digits, not {length} characters"


def read(file: BinaryIO, name: str, *, list_name: str, make_row: MakeRow = make_row) -> Iterator[Read]:
    """Yield each line as a row, or as refused; `make_row` turns the columns into a row. Raises BadFileError.

    The first line that is neither blank nor a `#` comment decides whether the file is CSV. Each line of a CSV is read
    alone (no line breaks inside quotes), so that a lost quote spoils one line and not the rest.
    """
    lines: _BareLines | _CsvLines | None = None
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
            if not line.strip() or line.startswith(b"#") or is_separator_line(line):
                continue
            if (header := _read_header(line)) is not None:
                lines = _CsvLines(line, header, list_name, make_row)
                continue
            lines = _BareLines(list_name)
        try:
            row = lines.parse(line)
        except LeftOutError as left_out:
            used += 1
            yield LeftOutRow(str(left_out))
            continue
        except BadRowError as bad:
            if used and not is_whole:
                raise BadFileError(f"ends early (inside line {number}): get a complete copy") from None
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
            yield row
    if not used + bad_lines:
        raise BadFileError("is empty: give one with at least one digest")


def _skip_line(file: BinaryIO) -> None:
    while (rest := file.readline(_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass


def _refuse_lone_returns(line: bytes) -> None:
    if b"\r" in line:
        raise BadFileError("ends its lines with CR alone, as old Macs did: save it with LF or CRLF")


def split_header(line: bytes) -> tuple[str, list[str]]:
    """Return the delimiter of a line that may be a header, and its column names in the form for comparison."""
    text = line.decode(errors="replace")
    headers = {mark: [_normalise(field) for field in text.split(mark)] for mark in _DELIMITERS}
    delimiter = max(headers, key=lambda mark: len(_COLUMNS.intersection(headers[mark])))
    return delimiter, headers[delimiter]


def _read_header(line: bytes) -> tuple[str, list[str]] | None:
    """Return delimiter and column names when a line is a header; raises BadFileError for a header without digests."""
    delimiter, header = split_header(line)
    known = [name for name in header if name in _COLUMNS]
    if not set(known).isdisjoint(_DIGEST_COLUMNS):
        known = [name for name in known if name != ANY_DIGEST]
    if not known:
        if _has_columns(line):
            raise BadFileError("has columns and no header: name them in a first line, such as sha256,size")
        if len(header) == 1 and _OTHER_ALGORITHM.search(header[0]):
            raise BadFileError(
                "is of digests that are not MD5, SHA-1 or SHA-256, as its first line says: give one of those"
            )
        return None
    if not set(known).intersection((*_DIGEST_COLUMNS, ANY_DIGEST)):
        raise BadFileError("has no md5, sha1 or sha256 column: name one in its header")
    if twice := next((name for name in known if known.count(name) > 1), None):
        raise BadFileError(f"has two columns {twice}: keep one")
    return delimiter, header


def _normalise(name: str) -> str:
    name = name.strip().strip('"').lower()
    name = name.replace("-", "").replace("_", "").replace(" ", "")
    if name in _ANY_DIGEST_NAMES:
        return ANY_DIGEST
    of_digest = _DIGEST_NAME.fullmatch(name)
    return name if of_digest is None else of_digest[1]


def _encoding_of(name: str) -> str | None:
    """Return the encoding of digests that a column's name says, None for hex digits."""
    return next((encoding for encoding in _DECODERS if encoding in name.lower()), None)


_DECODERS: dict[str, Callable[[str], bytes]] = {"base64": base64.b64decode, "base32": base64.b32decode}


class _BareLines:
    """Lines of one digest each, perhaps with a file name after it."""

    first: bytes | None = None

    def __init__(self, list_name: str) -> None:
        self._label = Label(list_name, None, None, None)
        self._longest = len(DIGEST_BYTES)  # a place in DIGEST_BYTES: SHA-256 comes first

    def parse(self, line: bytes) -> Row | None:
        """Return the row of a line, None for a line without one; raises BadRowError."""
        place = _PLACE_BY_HEX_LENGTH.get(len(line))
        if place is None:
            line = line.strip()
            if not line or line.startswith(b"#"):
                return None
            # sha256sum writes "digest  name" or "digest *name", and a backslash first if it escaped the name.
            if _SPACED_DIGEST.fullmatch(line):
                line = bare_hex(line.decode("ascii")).encode()
            if line[:1] == line[-1:] == b'"':
                line = line[1:-1]
            line, _, name = line.removeprefix(b"\\").removeprefix(b"0x").partition(b" ")
            if b"\0" in name:
                raise BadFileError("ends its lines with NUL, as sha256sum -z does: write it without -z")
            place = _PLACE_BY_HEX_LENGTH.get(len(line))
            if place is None and name and line.strip(_HEX_DIGITS):
                raise BadRowError("the line does not begin with a digest")
            if place is None:
                raise BadRowError(wrong_length(len(line)))
            # Some programs write one blank where sha256sum writes two. Another digest is no name.
            if _is_digest(name.strip().partition(b" ")[0]):
                raise BadRowError("two digests on the line: name the columns in a first line, such as md5 and sha1")
        elif line.startswith(b"#"):
            return None
        try:
            digest = binascii.unhexlify(line)
        except ValueError:
            raise BadRowError("the digest has characters that are not hex digits") from None
        if place < self._longest:
            self._longest = place
        return Row(lone_digest(place, digest), self._label)

    def may_be_cut(self, line: bytes) -> bool:
        """Whether a last line without an end may be the start of a digest as long as others in the file."""
        return _PLACE_BY_HEX_LENGTH.get(len(line), 0) > self._longest

    def tell_apart(self, line: bytes) -> str | None:
        """Say what an unusable line would be in a list of another kind; None when nothing."""
        return "has columns, and those before it have none" if _has_columns(line) else None


class _CsvLines:
    """Lines of a CSV, whose header says which columns there are."""

    def __init__(self, first: bytes, header: tuple[str, list[str]], list_name: str, make_row: MakeRow) -> None:
        self.first = first
        self._delimiter, self._header = header
        self._list_name = list_name
        self._make_row = make_row
        written = first.decode(errors="replace").split(self._delimiter)
        named = zip(self._header, written, strict=True)
        self._encodings = {
            name: encoding for name, column in named if name in _COLUMNS and (encoding := _encoding_of(column))
        }

    def parse(self, line: bytes) -> Row | None:
        """Return the row of a line, None for a line without one; raises BadRowError."""
        if not line.strip():
            return None
        # Bytes that are not UTF-8 spoil the line only in a column that is read.
        text = line.decode(errors="surrogateescape")
        header = self._header
        fields = _split(text, self._delimiter)
        if text.startswith("#") and (header[0] in _DIGEST_COLUMNS or len(fields) != len(header)):
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
        is_bare = _is_digest(digest) and (blank or len(self._header) > 1)
        return f"is a bare digest, and the header has {len(self._header)} columns" if is_bare else None


def _bare(field: str) -> str:
    """Return a field without the blanks around it, and without Excel's `="..."`, which keeps a text a text."""
    field = field.strip()
    return field[2:-1].strip() if field.startswith('="') and field.endswith('"') else field


def _hex_of(value: str, encoding: str) -> str:
    """Return a digest in hex digits; one that is not in the encoding as it is, for the row's reading to refuse."""
    try:
        return _DECODERS[encoding](value + "=" * (-len(value) % (4 if encoding == "base64" else 8))).hex()
    except ValueError:
        return value


def _is_digest(text: bytes) -> bool:
    return len(text) in _PLACE_BY_HEX_LENGTH and not text.strip(_HEX_DIGITS)


def _has_columns(line: bytes) -> bool:
    """Whether a line is a digest among other fields, as in a CSV."""
    fields = re.split(rb"[,;\t]", line)
    return len(fields) > 1 and any(_is_digest(field.strip(b' "')) for field in fields)


def _meet_another_list(line: bytes, number: int, lines: _BareLines | _CsvLines) -> LeftOutRow | None:
    """Refuse the file when a line that cannot be used begins another list: files are joined by `cat`."""
    _refuse_lone_returns(line)
    names = {_normalise(field) for mark in _DELIMITERS for field in line.decode(errors="replace").split(mark)}
    if line == lines.first:
        return LeftOutRow("the header again")
    if not names.isdisjoint(_DIGEST_COLUMNS):
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
        return next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error:
        raise BadRowError("the line has a quote that does not end on it") from None
