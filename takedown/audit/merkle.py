"""The tree over the digests of a log: its root names all of them, and a path proves one. RFC 6962, section 2.1.

The digest of a leaf is made elsewhere (takedown.audit.chain): SHA-256 of a zero byte and the entry, as there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()


def root_of(digests: Sequence[bytes]) -> bytes:
    """Return the root over the digests of leaves, in their order; 32 bytes. Linear in their number."""
    if not digests:
        return EMPTY_ROOT
    level = list(digests)
    while len(level) > 1:
        # The last one of an odd number goes up as it is: the same tree as that of the RFC, built from below.
        pairs = [_node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = pairs + level[len(level) - len(level) % 2 :]
    return level[0]


def path_of(index: int, digests: Sequence[bytes]) -> list[bytes]:
    """Return what proves, with the leaf at `index` (from 0), the root over all digests: from below to the top.

    Raises IndexError when there is no such leaf.
    """
    if not 0 <= index < len(digests):
        raise IndexError(f"no leaf {index} among {len(digests)}")
    path: list[bytes] = []
    level, at = list(digests), index
    while len(level) > 1:
        beside = at ^ 1
        if beside < len(level):
            path.append(level[beside])
        pairs = [_node(level[one], level[one + 1]) for one in range(0, len(level) - 1, 2)]
        level, at = pairs + level[len(level) - len(level) % 2 :], at // 2
    return path


def root_by_path(index: int, size: int, digest: bytes, path: Sequence[bytes]) -> bytes | None:
    """Return the root that a leaf and its path lead to; None when the path has another length than in such a tree.

    The algorithm of RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    at, last, node = index, size - 1, digest
    for beside in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            node = _node(beside, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = _node(node, beside)
        at, last = at >> 1, last >> 1
    return node if last == 0 else None


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
