"""The tree of RFC 6962, beside its definition, which is recursive and slow."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.takedown.audit import merkle
from orbweaver.takedown.audit.chain import digest_of

LEAVES = st.lists(st.binary(max_size=4), min_size=1, max_size=40)
# From the tests of Certificate Transparency: the root over these eight entries.
KNOWN = [
    bytes.fromhex(one)
    for one in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
KNOWN_ROOT = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def by_definition(digests: Sequence[bytes]) -> bytes:
    if len(digests) == 1:
        return digests[0]
    half = 1
    while half * 2 < len(digests):
        half *= 2
    return hashlib.sha256(b"\x01" + by_definition(digests[:half]) + by_definition(digests[half:])).digest()


def test_the_empty_tree_has_the_digest_of_nothing_as_its_root() -> None:
    assert merkle.root_of([]) == hashlib.sha256(b"").digest()


@given(LEAVES)
def test_the_root_is_that_of_the_definition(leaves: list[bytes]) -> None:
    digests = [digest_of(leaf) for leaf in leaves]
    assert merkle.root_of(digests) == by_definition(digests)


@given(LEAVES, st.data())
def test_a_path_proves_its_leaf_and_no_other(leaves: list[bytes], data: st.DataObject) -> None:
    digests = [digest_of(leaf) for leaf in leaves]
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = merkle.path_of(index, digests)
    root = merkle.root_of(digests)
    assert merkle.root_by_path(index, len(digests), digests[index], path) == root
    assert merkle.root_by_path(index, len(digests), digest_of(b"another leaf"), path) != root
    assert merkle.root_by_path(index, len(digests), digests[index], [*path, bytes(32)]) is None
    if path:
        assert merkle.root_by_path(index, len(digests), digests[index], path[:-1]) != root


def test_a_published_root() -> None:
    digests = [digest_of(leaf) for leaf in KNOWN]
    assert merkle.root_of(digests).hex() == KNOWN_ROOT


def test_no_path_leads_from_a_leaf_that_is_not_there() -> None:
    with pytest.raises(IndexError):
        merkle.path_of(1, [bytes(32)])
    assert merkle.root_by_path(1, 1, bytes(32), []) is None
