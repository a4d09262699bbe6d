"""The headers that browsers send for each kind of request, and in which order.

Sources: https://fetch.spec.whatwg.org/#http-network-or-cache-fetch, https://www.w3.org/TR/fetch-metadata/, MDN's "List
of default Accept values". Firefox's `Accept` and order are also sent under a name that is no browser's, without what
only browsers say. Left out are client hints (`Sec-CH-UA...`) and `Priority`, which no server may need, `image/jxl` of
the newest Chromium, and the `Range` of films: the whole file is wanted.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from orbweaver.crawler.asked_as import Destination

Lines = tuple[tuple[str, str], ...]


class Browser(StrEnum):
    """The families that differ in their headers."""

    FIREFOX = "firefox"
    CHROMIUM = "chromium"
    SAFARI = "safari"


class HeaderLines(NamedTuple):
    """The lines of a request up to its `Referer`, between that and its `Cookie`, and after it."""

    before_referer: Lines
    before_cookie: Lines
    after: Lines


_PAGES = frozenset({Destination.DOCUMENT, Destination.IFRAME, Destination.FRAME})
_PLUGINS = frozenset({Destination.OBJECT, Destination.EMBED})
_MEDIA = frozenset({Destination.VIDEO, Destination.AUDIO})
_BY_CORS = frozenset({Destination.EMPTY, Destination.FONT, Destination.MANIFEST})
_ANYTHING = "*/*"
_PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
_CHROMIUM_PAGE = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)
_STYLE = "text/css,*/*;q=0.1"
_FIREFOX_ACCEPT = {
    **dict.fromkeys(_PAGES, _PAGE),
    Destination.STYLE: _STYLE,
    Destination.IMAGE: "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
    Destination.VIDEO: "video/webm,video/ogg,video/*;q=0.9,application/ogg;q=0.7,audio/*;q=0.6,*/*;q=0.5",
    Destination.AUDIO: "audio/webm,audio/ogg,audio/wav,audio/*;q=0.9,application/ogg;q=0.7,video/*;q=0.6,*/*;q=0.5",
}
_ACCEPT: dict[Browser, dict[Destination, str]] = {
    Browser.FIREFOX: _FIREFOX_ACCEPT,
    Browser.CHROMIUM: {
        **dict.fromkeys(_PAGES | _PLUGINS, _CHROMIUM_PAGE),
        Destination.STYLE: _STYLE,
        Destination.IMAGE: "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    },
    Browser.SAFARI: {
        **dict.fromkeys(_PAGES | _PLUGINS, _PAGE),
        Destination.STYLE: _STYLE,
        Destination.IMAGE: (
            "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,image/svg+xml,"
            "image/*;q=0.8,*/*;q=0.5"
        ),
    },
}


def browser_of(user_agent: str) -> Browser | None:
    """Return the family that a user agent claims to be of, None for a name that is no browser's.

    >>> browser_of("Mozilla/5.0 (compatible; Orbweaver/0.1)")
    """
    if not user_agent.startswith("Mozilla/5.0 (") or "compatible;" in user_agent:
        return None
    if "Firefox/" in user_agent:
        return Browser.FIREFOX
    if "Chrome/" in user_agent or "Chromium/" in user_agent:
        return Browser.CHROMIUM
    return Browser.SAFARI if "AppleWebKit/" in user_agent and "Safari/" in user_agent else None


def accept_for(browser: Browser | None, destination: Destination) -> str:
    """Return the `Accept` of a request."""
    return _ACCEPT[browser or Browser.FIREFOX].get(destination, _ANYTHING)


def header_lines(
    user_agent: str, accept_language: str, destination: Destination, *, site: str, is_trustworthy: bool
) -> HeaderLines:
    """Return the lines of a request but for `Referer` and `Cookie`; `site` is its `Sec-Fetch-Site`.

    `is_trustworthy` says that the URL is https or leads to this machine itself: to no other do browsers say more
    (https://www.w3.org/TR/secure-contexts/#is-url-trustworthy).
    """
    browser = browser_of(user_agent)
    name, language = ("User-Agent", user_agent), ("Accept-Language", accept_language)
    accept = ("Accept", accept_for(browser, destination))
    if browser is None:
        return HeaderLines((name, accept, language), (), ())
    encodings = "gzip, deflate, br, zstd" if is_trustworthy else "gzip, deflate"
    encoding = ("Accept-Encoding", "identity" if destination in _MEDIA else encodings)
    upgrading = _PAGES | _PLUGINS if browser is Browser.CHROMIUM else _PAGES
    upgrade: Lines = (("Upgrade-Insecure-Requests", "1"),) if destination in upgrading else ()
    fetched_for = ("Sec-Fetch-Dest", destination.value)
    mode = ("Sec-Fetch-Mode", _mode(destination))
    relation = ("Sec-Fetch-Site", site)
    user: Lines = (("Sec-Fetch-User", "?1"),) if destination is Destination.DOCUMENT else ()
    if browser is Browser.CHROMIUM:
        metadata: Lines = (relation, mode, *user, fetched_for) if is_trustworthy else ()
        return HeaderLines((*upgrade, name, accept, *metadata), (encoding, language), ())
    if browser is Browser.SAFARI:
        metadata = (fetched_for, mode, relation) if is_trustworthy else ()
        return HeaderLines((*upgrade, accept, *metadata, name, language, encoding), (), ())
    metadata = (fetched_for, mode, relation, *user) if is_trustworthy else ()
    return HeaderLines((name, accept, language, encoding), (), (*upgrade, *metadata))


def _mode(destination: Destination) -> str:
    if destination in _PAGES | _PLUGINS:
        return "navigate"
    if destination is Destination.TRACK:
        return "same-origin"
    return "cors" if destination in _BY_CORS else "no-cors"
