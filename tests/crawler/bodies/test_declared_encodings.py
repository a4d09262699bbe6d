"""Which declared encodings are undone: those that the first bytes of the body do not belie."""

from __future__ import annotations

import asyncio
import gzip
import os
import zlib
from collections.abc import AsyncIterator, Callable

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.bodies.body import Body, BodyLimits, BodyReader
from orbweaver.crawler.bodies.decoding import zstd
from orbweaver.crawler.bodies.digests import digests_of
from orbweaver.crawler.transfer_errors import BadResponse

Encode = Callable[[bytes], bytes]

PNG = b"\x89PNG\r\n\x1a\n" + os.urandom(9_000)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + os.urandom(9_000)
TEXT = b"Words without a mark.\n" * 20
LIMITS = BodyLimits(html_bytes=10**6, file_bytes=10**8, grace_seconds=600, slowest_bytes_per_second=1)
ENCODE: dict[str, Encode] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}


def raw_deflate(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


def read(sent: bytes, encoding: str, *, declared: str | None = "image/png", piece: int = 10**6) -> Body:
    async def arriving() -> AsyncIterator[bytes]:
        for place in range(0, len(sent), piece):
            yield sent[place : place + piece]

    reader = BodyReader(content_type=declared, content_encoding=encoding, limits=LIMITS)
    return asyncio.run(reader.read(arriving()))


@pytest.mark.parametrize(
    "header", ["none", "UTF-8", "binary", "identity", "8bit", "", ", ,", "compress", "aws-chunked"]
)
def test_what_is_no_encoding_changes_nothing(header: str) -> None:
    found = read(PNG, header)
    assert found.digests == digests_of(PNG)
    assert found.digests_as_sent is None


@pytest.mark.parametrize("body", [PNG, JPEG, TEXT], ids=["png", "jpeg", "text"])
@pytest.mark.parametrize("header", [*ENCODE, "x-gzip", "gzip, br", "gzip, gzip"])
@pytest.mark.parametrize("piece", [10**6, 3])
def test_a_body_that_was_not_encoded_as_it_is_declared_is_taken_as_it_is(body: bytes, header: str, piece: int) -> None:
    assert read(body, header, piece=piece).digests == digests_of(body)


@pytest.mark.parametrize(
    ("header", "encode"),
    [
        *ENCODE.items(),
        ("X-GZip", gzip.compress),
        ("x-deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("gzip, gzip", lambda body: gzip.compress(gzip.compress(body))),
        ("gzip, gzip", gzip.compress),  # a proxy that declares what it passes on
        ("br, gzip", lambda body: gzip.compress(brotli.compress(body))),
        ("br, gzip", gzip.compress),
        ("gzip", lambda body: gzip.compress(body[:5_000]) + gzip.compress(body[5_000:])),
        ("gzip", lambda body: gzip.compress(body) + b"\r\n\r\nstray"),
        ("deflate", lambda body: zlib.compress(body) + bytes(100)),
        ("zstd", lambda body: zstd.compress(body) + b"stray"),
    ],
)
@pytest.mark.parametrize("piece", [10**6, 7])
def test_what_was_encoded_is_decoded(header: str, encode: Encode, piece: int) -> None:
    found = read(encode(PNG), header, piece=piece)
    assert found.digests == digests_of(PNG)
    assert found.digests_as_sent is None


@pytest.mark.parametrize(
    ("header", "declared", "is_both"),
    [
        ("gzip, UTF-8", "image/png", True),
        ("none, gzip", "image/png", True),
        ("identity, gzip", "image/png", True),
        ("gzip", "application/x-gzip", True),
        ("x-gzip", "application/x-tar", True),
        ("gzip", "application/octet-stream", False),
        ("gzip", "application/zip", False),
    ],
)
def test_a_file_that_browsers_save_in_two_ways_has_both_digests(header: str, declared: str, is_both: bool) -> None:
    sent = gzip.compress(PNG)
    found = read(sent, header, declared=declared)
    assert found.digests == digests_of(PNG)
    assert found.digests_as_sent == (digests_of(sent) if is_both else None)
    if is_both:  # and what was not encoded has one reading only
        assert read(PNG, header, declared=declared).digests_as_sent is None


def test_a_page_has_no_digests_in_any_way() -> None:
    found = read(gzip.compress(b"<html>"), "gzip, none", declared="text/html")
    assert (found.digests, found.digests_as_sent, found.html) == (None, None, b"<html>")


@pytest.mark.parametrize(
    ("header", "sent"),
    [
        ("gzip", b"\x1f\x8b\x08\x00" + b"\xff" * 500),
        ("gzip, br", gzip.compress(brotli.compress(PNG))[:-4_000] + bytes(4_000)),
        ("zstd", zstd.compress(PNG)[:6] + b"\xff" * 500),
        ("br", b"\xff\x00" * 500),
    ],
)
def test_what_is_damaged_is_refused(header: str, sent: bytes) -> None:
    with pytest.raises(BadResponse, match=r"^not "):
        read(sent, header)


@given(
    header=st.sampled_from([*ENCODE, "gzip, gzip", "br, gzip", "none", "gzip, none"]),
    sent=st.binary(max_size=300) | st.sampled_from([*(one(PNG) for one in ENCODE.values()), PNG, TEXT]),
    piece=st.integers(1, 6_000),
)
def test_how_the_network_cuts_a_body_makes_no_difference(header: str, sent: bytes, piece: int) -> None:
    whole, parts = outcome(sent, header, 10**6), outcome(sent, header, piece)
    if None in (whole, parts) and header != "none":
        assert whole is None or parts is None or whole == parts
    assert None in (whole, parts) or whole == parts


def outcome(sent: bytes, header: str, piece: int) -> Body | None:
    try:
        return read(sent, header, declared="application/octet-stream", piece=piece)
    except Exception:
        return None
