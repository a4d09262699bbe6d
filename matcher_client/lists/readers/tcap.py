"""Reads the hash list of Tech Against Terrorism's TCAP, as JSON.

Source: python-threatexchange's client and its tests (exchanges/clients/techagainstterrorism): entries of `hash_digest,
algorithm, ideology, file_type, deleted, updated_on, created_on, id`, as an array or in the `results` of a page that has
a `checkpoint`, too. A deleted entry keeps its digest. `updated_on` is in seconds since 1970. We do not compute the
algorithms SHA512, PDQ and TMK.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from orbweaver.matcher_client.errors import BadRowError
from orbweaver.matcher_client.lists.file_format import DIGEST_BYTES, Label
from orbweaver.matcher_client.lists.readers.json_records import Record, Scalar, read_records, text_of
from orbweaver.matcher_client.lists.row import LeftOutRow, Read, RefusedRow, Row, lone_digest, read_digest, read_text
from orbweaver.model import Algorithm, EntryStatus

DEFAULT_LIST = "tcap"
SCHEME = "tcap"
_ENTRY = re.compile(rb'"hash_digest"\s*:')
_PATHS = frozenset({"item", "results.item"})
_KEYS = frozenset({"hash_digest", "algorithm", "ideology", "deleted", "updated_on", "id"})
_ALGORITHMS: dict[str, Algorithm] = {"md5": "md5", "sha1": "sha1", "sha256": "sha256"}
_FLAGS: dict[Scalar, bool] = {None: False, False: False, True: True, "false": False, "true": True}
_LAST_SECOND = 2**40


def is_tcap(head: bytes) -> bool:
    """Whether the start of a JSON document is that of a TCAP hash list."""
    return _ENTRY.search(head) is not None


def read(file: BinaryIO, name: str, *, list_name: str) -> Iterator[Read]:
    """Yield the entries of a hash list; raises BadFileError."""
    for number, record in enumerate(read_records(file, paths=_PATHS, keys=_KEYS), start=1):
        try:
            yield _make_row(record, list_name)
        except BadRowError as bad:
            yield RefusedRow(name, f"record {number}", str(bad))


def _make_row(record: Record, list_name: str) -> Row | LeftOutRow:
    named = text_of(record, "algorithm") or ""
    algorithm = _ALGORITHMS.get(named.lower().replace("-", ""))
    if algorithm is None:
        if not named.isalnum() or len(named) > 20:
            raise BadRowError("the algorithm has no name")
        return LeftOutRow(f"{named.upper()} is not MD5, SHA-1 or SHA-256")
    digest = read_digest(text_of(record, "hash_digest"), algorithm, DIGEST_BYTES[algorithm])
    if digest is None:
        raise BadRowError("the entry has no digest")
    deleted = record.get("deleted")
    is_deleted = _FLAGS.get(deleted.lower() if isinstance(deleted, str) else deleted)
    if is_deleted is None:
        raise BadRowError("the flag deleted is neither true nor false")
    category = read_text(text_of(record, "ideology"), "ideology")
    return Row(
        lone_digest(list(DIGEST_BYTES).index(algorithm), digest),
        Label(list_name, category, SCHEME, EntryStatus.WITHDRAWN.value if is_deleted else None),
        entry_id=read_text(text_of(record, "id"), "id"),
        changed_at=_read_seconds(record.get("updated_on")),
    )


def _read_seconds(value: Scalar) -> int:
    """Return milliseconds since 1970; an entry without a time counts as older than any with a time."""
    if value is None:
        return 0
    if isinstance(value, bool | str) or not 0 <= value < _LAST_SECOND:
        raise BadRowError("updated_on is not a time in seconds")
    return int(value * 1_000)
