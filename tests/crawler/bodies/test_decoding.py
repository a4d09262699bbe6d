"""Content-Encoding is undone the same however it arrives, in bounded pieces, and a cut stream is known as one."""

from __future__ import annotations

import gzip
import random
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterable
from itertools import pairwise

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.bodies.decoding import PIECE_BYTES, Decoder, decoder_for, known_encodings
from orbweaver.crawler.errors import UndecodableBody

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

NOISE = random.Random(1).randbytes(150_000)
BOMB_SIZE = 2**26
TEXT = b"some text that compresses well, " * 10_000


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def raw_deflated(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def halves(data: bytes) -> tuple[bytes, bytes]:
    return data[: len(data) // 2], data[len(data) // 2 :]


def in_two(encode: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda data: b"".join(map(encode, halves(data)))


ENCODED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "nothing": ("", bytes),
    "identity": ("identity", bytes),
    "gzip": ("gzip", gzipped),
    "gzip by its old name, in capitals": ("X-GZIP", gzipped),
    "gzip of two members": ("gzip", in_two(gzipped)),
    "deflate": ("deflate", zlib.compress),
    "deflate without its wrapper": ("deflate", raw_deflated),
    "brotli": ("br", brotli.compress),
    "zstd": ("zstd", zstd.compress),
    "zstd of two frames": ("zstd", in_two(zstd.compress)),
    "gzip, then brotli": ("gzip, br", lambda data: brotli.compress(gzipped(data))),
    "identity and gzip": ("identity, gzip", gzipped),
    "gzip twice": ("gzip,gzip", lambda data: gzipped(gzipped(data))),
}
every_encoding = pytest.mark.parametrize("name", ENCODED)
every_real_encoding = pytest.mark.parametrize("name", [name for name in ENCODED if name not in ("nothing", "identity")])


def decode(decoder: Decoder, chunks: Iterable[bytes]) -> bytes:
    return b"".join(piece for chunk in chunks for piece in decoder.feed(chunk))


def split(data: bytes, places: Iterable[int]) -> list[bytes]:
    cuts = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[begin:end] for begin, end in pairwise(cuts)]


@every_encoding
@pytest.mark.parametrize("body", [b"x", NOISE, TEXT, bytes(PIECE_BYTES), bytes(PIECE_BYTES + 1)], ids=len)
def test_the_body_comes_back_in_bounded_pieces_and_is_finished(name: str, body: bytes) -> None:
    header, encode = ENCODED[name]
    decoder = decoder_for(header)
    pieces = [piece for chunk in split(encode(body), range(0, 10**6, PIECE_BYTES)) for piece in decoder.feed(chunk)]
    assert b"".join(pieces) == body
    assert max(map(len, pieces)) <= PIECE_BYTES
    assert decoder.is_finished


@every_encoding
def test_byte_by_byte_gives_the_same(name: str) -> None:
    header, encode = ENCODED[name]
    encoded = encode(TEXT[:3_000])
    decoder = decoder_for(header)
    assert decode(decoder, (encoded[place : place + 1] for place in range(len(encoded)))) == TEXT[:3_000]
    assert decoder.is_finished


@given(
    name=st.sampled_from(sorted(ENCODED)),
    body=st.one_of(st.binary(min_size=1, max_size=2_000), st.integers(1, 140_000).map(bytes)),
    places=st.lists(st.integers(0, 200_000), max_size=8),
)
def test_any_split_gives_the_same(name: str, body: bytes, places: list[int]) -> None:
    header, encode = ENCODED[name]
    decoder = decoder_for(header)
    assert decode(decoder, split(encode(body), places)) == body
    assert decoder.is_finished


@pytest.mark.parametrize("size", range(PIECE_BYTES - 2, PIECE_BYTES + 300, 7))
def test_output_left_behind_by_a_full_piece_is_not_lost(size: int) -> None:
    decoder = decoder_for("deflate")
    assert len(decode(decoder, [raw_deflated(bytes(size))])) == size
    assert decoder.is_finished


@every_real_encoding
def test_a_stream_cut_anywhere_is_not_finished(name: str) -> None:
    header, encode = ENCODED[name]
    encoded = encode(NOISE[:2_000])
    whole_first = len(encode(NOISE[:1_000])) if "two" not in name else len(ENCODED[name][1](NOISE[:2_000])) // 2
    honest_ends = {len(encoded)} if "two" not in name else {_end_of_first(name)}
    for end in (0, 1, 2, 3, 9, 10, 11, 20, whole_first + 3, len(encoded) - 9, len(encoded) - 8, len(encoded) - 1):
        if end not in honest_ends:
            decoder = decoder_for(header)
            decode(decoder, [encoded[:end]])
            assert not decoder.is_finished, f"cut at {end} of {len(encoded)}"


def _end_of_first(name: str) -> int:
    encode = gzipped if name.startswith("gzip") else zstd.compress
    return len(encode(NOISE[:1_000]))


@pytest.mark.parametrize(
    "name", [name for name in ENCODED if name not in ("nothing", "identity") and "brotli" not in name]
)
@pytest.mark.parametrize("padding", [b"\0", bytes(512), b"\0\x1f\x8b", b"rubbish", b"\xfd\x2f"])
def test_padding_after_the_end_is_no_content_however_it_arrives(name: str, padding: bytes) -> None:
    header, encode = ENCODED[name]
    encoded = encode(TEXT) + padding
    at_once, by_byte = decoder_for(header), decoder_for(header)
    assert decode(at_once, [encoded]) == TEXT
    assert decode(by_byte, (encoded[place : place + 1] for place in range(len(encoded)))) == TEXT
    assert at_once.is_finished
    assert by_byte.is_finished


@pytest.mark.parametrize("chunks", [[b"rubbish"], [b"", b"rubbish"], [b"", b"", b"r", b"ubbish"]])
def test_padding_after_brotli_is_undecodable_wherever_the_network_cuts(chunks: list[bytes]) -> None:
    """The library forgets what it had decoded: better no digest, and an outcome that says so, than that of a part."""
    with pytest.raises(UndecodableBody):
        decode(decoder_for("br"), [brotli.compress(TEXT) + chunks[0], *chunks[1:]])


@pytest.mark.parametrize("header", ["gzip", "deflate", "br", "zstd", "gzip, br"])
def test_what_is_not_in_the_encoding_is_undecodable(header: str) -> None:
    with pytest.raises(UndecodableBody, match=r"^not "):
        decode(decoder_for(header), [b"\xff" * 1_000])


@pytest.mark.parametrize("header", ["gzip", "zstd"])
def test_a_damaged_stream_is_undecodable_or_unfinished(header: str) -> None:
    encoded = bytearray(gzipped(NOISE) if header == "gzip" else zstd.compress(NOISE))
    encoded[3:6] = b"\xff\xff\xff"
    decoder = decoder_for(header)
    with pytest.raises(UndecodableBody):
        decode(decoder, [bytes(encoded), b""])


@pytest.mark.parametrize(
    ("header", "known", "has_others"),
    [
        ("", (), False),
        (" , ,", (), False),
        ("none", (), True),
        ("UTF-8", (), True),
        ("binary, identity", (), True),
        ("X-GZIP", ("gzip",), False),
        ("x-deflate,br", ("deflate", "br"), False),
        ("gzip,,gzip", ("gzip", "gzip"), False),
        ("gzip, utf-8", ("gzip",), True),
        ("aws-chunked,zstd", ("zstd",), True),
        ("compress", (), True),
        ("gzip;q=1", (), True),
    ],
)
def test_tokens_that_name_no_encoding_that_is_known_do_not_count(
    header: str, known: tuple[str, ...], has_others: bool
) -> None:
    assert known_encodings(header) == (known, has_others)
    assert decode(decoder_for(header), []) == b""


def test_more_than_two_encodings_are_refused() -> None:
    with pytest.raises(UndecodableBody, match="3 content encodings"):
        decoder_for("gzip, gzip, gzip")


def bomb(header: str) -> bytes:
    zeros = bytes(BOMB_SIZE)
    match header:
        case "br":
            return brotli.compress(zeros, quality=1)
        case "zstd":
            compressor = zstd.ZstdCompressor()  # whose frames do not say their size
            return compressor.compress(zeros) + compressor.flush()
        case "gzip, gzip":
            return gzipped(gzip.compress(zeros, 1))
        case _:
            return gzip.compress(zeros, 1)


@pytest.mark.parametrize("header", ["gzip", "br", "zstd", "gzip, gzip"])
def test_a_bomb_stays_small_in_memory(header: str) -> None:
    encoded = bomb(header)
    decoder = decoder_for(header)
    tracemalloc.start()
    try:
        arriving = split(encoded, range(0, len(encoded), PIECE_BYTES))
        assert sum(len(piece) for chunk in arriving for piece in decoder.feed(chunk)) == BOMB_SIZE
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(encoded) + 20 * PIECE_BYTES
    assert decoder.is_finished


def test_a_zstd_frame_may_not_ask_for_a_large_window() -> None:
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    encoded = compressor.compress(bytes(2**20)) + compressor.flush()
    with pytest.raises(UndecodableBody, match="too much memory"):
        decode(decoder_for("zstd"), [encoded])
