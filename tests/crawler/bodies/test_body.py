"""A body leaves the digests of a file, the HTML of a page, or a reason why neither can be trusted."""

from __future__ import annotations

import asyncio
import gzip
import random
from collections.abc import AsyncIterator, Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.bodies.body import Body, BodyLimits, BodyReader, media_type
from orbweaver.crawler.bodies.digests import digests_of
from orbweaver.crawler.bodies.document_kinds import DocumentKind
from orbweaver.crawler.transfer_errors import BadResponse, BodyCut, BodyTooLarge, TransferTooSlow
from zip_bytes import zipped

HTML = b"<!DOCTYPE html><title>Pictures</title>" + b"<img src='a.png'>" * 400
PNG = b"\x89PNG\r\n\x1a\n" + random.Random(2).randbytes(9_000)
NOISE = b"\xff\x00" * 500  # of no type
TEXT = b"Only words, nothing else. " * 300
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'></svg>"
XHTML = b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'></html>"


def limits(**changes: float) -> BodyLimits:
    given = {
        "html_bytes": 10_000_000,
        "file_bytes": 10_000_000,
        "grace_seconds": 60,
        "slowest_bytes_per_second": 0,
    }
    return BodyLimits(**{**given, **changes})  # type: ignore[arg-type]


def read(
    chunks: Iterable[bytes], content_type: str | None = None, encoding: str = "", bounds: BodyLimits | None = None
) -> Body:
    async def arriving() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    reader = BodyReader(content_type=content_type, content_encoding=encoding, limits=bounds or limits())
    return asyncio.run(reader.read(arriving()))


@pytest.mark.parametrize(
    ("declared", "body", "is_file", "is_page"),
    [
        # declared HTML that is HTML, or nothing known, is a page
        ("text/html", HTML, False, True),
        ("text/html; charset=utf-8", HTML, False, True),
        ("Text/HTML", TEXT, False, True),
        ("application/xhtml+xml", XHTML, False, True),
        ("text/html", SVG, False, True),
        ("text/html", b"", False, True),
        ("text/html", b"just text <img src=a.png>", False, True),
        ("text/html", b"G\x00\x01 of no known type", True, True),
        ("text/html", b"GIF89a<html><img src=a.png>", True, True),
        # a file behind the name of a page is a file
        ("text/html", PNG, True, True),
        ("application/xhtml+xml", PNG, True, True),
        # HTML behind the name of a file is both
        ("image/png", HTML, True, True),
        ("application/octet-stream", HTML, True, True),
        (None, HTML, True, True),
        ("text/plain", HTML, True, True),
        # everything else is a file
        ("image/png", PNG, True, False),
        (None, PNG, True, False),
        ("text/plain", TEXT, True, False),
        ("image/svg+xml", SVG, True, False),
        ("application/xml", XHTML, True, True),
        (None, b"", True, False),
        ("", b"x", True, False),
    ],
)
def test_what_a_body_is(declared: str | None, body: bytes, is_file: bool, is_page: bool) -> None:
    read_body = read([body], declared)
    assert read_body.digests == (digests_of(body) if is_file else None)
    assert read_body.html == (body if is_page else None)
    assert read_body.is_document_cut is False
    assert read_body.bytes_received == len(body)


@pytest.mark.parametrize(
    ("declared", "body", "kind", "is_file"),
    [
        ("text/css", b"p { color: red }", DocumentKind.STYLE_SHEET, True),
        ("image/svg+xml", SVG, DocumentKind.SVG, True),
        ("text/html", SVG, DocumentKind.HTML, False),
        ("text/html", b"#EXTM3U\n", DocumentKind.PLAYLIST, True),
        ("application/xml", b"<urlset>", DocumentKind.SITEMAP, True),
        ("text/html", b"<rss>", DocumentKind.FEED, False),
        ("text/html", HTML, DocumentKind.HTML, False),
        ("application/json", b"{}", DocumentKind.TEXT, True),
    ],
)
def test_which_bodies_are_documents_and_which_of_them_files(
    declared: str, body: bytes, kind: DocumentKind | None, is_file: bool
) -> None:
    read_body = read([body], declared)
    assert (read_body.document_kind, read_body.document) == (kind, None if kind is None else body)
    assert (read_body.digests is not None) is is_file


def test_a_gzipped_sitemap_is_hashed_as_it_is_and_held_unpacked() -> None:
    inside = b"<urlset>" + b"<loc>/a</loc>" * 2_000
    sent = gzip.compress(inside)
    found = read([sent[:30], sent[30:]], "application/gzip")
    assert found.digests == digests_of(sent)
    assert (found.document, found.document_kind) == (inside, DocumentKind.SITEMAP)
    cut = read([sent], "application/gzip", bounds=limits(html_bytes=1_000))
    assert (cut.document, cut.is_document_cut) == (inside[:1_000], True)
    damaged = read([sent[:-20] + b"\xff" * 20], "application/gzip")
    assert damaged.is_document_cut
    assert damaged.digests is not None


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_members_are_found_in_what_begins_like_an_archive(encoding: str) -> None:
    archive = zipped({"a.png": PNG})
    sent = gzip.compress(archive) if encoding else archive
    found = read([sent[:3], sent[3:]], "text/html", encoding)
    assert found.digests == digests_of(archive)
    assert [(member.path, member.digests) for member in found.archive.members] == [("a.png", digests_of(PNG))]
    assert read([PNG]).archive.members == ()


