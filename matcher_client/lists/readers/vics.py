"""Reads VICS JSON 1.x and 2.0 of Project VIC, and NIST's CAID hash sets, which are VICS, too, and benign.

Sources: IPED's HashDBTool (the contexts, which categories of 1.3 it alerts on, CAID), GLEAPP's projectvic.py (cases,
rows without a category, totals that are wrong), Autopsy (the categories of the United States), see DOMAIN.md 3.1; and
for a whole row of NIST's CAID the design document of a public converter of NSRL CAID to UCO.

    1.x   "odata.metadata": "http://github.com/ICMEC/ProjectVic/DataModels/1.3.xml#Media"
    2.0   "@odata.context": "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/US/$metadata#Media"

`value[]` has the rows, or with `#Cases` cases with their rows in `Media[]`. The word before `$metadata` is the region
(US, UK, ...), `Default` or `CUSTOM`; it becomes part of the scheme: `vics-us`. Nobody says what the categories mean in
`Default` and `CUSTOM`, so all but 0 are outside the table.

NIST's sets have the context of 1.2 `#Media`, which any list can have; IPED looks at nothing else. Here only a row that
has exactly the keys that NIST writes is benign (`_is_of_nist`). Any other row is VICS, whatever else its file has:
without a category, or with 8, it is outside the table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import BinaryIO

from orbweaver.matcher_client.errors import BadRowError
from orbweaver.matcher_client.lists.file_format import Label
from orbweaver.matcher_client.lists.readers.json_records import OTHER_KEYS, Record, read_records, text_of
from orbweaver.matcher_client.lists.row import (
    NO_DIGESTS,
    Read,
    RefusedRow,
    Row,
    make_row,
    read_digests,
    read_text,
)
from orbweaver.model import Nature

_CONTEXT = re.compile(rb'"(?:odata\.metadata|@odata\.context)"\s*:\s*("(?:[^"\\]|\\.)*")')
_MODEL = re.compile(r"/DataModels/(\d+\.\d+)\.xml(?:/([A-Za-z0-9_-]{1,20})/\$metadata)?#(Media|Cases)$")
_ROWS = re.compile(rb'"value"\s*:\s*\[')
_PATHS = frozenset({"value.item", "value.item.Media.item"})
_NIST_CONTEXT = "http://github.com/ICMEC/ProjectVic/DataModels/1.2.xml#Media"
# The keys of a row of NIST. A row that somebody has judged would also have flags, series, tags or dates.
_NIST_KEYS = frozenset(
    {
        "odata.id",
        "MediaFiles@odata.navigationLinkUrl",
        "MediaFiles",
        "MediaID",
        "MD5",
        "SHA1",
        "Category",
        "MediaSize",
    }
)
_NIST_CATEGORY = "8"
_KEYS = _NIST_KEYS | {OTHER_KEYS}


def is_vics(head: bytes) -> bool:
    """Whether the start of a JSON document is that of VICS data, with a context or without."""
    if context := _CONTEXT.search(head):
        return b"DataModels" in context[1] or _find_model(head) is not None
    return _ROWS.search(head) is not None and b'"MD5"' in head


def read(file: BinaryIO, name: str, *, list_name: str, head: bytes) -> Iterator[Read]:
    """Yield the rows of VICS data, `head` being its start; raises BadFileError."""
    model = _find_model(head)
    region = model[2] if model else None
    scheme = f"vics-{region.lower()}" if region else "vics"
    may_be_of_nist = model is not None and model.string == _NIST_CONTEXT
    nist = Label(list_name, _NIST_CATEGORY, "nist-caid", None, Nature.BENIGN)
    labels: dict[str | None, Label] = {}
    records = read_records(file, paths=_PATHS, keys=_KEYS, inner="Media")
    for number, record in enumerate(records, start=1):
        try:
            category = read_text(text_of(record, "Category"), "Category")
            if may_be_of_nist and _is_of_nist(record):
                # The ids in NIST's files are places in the file, and begin again in the next file.
                yield _make_row(record, nist, None)
                continue
            if category not in labels:
                labels[category] = Label(list_name, category, scheme, None)
            yield _make_row(record, labels[category], read_text(text_of(record, "MediaID"), "MediaID"))
        except BadRowError as bad:
            yield RefusedRow(name, f"record {number}", str(bad))


def _find_model(head: bytes) -> re.Match[str] | None:
    context = _CONTEXT.search(head)
    if context is None:
        return None
    try:
        return _MODEL.search(json.loads(context[1]))
    except ValueError:
        return None  # the reader of the document says what is wrong with it


def _is_of_nist(record: Record) -> bool:
    """Whether a record has exactly the keys of a row of NIST, category 8, and its size as a text."""
    return (
        record.keys() == _NIST_KEYS
        and text_of(record, "Category") == _NIST_CATEGORY
        and isinstance(record["MediaSize"], str)
        and bool(record["MD5"] and record["SHA1"] and record["MediaSize"])
    )


def _make_row(record: Record, label: Label, entry_id: str | None) -> Row:
    digests, spoilt = read_digests(None, text_of(record, "SHA1"), text_of(record, "MD5"))
    if digests == NO_DIGESTS:
        raise BadRowError("the record has no MD5 and no SHA1")
    return make_row(digests, label, size=text_of(record, "MediaSize"), entry_id=entry_id, spoilt=spoilt)
