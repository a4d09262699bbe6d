"""Tells which attributes of which elements are references, and to what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links.pages.attribute_values import css_references, refresh_reference, srcset_references

_HANDLER = re.compile(r"(?<![a-z-])on[a-z]{4,16}\s*+=", re.ASCII)


def is_wanted(inside: str) -> bool:
    """Whether a tag of any element has, in its attributes as written, a style, a background or an event handler."""
    inside = inside.lower()
    return (
        "style" in inside
        or "background" in inside
        or "data-bg" in inside
        or ("on" in inside and _HANDLER.search(inside) is not None)
    )


_ATTRIBUTE_NAMES = """
    as background cite content data data-background data-bg data-lazy-src data-lazy-srcset data-original data-src
    data-srcset href http-equiv imagesrcset itemprop longdesc name poster property referrerpolicy rel src srcdoc srcset
    style type xlink:href
"""
_HANDLER_NAMES = """
    onauxclick onchange onclick oncontextmenu ondblclick onerror onfocus onkeydown onkeypress onload onmousedown
    onmouseenter onmouseover onmouseup onpageshow onpointerdown onpointerup ontouchend ontouchstart onunload
"""
# Attributes from which scripts of galleries and forums take a picture, whatever the ending of its address is:
# lazysizes, Lozad, Unveil, Slick, Flickity, Revolution Slider, ElevateZoom, Magnific Popup, PhotoSwipe, Jetpack,
# WooCommerce, Discuz! and others of their kind.
_LAZY_ATTRIBUTE_NAMES = """
    _src data-actualsrc data-echo data-file data-flickity-lazyload data-full data-full-src data-full-url data-fullsize
    data-hi-res-src data-hires data-image data-image-src data-img data-img-src data-imgsrc data-large data-large-src
    data-large_image data-lazy data-lazyload data-mfp-src data-orig data-orig-file data-original-src data-photo
    data-poster data-pswp-src data-real-src data-src data-thumb data-thumbnail data-video-src data-zoom-image
    data-zoom-src ess-data file imgsrc lazy-src lazysrc ng-src original real_src realsrc zoomfile
"""
LAZY_NAMES = frozenset(_LAZY_ATTRIBUTE_NAMES.split())
READ_ATTRIBUTES = frozenset(f"{_ATTRIBUTE_NAMES} {_HANDLER_NAMES}".split()) | LAZY_NAMES
READ_ANYWHERE = frozenset({"background", "cite", "data-background", "data-bg", "longdesc", "srcdoc", "style"})
# Texts for people and values of other kinds; where a form is sent; and namespaces.
_NO_REFERENCE_NAMES = """
    action alt aria-describedby aria-description aria-label aria-labelledby as class d formaction http-equiv id itemid
    itemprop itemtype label name nonce integrity ping placeholder points profile property referrerpolicy summary title
    transform type typeof version viewbox vocab xml:base xmlns
"""
# Of them, those in which scripts of hints and captions find markup to show.
SHOWN_AS_MARKUP = frozenset({"title", "alt"})
NO_REFERENCES = frozenset(_NO_REFERENCE_NAMES.split()) | {f"xmlns:{prefix}" for prefix in ("xlink", "xhtml", "svg")}

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


def references_of(name: str, attributes: dict[str, str]) -> _References:
    """Yield the references in the attributes of a tag, which are certain."""
    if rule := RULES.get(name):
        yield from rule(attributes)
    if READ_ANYWHERE.isdisjoint(attributes):
        return
    for attribute in _BACKGROUNDS:
        if background := attributes.get(attribute):
            yield from _background_references(background)
    for attribute in _DESCRIPTIONS:
        if page := attributes.get(attribute):
            yield page, LinkKind.PAGE
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
# Pages that say more of a picture, or from which a text was taken.
_DESCRIPTIONS = ("longdesc", "cite")
RULES: dict[str, _Rule] = {"base": _no_references, "input": _input_rule, "link": link_references, "meta": _meta_rule}
RULES.update(dict.fromkeys(["blockquote", "q", "ins", "del", "button", "form", "option"], _no_references))
READ_BY_RULES: dict[str, frozenset[str]] = {
    "input": READ_ANYWHERE | {"src", "type"},
    "link": READ_ANYWHERE | {"href", "rel", "as", "imagesrcset", "itemprop", "type"},
    "meta": READ_ANYWHERE | {"content", "name", "property", "itemprop", "http-equiv"},
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
    RULES[_name] = _attributes_rule(_kind, *_attributes, sets=_sets)
    READ_BY_RULES[_name] = READ_ANYWHERE.union(_attributes, _sets)
