"""Pseudonyms of hosts and files: keyed digests, equal for what is equal while the key is the same. Pure.

Who has the key can test a guess; when it is thrown away nobody can. A host becomes a name under `.invalid` (RFC 6761),
which no resolver ever answers, and a SHA-256 becomes 64 other hexadecimal digits.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Final, Protocol

KEY_BYTES: Final = 32
HOST: Final = re.compile(r"p-[0-9a-f]{32}\.invalid")


class PseudonymSource(Protocol):
    """A source of the names that hosts and files have afterwards."""

    def host(self, host: str) -> str:
        """Return the pseudonym of a host, with its port."""
        ...

    def sha256(self, sha256: str) -> str:
        """Return the pseudonym of a file, in the form of a SHA-256."""
        ...


@dataclass(frozen=True)
class KeyedPseudonyms:
    """The pseudonyms that one key gives."""

    key: bytes = field(repr=False)

    def host(self, host: str) -> str:
        """Return the pseudonym of a host, with its port."""
        return f"p-{self._digest('host', host)[:32]}.invalid"

    def sha256(self, sha256: str) -> str:
        """Return the pseudonym of a file, in the form of a SHA-256."""
        return self._digest("sha256", sha256)

    def _digest(self, kind: str, value: str) -> str:
        return hmac.new(self.key, f"{kind}\n{value}".encode(), hashlib.sha256).hexdigest()
