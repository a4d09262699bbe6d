"""Finds every reference to a page or a file in one HTML document, in linear time on any bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urljoin

from orbweaver.crawler.asked_as import AskedAs, ReferrerPolicy
from orbweaver.crawler.link_kind import LinkKind, LinkSource
from orbweaver.crawler.links.attribute_values import (
    DATA_SCHEME,
    DataUri,
    css_references,
    decode_data_uri,
    refresh_reference,
    srcset_references,
    trim,
)
from orbweaver.crawler.links.candidates import (
    attribute_references,
    handler_references,
    is_file,
    json_ld_references,
    script_references,
    text_references,
)
from orbweaver.crawler.links.encodings import decode, encode_query
from orbweaver.crawler.links.hints import is_hinted
from orbweaver.crawler.links.markup import INSIDE, SCRIPT, TEXT, start_tags
from orbweaver.crawler.links.request_hints import SAYING, asked_as, declared_policy
from orbweaver.model import Outcome

MAX_LINKS = 10_000
# Of one page, of what may be no reference at all; the limits of a recrawl bound their sum.
MAX_CANDIDATES = 2_000
# Documents in srcdoc and data: URIs, each inside another: every level is read as a whole again.
DOCUMENTS_DEEP = 8
# No longer URL is fetched; a long base would make all references long.
_MOST_JOINED = 4_096
_DOCUMENT_TYPES = frozenset({"text/html", "application/xhtml+xml", "image/svg+xml"})


class Link(NamedTuple):
    """One reference as the document writes it, escapes undone, not resolved; `source` says how certain it is.

    Where the document is not in UTF-8, the characters of its query that are not ASCII are escaped in its encoding.
    """

    reference: str
    kind: LinkKind
    source: LinkSource = LinkSource.LINK


class Unread(NamedTuple):
    """Why files that a document names cannot be told, and the rule that says so; no content of the document."""

    outcome: Outcome
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class PageLinks:
    """The references in one document, in document order, each once per kind.

    `candidates` may be references: see LinkSource. None of them is among the links, and those over the limit are only
    counted, in `candidates_left_out`. `base` is the document's own `<base href>`. References are relative to it, and it
    is relative to the document's URL. `asked_as` has the links whose elements say how they are asked for, and
    `referrer_policy` is what a meta declares. `refresh` is the reference of the first meta refresh, also where it leads
    to the document itself. `notes` say what was not read, and `variables` are for the playlists that a playlist names.
    """

    links: tuple[Link, ...]
    base: str | None
    data_uris: tuple[DataUri, ...]
    bad_data_uris: int
    is_truncated: bool
    candidates: tuple[Link, ...] = ()
    candidates_left_out: int = 0
    asked_as: Mapping[Link, AskedAs] = field(default_factory=dict)
    referrer_policy: ReferrerPolicy | None = None
    refresh: str | None = field(default=None, compare=False)
    notes: tuple[Unread, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def extract(body: bytes, *, content_type: str | None, base_url: str, max_links: int = MAX_LINKS) -> PageLinks:
    """Return the references and embedded files of an HTML document; never fails, whatever the bytes.

    References back to the document itself (`base_url`) are left out. `max_links` bounds links and data: URIs
    together. Forms are not followed, whatever their method, because to send one acts on the host.
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
            elements=_RULES,
            attributes=_READ_ATTRIBUTES,
            anywhere=_is_wanted,
            is_xml=is_xml,
        )
        for name, attributes in tags:
            if found.is_truncated:
                break
            if name is TEXT:
                _add_candidates(found, text_references(attributes[TEXT]))
                continue
            if SCRIPT in attributes:
                _add_script(found, attributes[SCRIPT], attributes[INSIDE])
                continue
            if name == "base":
                base = trim(attributes.get("href", "")) or None
                if depth == 0:
                    found.base = found.base or base
                else:
                    inner_base = inner_base or base
            inside = [srcdoc] if name == "iframe" and (srcdoc := attributes.get("srcdoc")) else []
            is_read = False
            if name == "meta":
                found.referrer_policy = declared_policy(attributes) or found.referrer_policy
                if found.refresh is None and attributes.get("http-equiv", "").strip().lower() == "refresh":
                    found.refresh = refresh_reference(attributes.get("content", ""))
            for written, kind in _references(name, attributes):
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
            if inside and depth < DOCUMENTS_DEEP:
                documents.extend((text, depth + 1) for text in inside)
            is_too_deep |= bool(inside) and depth >= DOCUMENTS_DEEP
            _add_unread(found, name, attributes, is_read=is_read)
    found.is_truncated |= is_too_deep


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
    if "ld+json" in inside:
        for reference, is_page in json_ld_references(code):
            found.add_candidate(reference, LinkKind.PAGE if is_page else LinkKind.FILE, LinkSource.SCRIPT)
    else:
        _add_candidates(found, script_references(code))


