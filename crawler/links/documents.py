"""Finds the references in a document of a known kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from orbweaver.crawler.asked_as import AskedAs, Destination
from orbweaver.crawler.bodies.document_kinds import DocumentKind
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links import feeds, json_documents, mime_messages, texts
from orbweaver.crawler.links.encodings import decode
from orbweaver.crawler.links.found_links import MAX_LINKS, FoundLinks, PageLinks
from orbweaver.crawler.links.pages.attribute_values import css_references
from orbweaver.crawler.links.pages.html import add_markup
from orbweaver.crawler.links.streams import cues, manifests, playlists, smooth_streams

_NO_VARIABLES: Mapping[str, str] = {}
# https://www.w3.org/TR/css-syntax-3/#input-byte-stream
_STYLE_SHEET_CHARSET = re.compile(rb'@charset "([^"]{1,100})";')


def references(
    body: bytes,
    kind: DocumentKind,
    *,
    content_type: str | None,
    base_url: str,
    max_links: int = MAX_LINKS,
    imported: Mapping[str, str] = _NO_VARIABLES,
) -> PageLinks:
    """Return the references in a document of a known kind; never fails, whatever the bytes.

    A sitemap may have as many URLs as its protocol allows, every other document `max_links` references. `imported` are
    the variables of the playlist that named a playlist.
    """
    most = feeds.MOST_SITEMAP_URLS if kind in {DocumentKind.SITEMAP, DocumentKind.URL_LIST} else max_links
    found = FoundLinks(page=base_url, max_links=most)
    if kind is DocumentKind.STYLE_SHEET:
        content_type = _style_sheet_type(body, content_type)
    if kind is DocumentKind.MIME_MESSAGE:
        mime_messages.add_message(found, body, content_type=content_type)
        return found.page_links()
    decoded = decode(body, content_type)
    text = decoded.text
    if kind in {DocumentKind.HTML, DocumentKind.XHTML}:
        found.query_codec = decoded.query_codec
    if kind is DocumentKind.PLAYLIST:
        playlists.add_playlist(found, text, url=base_url, imported=imported)
    else:
        _READERS[kind](found, text)
    if kind in _FOR_PLAYERS:
        found.asked_as = dict.fromkeys(found.links, AskedAs(Destination.EMPTY))
    return found.page_links()


def _style_sheet_type(body: bytes, content_type: str | None) -> str | None:
    """Return the declared type, with the charset that the style sheet itself declares when its server declares none."""
    declared = _STYLE_SHEET_CHARSET.match(body)
    if declared is None or "charset" in (content_type or "").lower():
        return content_type
    charset = declared[1].decode("latin-1")
    # It was legible as ASCII, so it cannot be true.
    return f"text/css; charset={'utf-8' if charset.lower().startswith('utf-16') else charset}"


def _add_xml_markup(found: FoundLinks, text: str) -> None:
    texts.add_style_sheets(found, text)
    add_markup(found, text, is_xml=True)


def _add_style_sheet(found: FoundLinks, text: str) -> None:
    for reference in css_references(text):
        if found.is_truncated:
            return
        found.add(reference, LinkKind.FILE)


# In browsers scripts fetch what these name.
_FOR_PLAYERS = frozenset({DocumentKind.PLAYLIST, DocumentKind.MANIFEST, DocumentKind.SMOOTH_STREAMS})
_READERS: dict[DocumentKind, Callable[[FoundLinks, str], None]] = {
    DocumentKind.HTML: add_markup,
    DocumentKind.XHTML: _add_xml_markup,
    DocumentKind.SVG: _add_xml_markup,
    DocumentKind.STYLE_SHEET: _add_style_sheet,
    DocumentKind.SITEMAP: feeds.add_sitemap,
    DocumentKind.URL_LIST: feeds.add_url_list,
    DocumentKind.FEED: feeds.add_feed,
    DocumentKind.MANIFEST: manifests.add_manifest,
    DocumentKind.SMOOTH_STREAMS: smooth_streams.add_smooth_streams,
    DocumentKind.CUES: cues.add_cues,
    DocumentKind.JSON_FEED: json_documents.add_json_feed,
    DocumentKind.APP_MANIFEST: json_documents.add_app_manifest,
    DocumentKind.XML: texts.add_xml,
    DocumentKind.TEXT: texts.add_text,
}
