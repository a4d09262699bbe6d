"""Strips digests that say nothing about content: they stand for "not known", or for a file that every system has.

They are on lists because a tool hashed a file that it could not read, or filled a column that must not be empty. A
match on one would raise a case for every empty or blanked file on the web. The table is short on purpose: a file that
is only common (a logo, a blank page) belongs on a known-benign list.
"""

from __future__ import annotations

import hashlib
import string

from orbweaver.matcher_client.lists.file_format import DIGEST_BYTES
from orbweaver.matcher_client.lists.row import Digests

# Contents, and their names in a report.
_CONTENTS = {
    b"": "the empty file",  # public sample lists have it (HMA, ThreatExchange)
    b"\0": "a single zero byte",
    b"\n": "a line end",  # what `echo` hashes for an empty argument
    b"\r\n": "a line end",
    b" ": "a space",
    b"\xef\xbb\xbf": "a byte order mark",  # an empty text as Windows saves it
    bytes(512): "a blank sector",  # carved from unused space
    bytes(4_096): "a blank sector",
    bytes(65_536): "a blank sector",
}
_PLACEHOLDERS: dict[bytes | None, str] = {
    hashlib.new(algorithm, content, usedforsecurity=False).digest(): name
    for content, name in _CONTENTS.items()
    for algorithm in DIGEST_BYTES
}
_PLACEHOLDERS |= {
    bytes.fromhex(digit * 2 * width): "a filler of equal digits"
    for digit in string.hexdigits
    for width in DIGEST_BYTES.values()
}
_ALL = frozenset(_PLACEHOLDERS)


def strip_placeholders(digests: Digests) -> tuple[Digests, str | None]:
    """Return the digests that say something, and the meaning of one of the others (None: there were no others)."""
    if _ALL.isdisjoint(digests):
        return digests, None
    sha256, sha1, md5 = (None if digest in _ALL else digest for digest in digests)
    return (sha256, sha1, md5), _PLACEHOLDERS[next(digest for digest in digests if digest in _ALL)]
