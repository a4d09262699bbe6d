"""Reads what an element says about the request for its reference: its destination, and its referrer policy."""

from __future__ import annotations

from orbweaver.crawler.asked_as import AskedAs, Destination, ReferrerPolicy
from orbweaver.crawler.link_kind import LinkKind

# Of other elements a file is asked for as its ending says, else as an image; a page as a document.
_FILES = {
    "audio": AskedAs(Destination.AUDIO),
    "embed": AskedAs(Destination.EMBED),
    "object": AskedAs(Destination.OBJECT),
    "track": AskedAs(Destination.TRACK),
    "video": AskedAs(Destination.VIDEO),
}
_PAGES = {"frame": AskedAs(Destination.FRAME), "iframe": AskedAs(Destination.IFRAME)}
_PRELOADED = {**_FILES, "fetch": AskedAs(Destination.EMPTY), "style": AskedAs(Destination.STYLE)}
# Elements that say what their references are asked for as; any other may have a policy alone.
SAYING = frozenset({"link", "source", *_FILES, *_PAGES})
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
    if name == "link":
        relations = attributes.get("rel", "").lower().split()
        if "stylesheet" in relations:
            return _PRELOADED["style"]
        return _PRELOADED.get(attributes.get("as", "").strip().lower()) if "preload" in relations else None
    if name == "source":
        # With `srcset` it is a choice of a picture.
        is_picture = reference != attributes.get("src")
        is_sound = attributes.get("type", "").strip().lower().startswith("audio/")
        return None if is_picture else _FILES["audio" if is_sound else "video"]
    return None if reference == attributes.get("poster") else _FILES.get(name)
