"""Undoes Content-Encoding while a body streams past, in bounded pieces, and says whether its end was reached."""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Iterator, Sequence
from typing import Protocol

import brotli
from orbweaver.crawler.errors import UndecodableBody

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE_BYTES = 64 * 1024
GZIP_MARK = b"\x1f\x8b"
ZSTD_MARK = b"\x28\xb5\x2f\xfd"
# A frame, or a frame to skip (RFC 8878, 3.1.1 and 3.1.2). Other bytes after the first frame are padding, not content.
_ZSTD_FRAME = re.compile(re.escape(ZSTD_MARK) + rb"|[\x50-\x5f]\x2a\x4d\x18")
# RFC 9659 allows no larger window on the web; the library's default would let a server take 128 MiB.
ZSTD_WINDOW: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 23}
# A chain such as "gzip, gzip" has no honest use and multiplies a bomb.
MOST_ENCODINGS = 2


class Decoder(Protocol):
    """Undoes one encoding."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield decoded pieces of at most PIECE_BYTES; raises UndecodableBody."""

    @property
    def is_finished(self) -> bool:
        """Whether the end mark of the stream was seen."""


class _Identity:
    is_finished = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        if data:
            yield data


class _Zlib:
    """gzip (also several members in a row) and deflate, with or without the zlib wrapper (RFC 9110, 8.4.1)."""

    def __init__(self, *, is_deflate: bool) -> None:
        self._is_deflate = is_deflate
        self._inflate: zlib._Decompress | None = None
        self._held = b""  # a first byte that may begin a stream, until the second byte comes
        self._has_ended = False
        self._is_padding = False

    @property
    def is_finished(self) -> bool:
        return self._has_ended and self._inflate is None and self._held != GZIP_MARK[:1]

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data and not self._is_padding:
            if self._inflate is None:
                data = self._held + data
                self._held = b""
                if len(data) < len(GZIP_MARK):
                    self._held = data
                    return
                if self._has_ended and (self._is_deflate or not data.startswith(GZIP_MARK)):
                    self._is_padding = True  # bytes after the end are padding, not content
                    return
                self._inflate = zlib.decompressobj(self._window_bits(data))
            yield from self._decompress(self._inflate, data)
            data = self._inflate.unused_data
            if self._inflate.eof:
                self._inflate = None
                self._has_ended = True

    def _decompress(self, inflate: zlib._Decompress, data: bytes) -> Iterator[bytes]:
        is_more = True
        while is_more:
            try:
                piece = inflate.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                raise UndecodableBody(f"not {'deflate' if self._is_deflate else 'gzip'}: {error}") from error
            if piece:
                yield piece
            data = inflate.unconsumed_tail
            # A full piece may leave output behind although all input is taken.
            is_more = not inflate.eof and (bool(data) or len(piece) == PIECE_BYTES)

    def _window_bits(self, data: bytes) -> int:
        if not self._is_deflate:
            return 16 + zlib.MAX_WBITS
        # RFC 1950, 2.2. Many servers send deflate without its zlib wrapper.
        is_wrapped = data[0] & 0x0F == 8 and data[0] >> 4 <= 7 and (data[0] * 256 + data[1]) % 31 == 0
        return zlib.MAX_WBITS if is_wrapped else -zlib.MAX_WBITS


class _Brotli:
    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()

    @property
    def is_finished(self) -> bool:
        return bool(self._decompressor.is_finished())

    def feed(self, data: bytes) -> Iterator[bytes]:
        if data and self._decompressor.is_finished():
            # Within one chunk the library refuses such bytes and loses its output. They are refused in a later chunk,
            # too: how the network cuts must not matter.
            raise UndecodableBody("not brotli: bytes after its end")
        try:
            while not self._decompressor.is_finished():
                piece = self._decompressor.process(data, output_buffer_limit=PIECE_BYTES)
                data = b""
                # The library passes its limit by up to a block.
                for begin in range(0, len(piece), PIECE_BYTES):
                    yield piece[begin : begin + PIECE_BYTES]
                if self._decompressor.can_accept_more_data() and len(piece) < PIECE_BYTES:
                    return
        except brotli.error as error:
            raise UndecodableBody(f"not brotli: {error}") from error


