"""Content-Encoding. Input: one byte for the encoding, one for the size of the chunks, the body."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli
from orbweaver.crawler.bodies.decoding import PIECE_BYTES, decoder_for, zstd
from orbweaver.crawler.errors import UndecodableBody

from fuzz.promises import in_time_for

ENCODINGS = ("gzip", "deflate", "br", "zstd", "gzip, deflate", "br,zstd", "identity", "x-gzip, gzip")
TOKENS = (
    *(b"\x1f\x8b\x08\x00", b"\x1f\x8b\x08\x1f", b"\x78\x9c", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18", b"\x03\x00"),
    *(gzip.compress(b"a", mtime=0), zlib.compress(b"a"), brotli.compress(b"a"), zstd.compress(b"a"), b"\0" * 8),
)
# What is decoded of one input; a bomb is somebody else's to stop.
MOST_DECODED = 2 * 2**20
ENCODERS: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("gzip", lambda data: gzip.compress(data, 1)),
    ("deflate", zlib.compress),
    ("deflate", lambda data: zlib.compress(data, wbits=-15)),
    ("br", lambda data: brotli.compress(data, quality=1)),
    ("zstd", zstd.compress),
)


def check(data: bytes) -> None:
    if len(data) < 2:
        return
    encoding = ENCODINGS[data[0] % len(ENCODINGS)]
    size = data[1] + 1
    body = data[2:]
    with in_time_for(bytes(MOST_DECODED)):
        whole = _decode(encoding, [body])
        parts = _decode(encoding, [body[place : place + size] for place in range(0, len(body), size)])
    # How the network cut the body may make no difference to its digests. Whether a damaged one is called cut or
    # undecodable may differ: it has none.
    if max(len(parts[0]), len(whole[0])) < MOST_DECODED:
        if whole[1] and parts[1]:
            assert parts == whole, "cut differently, decoded differently"
        elif "zstd" not in encoding:
            # libzstd is stricter about a frame that lies about its size when it has the frame
            # in one piece, or in several: one digest or none, never two.
            assert bool(whole[1]) == bool(parts[1]), "cut differently, judged differently"
    name, encode = ENCODERS[data[0] % len(ENCODERS)]
    assert _decode(name, [encode(body)]) == (body, True)
    cut = encode(body)[:-1]
    assert _decode(name, [cut])[1] is not True, "a cut body was taken for a whole one"


def _decode(encoding: str, chunks: list[bytes]) -> tuple[bytes, bool | None]:
    """Return what came out, and whether the end was seen; None where the body is not what its encoding says."""
    decoder = decoder_for(encoding)
    decoded = bytearray()
    try:
        for chunk in chunks:
            for piece in decoder.feed(chunk):
                assert 0 < len(piece) <= PIECE_BYTES or encoding == "identity"
                decoded += piece
                if len(decoded) >= MOST_DECODED:
                    return bytes(decoded), decoder.is_finished
    except UndecodableBody:
        return bytes(decoded), None
    return bytes(decoded), decoder.is_finished
