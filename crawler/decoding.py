"""Content-Encoding undone while streaming, in bounded pieces, with proof that the end was reached."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from typing import Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE_BYTES = 64 * 1024
# A chain such as "gzip, gzip" has no honest use and multiplies a bomb.
MOST_ENCODINGS = 2


class UndecodableBody(Exception):
    """The body is not what its Content-Encoding says, or names an encoding that we do not know."""


class Decoder(Protocol):
    """Undoes one encoding. `is_finished` says whether the encoded stream ended where it should."""

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
        self._wbits = zlib.MAX_WBITS if is_deflate else 16 + zlib.MAX_WBITS
        self._inflate = zlib.decompressobj(self._wbits)
        self._has_output = False

    @property
    def is_finished(self) -> bool:
        return self._inflate.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inflate.eof:
                if self._is_deflate or not data.startswith(b"\x1f\x8b"):
                    return  # what follows the end is padding, not content
                self._inflate = zlib.decompressobj(self._wbits)
            try:
                piece = self._inflate.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                if not self._is_deflate or self._has_output or self._wbits < 0:
                    raise UndecodableBody(f"not {self._name}: {error}") from error
                self._wbits = -zlib.MAX_WBITS  # many servers send deflate without its zlib wrapper
                self._inflate = zlib.decompressobj(self._wbits)
                continue
            if piece:
                self._has_output = True
                yield piece
            data = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail

    @property
    def _name(self) -> str:
        return "deflate" if self._is_deflate else "gzip"


class _Brotli:
    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()

    @property
    def is_finished(self) -> bool:
        return bool(self._decompressor.is_finished())

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            while not self._decompressor.is_finished():
                piece = self._decompressor.process(data, output_buffer_limit=PIECE_BYTES)
                data = b""
                if piece:
                    yield piece
                if self._decompressor.can_accept_more_data() and len(piece) < PIECE_BYTES:
                    return
        except brotli.error as error:
            raise UndecodableBody(f"not brotli: {error}") from error


class _Zstd:
    def __init__(self) -> None:
        self._decompressor = zstd.ZstdDecompressor()

    @property
    def is_finished(self) -> bool:
        return bool(self._decompressor.eof)

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            while True:
                if self._decompressor.eof:
                    if not data:
                        return
                    self._decompressor = zstd.ZstdDecompressor()
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


def decoder_for(content_encoding: str) -> Decoder:
    """Return the decoder for a Content-Encoding header, "" or "identity" meaning none.

    Raises UndecodableBody for an unknown encoding or a chain of more than two.
    """
    names = [name.strip().lower() for name in content_encoding.split(",")]
    names = [name for name in names if name and name != "identity"]
    if not names:
        return _Identity()
    if len(names) > MOST_ENCODINGS:
        raise UndecodableBody(f"{len(names)} content encodings on one body")
    decoders = [_single(name) for name in reversed(names)]
    return decoders[0] if len(decoders) == 1 else _Chain(decoders)


def _single(name: str) -> Decoder:
    match name:
        case "gzip" | "x-gzip":
            return _Zlib(is_deflate=False)
        case "deflate":
            return _Zlib(is_deflate=True)
        case "br":
            return _Brotli()
        case "zstd":
            return _Zstd()
        case _:
            raise UndecodableBody(f"content encoding {name[:40]!r} is not known")