class _Zstd:
    def __init__(self) -> None:
        self._decompressor = zstd.ZstdDecompressor(options=ZSTD_WINDOW)
        self._held = b""  # first bytes that may begin a frame, until all four bytes of its mark came
        self._is_padding = False

    @property
    def is_finished(self) -> bool:
        return bool(self._decompressor.eof) and not (self._held and ZSTD_MARK.startswith(self._held))

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            while True:
                if self._decompressor.eof:
                    data, self._held = self._held + data, b""
                    if self._is_padding or len(data) < len(ZSTD_MARK):
                        self._held = b"" if self._is_padding else data
                        return
                    if not _ZSTD_FRAME.match(data):
                        self._is_padding = True
                        return
                    self._decompressor = zstd.ZstdDecompressor(options=ZSTD_WINDOW)
                piece = self._decompressor.decompress(data, PIECE_BYTES)
                data = b""
                if piece:
                    yield piece
                if self._decompressor.eof:
                    data = self._decompressor.unused_data
                elif self._decompressor.needs_input:
                    return
        except zstd.ZstdError as error:
            raise UndecodableBody(f"not zstd: {error}") from error


class _Chain:
    """Several encodings, undone in the reverse of the order in which they were applied."""

    def __init__(self, decoders: list[Decoder]) -> None:
        self._decoders = decoders

    @property
    def is_finished(self) -> bool:
        return all(decoder.is_finished for decoder in self._decoders)

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield from self._feed(data, self._decoders)

    def _feed(self, data: bytes, decoders: list[Decoder]) -> Iterator[bytes]:
        if not decoders:
            yield data
            return
        for piece in decoders[0].feed(data):
            yield from self._feed(piece, decoders[1:])


_KNOWN = {
    "gzip": "gzip",
    "x-gzip": "gzip",
    "deflate": "deflate",
    "x-deflate": "deflate",
    "br": "br",
    "zstd": "zstd",
}


def known_encodings(content_encoding: str) -> tuple[tuple[str, ...], bool]:
    """Return the encodings of a Content-Encoding header that can be undone, and whether it has other tokens.

    >>> known_encodings("UTF-8, x-gzip,")
    (('gzip',), True)
    """
    tokens = [token for part in content_encoding.split(",") if (token := part.strip().lower())]
    known = tuple(_KNOWN[token] for token in tokens if token in _KNOWN)
    return known, len(known) < len(tokens)


def begins_zstd_frame(head: bytes) -> bool:
    """Whether a body begins with a zstd frame, or with one to skip."""
    return _ZSTD_FRAME.match(head) is not None


def decoder_of(names: Sequence[str]) -> Decoder:
    """Return the decoder that undoes known encodings, which are in the order in which they were applied."""
    if not names:
        return _Identity()
    decoders = [_single(name) for name in reversed(names)]
    return decoders[0] if len(decoders) == 1 else _Chain(decoders)


def decoder_for(content_encoding: str) -> Decoder:
    """Return the decoder for a Content-Encoding header; tokens that name no known encoding do not count.

    Raises UndecodableBody for a chain of more than two.
    """
    names, _ = known_encodings(content_encoding)
    if len(names) > MOST_ENCODINGS:
        raise UndecodableBody(f"{len(names)} content encodings on one body")
    return decoder_of(names)


def _single(name: str) -> Decoder:
    match name:
        case "gzip":
            return _Zlib(is_deflate=False)
        case "deflate":
            return _Zlib(is_deflate=True)
        case "br":
            return _Brotli()
        case _:
            return _Zstd()
