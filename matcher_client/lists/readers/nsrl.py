"""NIST's National Software Reference Library, RDS in its CSV form: files that are known to be harmless.

Source: NIST, "NSRL data formats". RDS 2.x (`NSRLFile.txt`) has the columns SHA-1, MD5, CRC32, FileName, FileSize,
ProductCode, OpSystemCode and SpecialCode, all quoted; older releases and minimal sets leave some of the digests out.
RDS 3 is a database, of which people save the table FILE as text: sha256, sha1, md5, crc32, file_name, file_size,
package_id. A match is benign, as for NIST's CAID sets; nothing of it raises a case.
"""

from __future__ import annotations

from functools import partial

from orbweaver.matcher_client.lists import row
from orbweaver.matcher_client.lists.file_format import Label
from orbweaver.matcher_client.lists.readers import columns, text
from orbweaver.matcher_client.lists.row import Row
from orbweaver.model import Nature

DEFAULT_LIST = "nsrl"
SCHEME = "nist-nsrl"
# What no other list has: RDS 2.x by its codes, RDS 3 by its package beside a CRC-32. Names as they are compared.
_COLUMNS = (
    frozenset({"filename", "filesize", "productcode", "opsystemcode", "specialcode"}),
    frozenset({"crc32", "filename", "filesize", "packageid"}),
)


def is_reference_data_set(head: bytes) -> bool:
    """Whether one of the first lines of a text has the columns of NSRL's files; a title may stand above it."""
    return any(names.issubset(header) for names in _COLUMNS for header in columns.first_headers(head))


def make_row(values: text.Values, list_name: str) -> Row:
    """Return the row that a line's values make, known to be benign; raises BadRowError."""
    digests, spoilt = text.digests_of(values)
    label = Label(list_name, None, SCHEME, None, Nature.BENIGN)
    return row.make_row(digests, label, size=values.get("filesize"), spoilt=spoilt)


read = partial(text.read, make_row=make_row)
