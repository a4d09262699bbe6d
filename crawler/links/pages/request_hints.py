"""Reads what an element says about the request for its reference: its destination, and its referrer policy.

Compared with Chromium 156: docs/decisions/0054.
"""

from __future__ import annotations

import mimetypes
from functools import lru_cache

from orbweaver.crawler.asked_as import AskedAs, Destination, ReferrerPolicy
from orbweaver.crawler.link_kind import LinkKind

# So are the references of these elements asked for whatever their endings are; so are posters and choices of a picture.
_IMAGES = frozenset({"feimage", "image", "img", "input", "use"})
_IMAGE = AskedAs(Destination.IMAGE)
_OF_TYPE = {
    "image": Destination.IMAGE,
    "video": Destination.VIDEO,
    "audio": Destination.AUDIO,
    "font": Destination.FONT,
}
# Of other elements a file is asked for as its ending says, else as an image; a page as a document.
_FILES = {
    "audio": AskedAs(Destination.AUDIO),
    "embed": AskedAs(Destination.EMBED),
    "object": AskedAs(Destination.OBJECT),
    "track": AskedAs(Destination.TRACK),
    "video": AskedAs(Destination.VIDEO),
}
_PAGES = {"frame": AskedAs(Destination.FRAME), "iframe": AskedAs(Destination.IFRAME)}
_PRELOADED = {
    **_FILES,
    "fetch": AskedAs(Destination.EMPTY),
    "image": _IMAGE,
    "style": AskedAs(Destination.STYLE),
}
_MANIFEST = AskedAs(Destination.MANIFEST)
_ICONS = frozenset({"apple-touch-icon", "apple-touch-icon-precomposed", "icon", "mask-icon"})
# Elements that say what their references are asked for as; any other may have a policy alone.
SAYING = frozenset({"link", "source", *_IMAGES, *_FILES, *_PAGES})
# As browsers still read a `<meta name=referrer>`: https://html.spec.whatwg.org/multipage/semantics.html#meta-referrer
_FORMER_POLICIES = {
    "never": ReferrerPolicy.NO_REFERRER,
    "default": ReferrerPolicy.STRICT_ORIGIN_WHEN_CROSS_ORIGIN,
    "always": ReferrerPolicy.UNSAFE_URL,
    "origin-when-crossorigin": ReferrerPolicy.ORIGIN_WHEN_CROSS_ORIGIN,
}
_POLICIES: dict[str, ReferrerPolicy] = {policy.value: policy for policy in ReferrerPolicy}


def declared_policy(attributes: dict[str, str]) -> ReferrerPolicy | None:
    """Return the policy that a `<meta>` declares for its page, None when it declares none."""
    if attributes.get("name", "").strip().lower() != "referrer":
        return None
    word = attributes.get("content", "").strip().lower()
    return _POLICIES.get(word) or _FORMER_POLICIES.get(word)


def asked_as(name: str, attributes: dict[str, str], reference: str, kind: LinkKind) -> AskedAs | None:
    """Return what an element says about one of its references, None when it says nothing of its own."""
    found = _PAGES.get(name) if kind is LinkKind.PAGE else _file_asked_as(name, attributes, reference)
    policy = _POLICIES.get(attributes.get("referrerpolicy", "").strip().lower())
    if name in {"a", "area"} and "noreferrer" in attributes.get("rel", "").lower().split():
        policy = ReferrerPolicy.NO_REFERRER
    if policy is None:
        return found
    return AskedAs(None if found is None else found.destination, policy)


def _file_asked_as(name: str, attributes: dict[str, str], reference: str) -> AskedAs | None:
    if name in _IMAGES or (name == "video" and reference == attributes.get("poster")):
        return _as_image(reference)
    if name == "link":
        relations = attributes.get("rel", "").lower().split()
        if "stylesheet" in relations:
            return _PRELOADED["style"]
        if "manifest" in relations:
            return _MANIFEST
        if not _ICONS.isdisjoint(relations):
            return _as_image(reference)
        return _PRELOADED.get(attributes.get("as", "").strip().lower()) if "preload" in relations else None
    if name == "source":
        # With `srcset` it is a choice of a picture.
        if reference != attributes.get("src"):
            return _as_image(reference)
        is_sound = attributes.get("type", "").strip().lower().startswith("audio/")
        is_sound |= destination_of_ending(ending_of(reference)) is Destination.AUDIO
        return _FILES["audio" if is_sound else "video"]
    return _FILES.get(name)


def _as_image(reference: str) -> AskedAs | None:
    # For speed and memory: nearly all images need not say it.
    return None if destination_of_ending(ending_of(reference)) is Destination.IMAGE else _IMAGE


def ending_of(reference: str) -> str:
    """Return what is behind the last dot in the name of the file that a reference or a URL leads to, else "".

    >>> ending_of("/a.b/c.jpg?d=e.f"), ending_of("/a.b/c")
    ('jpg', '')
    """
    name = reference.partition("#")[0].partition("?")[0].rpartition("/")[2]
    return name.rpartition(".")[2] if "." in name else ""


@lru_cache(maxsize=256)
def destination_of_ending(ending: str) -> Destination:
    """Return the destination of a file in a page; most of those without an ending that is known are images."""
    guessed, _ = mimetypes.guess_type(f"/a.{ending}") if ending else (None, None)
    if guessed is None or guessed == "text/html":
        return Destination.IMAGE
    return Destination.STYLE if guessed == "text/css" else _OF_TYPE.get(guessed.partition("/")[0], Destination.EMPTY)