def _add_unread(found: FoundLinks, name: str, attributes: dict[str, str], *, is_read: bool) -> None:
    """Add the candidates in those attributes of a tag that no rule reads; `is_read` says that its rule found some."""
    href = attributes.get("href")
    if href is not None and ":" in href and _JAVASCRIPT.match(href):
        _add_handler(found, href)
    read = _READ_BY_RULES.get(name, _READ_ANYWHERE) if is_read else _READ_ANYWHERE
    if attributes.keys() <= read:
        return
    for attribute, value in attributes.items():
        if attribute in read or attribute in _NO_REFERENCES or (attribute == "src" and name == "script"):
            continue
        if attribute.startswith("on"):
            _add_handler(found, value)
        elif is_hinted(value):
            _add_candidates(found, attribute_references(value), LinkSource.ATTRIBUTE)


def _add_handler(found: FoundLinks, code: str) -> None:
    _add_candidates(found, text_references(code))
    _add_candidates(found, handler_references(code))


class FoundLinks:
    """Collects the references of one document (`page` is its URL) in order, each once, up to a limit.

    In `query_codec` the queries of its references are encoded; None is UTF-8.
    """

    def __init__(self, *, page: str, max_links: int, max_candidates: int = MAX_CANDIDATES) -> None:
        self.links: dict[Link, None] = {}
        self._candidates: dict[str, Link] = {}
        self._candidates_left_out = 0
        self._max_candidates = max_candidates
        self.data_uris: dict[DataUri, None] = {}
        self.bad_data_uris = 0
        self.base: str | None = None
        self.query_codec: str | None = None
        self.is_truncated = False
        self.asked_as: dict[Link, AskedAs] = {}
        self.referrer_policy: ReferrerPolicy | None = None
        self.refresh: str | None = None
        self.variables: dict[str, str] = {}
        self._notes: dict[str, Unread] = {}
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

    def ask(self, link: Link, manner: AskedAs) -> None:
        """Note how a link that was added is asked for; of two elements with the same link the first counts."""
        if link in self.links:
            self.asked_as.setdefault(link, manner)

    def add_candidate(self, reference: str, kind: LinkKind, source: LinkSource) -> None:
        """Add what may be a reference; a data: URI is a file wherever it stands."""
        if self.query_codec is not None:
            reference = encode_query(reference, self.query_codec)
        if DATA_SCHEME.match(reference):
            self.add(reference, kind)
        elif reference in self._candidates or reference.partition("#")[0] == self._page:
            return
        elif len(self._candidates) >= self._max_candidates:
            self._candidates_left_out += 1
        else:
            self._candidates[reference] = Link(reference, kind, source)

    @property
    def page(self) -> str:
        """The URL of the document, without a fragment."""
        return self._page

    def note(self, outcome: Outcome, rule: str, reason: str) -> None:
        """Note that files are named which cannot be told; each rule is said once."""
        self._notes.setdefault(rule, Unread(outcome, rule, reason))

    def page_links(self) -> PageLinks:
        """Return the references that were added."""
        certain = {link.reference for link in self.links} if self._candidates else ()
        candidates = (link for link in self._candidates.values() if link.reference not in certain)
        return PageLinks(
            candidates=tuple(candidates),
            notes=tuple(self._notes.values()),
            variables=self.variables,
            candidates_left_out=self._candidates_left_out,
            links=tuple(self.links),
            base=self.base,
            data_uris=tuple(self.data_uris),
            bad_data_uris=self.bad_data_uris,
            is_truncated=self.is_truncated,
            asked_as=self.asked_as,
            referrer_policy=self.referrer_policy,
            refresh=self.refresh,
        )


# --- tags to references ---

_HANDLER = re.compile(r"(?<![a-z-])on[a-z]{4,16}\s*+=", re.ASCII)
_JAVASCRIPT = re.compile(r"[\x00-\x20]*+javascript:", re.ASCII | re.IGNORECASE)


def _is_wanted(inside: str) -> bool:
    """Whether a tag of any element has, in its attributes as written, a style, a background or an event handler."""
    inside = inside.lower()
    return (
        "style" in inside
        or "background" in inside
        or "data-bg" in inside
        or ("on" in inside and _HANDLER.search(inside) is not None)
    )


