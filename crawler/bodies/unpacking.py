"""Undoes the compression of one archive member while its bytes come, in bounded pieces."""

from __future__ import annotations

import bz2
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from orbweaver.crawler.bodies.archive_headers import BZIP2, DEFLATED, STORED, ZSTD
from orbweaver.crawler.bodies.decoding import PIECE_BYTES, ZSTD_WINDOW
from orbweaver.crawler.errors import MemberDamaged

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


class Unpacker(Protocol):
    """Undoes one method; once `is_finished`, `unused` has the bytes that were fed after the end of the packed data."""

    unused: bytes

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield plain pieces of at most PIECE_BYTES, or of the length that was fed; raises MemberDamaged."""

    @property
    def is_finished(self) -> bool:
        """Whether the end mark was seen; stored data has no mark and is always finished."""


class _Stored:
    unused = b""
    is_finished = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data


class _Deflated:
    unused = b""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=-zlib.MAX_WBITS)

    @property
    def is_finished(self) -> bool:
        return self._inflate.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        is_more = True
        while is_more:
            try:
                piece = self._inflate.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                raise MemberDamaged from error
            yield piece
            data = self._inflate.unconsumed_tail
            # A full piece may leave output behind although all input is taken.
            is_more = not self._inflate.eof and (bool(data) or len(piece) == PIECE_BYTES)
        self.unused = self._inflate.unused_data


class _Blocks:
    """bzip2 and Zstandard, which have one interface."""

    unused = b""

    def __init__(self, decompressor: bz2.BZ2Decompressor | zstd.ZstdDecompressor) -> None:
        self._decompressor = decompressor

    @property
    def is_finished(self) -> bool:
        return self._decompressor.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        is_more = True
        while is_more:
            try:
                yield self._decompressor.decompress(data, PIECE_BYTES)
            except (OSError, zstd.ZstdError) as error:
                raise MemberDamaged from error
            data = b""
            is_more = not (self._decompressor.eof or self._decompressor.needs_input)
        self.unused = self._decompressor.unused_data if self._decompressor.eof else b""


# Not read: Deflate64, LZMA, XZ and PPMd. Few tools write them, and hostile data in them costs most.
UNPACKERS: dict[int, Callable[[], Unpacker]] = {
    STORED: _Stored,
    DEFLATED: _Deflated,
    BZIP2: lambda: _Blocks(bz2.BZ2Decompressor()),
    ZSTD: lambda: _Blocks(zstd.ZstdDecompressor(options=ZSTD_WINDOW)),
}
