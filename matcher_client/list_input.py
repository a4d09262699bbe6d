"""Reading the lists that people have: CSV with a header, bare digests, or what `sha256sum` prints."""

from __future__ import annotations

import base64
import binascii
import csv
import os
import string
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from orbweaver.matcher_client.errors import HashListUnreadable
from orbweaver.matcher_client.list_format import DIGEST_BYTES, UNKNOWN, Label

_BOM = b"\xef\xbb\xbf"
_LINE_BYTES = 64 * 1024
TEXT_BYTES = 1_000
_DELIMITERS = (",", ";", "\t")
_PLACE_BY_HEX_LENGTH = {2 * width: place for place, width in enumerate(DIGEST_BYTES.values())}
# Column names as they are compared: lower case, without "-", "_" and spaces.
_DIGEST_COLUMNS = tuple(DIGEST_BYTES)
_COLUMNS = frozenset((*_DIGEST_COLUMNS, "size", "category", "scheme", "entryid", "list", "status"))

Digests = tuple[bytes | None, bytes | None, bytes | None]


class Row(NamedTuple):
    """One usable line: SHA-256, SHA-1 and MD5 (at least one), size in bytes and what the list says of it."""

    digests: Digests
    label: Label
    size: int | None = None
    entry_id: str | None = None


class RefusedLine(NamedTuple):
    """A line that could not be used, and why; lines count from 1. The reason never repeats a digest."""

    file: str
    line: int
    reason: str


class _BadLineError(Exception):
    """Why a line cannot be used."""


_Parse = Callable[[bytes], Row | None]


def read_rows(path: Path) -> Iterator[Row | RefusedLine]:
    """Yield each line of a list as a row, or as refused; memory use does not depend on the file's size.

    The first line that is neither blank nor a `#` comment decides whether the file is CSV. Each line of a CSV
    stands for itself (no line breaks inside quotes), so that a lost quote costs one line and not the rest.

    Raises HashListUnreadable when the file cannot be read or its header makes no sense.
    """
    try:
        if not path.is_file():
            what = "is not a regular file" if path.exists() else "is missing"
            raise HashListUnreadable(f"hash list {path} {what}: check the path")
        with path.open("rb") as file:
            yield from _read_open_file(file, path)
    except OSError as error:
        raise HashListUnreadable(
            f"hash list {path} cannot be read ({error.strerror}): check its permissions"
        ) from error


def _read_open_file(file: BinaryIO, path: Path) -> Iterator[Row | RefusedLine]:
    default = Label(os.fsencode(path.stem).decode(errors="replace"), None, None, None)
    parse: _Parse | None = None
    number = 0
    while line := file.readline(_LINE_BYTES):
        number += 1
        if len(line) == _LINE_BYTES and not line.endswith(b"\n"):
            _skip_line(file)
            yield RefusedLine(str(path), number, f"the line is longer than {_LINE_BYTES:,} bytes")
            continue
        if number == 1:
            if line.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise HashListUnreadable(f"hash list {path} is UTF-16: save it as UTF-8")
            line = line.removeprefix(_BOM)
        line = line.strip(b" \r\n")  # not tabs: one may stand before an empty last field
        if parse is None:
            if not line.strip() or line.startswith(b"#"):
                continue
            parse, is_header = _choose_parser(line, path, default)
            if is_header:
                continue
        try:
            row = parse(line)
        except _BadLineError as bad:
            yield RefusedLine(str(path), number, str(bad))
        else:
            if row is not None:
                yield row


