"""NIST's National Software Reference Library, RDS in its CSV form: files that are known to be harmless.

Source: NIST, "NSRL data formats" (RDS 2.x, `NSRLFile.txt`), whose header has the columns SHA-1, MD5, CRC32, FileName,
FileSize, ProductCode, OpSystemCode and SpecialCode, all quoted. A match is benign, as for NIST's CAID sets; nothing of
it raises a case.
"""

from __future__ import annotations

from functools import partial

from orbweaver.matcher_client.lists import row
from orbweaver.matcher_client.lists.file_format import Label
from orbweaver.matcher_client.lists.readers import text
from orbweaver.matcher_client.lists.row import Row
from orbweaver.model import Nature

DEFAULT_LIST = "nsrl"
SCHEME = "nist-nsrl"
_COLUMNS = frozenset({"sha1", "md5", "crc32", "filename", "filesize", "productcode", "opsystemcode", "specialcode"})


def is_reference_data_set(head: bytes) -> bool:
    """Whether the first line of a text has the columns of NSRL's files."""
    _, header = text.split_header(head.partition(b"\n")[0].strip())
    return _COLUMNS.issubset(header)


def make_row(values: text.Values, list_name: str) -> Row:
    """Return the row that a line's values make, known to be benign; raises BadRowError."""
    digests, spoilt = text.digests_of(values)
    label = Label(list_name, None, SCHEME, None, Nature.BENIGN)
    return row.make_row(digests, label, size=values.get("filesize"), spoilt=spoilt)


read = partial(text.read, make_row=make_row)
