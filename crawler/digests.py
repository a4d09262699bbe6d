"""MD5, SHA-1 and SHA-256 of a stream in one pass."""

from __future__ import annotations

import hashlib

from orbweaver.model import DigestSet


class Digester:
    """Feeds every chunk to the three digests and keeps nothing of it."""

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self.size = 0

    def update(self, chunk: bytes) -> None:
        """Add a chunk of the decoded body."""
        self._md5.update(chunk)
        self._sha1.update(chunk)
        self._sha256.update(chunk)
        self.size += len(chunk)

    def digest_set(self) -> DigestSet:
        """Return the digests of everything fed so far."""
        return DigestSet(
            md5=self._md5.hexdigest(),
            sha1=self._sha1.hexdigest(),
            sha256=self._sha256.hexdigest(),
            size=self.size,
        )


def digests_of(body: bytes) -> DigestSet:
    """Return the digest set of a body that is in memory anyway, such as a data: URI's."""
    digester = Digester()
    digester.update(body)
    return digester.digest_set()
