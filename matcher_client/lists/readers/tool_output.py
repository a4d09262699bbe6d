"""Reads the output of programs that hash files, other than `sha256sum`'s usual lines; the first line tells which.

- tagged lines, of `sha256sum --tag`, BSD and OpenSSL: `SHA256 (name) = digest`;
- hashdeep: `%%%% size,md5,sha256,filename`, and rows whose last column is the rest of the line;
- md5deep and others with `-z`: `size  digest  name`;
- PowerShell's Get-FileHash, as a table and as a list (its CSV has a header like any other);
- Windows' certutil: `SHA256 hash of NAME:`, in any language, then the digest on a line of its own;
- 7-Zip's `7z h`: a table, whose last line and what follows it are sums over all files and no digests of one;
- HashMyFiles' and others' lists: `MD5 : digest`, `SHA-256 : digest`, each on a line.

A digest that is not MD5, SHA-1 or SHA-256 is left out by its name. A line that says nothing (a blank, a rule, a
program's own remark) is no row.
"""

from __future__ import annotations

import base64
import codecs
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from orbweaver.matcher_client.errors import BadFileError, BadRowError
from orbweaver.matcher_client.lists.file_format import DIGEST_BYTES, Label
from orbweaver.matcher_client.lists.readers.columns import column_name, names_another_algorithm
from orbweaver.matcher_client.lists.row import (
    LeftOutRow,
    Read,
    RefusedRow,
    bare_hex,
    make_row,
    read_digests,
)

_LINE_BYTES = 64 * 1024
_HEX = re.compile(r"[0-9A-Fa-f]+")
_DIGEST = r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}"
_TAGGED = re.compile(r"\\?(?P<algorithm>[A-Za-z][\w/-]{1,15}) ?\((?P<name>.*)\) ?= ?(?P<digest>\S+)")
_HASHDEEP = re.compile(r"%%%% ")
_SIZED = re.compile(rf"(?P<size>\d{{1,20}})\s+(?P<digest>{_DIGEST})(?:\s+(?P<name>.+))?")
_TABLE_HEAD = re.compile(r"Algorithm\s+Hash(?:\s+Path)?\s*")
_TABLE_ROW = re.compile(r"(?P<algorithm>[A-Z][A-Z0-9]+)\s+(?P<digest>[0-9A-Fa-f]+)(?:\s+(?P<name>.+))?")
_PROPERTY = re.compile(r"(?P<key>Algorithm|Hash|Path)\s*:\s*(?P<value>.*)")
_CERTUTIL = re.compile(r"(?P<algorithm>(?:MD[245]|SHA-?[0-9]+))\b[^=]*:")
_COMMENTS = ("#", ";", "//")
_RULE = re.compile(r"[-\s]+")
_SEVEN_ZIP = re.compile(r"7-Zip\b.*")
_SEVEN_ZIP_HEAD = re.compile(r"((?:[A-Z][A-Z0-9-]+\s+)+)Size\s+Name")
_RECORD_RULE = re.compile(r"={10,}")
_NAMED_VALUE = re.compile(r"(?P<key>[A-Za-z][\w -]{1,30}?)\s*:\s*(?P<value>.*)")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{22}==|[A-Za-z0-9+/]{27}=|[A-Za-z0-9+/]{43}=")


class Tool(NamedTuple):
    """The output form of a program; `rows` yields the rows of numbered lines."""

    name: str
    rows: Callable[[Iterator[tuple[int, str]], str], Iterator[tuple[int, Read | BadRowError]]]


def tool_of(head: bytes) -> Tool | None:
    """Return the program whose output begins like this; None for another text."""
    lines = head.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace").splitlines()
    texts = (line.strip() for line in lines if line.strip() and not line.startswith(_COMMENTS))
    first, second = next(texts, ""), next(texts, "")
    if _RECORD_RULE.fullmatch(first):
        return _NAMED_VALUES if _NAMED_VALUE.fullmatch(second) else None
    for pattern, tool in _TOOLS:
        if pattern.match(first) if pattern is _HASHDEEP else pattern.fullmatch(first):
            return tool
    return None


