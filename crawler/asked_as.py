"""As what a browser asks for a reference, in the words of the Fetch and Referrer Policy standards."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Destination(StrEnum):
    """The use that a browser would make of the answer (https://fetch.spec.whatwg.org/#concept-request-destination)."""

    DOCUMENT = "document"
    IFRAME = "iframe"
    FRAME = "frame"
    IMAGE = "image"
    STYLE = "style"
    VIDEO = "video"
    AUDIO = "audio"
    TRACK = "track"
    OBJECT = "object"
    EMBED = "embed"
    FONT = "font"
    MANIFEST = "manifest"
    EMPTY = "empty"


class ReferrerPolicy(StrEnum):
    """How much of its URL a page lets others know (https://www.w3.org/TR/referrer-policy/#referrer-policies)."""

    NO_REFERRER = "no-referrer"
    NO_REFERRER_WHEN_DOWNGRADE = "no-referrer-when-downgrade"
    SAME_ORIGIN = "same-origin"
    ORIGIN = "origin"
    STRICT_ORIGIN = "strict-origin"
    ORIGIN_WHEN_CROSS_ORIGIN = "origin-when-cross-origin"
    STRICT_ORIGIN_WHEN_CROSS_ORIGIN = "strict-origin-when-cross-origin"
    UNSAFE_URL = "unsafe-url"


class AskedAs(NamedTuple):
    """The wishes of an element for the request for its reference; None where its kind, or its page, decides."""

    destination: Destination | None = None
    policy: ReferrerPolicy | None = None


NOT_SAID: Final = AskedAs()