_ATTRIBUTE_NAMES = """
    as background content data data-background data-bg data-lazy-src data-lazy-srcset data-original data-src
    data-srcset href http-equiv imagesrcset itemprop name poster property referrerpolicy rel src srcdoc srcset style
    type xlink:href
"""
_HANDLER_NAMES = """
    onauxclick onchange onclick oncontextmenu ondblclick onerror onfocus onkeydown onkeypress onload onmousedown
    onmouseenter onmouseover onmouseup onpageshow onpointerdown onpointerup ontouchend ontouchstart onunload
"""
_READ_ATTRIBUTES = frozenset(f"{_ATTRIBUTE_NAMES} {_HANDLER_NAMES}".split())
_READ_ANYWHERE = frozenset({"background", "data-background", "data-bg", "srcdoc", "style"})
# Texts for people and values of other kinds; where a form is sent; and namespaces.
_NO_REFERENCE_NAMES = """
    action alt aria-describedby aria-description aria-label aria-labelledby as class d formaction http-equiv id itemid
    itemprop itemtype label name nonce integrity ping placeholder points profile property referrerpolicy summary title
    transform type typeof version viewbox vocab xml:base xmlns
"""
_NO_REFERENCES = frozenset(_NO_REFERENCE_NAMES.split()) | {f"xmlns:{prefix}" for prefix in ("xlink", "xhtml", "svg")}

_References = Iterator[tuple[str, LinkKind]]
_Rule = Callable[[dict[str, str]], _References]

_MEDIA_LINK_NAMES = """
    apple-touch-icon apple-touch-icon-precomposed apple-touch-startup-image audio_src enclosure fluid-icon icon image
    image_src manifest mask-icon preview thumbnail video_src
"""
_MEDIA_LINKS = frozenset(_MEDIA_LINK_NAMES.split())
_PAGE_LINK_NAMES = """
    alternate amphtml appendix bookmark chapter contents first index last next prerender prev previous section sitemap
    start subsection up
"""
_PAGE_LINKS = frozenset(_PAGE_LINK_NAMES.split())
# The kinds of `preload` and `prefetch` links that are read; scripts and fonts are left out.
_PRELOADED = frozenset({"audio", "fetch", "image", "object", "embed", "style", "track", "video"})
_PREFETCHED_PAGES = frozenset({"", "document"})
_META_KINDS = {
    **{
        f"og:{media}{suffix}": LinkKind.FILE
        for media in ("image", "video", "audio")
        for suffix in ("", ":url", ":secure_url", ":user_generated")
    },
    **{f"og:{name}": LinkKind.PAGE for name in ("url", "see_also", "video:iframe")},
    **{f"twitter:image{suffix}": LinkKind.FILE for suffix in ("", ":src", "0", "1", "2", "3")},
    "twitter:player": LinkKind.PAGE,
    "twitter:player:stream": LinkKind.FILE,
    "twitter:url": LinkKind.PAGE,
    "al:web:url": LinkKind.PAGE,
    **{
        f"msapplication-{tile}": LinkKind.FILE
        for tile in ("tileimage", "square70x70logo", "square150x150logo", "wide310x150logo", "square310x310logo")
    },
    # schema.org's properties in `itemprop`, and names that many sites give their previews.
    **dict.fromkeys(["contenturl", "image", "logo", "photo", "screenshot", "thumbnail", "thumbnailurl"], LinkKind.FILE),
    **dict.fromkeys(["embedurl", "url"], LinkKind.PAGE),
    **dict.fromkeys(
        [
            "image_src",
            "pin:media",
            "pinterest:media",
            "sailthru.image.full",
            "sailthru.image.thumb",
            "shareaholic:image",
        ],
        LinkKind.FILE,
    ),
    **dict.fromkeys(["parsely-image-url", "vk:image", "citation_pdf_url", "video_src", "audio_src"], LinkKind.FILE),
}


def _references(name: str, attributes: dict[str, str]) -> _References:
    if rule := _RULES.get(name):
        yield from rule(attributes)
    if _READ_ANYWHERE.isdisjoint(attributes):
        return
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
            if srcset := attributes.get(name):
                for reference in srcset_references(srcset):
                    yield reference, kind

    return rule


def _no_references(attributes: dict[str, str]) -> _References:  # noqa: ARG001
    return iter(())


def _input_rule(attributes: dict[str, str]) -> _References:
    if attributes.get("type", "").lower() == "image" and (reference := attributes.get("src")):
        yield reference, LinkKind.FILE


