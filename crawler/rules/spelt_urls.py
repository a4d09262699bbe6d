r"""How browsers spell path and query of a URL in a request.

A canonical URL says which URL it is, everywhere. But some hosts tell apart what is the same URL by RFC 3986, and answer
`/%7Ea` otherwise than `/~a`: so a request has the spelling that a browser would send for what was written. It never has
another host than the canonical URL, and is the same URL as that (docs/decisions/0062).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.rules.urls import (
    MAX_URL_LENGTH,
    canonicalise,
    join,
    percent_encoded,
    remove_dot_segments,
    resolve,
    root_of,
    split,
)

# What browsers escape where it stands raw (https://url.spec.whatwg.org/#percent-encoded-bytes). Anything else they send
# as it is written, escapes too. Measured with Chromium 156, which escapes "|" in a path, too.
_TO_ESCAPE_IN_PATH = re.compile(r"[^!$-;=@-\]_a-z~]")
_TO_ESCAPE_IN_QUERY = re.compile(r"[^!$-;=?-~]")
_ESCAPED_DOT = re.compile("%2e", re.IGNORECASE)
_SENDABLE = re.compile(r"/[!\"$-~]*+").fullmatch


class SpeltUrl(NamedTuple):
    """A canonical URL, and its path and query as browsers spell them, None where they are as in the URL."""

    url: str
    spelling: str | None = None


def spell(base: SpeltUrl, reference: str) -> SpeltUrl:
    r"""Return the URL of a link found on the page at `base`, and how browsers spell it; raises UrlRefused.

    >>> spell(SpeltUrl("http://example.com/~a/", "/%7Ea/"), "b[1]?c|d")
    SpeltUrl(url='http://example.com/~a/b%5B1%5D?c%7Cd', spelling='/%7Ea/b[1]?c|d')
    """
    url = join(base.url, reference)
    return SpeltUrl(url, spelling_of(base, reference, url))


def spelling_of(base: SpeltUrl, reference: str, url: str) -> str | None:
    """Return how browsers spell a link that leads to `url`, None where it is as in that, or too long to be sent.

    Raises UrlRefused where urls.join() does.
    """
    # For speed: nearly every link is spelt as in its URL.
    if base.spelling is None and url.endswith(reference):
        return None
    return _spelling(url, *resolve(base.url, base.spelling or base.url[len(root_of(base.url)) :], reference))


def spell_text(text: str) -> SpeltUrl:
    """Return the URL of an absolute text, and how browsers spell it; raises UrlRefused.

    >>> spell_text("http://example.com/%7euser/?")
    SpeltUrl(url='http://example.com/~user/', spelling='/%7euser/?')
    """
    url = canonicalise(text)
    return SpeltUrl(url, None if url == text else _spelling(url, *split(text)))


def is_spelling_of(spelling: str, url: str) -> bool:
    """Whether a text is path and query of a canonical URL, and can stand in a request."""
    root = root_of(url)
    if len(root) + len(spelling) > MAX_URL_LENGTH or not _SENDABLE(spelling):
        return False
    try:
        return join(url, root + spelling) == url
    except UrlRefused:
        return False


def sent_as(url: str, spelling: str | None) -> str | None:
    """Return path and query of a request for a URL of that spelling, None where they are those of the URL.

    In a query browsers escape an apostrophe, which a canonical URL has as it is written.
    """
    path, mark, query = (url[len(root_of(url)) :] if spelling is None else spelling).partition("?")
    return path + mark + query.replace("'", "%27") if "'" in query else spelling


def _spelling(url: str, root: str, path: str, query: str | None) -> str | None:
    spelling = _TO_ESCAPE_IN_PATH.sub(percent_encoded, path) or "/"
    if "/." in spelling or "/%2" in spelling:
        spelling = remove_dot_segments("/".join(map(_as_dots, spelling.split("/"))))
    if query is not None:
        spelling += "?" + _TO_ESCAPE_IN_QUERY.sub(percent_encoded, query)
    is_as_in_url = root + spelling == url
    return None if is_as_in_url or len(root) + len(spelling) > MAX_URL_LENGTH else spelling


def _as_dots(segment: str) -> str:
    """Return a segment that is one or two dots, in escapes or not, as these dots."""
    plain = _ESCAPED_DOT.sub(".", segment)
    return plain if plain in {".", ".."} else segment
