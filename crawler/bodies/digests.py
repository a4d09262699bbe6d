"""Computes MD5, SHA-1 and SHA-256 of a stream in one pass; other threads hash long streams."""

from __future__ import annotations

import asyncio
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from orbweaver.model import DigestSet

# A core hashes about 400 MB/s, so a file of this size stops the event loop for 2.5 ms: a hand-over is not worth it.
HASHED_IN_PLACE = 2**20
# Threads gain nothing from pieces of 64 KB, nearly twice the rate from 1 MB (docs/performance.md).
HAND_OVER_BYTES = 2**20
# Threads start with the first long stream: a process must have one thread when it enters the sandbox.
_threads = ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="hashing")


class DirectDigester:
    """Feeds each chunk to the three digests at once and keeps nothing of it; for small bodies and other threads."""

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self._size = 0

    def update(self, chunk: bytes) -> None:
        """Add a chunk."""
        self._size += len(chunk)
        self._md5.update(chunk)
        self._sha1.update(chunk)
        self._sha256.update(chunk)

    def digest_set(self) -> DigestSet:
        """Return the digests of everything fed so far."""
        return DigestSet(
            md5=self._md5.hexdigest(),
            sha1=self._sha1.hexdigest(),
            sha256=self._sha256.hexdigest(),
            size=self._size,
        )


class Also(Protocol):
    """Reads the chunks that are hashed; that may cost more than hashing them."""

    def pass_by(self, chunk: bytes) -> bool:
        """Take a chunk if that costs less than hashing it, and return whether it was taken."""

    def feed(self, chunk: bytes) -> None:
        """Take a chunk that was not passed by, whatever it costs."""

    def finish(self) -> None:
        """Take note that no more chunks come; what this costs is bounded by what was not passed by."""


class Digester:
    """Feeds every chunk to the three digests and keeps nothing of it.

    The first HASHED_IN_PLACE bytes are hashed as they come. After that, chunks wait until `is_behind`, and `hand_over`
    gives them to a thread. One hand-over runs at a time, so the chunks of at most two are in memory.
    `also` gets each chunk, too. From the first chunk that it does not pass by, all chunks go to threads.
    """

    def __init__(self, also: Also | None = None) -> None:
        self._digests = DirectDigester()
        self._is_in_place = True
        self._also = also
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._running: asyncio.Future[None] | None = None
        self.size = 0

    def update(self, chunk: bytes) -> None:
        """Add a chunk of the decoded body."""
        self.size += len(chunk)
        if self._is_in_place:
            self._is_in_place = self.size <= HASHED_IN_PLACE and (self._also is None or self._also.pass_by(chunk))
        if self._is_in_place:
            self._digests.update(chunk)
        else:
            self._waiting.append(chunk)
            self._waiting_bytes += len(chunk)

    @property
    def is_behind(self) -> bool:
        """Whether enough chunks wait for a hand-over."""
        return self._waiting_bytes >= HAND_OVER_BYTES

    async def hand_over(self) -> None:
        """Give the waiting chunks to a thread, after the hand-over before this one has ended."""
        await self._finish_running()
        chunks, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self._running = asyncio.get_running_loop().run_in_executor(_threads, self._hash, chunks)

    async def settle(self) -> None:
        """Wait until everything that was handed over is hashed; to be called after the last chunk."""
        if self.is_behind or (self._also is not None and self._waiting):
            await self.hand_over()
        await self._finish_running()
        if self._also is None:
            return
        if self._is_in_place:
            self._also.finish()
        else:
            await asyncio.get_running_loop().run_in_executor(_threads, self._also.finish)

    def digest_set(self) -> DigestSet:
        """Return the digests of everything fed so far; no hand-over may be running."""
        assert self._running is None
        self._hash(self._waiting)
        self._waiting, self._waiting_bytes = [], 0
        return self._digests.digest_set()

    async def _finish_running(self) -> None:
        if self._running is not None:
            await self._running
            self._running = None

    def _hash(self, chunks: tuple[bytes, ...] | list[bytes]) -> None:
        for chunk in chunks:
            self._digests.update(chunk)
            if self._also is not None:
                self._also.feed(chunk)


def digests_of(body: bytes) -> DigestSet:
    """Return the digest set of a body that is in memory anyway, such as a data: URI's."""
    digester = DirectDigester()
    digester.update(body)
    return digester.digest_set()
