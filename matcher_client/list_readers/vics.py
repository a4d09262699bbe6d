"""VICS JSON 1.x and 2.0 of Project VIC, and NIST's CAID hash sets, which have the same shape and are benign.

Sources: IPED's HashDBTool (the contexts, which categories of 1.3 it alerts on, CAID), GLEAPP's projectvic.py (cases,
rows without a category, totals that are wrong), Autopsy (the categories of the United States); see DOMAIN.md 3.1.

    1.x   "odata.metadata": "http://github.com/ICMEC/ProjectVic/DataModels/1.3.xml#Media"
    2.0   "@odata.context": "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/US/$metadata#Media"

`value[]` has the rows, or with `#Cases` cases with their rows in `Media[]`. The word before `$metadata` is the region
(US, UK, ...), `Default` or `CUSTOM`; it becomes part of the scheme: `vics-us`. Of `Default` and `CUSTOM` nobody says
what the categories mean, so all but 0 are outside the table. A 1.2 `#Media` list is NIST's where its rows have no
category or 8, which is the one that NIST gives; another category is somebody's judgement, and is taken as VICS.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import BinaryIO

from orbweaver.matcher_client.list_format import Label
from orbweaver.matcher_client.list_readers.json_records import Record, read_records, text_of
from orbweaver.matcher_client.list_row import (
    BadRowError,
    Read,
    RefusedRow,
    Row,
    read_digest,
    read_size,
    read_text,
)
from orbweaver.model import Nature

_CONTEXT = re.compile(rb'"(?:odata\.metadata|@odata\.context)"\s*:\s*("(?:[^"\\]|\\.)*")')
_MODEL = re.compile(r"/DataModels/(\d+\.\d+)\.xml(?:/([A-Za-z0-9_-]{1,20})/\$metadata)?#(Media|Cases)$")
_ROWS = re.compile(rb'"value"\s*:\s*\[')
_PATHS = frozenset({"value.item", "value.item.Media.item"})
_KEYS = frozenset({"MD5", "SHA1", "MediaSize", "MediaID", "Category"})
_NIST_CATEGORIES = frozenset({None, "8"})


def is_vics(head: bytes) -> bool:
    """Whether the start of a JSON document is that of VICS data, with a context or without."""
    if context := _CONTEXT.search(head):
        return b"DataModels" in context[1] or _find_model(head) is not None
    return _ROWS.search(head) is not None and b'"MD5"' in head


def is_nist_caid(head: bytes) -> bool:
    """Whether the context is that of NIST's CAID hash sets."""
    model = _find_model(head)
    return model is not None and model[1] == "1.2" and model[3] == "Media"


def read(file: BinaryIO, name: str, *, list_name: str, head: bytes) -> Iterator[Read]:
    """Yield the rows of VICS data, `head` being its start; raises BadFileError."""
    model = _find_model(head)
    region = model[2] if model else None
    scheme = f"vics-{region.lower()}" if region else "vics"
    may_be_benign = is_nist_caid(head)
    labels: dict[str | None, Label] = {}
    records = read_records(file, paths=_PATHS, keys=_KEYS, inner="Media")
    for number, record in enumerate(records, start=1):
        try:
            category = read_text(text_of(record, "Category"), "Category")
            is_benign = may_be_benign and category in _NIST_CATEGORIES
            if category not in labels:
                own = Label(list_name, category, "nist-caid", None, Nature.BENIGN)
                labels[category] = own if is_benign else Label(list_name, category, scheme, None)
            # The ids of NIST's files are places in the file, and start again in the next.
            entry_id = None if is_benign else read_text(text_of(record, "MediaID"), "MediaID")
            yield _make_row(record, labels[category], entry_id)
        except BadRowError as bad:
            yield RefusedRow(name, f"record {number}", str(bad))


def _find_model(head: bytes) -> re.Match[str] | None:
    context = _CONTEXT.search(head)
    if context is None:
        return None
    try:
        return _MODEL.search(json.loads(context[1]))
    except ValueError:
        return None  # the document's reader says what is wrong with it


def _make_row(record: Record, label: Label, entry_id: str | None) -> Row:
    digests = (
        None,
        read_digest(text_of(record, "SHA1"), "SHA1", 20),
        read_digest(text_of(record, "MD5"), "MD5", 16),
    )
    if digests == (None, None, None):
        raise BadRowError("the record has no MD5 and no SHA1")
    return Row(digests, label, read_size(text_of(record, "MediaSize")), entry_id)