def read(file: BinaryIO, name: str, *, list_name: str, tool: Tool) -> Iterator[Read]:
    """Yield each digest of a program's output as a row, or as left out or refused. Raises BadFileError."""
    count = 0
    for number, row in tool.rows(_lines_of(file), list_name):
        count += 1
        yield RefusedRow(name, f"line {number}", str(row)) if isinstance(row, BadRowError) else row
    if not count:
        raise BadFileError("is empty: give one with at least one digest")


def _lines_of(file: BinaryIO) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not empty, counted from 1; a long line is cut, which spoils only its file's name.

    Raises BadFileError.
    """
    number = 0
    while line := file.readline(_LINE_BYTES):
        number += 1
        while not line.endswith(b"\n") and (rest := file.readline(_LINE_BYTES)):
            line = line[:_LINE_BYTES] if not rest.endswith(b"\n") else line[:_LINE_BYTES] + b"\n"
        if b"\0" in line:
            raise BadFileError("ends its lines with NUL, as sha256sum -z does: write it without -z")
        text = line.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape").strip()
        if text:
            yield number, text


def _row(algorithm: str, digest: str, list_name: str, size: str | None = None) -> Read | BadRowError:
    named = column_name(algorithm)
    if named not in DIGEST_BYTES:
        return LeftOutRow(f"{algorithm.upper()[:20]} is not MD5, SHA-1 or SHA-256")
    if _BASE64.fullmatch(digest):  # of cksum --base64 and BSD's sha256 -b; no digest in hex digits ends so
        digest = base64.b64decode(digest).hex()
    try:
        by_name = {named: digest}
        digests, _ = read_digests(by_name.get("sha256"), by_name.get("sha1"), by_name.get("md5"))
        return make_row(digests, Label(list_name, None, None, None), size=size)
    except BadRowError as bad:
        return bad


def _by_pattern(
    pattern: re.Pattern[str], what: str, lines: Iterator[tuple[int, str]], list_name: str
) -> Iterator[tuple[int, Read | BadRowError]]:
    """Yield the rows of lines that are each a whole row; a line of another form is refused as not `what`."""
    by_length = {2 * width: name for name, width in DIGEST_BYTES.items()}
    for number, line in lines:
        found = pattern.fullmatch(line)
        if found is None:
            if not line.startswith(_COMMENTS):
                yield number, BadRowError(f"the line is not {what}")
            continue
        groups = found.groupdict()
        algorithm = groups.get("algorithm") or by_length[len(groups["digest"])]
        yield number, _row(algorithm, groups["digest"], list_name, groups.get("size"))


def _tagged(lines: Iterator[tuple[int, str]], list_name: str) -> Iterator[tuple[int, Read | BadRowError]]:
    return _by_pattern(_TAGGED, "ALGORITHM (name) = digest, as the first one is", lines, list_name)


def _sized(lines: Iterator[tuple[int, str]], list_name: str) -> Iterator[tuple[int, Read | BadRowError]]:
    return _by_pattern(_SIZED, "size, digest and name, as the first one is", lines, list_name)


def _table(lines: Iterator[tuple[int, str]], list_name: str) -> Iterator[tuple[int, Read | BadRowError]]:
    rows = ((number, line) for number, line in lines if not (_TABLE_HEAD.fullmatch(line) or _RULE.fullmatch(line)))
    return _by_pattern(_TABLE_ROW, "algorithm, hash and path; was a column cut off to fit a window?", rows, list_name)


def _properties(lines: Iterator[tuple[int, str]], list_name: str) -> Iterator[tuple[int, Read | BadRowError]]:
    """Yield the rows of PowerShell's list: `Algorithm : SHA256`, `Hash : ...`, `Path : ...`, each on a line."""
    algorithm = ""
    for number, line in lines:
        found = _PROPERTY.fullmatch(line)
        if found is None:
            continue  # a long path goes on in the next line
        if found["key"] == "Algorithm":
            algorithm = found["value"]
        elif found["key"] == "Hash":
            yield number, _row(algorithm, found["value"], list_name)


def _certutil(lines: Iterator[tuple[int, str]], list_name: str) -> Iterator[tuple[int, Read | BadRowError]]:
    algorithm = None
    for number, line in lines:
        if algorithm is not None:
            yield number, _row(algorithm, bare_hex(line), list_name)
            algorithm = None
        elif (found := _CERTUTIL.fullmatch(line)) is not None:
            algorithm = found["algorithm"]


