"""Finds every reference to a page or a file in one HTML document, in linear time on any bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urljoin

from orbweaver.crawler.link_kind import LinkKind, LinkSource
from orbweaver.crawler.links.encodings import decode, encode_query
from orbweaver.crawler.links.found_links import MAX_LINKS, FoundLinks, Link, PageLinks
from orbweaver.crawler.links.pages.attribute_values import DATA_SCHEME, css_references, refresh_reference, trim
from orbweaver.crawler.links.pages.candidates import (
    attribute_references,
    base64_references,
    escaped_markup_references,
    handler_references,
    is_file,
    json_ld_references,
    path_references,
    script_references,
    text_references,
)
from orbweaver.crawler.links.pages.element_rules import (
    LAZY_NAMES,
    NO_REFERENCES,
    READ_ANYWHERE,
    READ_ATTRIBUTES,
    READ_BY_RULES,
    RULES,
    SHOWN_AS_MARKUP,
    is_wanted,
    references_of,
)
from orbweaver.crawler.links.pages.hints import is_hinted
from orbweaver.crawler.links.pages.markup import INSIDE, SCRIPT, TEXT, start_tags
from orbweaver.crawler.links.pages.request_hints import SAYING, asked_as, declared_policy

# Documents in srcdoc and data: URIs, each inside another: every level is read as a whole again.
DOCUMENTS_DEEP = 8
_BASE64_HTTP = "aHR0c"
# Where one of these is, there may be a form or a menu.
_OF_FORMS = frozenset({"button", "form", "input", "option"})
# No longer URL is fetched; a long base would make all references long.
_MOST_JOINED = 4_096
_DOCUMENT_TYPES = frozenset({"text/html", "application/xhtml+xml", "image/svg+xml"})
# Elements of which more is read than references, and pieces of text.
_SPECIAL = frozenset({TEXT, "base", "iframe", "meta", "script"})
_BEGIN_JAVASCRIPT = frozenset("jJ").union(map(chr, range(0x21)))
# What a style sheet in a data: URI names is relative to that URI, and so to nothing.
_ABSOLUTE = re.compile(r"(?:https?|data):", re.IGNORECASE)
_JAVASCRIPT = re.compile(r"[\x00-\x20]*+javascript:", re.ASCII | re.IGNORECASE)


def extract(body: bytes, *, content_type: str | None, base_url: str, max_links: int = MAX_LINKS) -> PageLinks:
    """Return the references and embedded files of an HTML document; never fails, whatever the bytes.

    References back to the document itself (`base_url`) are left out. `max_links` bounds links and data: URIs
    together. Forms are read apart (crawler/visiting/forms.py).
    """
    found = FoundLinks(page=base_url, max_links=max_links)
    decoded = decode(body, content_type)
    found.query_codec = decoded.query_codec
    add_markup(found, decoded.text)
    return found.page_links()


def add_markup(found: FoundLinks, text: str, *, is_xml: bool = False) -> None:
    """Add the references in a text of markup, and those in the documents inside it.

    In XML, and in an SVG image, no element makes others text: `<script/>` ends at once.
    """
    documents = [(text, 0)]
    is_too_deep = False
    while documents and not found.is_truncated:
        document, depth = documents.pop()
        inner_base: str | None = None
        tags = start_tags(
            document,
            elements=RULES,
            attributes=READ_ATTRIBUTES,
            anywhere=is_wanted,
            is_xml=is_xml,
        )
        for name, attributes in tags:
            if found.is_truncated:
                break
            inside = []
            if name in _SPECIAL:
                if name is TEXT:
                    _add_candidates(found, text_references(attributes[TEXT]))
                    continue
                if SCRIPT in attributes:
                    _add_script(found, attributes[SCRIPT], attributes[INSIDE])
                    continue
                if name == "base":
                    base = trim(attributes.get("href", "")) or None
                    if depth == 0:
                        found.set_base(base)
                    else:
                        inner_base = inner_base or base
                elif name == "meta":
                    found.referrer_policy = declared_policy(attributes) or found.referrer_policy
                    if found.refresh is None and attributes.get("http-equiv", "").strip().lower() == "refresh":
                        found.refresh = refresh_reference(attributes.get("content", ""))
                elif name == "iframe" and (srcdoc := attributes.get("srcdoc")):
                    inside.append(srcdoc)
            elif name in _OF_FORMS:
                found.may_have_forms = True
            is_read = False
            for written, kind in references_of(name, attributes):
                is_read = True
                reference = written if inner_base is None else _relative_to(inner_base, written)
                if found.query_codec is not None:
                    reference = encode_query(reference, found.query_codec)
                embedded = found.add(reference, kind)
                # For speed: most tags say nothing of it.
                if name in SAYING or "referrerpolicy" in attributes or "rel" in attributes:
                    manner = asked_as(name, attributes, reference, kind)
                    if manner is not None:
                        found.ask(Link(reference, kind), manner)
                if embedded is not None and embedded.media_type in _DOCUMENT_TYPES:
                    inside.append(decode(embedded.data, None).text)
                elif embedded is not None and embedded.media_type == "text/css":
                    _add_embedded_style(found, decode(embedded.data, "text/css").text)
            if inside:
                if depth < DOCUMENTS_DEEP:
                    documents.extend((text, depth + 1) for text in inside)
                is_too_deep |= depth >= DOCUMENTS_DEEP
            # For speed: most tags have what their rule reads, and nothing else.
            if not (is_read and name in READ_BY_RULES and attributes.keys() <= READ_BY_RULES[name]):
                _add_unread(found, name, attributes, is_read=is_read)
            if (href := attributes.get("href")) and href[0] in _BEGIN_JAVASCRIPT and _JAVASCRIPT.match(href):
                _add_handler(found, href)
    found.is_truncated |= is_too_deep


def _add_embedded_style(found: FoundLinks, style: str) -> None:
    """Add the references of a style sheet in a data: URI; one in another such sheet is a file, and not read."""
    for reference in css_references(style):
        if _ABSOLUTE.match(trim(reference)):
            found.add(reference, LinkKind.FILE)


def _relative_to(base: str, reference: str) -> str:
    """Return a reference of a document inside the page, whose own base does not count for the page."""
    if DATA_SCHEME.match(trim(reference)) or len(base) + len(reference) > _MOST_JOINED:
        return reference
    try:
        return urljoin(base, trim(reference))
    except ValueError:  # the text in the place of the host is no host
        return reference


def _add_candidates(found: FoundLinks, references: Iterable[str], source: LinkSource = LinkSource.SCRIPT) -> None:
    for reference in references:
        found.add_candidate(reference, LinkKind.FILE if is_file(reference) else LinkKind.PAGE, source)


def _add_script(found: FoundLinks, code: str, inside: str) -> None:
    """Add the candidates in the content of a `<script>`; its tag has `inside` behind its name."""
    _add_candidates(found, text_references(code))
    if _BASE64_HTTP in code:
        _add_candidates(found, base64_references(code))
    if "ld+json" in inside:
        for reference, is_page in json_ld_references(code):
            found.add_candidate(reference, LinkKind.PAGE if is_page else LinkKind.FILE, LinkSource.SCRIPT)
    else:
        _add_candidates(found, script_references(code))
        _add_candidates(found, escaped_markup_references(code))
    # https://html.spec.whatwg.org/multipage/speculative-loading.html: a list of pages.
    if "speculationrules" in inside.lower():
        _add_candidates(found, handler_references(code))


def _add_unread(found: FoundLinks, name: str, attributes: dict[str, str], *, is_read: bool) -> None:
    """Add the candidates in those attributes of a tag that no rule reads; `is_read` says that its rule found some."""
    read = READ_BY_RULES.get(name, READ_ANYWHERE) if is_read else READ_ANYWHERE
    for attribute, value in attributes.items():
        if attribute in read or (attribute == "src" and name == "script"):
            continue
        if attribute in NO_REFERENCES and not (attribute in SHOWN_AS_MARKUP and "<" in value):
            continue
        if attribute.startswith("on"):
            _add_handler(found, value)
        elif is_hinted(value):
            _add_candidates(found, attribute_references(value), LinkSource.ATTRIBUTE)
        elif attribute in LAZY_NAMES:
            for reference in path_references(value):
                found.add_candidate(reference, LinkKind.FILE, LinkSource.ATTRIBUTE)


def _add_handler(found: FoundLinks, code: str) -> None:
    _add_candidates(found, text_references(code))
    _add_candidates(found, handler_references(code))
    _add_candidates(found, escaped_markup_references(code))
