"""JSON whose names are known leads to what it names, however broken it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.bodies.document_kinds import DocumentKind
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links.documents import references

PAGE, FILE = LinkKind.PAGE, LinkKind.FILE
FEED = {
    "version": "https://jsonfeed.org/version/1.1",
    "home_page_url": "http://host.test/",
    "icon": "icon.png",
    "authors": [{"name": "a", "url": "author", "avatar": "avatar.png"}],
    "items": [
        {
            "id": "1",
            "url": "item/1",
            "content_html": '<p><img src="in html.jpg"><a href="page">x</a>' + "<br>" * 200,
            "image": "/image.jpg",
            "attachments": [{"url": "film?id=1", "mime_type": "video/mp4"}, {"mime_type": "a", "url": "b"}],
            "external_url": "http://other.test/\u00e9",
        }
    ],
}
FEED_LINKS = [
    ("http://host.test/", PAGE),
    ("icon.png", FILE),
    ("author", PAGE),
    ("avatar.png", FILE),
    ("item/1", PAGE),
    ("in html.jpg", FILE),
    ("page", PAGE),
    ("/image.jpg", FILE),
    ("film?id=1", FILE),
    ("b", FILE),
    ("http://other.test/\u00e9", PAGE),
]
APP = {
    "name": "a",
    "start_url": "/?a=1",
    "icons": [{"src": "icons/a.png", "sizes": "1x1"}, {"src": "b.svg"}],
    "screenshots": [{"src": "c.webp"}],
    "shortcuts": [{"url": "/d", "icons": [{"src": "e.png"}]}],
}
APP_LINKS = [
    ("/?a=1", PAGE),
    ("icons/a.png", FILE),
    ("b.svg", FILE),
    ("c.webp", FILE),
    ("/d", PAGE),
    ("e.png", FILE),
]


def found_in(kind: DocumentKind, text: str) -> list[tuple[str, LinkKind]]:
    page = references(text.encode(), kind, content_type=None, base_url="http://host.test/feed.json")
    return [(link.reference, link.kind) for link in page.links]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_a_document_names_pages_and_files(indent: int | None, ensure_ascii: bool) -> None:
    for kind, document, links in (
        (DocumentKind.JSON_FEED, FEED, FEED_LINKS),
        (DocumentKind.APP_MANIFEST, APP, APP_LINKS),
    ):
        text = json.dumps(document, indent=indent, ensure_ascii=ensure_ascii)
        assert found_in(kind, text) == links
        assert found_in(kind, text.replace("/", "\\/")) == links
        assert found_in(kind, text[:-3] + "]}") == links


@given(
    st.text(),
    st.lists(st.sampled_from(['"url"', '"src"', ":", '"', "\\", '"attachments":[', "]", "[" * 50, "\\ud800"])),
)
def test_any_text_is_read_without_failing(text: str, parts: list[str]) -> None:
    for kind in (DocumentKind.JSON_FEED, DocumentKind.APP_MANIFEST):
        found_in(kind, text + "".join(parts))