def _hashdeep(lines: Iterator[tuple[int, str]], list_name: str) -> Iterator[tuple[int, Read | BadRowError]]:
    """Yield the rows of hashdeep, whose second line names the columns; file names are not quoted."""
    columns: list[str] = []
    for number, line in lines:
        if line.startswith("%%%%"):
            named = line.removeprefix("%%%%").strip()
            columns = [column_name(column) for column in named.split(",")] if "," in named else columns
            continue
        if line.startswith("##"):
            continue
        fields = line.split(",", max(0, len(columns) - 1))
        if len(fields) != len(columns) or not columns:
            yield number, BadRowError(f"the line has {len(fields)} fields where the header has {len(columns)}")
            continue
        values = dict(zip(columns, fields, strict=True))
        others = sorted(set(columns) - {"size", "filename", *DIGEST_BYTES})
        try:
            digests, spoilt = read_digests(values.get("sha256"), values.get("sha1"), values.get("md5"))
        except BadRowError as bad:
            yield number, bad
            continue
        if any(digests):
            label = Label(list_name, None, None, None)
            yield number, make_row(digests, label, size=values.get("size"), spoilt=spoilt)
        else:
            yield number, LeftOutRow(f"{', '.join(others).upper()[:40] or 'nothing'} is not MD5, SHA-1 or SHA-256")


def _seven_zip(lines: Iterator[tuple[int, str]], list_name: str) -> Iterator[tuple[int, Read | BadRowError]]:
    """Yield the rows between the two rules of 7-Zip's table; a folder has no digest."""
    algorithms: list[str] = []
    rules = 0
    for number, line in lines:
        head = _SEVEN_ZIP_HEAD.fullmatch(line)
        if head is not None:
            algorithms, rules = head[1].split(), 0
        elif _RULE.fullmatch(line):
            rules += 1
        elif algorithms and rules == 1:
            fields = line.split(None, len(algorithms) + 1)
            digests = fields[: len(algorithms)]
            if len(fields) < len(algorithms) + 1 or not all(map(_HEX.fullmatch, digests)):
                continue  # a folder
            yield (
                number,
                _row_of_several(list(zip(algorithms, digests, strict=True)), list_name, fields[len(algorithms)]),
            )


def _named_values(lines: Iterator[tuple[int, str]], list_name: str) -> Iterator[tuple[int, Read | BadRowError]]:
    """Yield a row for each record of lines between two rules."""
    named: list[tuple[str, str]] = []
    last = 0
    for number, line in lines:
        last = number
        found = _NAMED_VALUE.fullmatch(line)
        if found is not None:
            named.append((found["key"], found["value"].strip()))
        elif _RECORD_RULE.fullmatch(line) is None:
            yield number, BadRowError("the line is not NAME : value, as the first ones are")
        elif named:
            yield number, _row_of_several(named, list_name)
            named = []
    if named:
        yield last, _row_of_several(named, list_name)


def _row_of_several(named: list[tuple[str, str]], list_name: str, size: str | None = None) -> Read | BadRowError:
    """Return a row of the digests among named values; the others are what they are."""
    values = {column_name(name): value for name, value in named}
    try:
        digests, spoilt = read_digests(values.get("sha256"), values.get("sha1"), values.get("md5"))
    except BadRowError as bad:
        return bad
    if not any(digests):
        others = [name.upper() for name, _ in named if names_another_algorithm(column_name(name))]
        return LeftOutRow(f"{', '.join(others)[:40] or 'nothing'} is not MD5, SHA-1 or SHA-256")
    return make_row(digests, Label(list_name, None, None, None), size=size, spoilt=spoilt)


_TOOLS = (
    (_HASHDEEP, Tool("hashdeep", _hashdeep)),
    (_TAGGED, Tool("tagged lines", _tagged)),
    (_TABLE_HEAD, Tool("PowerShell's table", _table)),
    (_PROPERTY, Tool("PowerShell's list", _properties)),
    (_CERTUTIL, Tool("certutil", _certutil)),
    (_SIZED, Tool("size, digest and name", _sized)),
    (_SEVEN_ZIP, Tool("7-Zip", _seven_zip)),
    (_SEVEN_ZIP_HEAD, Tool("7-Zip", _seven_zip)),
)
_NAMED_VALUES = Tool("names and values", _named_values)
