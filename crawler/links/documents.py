"""Finds the references in a document of a known kind."""

from __future__ import annotations

import re
from collections.abc import Callable

from orbweaver.crawler.asked_as import AskedAs, Destination
from orbweaver.crawler.bodies.document_kinds import DocumentKind
from orbweaver.crawler.bodies.sniff import HEAD_BYTES
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links import feeds, manifests, playlists
from orbweaver.crawler.links.attribute_values import css_references
from orbweaver.crawler.links.html import MAX_LINKS, FoundLinks, PageLinks, add_markup, decode_text


def references(
    body: bytes, kind: DocumentKind, *, content_type: str | None, base_url: str, max_links: int = MAX_LINKS
) -> PageLinks:
    """Return the references in a document of a known kind; never fails, whatever the bytes.

    A sitemap may have as many URLs as its protocol allows, every other document `max_links` references.
    """
    most = feeds.MOST_SITEMAP_URLS if kind in {DocumentKind.SITEMAP, DocumentKind.URL_LIST} else max_links
    found = FoundLinks(page=base_url, max_links=most)
    _READERS[kind](found, decode_text(body, content_type))
    if kind in _FOR_PLAYERS:
        found.asked_as = dict.fromkeys(found.links, AskedAs(Destination.EMPTY))
    return found.page_links()


def _add_xml_markup(found: FoundLinks, text: str) -> None:
    for match in _XML_STYLE_SHEET.finditer(text[:HEAD_BYTES]):
        found.add(match["reference"], LinkKind.FILE)
    add_markup(found, text, is_xml=True)


_XML_STYLE_SHEET = re.compile(r"<\?xml-stylesheet[^>]*?\shref=[\"'](?P<reference>[^\"'>]*)")


def _add_style_sheet(found: FoundLinks, text: str) -> None:
    for reference in css_references(text):
        if found.is_truncated:
            return
        found.add(reference, LinkKind.FILE)


# In browsers scripts fetch what these name.
_FOR_PLAYERS = frozenset({DocumentKind.PLAYLIST, DocumentKind.MANIFEST})
_READERS: dict[DocumentKind, Callable[[FoundLinks, str], None]] = {
    DocumentKind.HTML: add_markup,
    DocumentKind.XHTML: _add_xml_markup,
    DocumentKind.SVG: _add_xml_markup,
    DocumentKind.STYLE_SHEET: _add_style_sheet,
    DocumentKind.SITEMAP: feeds.add_sitemap,
    DocumentKind.URL_LIST: feeds.add_url_list,
    DocumentKind.FEED: feeds.add_feed,
    DocumentKind.PLAYLIST: playlists.add_playlist,
    DocumentKind.MANIFEST: manifests.add_manifest,
}
