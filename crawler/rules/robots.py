"""What a host's robots.txt says, as RFC 9309 reads it: a pure judgement of bytes that somebody else fetched."""

from __future__ import annotations

import codecs
import re
from typing import Final

from orbweaver.crawler.rules.urls import MAX_URL_LENGTH
from protego import Protego

# RFC 9309, 2.5: at least this much is read. A longer file is cut at the last line that is whole.
MOST_BYTES: Final = 500 * 1024
# Every rule is compared with every URL: more than any site needs, and few enough for a hostile file.
MOST_LINES: Final = 10_000
MOST_WILDCARDS: Final = 20_000
# A longer delay would spend a recrawl's time on a few URLs, which is a way to hide.
MOST_DELAY_SECONDS: Final = 30.0
# RFC 9309, 2.3.1.2: how far the one who fetches the file follows it.
MOST_REDIRECTS: Final = 5

OUR_NAME: Final = "orbweaver"
# Whoever calls himself a browser is no robot that a file could name.
_BROWSERS: Final = frozenset({"mozilla", "msie", "opera"})
_COMPATIBLE = re.compile(r"\(\s*compatible;\s*([A-Za-z_-]+)")
_PRODUCT = re.compile(r"[A-Za-z_-]+")
# At least what Protego takes for such a line.
_USER_AGENT_LINE = re.compile(r"\s*user[-\s]*agent(?:\s*:|\s|\Z)\s*(.*)", re.IGNORECASE | re.DOTALL)
# No product token has a digit in it.
_SOMEBODY_ELSE: Final = "0"

_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_TOO_MANY_REQUESTS: Final = 429


def product_token(user_agent: str) -> str:
    """Return the name under which a robots.txt speaks to us, in lower case.

    >>> product_token("Mozilla/5.0 (compatible; Hotline-Bot/2.1; +https://hotline.example)")
    'hotline-bot'

    A user agent that is a browser's names no robot: then it is our own name.
    """
    for found in (_COMPATIBLE.search(user_agent), _PRODUCT.match(user_agent)):
        token = found[found.re.groups].lower() if found else ""
        if token and token not in _BROWSERS:
            return token
    return OUR_NAME


class Robots:
    """A robots.txt as it was read; `sitemaps` are its Sitemap lines, as they stand.

    `refusal` says in one clause why a URL is refused, if one is.
    """

    def __init__(self, lines: tuple[str, ...] | None, refusal: str) -> None:
        self.refusal = refusal
        self._lines = lines
        self._parsed: dict[str, Protego] = {}
        self.sitemaps: tuple[str, ...] = () if lines is None else tuple(self._for(OUR_NAME).sitemaps)

    @property
    def is_readable(self) -> bool:
        """Whether the host said anything; if not, it is to be left alone."""
        return self._lines is not None

    def allows(self, url: str, user_agent: str) -> bool:
        """Whether a canonical URL may be fetched by us when we call ourselves `user_agent`."""
        if self._lines is None:
            return False
        token = product_token(user_agent)
        return self._for(token).can_fetch(url, token)

    def delay_seconds(self, user_agent: str) -> float | None:
        """Return the seconds asked for between two requests, at most MOST_DELAY_SECONDS; None when none are."""
        if self._lines is None:
            return None
        token = product_token(user_agent)
        delay = self._for(token).crawl_delay(token)
        return None if delay is None else min(delay, MOST_DELAY_SECONDS)

    def _for(self, token: str) -> Protego:
        parsed = self._parsed.get(token)
        if parsed is None:
            assert self._lines is not None
            parsed = Protego.parse("\n".join(_addressed(line, token) for line in self._lines))
            self._parsed[token] = parsed
        return parsed


ALLOWS_ALL: Final = Robots((), "")


def judge(status: int | None, body: bytes) -> Robots:
    """Return what a host's robots.txt says, from the status and body of the answer; None when none came.

    A file that is not there (4xx, or redirected too often) allows everything. One that cannot be read now (5xx, 429,
    no answer) allows nothing: the host could not say what it wants (RFC 9309, 2.3.1).
    """
    if status is None:
        return Robots(None, "robots.txt could not be read: no answer")
    if 200 <= status < 300:
        return Robots(_lines_of(body), "robots.txt disallows it")
    if 300 <= status < 500 and status != _TOO_MANY_REQUESTS:
        return ALLOWS_ALL
    return Robots(None, f"robots.txt could not be read: status {status}")


def _lines_of(body: bytes) -> tuple[str, ...]:
    """Return the lines that say something, without comments, up to the limits."""
    if len(body) > MOST_BYTES:
        # A rule that was cut would mean something else.
        body = body[: max(body.rfind(b"\n", 0, MOST_BYTES), body.rfind(b"\r", 0, MOST_BYTES), 0)]
    lines: list[str] = []
    wildcards = 0
    for line in _text_of(body).splitlines():
        said = line.partition("#")[0].strip()
        wildcards += said.count("*")
        # A rule that is longer than any URL matches none.
        if said and len(said) <= 2 * MAX_URL_LENGTH:
            lines.append(said)
        if len(lines) >= MOST_LINES or wildcards > MOST_WILDCARDS:
            break
    return tuple(lines)


def _text_of(body: bytes) -> str:
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", errors="replace")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        # As a URL would carry them: bytes of any other encoding are compared as they are.
        return _NOT_ASCII.sub(lambda byte: b"%%%02X" % byte[0][0], body).decode("ascii")


def _addressed(line: str, token: str) -> str:
    """Return a line with the name in it, if it is a User-agent line, made ours, everybody's or somebody else's.

    So there are three groups at most. Protego makes one for each name and each rule is kept once for each of them:
    half a file of names before half a file of rules would take minutes and gigabytes.
    """
    found = _USER_AGENT_LINE.fullmatch(line)
    if found is None or not found[1]:
        return line
    if found[1] == "*":
        return "User-agent: *"
    named = _PRODUCT.match(found[1])
    return f"User-agent: {token if named and named[0].lower() == token else _SOMEBODY_ELSE}"
