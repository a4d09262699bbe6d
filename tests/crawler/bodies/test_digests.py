"""The three digests are hashlib's, for any chunking."""

from __future__ import annotations

import asyncio
import hashlib
import random
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.bodies.digests import HAND_OVER_BYTES, HASHED_IN_PLACE, Digester, digests_of


@given(chunks=st.lists(st.binary(max_size=300), max_size=20))
def test_any_chunking_gives_hashlibs_digests_and_the_size(chunks: list[bytes]) -> None:
    digester = Digester()
    for chunk in chunks:
        digester.update(chunk)
    whole = b"".join(chunks)
    digests = digester.digest_set()
    assert digests.md5 == hashlib.md5(whole).hexdigest()
    assert digests.sha1 == hashlib.sha1(whole).hexdigest()
    assert digests.sha256 == hashlib.sha256(whole).hexdigest()
    assert digests.size == len(whole)
    assert digests == digests_of(whole)


def test_the_empty_file_is_degenerate_and_one_byte_is_not() -> None:
    assert digests_of(b"").is_degenerate
    assert not digests_of(b"\0").is_degenerate


@pytest.mark.parametrize("size", [HASHED_IN_PLACE - 1, HASHED_IN_PLACE, HASHED_IN_PLACE + 1, 2**22 + 3, 2**23])
def test_a_long_stream_has_hashlibs_digests_and_never_holds_more_than_two_hand_overs(size: int) -> None:
    whole = random.Random(size).randbytes(size)
    chunk = 100_000

    async def digest() -> tuple[Digester, int]:
        digester = Digester()
        most = 0
        for start in range(0, size, chunk):
            digester.update(whole[start : start + chunk])
            most = max(most, digester._waiting_bytes)
            if digester.is_behind:
                await digester.hand_over()
        await digester.settle()
        return digester, most

    digester, most = asyncio.run(digest())
    assert digester.digest_set() == digests_of(whole)
    assert digester.digest_set().sha256 == hashlib.sha256(whole).hexdigest()
    assert most < HAND_OVER_BYTES + chunk


class Beside:
    """Notes what it is given and where; passes nothing by from a chunk with a mark on."""

    def __init__(self, mark: bytes) -> None:
        self.mark = mark
        self.passed: list[bytes] = []
        self.fed: list[bytes] = []
        self.threads: set[int] = set()
        self.finished_in = 0

    def pass_by(self, chunk: bytes) -> bool:
        if self.mark in chunk:
            return False
        self.passed.append(chunk)
        return True

    def feed(self, chunk: bytes) -> None:
        self.fed.append(chunk)
        self.threads.add(threading.get_ident())

    def finish(self) -> None:
        self.finished_in = threading.get_ident()


@pytest.mark.parametrize(
    ("chunks", "in_place"),
    [
        ((b"a", b"b"), 2),
        ((b"mark", b"a", b"b"), 0),
        ((b"a", b"mark", b"b"), 1),
        ((bytes(HAND_OVER_BYTES), b"x", bytes(HAND_OVER_BYTES), b"y"), 1),
        ((b"mark", bytes(HAND_OVER_BYTES), b"x", bytes(HAND_OVER_BYTES), b"y"), 0),
    ],
)
def test_what_may_cost_more_than_hashing_is_done_by_a_thread_in_order(chunks: tuple[bytes, ...], in_place: int) -> None:
    beside = Beside(b"mark")

    async def digest() -> Digester:
        digester = Digester(beside)
        for chunk in chunks:
            digester.update(chunk)
            if digester.is_behind:
                await digester.hand_over()
        await digester.settle()
        return digester

    assert asyncio.run(digest()).digest_set() == digests_of(b"".join(chunks))
    assert (tuple(beside.passed), tuple(beside.fed)) == (chunks[:in_place], chunks[in_place:])
    assert threading.get_ident() not in beside.threads
    assert (beside.finished_in == threading.get_ident()) is (in_place == len(chunks))
