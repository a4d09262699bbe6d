"""Reads JSON whose objects name their digests, as scripts write it.

- PowerShell's `Get-FileHash ... | ConvertTo-Json`: objects with `Algorithm` and `Hash`, in an array, or one alone;
- `rclone lsjson --hash`: the object `Hashes` of each entry;
- objects with `md5`, `sha1` or `sha256`, in an array or one a line, with the columns of our CSV beside them.

A digest of another algorithm is left out by its name. Rows of VICS without their head are refused: their categories
say what is harmless.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import BinaryIO

from orbweaver.matcher_client.errors import BadFileError, BadRowError, LeftOutError
from orbweaver.matcher_client.lists.readers import text
from orbweaver.matcher_client.lists.readers.columns import ALGORITHM, ANY_DIGEST, COLUMNS, column_name
from orbweaver.matcher_client.lists.readers.json_records import Record, read_records, text_of
from orbweaver.matcher_client.lists.row import LeftOutRow, Read, RefusedRow
from orbweaver.matcher_client.lists.source import HEAD_BYTES

_LINE_BYTES = 64 * 1024
_NAMES = ("md5", "sha1", "sha-1", "sha_1", "sha256", "sha-256", "sha_256", ANY_DIGEST, ALGORITHM, *COLUMNS, "entry_id")
# The spellings of a key that are looked for.
_KEYS = frozenset(spelt for name in _NAMES for spelt in (name, name.upper(), name.capitalize()))
_DIGEST_KEY = re.compile(rb'"(?:md5|sha[-_]?1|sha[-_]?256|hash)"\s*:\s*"', re.IGNORECASE)
_HASHES_KEY = re.compile(rb'"Hashes"\s*:\s*\{')
_OBJECT = re.compile(rb"\s*\{")
_LINE_OF_AN_OBJECT = re.compile(rb"\s*\{[^\n]*\}\s*(?:\n|\Z)")


def is_digests(head: bytes) -> bool:
    """Whether the start of a JSON document has an object with digests: in an array, one a line, or one alone."""
    if _DIGEST_KEY.search(head) is None:
        return False
    if head.startswith(b"["):
        return _OBJECT.match(head, 1) is not None
    # Other documents have digests deep inside, and say elsewhere what they are of.
    first = head.split(b"\n", 1)[0] if _LINE_OF_AN_OBJECT.match(head) else head
    try:
        found = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and any(key in _KEYS and isinstance(value, str) for key, value in found.items())


def read(file: BinaryIO, name: str, *, list_name: str, head: bytes) -> Iterator[Read]:
    """Yield the rows of the objects, `head` being the start of the document; raises BadFileError."""
    if b'"MediaID"' in head:
        raise BadFileError("is rows of VICS without their head, which says what their categories mean: export it again")
    if head.startswith(b"["):
        paths = frozenset({"item.Hashes"} if _HASHES_KEY.search(head) else {"item"})
        records = read_records(file, paths=paths, keys=_KEYS)
    elif _LINE_OF_AN_OBJECT.match(head):
        records = _lines_of(file)
    else:
        records = iter([_whole(file)])
    for number, record in enumerate(records, start=1):
        try:
            values = {column_name(key): value for key in record if key in _KEYS and (value := text_of(record, key))}
            yield text.make_row(values, list_name)
        except LeftOutError as left_out:
            yield LeftOutRow(str(left_out))
        except BadRowError as bad:
            yield RefusedRow(name, f"record {number}", str(bad))


def _whole(file: BinaryIO) -> Record:
    """Return the only object of a document that `is_digests` has seen as a whole. Raises BadFileError."""
    try:
        found: Record = json.loads(file.read(HEAD_BYTES))
    except (ValueError, RecursionError):
        raise BadFileError("is damaged (it is not one JSON object): get it again") from None
    if file.read(HEAD_BYTES).strip():
        raise BadFileError("has more than one JSON object: write one a line, or an array")
    return found


def _lines_of(file: BinaryIO) -> Iterator[Record]:
    """Yield the objects of JSON Lines. Raises BadFileError."""
    number = 0
    while line := file.readline(_LINE_BYTES):
        number += 1
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            raise BadFileError(f"is damaged (line {number} is no JSON object, as the others are): get it again")
        yield record