def _skip_line(file: BinaryIO) -> None:
    while (rest := file.readline(_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass


def _choose_parser(line: bytes, path: Path, default: Label) -> tuple[_Parse, bool]:
    text = line.decode(errors="replace")
    headers = {mark: [_normalise(field) for field in text.split(mark)] for mark in _DELIMITERS}
    delimiter = max(headers, key=lambda mark: len(_COLUMNS.intersection(headers[mark])))
    header = headers[delimiter]
    known = [name for name in header if name in _COLUMNS]
    if not known:
        return partial(_parse_bare_line, default=default), False
    if not set(known).intersection(_DIGEST_COLUMNS):
        raise HashListUnreadable(f"hash list {path} has no md5, sha1 or sha256 column: name one in its header")
    if twice := next((name for name in known if known.count(name) > 1), None):
        raise HashListUnreadable(f"hash list {path} has two columns {twice}: keep one")
    return partial(_parse_csv_line, delimiter=delimiter, header=header, default=default), True


def _normalise(name: str) -> str:
    name = name.strip().strip('"').lower()
    return name.replace("-", "").replace("_", "").replace(" ", "")


def _parse_bare_line(line: bytes, default: Label) -> Row | None:
    place = _PLACE_BY_HEX_LENGTH.get(len(line))
    if place is None:
        line = line.strip()
        if not line or line.startswith(b"#"):
            return None
        # sha256sum writes "digest  name" or "digest *name", and a backslash first if it escaped the name.
        line, _, name = line.removeprefix(b"\\").partition(b" ")
        if name and name[:1] not in (b" ", b"*"):
            raise _BadLineError("text after the digest that is not a sha256sum file name")
        place = _PLACE_BY_HEX_LENGTH.get(len(line))
        if place is None:
            raise _BadLineError(f"a digest has 32, 40 or 64 hex digits, not {len(line)} characters")
    elif line.startswith(b"#"):
        return None
    try:
        digest = binascii.unhexlify(line)
    except ValueError:
        raise _BadLineError("the digest has characters that are not hex digits") from None
    return Row(_at(place, digest), default)


def _at(place: int, digest: bytes) -> Digests:
    if place == 0:
        return digest, None, None
    return (None, digest, None) if place == 1 else (None, None, digest)


def _parse_csv_line(line: bytes, *, delimiter: str, header: list[str], default: Label) -> Row | None:
    if not line.strip():
        return None
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise _BadLineError("the line is not UTF-8") from None
    fields = _split(text, delimiter)
    if text.startswith("#") and (header[0] in _DIGEST_COLUMNS or len(fields) != len(header)):
        return None
    if len(fields) < len(header) or any(fields[len(header) :]):
        raise _BadLineError(f"the line has {len(fields)} fields where the header has {len(header)}")
    values = {name: value for name, field in zip(header, fields, strict=False) if (value := field.strip())}
    digests = (
        _read_digest(values.get("sha256"), "sha256", 32),
        _read_digest(values.get("sha1"), "sha1", 20),
        _read_digest(values.get("md5"), "md5", 16),
    )
    if digests == (None, None, None):
        raise _BadLineError("the line has no digest")
    for name in ("list", "category", "scheme", "status", "entryid"):
        if len(values.get(name, "").encode()) > TEXT_BYTES:
            raise _BadLineError(f"the {name} is longer than {TEXT_BYTES:,} bytes")
    status = values.get("status")
    label = Label(
        values.get("list", default.list),
        values.get("category"),
        values.get("scheme"),
        status.lower() if status else None,
    )
    return Row(digests, label, _read_size(values.get("size")), values.get("entryid"))


def _split(text: str, delimiter: str) -> list[str]:
    if '"' not in text:
        return text.split(delimiter)
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error:
        raise _BadLineError("the line has a quote that does not end on it") from None


def _read_digest(value: str | None, name: str, width: int) -> bytes | None:
    if value is None:
        return None
    if name == "sha1" and len(value) == 32:
        return _read_base32(value)
    if len(value) != 2 * width:
        raise _BadLineError(f"the {name} has {len(value)} characters where it needs {2 * width} hex digits")
    try:
        return binascii.unhexlify(value)
    except ValueError:
        raise _BadLineError(f"the {name} has characters that are not hex digits") from None


def _read_base32(value: str) -> bytes:
    if not value.strip(string.hexdigits):
        raise _BadLineError("the sha1 has 32 hex digits: that is an MD5")
    try:
        return base64.b32decode(value, casefold=True)
    except ValueError:
        raise _BadLineError("the sha1 is neither 40 hex digits nor 32 characters of base32") from None


def _read_size(value: str | None) -> int | None:
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 20 and int(value) < UNKNOWN):
        raise _BadLineError("the size is not a whole number of bytes")
    return int(value)