@given(
    body=st.one_of(st.binary(max_size=9_000), st.just(PNG), st.just(HTML)),
    places=st.lists(st.integers(0, 9_000), max_size=10),
    is_encoded=st.booleans(),
)
def test_any_chunking_gives_the_digests_of_the_decoded_body(body: bytes, places: list[int], is_encoded: bool) -> None:
    sent = gzip.compress(body, mtime=0) if is_encoded else body
    cuts = [0, *sorted(min(place, len(sent)) for place in places), len(sent)]
    chunks = [sent[begin:end] for begin, end in pairwise(cuts)]
    found = read(chunks, "application/octet-stream", "gzip" if is_encoded else "")
    assert found.digests == digests_of(body)
    assert found.bytes_received == len(sent)
    assert found.html in (None, body)


def test_a_page_over_the_limit_is_cut_and_said_so_and_its_rest_not_read() -> None:
    taken: list[int] = []

    def chunks() -> Iterable[bytes]:
        for number in range(1_000):
            taken.append(number)
            yield HTML

    found = read(chunks(), "text/html", bounds=limits(html_bytes=len(HTML) * 2 + 5))
    assert found.html == HTML * 2 + HTML[:5]
    assert found.is_document_cut
    assert found.digests is None
    assert len(taken) == 3


def test_a_page_exactly_at_the_limit_is_whole() -> None:
    found = read([HTML], "text/html", bounds=limits(html_bytes=len(HTML)))
    assert (found.html, found.is_document_cut) == (HTML, False)


def test_a_long_page_in_disguise_is_hashed_whole_and_parsed_in_part() -> None:
    found = read([HTML] * 10, "image/png", bounds=limits(html_bytes=100))
    assert found.digests == digests_of(HTML * 10)
    assert found.html == HTML[:100]
    assert found.is_document_cut


def test_a_file_of_the_largest_size_passes_and_one_byte_more_does_not() -> None:
    assert read([PNG], bounds=limits(file_bytes=len(PNG))).digests == digests_of(PNG)
    with pytest.raises(BodyTooLarge, match="when decoded"):
        read([PNG, b"x"], bounds=limits(file_bytes=len(PNG)))


def test_the_limit_holds_for_decoded_bytes() -> None:
    with pytest.raises(BodyTooLarge, match="when decoded"):
        read([gzip.compress(bytes(2**20))], encoding="gzip", bounds=limits(file_bytes=2**20 - 1))


def test_every_chunk_is_paid_for_as_it_came() -> None:
    sent = gzip.compress(PNG)
    paid: list[int] = []

    async def arriving() -> AsyncIterator[bytes]:
        yield sent[:100]
        yield sent[100:]

    reader = BodyReader(content_type=None, content_encoding="gzip", limits=limits(), spend_bytes=paid.append)
    assert asyncio.run(reader.read(arriving())).digests == digests_of(PNG)
    assert paid == [100, len(sent) - 100]


def test_a_body_that_decodes_to_nothing_is_bounded_as_well() -> None:
    with pytest.raises(BodyTooLarge, match="bytes received"):
        read([gzip.compress(b"")] * 100, encoding="gzip", bounds=limits(file_bytes=1_000))


@pytest.mark.parametrize("end", [1, 5, 100, -9, -8, -1])
def test_an_encoded_body_cut_early_gives_no_digest(end: int) -> None:
    with pytest.raises(BodyCut):
        read([gzip.compress(PNG)[:end]], encoding="gzip")


def test_a_body_that_is_not_what_its_encoding_says_is_a_bad_response() -> None:
    for encoding in ("gzip", "deflate", "br", "zstd", "gzip, br"):
        with pytest.raises(BadResponse, match=r"^not "):
            read([NOISE], encoding=encoding)
    with pytest.raises(BadResponse, match="3 content encodings"):
        read([PNG], encoding="gzip, br, gzip")


def test_no_body_at_all_needs_no_end_mark() -> None:
    found = read([], encoding="gzip")
    assert found.digests is not None
    assert found.digests.is_degenerate


def test_a_body_slower_than_asked_is_ended() -> None:
    with pytest.raises(TransferTooSlow, match="bytes/s"):
        read([b"x"], bounds=limits(grace_seconds=-1, slowest_bytes_per_second=10**12))
    assert read([b"x"], bounds=limits(grace_seconds=60, slowest_bytes_per_second=10**12)).bytes_received == 1


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("text/html", "text/html"),
        (" Text/HTML ; charset=x; text/plain", "text/html"),
        ("no media type", None),
        ("text/html,text/html", "text/html"),
        ("text/html, text/html; charset=utf-8", "text/html"),
        ("text/html, application/octet-stream", "application/octet-stream"),
        ("text/html,", "text/html"),
        ("text/html charset=utf-8", "text/html"),
        ("text/html (comment)", "text/html"),
        ("\ttext/html", "text/html"),
        ('text/html; name="a,b/c"', "text/html"),
        ("*/*", None),
        ("text/html, nonsense", "text/html"),
        ("html", None),
        ("text/" + "x" * 65, None),
        ("image/png\u2028x", None),
        ("", None),
        (None, None),
        (" ; charset=x", None),
    ],
)
def test_the_bare_media_type_of_a_header(header: str | None, expected: str | None) -> None:
    assert media_type(header) == expected
