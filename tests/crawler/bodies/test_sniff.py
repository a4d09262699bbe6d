"""The first bytes decide, not what the server claims."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.bodies.sniff import HEAD_BYTES, sniff

MAGIC = {
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "image/png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "image/gif": b"GIF89a\x01\x00\x01\x00",
    "image/webp": b"RIFF\x24\x00\x00\x00WEBPVP8 ",
    "image/bmp": b"BM\x46\x00\x00\x00",
    "image/avif": b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf",
    "video/mp4": b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2",
    "video/webm": b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\x82\x84webm",
    "application/pdf": b"%PDF-1.7\n",
    "application/zip": b"PK\x03\x04\x14\x00\x00\x00",
}

HTML_STARTS = "!DOCTYPE_HTML HTML HEAD SCRIPT IFRAME H1 DIV FONT TABLE A STYLE TITLE B BODY BR P !--"


@pytest.mark.parametrize(("mime", "head"), MAGIC.items(), ids=MAGIC)
def test_a_file_is_known_by_its_signature(mime: str, head: bytes) -> None:
    assert sniff(head + bytes(300)) == mime


@pytest.mark.parametrize("start", HTML_STARTS.split())
@pytest.mark.parametrize("end", [b" ", b">"])
def test_html_is_known_by_its_first_tag_in_any_case_after_white_space(start: str, end: bytes) -> None:
    start = start.replace("_", " ")
    for spelling in (start, start.lower()):
        assert sniff(b"\t\n\x0c\r <" + spelling.encode() + end) == "text/html"


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (b'<?xml version="1.0"?><feed>', "text/xml"),
        (b"<?xml", "text/xml"),
        (b'<?xml version="1.0"?>\n<!-- by hand --><svg xmlns="x">', "image/svg+xml"),
        (b'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "a" "b"><svg:svg>', "image/svg+xml"),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]><svg>', "image/svg+xml"),
        (b"\xef\xbb\xbf<svg>", "image/svg+xml"),
        (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "a"><html>', "application/xhtml+xml"),
        (b'<!DOCTYPE html PUBLIC "a"><html xmlns="http://www.w3.org/1999/xhtml">', "text/html"),
        (b'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom">', "application/atom+xml"),
        (b'<rss version="2.0">', "application/rss+xml"),
        (b'<?xml version="1.0"?><rdf:RDF xmlns="http://purl.org/rss/1.0/">', "application/rdf+xml"),
        (b'<?xml version="1.0"?><MPD>', "application/dash+xml"),
        (b"<urlset>", "text/xml"),
        (b"<sitemapindex>", "text/xml"),
        (b"\xef\xbb\xbf<!doctype html>", "text/html"),
        (b"<!-- x --><p>", "text/html"),
        (b"<!--x--> <!-- y --><center>", "text/html"),
        (b"<!--no end", "text/html"),
        (b"<!-- not a page --><note>", None),
        (b"<img src=a.png>", "text/html"),
        (b"\r\n\r\n<CENTER\talign=left>", "text/html"),
        (b"<br/>", "text/html"),
        (b"<noscript>", "text/html"),
        (b"\xff\xfe" + "<html>".encode("utf-16-le"), "text/html"),
        (b"\xfe\xff" + "\n<center>".encode("utf-16-be"), "text/html"),
        (b"<my-gallery>", None),
        (b"<abbr", None),
        (b"<imgs src=a.png>", None),
        (b"<p", None),
        (b"plain words", None),
        (b"", None),
    ],
)
def test_markup_is_told_apart_by_its_first_element(head: bytes, mime: str | None) -> None:
    assert sniff(head) == mime


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (b"#EXTM3U\n#EXT-X-VERSION:3\n", "application/vnd.apple.mpegurl"),
        (b"\xef\xbb\xbf#EXTM3U\r\n", "application/vnd.apple.mpegurl"),
        (b"#EXTM3U", "application/vnd.apple.mpegurl"),
        (b"#EXTM3UX", None),
    ],
)
def test_a_playlist_is_known_by_its_first_line(head: bytes, mime: str | None) -> None:
    assert sniff(head) == mime


@given(st.binary(max_size=HEAD_BYTES * 2), st.sampled_from([b"", b"<", b"<?xml", *MAGIC.values()]))
def test_any_bytes_have_a_type_or_none(tail: bytes, start: bytes) -> None:
    mime = sniff(start + tail)
    assert mime is None or "/" in mime


@pytest.mark.parametrize("part", [b"<?", b"<!", b"<!--", b"<![", b"<!a[]", b" "])
def test_the_first_element_is_looked_for_in_linear_time(part: bytes) -> None:
    assert sniff(b"<?xml" + part * HEAD_BYTES) == "text/xml"
