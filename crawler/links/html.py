"""Finds every reference to a page or a file in one HTML document, in linear time on any bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links.attribute_values import (
    DATA_SCHEME,
    DataUri,
    css_references,
    decode_data_uri,
    refresh_reference,
    srcset_references,
    trim,
)
from orbweaver.crawler.links.markup import start_tags
from w3lib.encoding import html_body_declared_encoding, http_content_type_encoding, read_bom, to_unicode

MAX_LINKS = 10_000
# Documents in srcdoc and data: URIs, each inside another: every level is read as a whole again.
DOCUMENTS_DEEP = 8
_DOCUMENT_TYPES = frozenset({"text/html", "application/xhtml+xml", "image/svg+xml"})


class Link(NamedTuple):
    """One reference as the document writes it, HTML and CSS escapes undone, not resolved."""

    reference: str
    kind: LinkKind


@dataclass(frozen=True, slots=True)
class PageLinks:
    """The references in one document, in document order, each once per kind.

    `base` is the document's own `<base href>`. References are relative to it, and it is relative to the document's URL.
    """

    links: tuple[Link, ...]
    base: str | None
    data_uris: tuple[DataUri, ...]
    bad_data_uris: int
    is_truncated: bool


def extract(body: bytes, *, content_type: str | None, base_url: str, max_links: int = MAX_LINKS) -> PageLinks:
    """Return the references and embedded files of an HTML document; never fails, whatever the bytes.

    References back to the document itself (`base_url`) are left out. `max_links` bounds links and data: URIs
    together. Forms are not followed, whatever their method, because to send one acts on the host.
    """
    found = FoundLinks(page=base_url, max_links=max_links)
    add_markup(found, decode_text(body, content_type))
    return found.page_links()


def add_markup(found: FoundLinks, text: str, *, is_xml: bool = False) -> None:
    """Add the references in a text of markup, and those in the documents inside it.

    In XML, and in an SVG image, no element makes others text: `<script/>` ends at once.
    """
    documents = [(text, 0)]
    is_too_deep = False
    while documents and not found.is_truncated:
        document, depth = documents.pop()
        tags = start_tags(document, elements=_RULES, attributes=_READ_ATTRIBUTES, anywhere=_ANY_ELEMENT, is_xml=is_xml)
        for name, attributes in tags:
            if found.is_truncated:
                break
            if name == "base" and found.base is None:
                found.base = trim(attributes.get("href", "")) or None
            inside = [srcdoc] if name == "iframe" and (srcdoc := attributes.get("srcdoc")) else []
            for reference, kind in _references(name, attributes):
                embedded = found.add(reference, kind)
                if embedded is not None and embedded.media_type in _DOCUMENT_TYPES:
                    inside.append(decode_text(embedded.data, None))
            if inside and depth < DOCUMENTS_DEEP:
                documents.extend((text, depth + 1) for text in inside)
            is_too_deep |= bool(inside) and depth >= DOCUMENTS_DEEP
    found.is_truncated |= is_too_deep


class FoundLinks:
    """Collects the references of one document (`page` is its URL) in order, each once, up to a limit."""

    def __init__(self, *, page: str, max_links: int) -> None:
        self.links: dict[Link, None] = {}
        self.data_uris: dict[DataUri, None] = {}
        self.bad_data_uris = 0
        self.base: str | None = None
        self.is_truncated = False
        self._page = page.partition("#")[0]
        self._max_links = max_links

    def add(self, reference: str, kind: LinkKind) -> DataUri | None:
        """Add a reference as written; return its file when it is a new data: URI."""
        trimmed = trim(reference)
        if not trimmed or trimmed.startswith("#") or trimmed.partition("#")[0] == self._page:
            return None
        key: Link | DataUri
        if DATA_SCHEME.match(trimmed):
            try:
                key = decode_data_uri(trimmed)
            except ValueError:
                self.bad_data_uris += 1
                return None
            if not key.data:
                return None
        else:
            key = Link(reference, kind)
        if key in self.links or key in self.data_uris:
            return None
        if len(self.links) + len(self.data_uris) >= self._max_links:
            self.is_truncated = True
        elif isinstance(key, DataUri):
            self.data_uris[key] = None
            return key
        else:
            self.links[key] = None
        return None

    def page_links(self) -> PageLinks:
        """Return the references that were added."""
        return PageLinks(
            links=tuple(self.links),
            base=self.base,
            data_uris=tuple(self.data_uris),
            bad_data_uris=self.bad_data_uris,
            is_truncated=self.is_truncated,
        )


# --- bytes to text ---

# The encodings that browsers know. Python has others, such as punycode (quadratic) and zlib (not text), that
# a server must not be able to choose.
_ENCODING_NAMES = """
    utf-8 utf-16 utf-16-be utf-16-le utf-32-be utf-32-le ascii cp866 koi8-r koi8-u mac-roman mac-cyrillic
    iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 iso8859-7 iso8859-8 iso8859-10 iso8859-13 iso8859-14
    iso8859-15 iso8859-16 cp874 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258
    gb18030 big5hkscs euc_jp iso2022_jp cp932 cp949
