"""Lists of files of which nobody knows the names: what may be a reference in them is a candidate, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.bodies.document_kinds import DocumentKind
from orbweaver.crawler.links.documents import references

XML = '<?xml version="1.0"?>'


def found_in(kind: DocumentKind, text: str) -> list[str]:
    page = references(text.encode(), kind, content_type=None, base_url="http://host.test/list")
    assert page.links == ()
    return sorted(link.reference for link in page.candidates)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"files": ["/f/a.jpg", "b", {"c": "\\/f\\/d.mp4"}], "e": "words.", "f": 1}', ["/f/a.jpg", "/f/d.mp4"]),
        ('[{ "title":"a.jpg", "type":"file" }]', ["a.jpg"]),
        (
            "See http://host.test/a.jpg and\nhttp://host.test/b (large)",
            ["http://host.test/a.jpg", "http://host.test/b"],
        ),
        ("name,url\nx,http://host.test/a.jpg\n", ["http://host.test/a.jpg"]),
        ("[InternetShortcut]\r\nURL=http://host.test/a.jpg\r\n", ["http://host.test/a.jpg"]),
        ("# Pictures\n\n![a](/a.jpg) [b](<b.jpg>) [c](page)\n", ["/a.jpg", "b.jpg"]),
        ('{"next": "/api?page=2", "nextPage":"\\/b?c=1\\u0026d", "previous": "/e"}', ["/api?page=2", "/b?c=1&d"]),
        ('{"next": "//h/a", "more": "words", "next_url": "?p=2"}', ["?p=2"]),
        ("[playlist]\nFile1=/v/1.mp3\nTitle1=2.mp3\n", ["/v/1.mp3"]),
        ("[a]: /a.jpg\n [b c]: <b.jpg> 'words'\n[d]: page\n", ["/a.jpg", "b.jpg"]),
        (
            "a.jpg\r\nmy film (1).mp4\r\nsub\\b.tar.gz\r\nwords.\r\n./c.jpg",
            ["./c.jpg", "a.jpg", "my film (1).mp4", "sub/b.tar.gz"],
        ),
        (f"{'0f' * 16}  a.jpg\n{'0f' * 32} *b/c.jpg\n", ["a.jpg", "b/c.jpg"]),
        (
            "-rw-r--r-- 1 u u 5 Jan 1 00:00 none.jpg\n#EXTINF:3,none.mp3\n"
            "C:\\none.mp3\nftp://none/none.mp3\nSee it: none.jpg.\n",
            [],
        ),
        ("words", []),
    ],
)
def test_what_may_be_a_reference_in_text(text: str, found: list[str]) -> None:
    assert found_in(DocumentKind.TEXT, text) == found


@pytest.mark.parametrize(
    ("inside", "found"),
    [
        ('<simpleviewergallery><image imageURL="/a.jpg" thumbURL="b.jpg"/></simpleviewergallery>', ["/a.jpg", "b.jpg"]),
        (
            "<files><file><path>f/a b.jpg</path><path>words</path></file></files>",
            ["f/a b.jpg"],
        ),
        ("<D:multistatus><D:response><D:href>\n/f/a.jpg\n</D:href></D:response></D:multistatus>", ["/f/a.jpg"]),
        ("<playlist><track><location>http://host.test/1.mp3</location></track></playlist>", ["http://host.test/1.mp3"]),
        ('<asx><entry><ref href="/v/1.mp4"/></entry></asx>', ["/v/1.mp4"]),
    ],
)
def test_what_may_be_a_reference_in_xml(inside: str, found: list[str]) -> None:
    assert found_in(DocumentKind.XML, XML + inside) == found


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ('<smil><head><meta name="a"/><meta base="/m/"/></head><body><video src="a.mp4"/></body></smil>', "/m/"),
        ("<manifest><baseURL> http://host.test/m/ </baseURL><media url='a.mp4'/></manifest>", "http://host.test/m/"),
        ("<x><meta base='/m/'/><baseURL>/m/</baseURL></x>", None),
    ],
)
def test_a_list_of_films_may_have_a_base(text: str, base: str | None) -> None:
    assert (
        references((XML + text).encode(), DocumentKind.XML, content_type=None, base_url="http://h.test/").base == base
    )


@pytest.mark.parametrize("kind", [DocumentKind.XML, DocumentKind.SVG, DocumentKind.XHTML])
def test_the_style_sheets_of_xml_are_files(kind: DocumentKind) -> None:
    text = XML + '<?xml-stylesheet type="text/xsl" href="/s.xsl?a=1&amp;b"?><?xml-stylesheet href=\'t.css\'?><a/>'
    page = references(text.encode(), kind, content_type=None, base_url="http://h.test/")
    assert [link.reference for link in page.links] == ["/s.xsl?a=1&b", "t.css"]


@given(st.text(), st.lists(st.sampled_from(["<a b='", "c.jpg", "'>", "</a>", '"', "http://", "\n", "\\"])))
def test_any_text_is_read_without_failing(text: str, parts: list[str]) -> None:
    for kind in (DocumentKind.XML, DocumentKind.TEXT):
        references((text + "".join(parts)).encode(), kind, content_type=None, base_url="http://host.test/list")
