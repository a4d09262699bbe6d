"""Undoes the compression of a file, or of one archive member, while its bytes come, in bounded pieces."""

from __future__ import annotations

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from orbweaver.crawler.bodies.archives import archive_kinds
from orbweaver.crawler.bodies.archives.zip_headers import BZIP2, DEFLATED, STORED, ZSTD
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
    """bzip2, Zstandard, XZ and LZMA, which have one interface."""

    unused = b""

    def __init__(self, decompressor: bz2.BZ2Decompressor | zstd.ZstdDecompressor | lzma.LZMADecompressor) -> None:
        self._decompressor = decompressor

    @property
    def is_finished(self) -> bool:
        return self._decompressor.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        is_more = True
        while is_more:
            try:
                yield self._decompressor.decompress(data, PIECE_BYTES)
            except (OSError, EOFError, zstd.ZstdError, lzma.LZMAError) as error:
                raise MemberDamaged from error
            data = b""
            is_more = not (self._decompressor.eof or self._decompressor.needs_input)
        self.unused = self._decompressor.unused_data if self._decompressor.eof else b""


# By the number of a ZIP method. Not read: Deflate64, LZMA, XZ and PPMd. Few tools write them in ZIP archives, and
# hostile data in them costs most.
UNPACKERS: dict[int, Callable[[], Unpacker]] = {
    STORED: _Stored,
    DEFLATED: _Deflated,
    BZIP2: lambda: _Blocks(bz2.BZ2Decompressor()),
    ZSTD: lambda: _Blocks(zstd.ZstdDecompressor(options=ZSTD_WINDOW)),
}

# The powers of two of the largest window in which a compressed file may repeat itself, and which is held in memory:
# 64 MiB is that of `xz -9`; a file inside an archive has less, because several levels are read at once.
_WINDOW, _INNER_WINDOW = 26, 24
# What liblzma may need beside the window.
_BESIDE_WINDOW = 4 * 2**20


def file_unpacker(kind: str, *, is_inner: bool) -> Unpacker:
    """Return what undoes one stream of a compressed file (archive_kinds), gzip without its header and checksum."""
    window = _INNER_WINDOW if is_inner else _WINDOW
    match kind:
        case archive_kinds.GZIP:
            return _Deflated()
        case archive_kinds.BZIP2:
            return _Blocks(bz2.BZ2Decompressor())
        case archive_kinds.ZSTD:
            return _Blocks(zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: window}))
        case _:
            return _Blocks(lzma.LZMADecompressor(memlimit=2**window + _BESIDE_WINDOW))