def link_references(attributes: dict[str, str]) -> Iterator[tuple[str, LinkKind]]:
    """Yield the references of a `<link>` or a `Link` header; a stylesheet is a file that is read as well."""
    relations = set(attributes.get("rel", "").lower().split())
    reference = attributes.get("href", "")
    is_stylesheet = "stylesheet" in relations
    loaded_as = attributes.get("as", "").strip().lower()
    if "preload" in relations:
        is_shown = loaded_as in _PRELOADED
        for candidate in srcset_references(attributes.get("imagesrcset", "")):
            yield candidate, LinkKind.FILE
    else:
        is_shown = is_stylesheet or bool(relations & _MEDIA_LINKS)
    is_page = bool(relations & _PAGE_LINKS) and not is_stylesheet
    if "prefetch" in relations:
        is_shown |= loaded_as in _PRELOADED
        is_page |= loaded_as in _PREFETCHED_PAGES
    kind = _META_KINDS.get(attributes.get("itemprop", "").strip().lower())
    if is_shown or kind is LinkKind.FILE:
        yield reference, LinkKind.FILE
    if is_page or kind is LinkKind.PAGE:
        yield reference, LinkKind.PAGE


def _meta_rule(attributes: dict[str, str]) -> _References:
    content = attributes.get("content", "")
    names = {attributes[name].strip().lower() for name in ("property", "name", "itemprop") if name in attributes}
    for kind in {_META_KINDS[name] for name in names if name in _META_KINDS}:
        yield content, kind
    if attributes.get("http-equiv", "").strip().lower() == "refresh":
        yield refresh_reference(content), LinkKind.PAGE


_LAZY = ("data-src", "data-original", "data-lazy-src")
_LAZY_SETS = ("data-srcset", "data-lazy-srcset")
_BACKGROUNDS = ("background", "data-bg", "data-background")
_RULES: dict[str, _Rule] = {"base": _no_references, "input": _input_rule, "link": link_references, "meta": _meta_rule}
_READ_BY_RULES: dict[str, frozenset[str]] = {
    "input": _READ_ANYWHERE | {"src", "type"},
    "link": _READ_ANYWHERE | {"href", "rel", "as", "imagesrcset", "itemprop", "type"},
    "meta": _READ_ANYWHERE | {"content", "name", "property", "itemprop", "http-equiv"},
}
_PICTURE = ("src", *_LAZY)
_PICTURE_SETS = ("srcset", *_LAZY_SETS)
_SVG_MEDIA = ("href", "xlink:href")
for _name, _kind, _attributes, _sets in (
    ("a", LinkKind.PAGE, ("href", "xlink:href"), ()),
    ("area", LinkKind.PAGE, ("href",), ()),
    ("audio", LinkKind.FILE, ("src",), ()),
    ("bgsound", LinkKind.FILE, ("src",), ()),
    ("embed", LinkKind.FILE, ("src",), ()),
    ("feimage", LinkKind.FILE, _SVG_MEDIA, ()),
    ("frame", LinkKind.PAGE, ("src",), ()),
    ("iframe", LinkKind.PAGE, ("src", "data-src", "data-lazy-src"), ()),
    # `image` is SVG's; outside svg a browser takes it for img.
    ("image", LinkKind.FILE, (*_SVG_MEDIA, *_PICTURE), ("srcset",)),
    ("img", LinkKind.FILE, _PICTURE, _PICTURE_SETS),
    ("object", LinkKind.FILE, ("data",), ()),
    ("source", LinkKind.FILE, _PICTURE, _PICTURE_SETS),
    ("track", LinkKind.FILE, ("src",), ()),
    ("use", LinkKind.FILE, _SVG_MEDIA, ()),
    ("video", LinkKind.FILE, ("src", "poster", *_LAZY), _LAZY_SETS),
    # https://amp.dev/documentation/components: a script makes the element of HTML of each.
    ("amp-anim", LinkKind.FILE, ("src",), ("srcset",)),
    ("amp-audio", LinkKind.FILE, ("src",), ()),
    ("amp-iframe", LinkKind.PAGE, ("src",), ()),
    ("amp-img", LinkKind.FILE, ("src",), ("srcset",)),
    ("amp-video", LinkKind.FILE, ("src", "poster"), ()),
):
    _RULES[_name] = _attributes_rule(_kind, *_attributes, sets=_sets)
    _READ_BY_RULES[_name] = _READ_ANYWHERE.union(_attributes, _sets)