"""
_ENCODINGS = frozenset(_ENCODING_NAMES.split())


def decode_text(body: bytes, content_type: str | None) -> str:
    """Decode as browsers do: byte order mark, Content-Type, meta, else UTF-8, or cp1252 when it is no UTF-8."""
    encoding, mark = read_bom(body)
    if encoding is not None and mark is not None:
        return to_unicode(body[len(mark) :], encoding)
    encoding = http_content_type_encoding(content_type)
    if encoding not in _ENCODINGS:
        encoding = html_body_declared_encoding(body)
        if encoding is not None and encoding.startswith(("utf-16", "utf-32")):
            encoding = "utf-8"  # The declaration was legible as ASCII, so it cannot be true (WHATWG says so too).
    if encoding is not None and encoding in _ENCODINGS:
        return to_unicode(body, encoding)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return to_unicode(body, "cp1252")


# --- tags to references ---

_ANY_ELEMENT = re.compile(r"style|background|data-bg", re.ASCII | re.IGNORECASE)
_ATTRIBUTE_NAMES = """
    as background content data data-background data-bg data-lazy-src data-lazy-srcset data-original data-src
    data-srcset href http-equiv imagesrcset name poster property rel src srcdoc srcset style type xlink:href
"""
_READ_ATTRIBUTES = frozenset(_ATTRIBUTE_NAMES.split())

_References = Iterator[tuple[str, LinkKind]]
_Rule = Callable[[dict[str, str]], _References]

_MEDIA_LINKS = frozenset({"image_src", "icon", "apple-touch-icon", "apple-touch-icon-precomposed"})
_PAGE_LINKS = frozenset({"alternate", "next", "prev", "sitemap"})
# The kinds of `preload` links that are read; scripts and fonts are left out.
_PRELOADED = frozenset({"audio", "fetch", "image", "object", "embed", "style", "track", "video"})
_META_KINDS = {
    **{
        f"og:{media}{suffix}": LinkKind.FILE
        for media in ("image", "video", "audio")
        for suffix in ("", ":url", ":secure_url")
    },
    "og:url": LinkKind.PAGE,
    "twitter:image": LinkKind.FILE,
    "twitter:image:src": LinkKind.FILE,
    "twitter:player": LinkKind.PAGE,
    "twitter:player:stream": LinkKind.FILE,
}


def _references(name: str, attributes: dict[str, str]) -> _References:
    if rule := _RULES.get(name):
        yield from rule(attributes)
    for attribute in _BACKGROUNDS:
        if background := attributes.get(attribute):
            yield from _background_references(background)
    if style := attributes.get("style"):
        yield from ((reference, LinkKind.FILE) for reference in css_references(style))


def _background_references(background: str) -> _References:
    is_reference = True
    for reference in css_references(background):
        is_reference = False
        yield reference, LinkKind.FILE
    if is_reference:
        yield background, LinkKind.FILE


def _attributes_rule(kind: LinkKind, *names: str, sets: tuple[str, ...] = ()) -> _Rule:
    """Make the rule of an element: attributes `names` are references, and `sets` are sets of them as in `srcset`."""

    def rule(attributes: dict[str, str]) -> _References:
        for name in names:
            if reference := attributes.get(name):
                yield reference, kind
        for name in sets:
            for reference in srcset_references(attributes.get(name, "")):
                yield reference, kind

    return rule


def _input_rule(attributes: dict[str, str]) -> _References:
    if attributes.get("type", "").lower() == "image" and (reference := attributes.get("src")):
        yield reference, LinkKind.FILE


def link_references(attributes: dict[str, str]) -> Iterator[tuple[str, LinkKind]]:
    """Yield the references of a `<link>` or a `Link` header; a stylesheet is a file that is read as well."""
    relations = set(attributes.get("rel", "").lower().split())
    reference = attributes.get("href", "")
    is_stylesheet = "stylesheet" in relations
    if "preload" in relations:
        is_shown = attributes.get("as", "").strip().lower() in _PRELOADED
        for candidate in srcset_references(attributes.get("imagesrcset", "")):
            yield candidate, LinkKind.FILE
    else:
        is_shown = is_stylesheet or bool(relations & _MEDIA_LINKS)
    if is_shown:
        yield reference, LinkKind.FILE
    if relations & _PAGE_LINKS and not is_stylesheet:
        yield reference, LinkKind.PAGE


def _meta_rule(attributes: dict[str, str]) -> _References:
    content = attributes.get("content", "")
    for name in {attributes.get("property", "").lower(), attributes.get("name", "").lower()}:
        if kind := _META_KINDS.get(name.strip()):
            yield content, kind
    if attributes.get("http-equiv", "").strip().lower() == "refresh":
        yield refresh_reference(content), LinkKind.PAGE


_LAZY = ("data-src", "data-original", "data-lazy-src")
_LAZY_SETS = ("data-srcset", "data-lazy-srcset")
_BACKGROUNDS = ("background", "data-bg", "data-background")
_SVG_MEDIA = _attributes_rule(LinkKind.FILE, "href", "xlink:href")
_RULES: dict[str, _Rule] = {
    "a": _attributes_rule(LinkKind.PAGE, "href", "xlink:href"),
    "area": _attributes_rule(LinkKind.PAGE, "href"),
    "audio": _attributes_rule(LinkKind.FILE, "src"),
    "base": _attributes_rule(LinkKind.PAGE),
    "embed": _attributes_rule(LinkKind.FILE, "src"),
    "feimage": _SVG_MEDIA,
    "frame": _attributes_rule(LinkKind.PAGE, "src"),
    "iframe": _attributes_rule(LinkKind.PAGE, "src", "data-src", "data-lazy-src"),
    # `image` is SVG's; outside svg a browser takes it for img.
    "image": _attributes_rule(LinkKind.FILE, "href", "xlink:href", "src", *_LAZY, sets=("srcset",)),
    "img": _attributes_rule(LinkKind.FILE, "src", *_LAZY, sets=("srcset", *_LAZY_SETS)),
    "input": _input_rule,
    "link": link_references,
    "meta": _meta_rule,
    "object": _attributes_rule(LinkKind.FILE, "data"),
    "source": _attributes_rule(LinkKind.FILE, "src", *_LAZY, sets=("srcset", *_LAZY_SETS)),
    "use": _SVG_MEDIA,
    "video": _attributes_rule(LinkKind.FILE, "src", "poster", *_LAZY, sets=_LAZY_SETS),
}
