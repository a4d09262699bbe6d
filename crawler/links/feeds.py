"""Finds the references in sitemaps and feeds: pages, enclosed files, and the references in the HTML of entries."""

from __future__ import annotations

from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links.found_links import FoundLinks
from orbweaver.crawler.links.pages.html import add_markup
from orbweaver.crawler.links.xml_tags import tags

# https://www.sitemaps.org/protocol.html: as many as one sitemap may have.
MOST_SITEMAP_URLS = 50_000

_SITEMAP_TEXTS = {
    "loc": LinkKind.PAGE,  # in an index, another sitemap
    "content_loc": LinkKind.FILE,  # the extensions for videos
    "thumbnail_loc": LinkKind.FILE,
    "player_loc": LinkKind.PAGE,
}


def add_sitemap(found: FoundLinks, text: str) -> None:
    """Add the pages, images and videos of a sitemap, or the sitemaps of an index."""
    is_in_image = False
    for tag in tags(text):
        if found.is_truncated:
            return
        if tag.name == "image":
            is_in_image = not tag.is_end
        elif tag.is_end:
            continue
        elif kind := _SITEMAP_TEXTS.get(tag.name):
            found.add(tag.text, LinkKind.FILE if is_in_image else kind)
        elif tag.name == "link":  # the same page in another language
            found.add(tag.attributes.get("href", ""), LinkKind.PAGE)


def add_url_list(found: FoundLinks, text: str) -> None:
    """Add the URLs of a sitemap that is plain text, one a line."""
    for line in text.splitlines():
        if found.is_truncated:
            return
        found.add(line, LinkKind.PAGE)


# RSS 0.9x to 2.0, Atom (RFC 4287), Media RSS and the podcast extensions, names without their prefix.
_FEED_ATTRIBUTES = {
    ("enclosure", "url"): LinkKind.FILE,
    ("content", "url"): LinkKind.FILE,
    ("content", "src"): LinkKind.FILE,
    ("thumbnail", "url"): LinkKind.FILE,
    ("player", "url"): LinkKind.PAGE,
    ("image", "href"): LinkKind.FILE,
    ("transcript", "url"): LinkKind.FILE,
    ("chapters", "url"): LinkKind.FILE,
    ("source", "uri"): LinkKind.FILE,  # of a podcast:alternateEnclosure
    # rdf:resource of RSS 1.0, also of its mod_enclosure
    ("image", "resource"): LinkKind.FILE,
    ("enclosure", "resource"): LinkKind.FILE,
}
_FEED_TEXTS = {
    "link": LinkKind.PAGE,
    "comments": LinkKind.PAGE,
    "url": LinkKind.FILE,  # of the feed's image
    "icon": LinkKind.FILE,
    "logo": LinkKind.FILE,
}
_FEED_HTML = frozenset({"description", "encoded", "content", "summary", "subtitle", "title"})
_FEED_PAGES = frozenset({"", "alternate", "related", "via", "replies", "first", "last", "next", "previous", "prev"})


def add_feed(found: FoundLinks, text: str) -> None:
    """Add the pages and files of an RSS or Atom feed, and the references in the HTML of its entries."""
    for tag in tags(text):
        if found.is_truncated:
            return
        if tag.is_end:
            continue
        # RFC 4287, 2; the one of the feed, which is what programs write.
        if tag.name == "feed" and found.base is None and (base := tag.attributes.get("base")):
            found.base = base
        for name, value in tag.attributes.items():
            if kind := _FEED_ATTRIBUTES.get((tag.name, name)):
                found.add(value, kind)
        if kind := _FEED_TEXTS.get(tag.name):
            found.add(tag.text, kind)
        if tag.name == "link":
            _add_atom_link(found, tag.attributes)
        elif tag.name == "guid" and tag.text.strip().startswith(("http://", "https://")):
            found.add(tag.text, LinkKind.PAGE)
        elif tag.name in _FEED_HTML and "<" in tag.text:
            add_markup(found, tag.text)
        elif tag.name in {"img", "a"}:  # in the XHTML of an Atom entry
            found.add(tag.attributes.get("src", ""), LinkKind.FILE)
            found.add(tag.attributes.get("href", ""), LinkKind.PAGE)


def _add_atom_link(found: FoundLinks, attributes: dict[str, str]) -> None:
    relation = attributes.get("rel", "").strip().lower()
    reference = attributes.get("href", "")
    # An OPDS catalogue's relations end in /image, /thumbnail or /acquisition.
    if relation == "enclosure" or relation.startswith("http://opds-spec.org/"):
        found.add(reference, LinkKind.FILE)
    elif relation in _FEED_PAGES:
        found.add(reference, LinkKind.PAGE)
