"""Reads a host's robots.txt as RFC 9309 says, from bytes that another module has fetched."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
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
# RFC 9309, 2.3.1.2: how many redirects are followed to the file.
MOST_REDIRECTS: Final = 5

OUR_NAME: Final = "orbweaver"
# A browser's name names no robot.
_BROWSERS: Final = frozenset({"mozilla", "msie", "opera"})
_COMPATIBLE = re.compile(r"\(\s*compatible;\s*([A-Za-z_-]+)")
_PRODUCT = re.compile(r"[A-Za-z_-]+")
# Fits every line that Protego takes for a User-agent line; it may fit more.
_USER_AGENT_LINE = re.compile(r"\s*user[-\s]*agent(?:\s*:|\s|\Z)\s*(.*)", re.IGNORECASE | re.DOTALL)
# No product token has a digit in it.
_SOMEBODY_ELSE: Final = "0"

_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_TOO_MANY_REQUESTS: Final = 429


@lru_cache(maxsize=64)
def product_token(user_agent: str) -> str:
    """Return the name that a robots.txt uses for us, in lower case.

    >>> product_token("Mozilla/5.0 (compatible; Hotline-Bot/2.1; +https://hotline.example)")
    'hotline-bot'

    A browser's user agent names no robot; then the name is OUR_NAME.
    """
    for product in (_COMPATIBLE.search(user_agent), _PRODUCT.match(user_agent)):
        token = product[product.re.groups].lower() if product else ""
        if token and token not in _BROWSERS:
            return token
    return OUR_NAME


class Robots:
    """A robots.txt as it was read; `sitemaps` are its Sitemap lines, as they stand.

    `refusal` is one clause that says why, when a URL is refused.
    """

    def __init__(self, lines: tuple[str, ...] | None, refusal: str) -> None:
        self.refusal = refusal
        self._lines = lines
        self._parsed: dict[str, Protego] = {}
        self.sitemaps: tuple[str, ...] = () if lines is None else tuple(self._for(OUR_NAME).sitemaps)

    @property
    def is_readable(self) -> bool:
        """Whether the host could say what it allows; if not, nothing is allowed."""
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
    """Return a host's robots.txt from the status (None: no answer came) and the body of its answer.

    A file that does not exist (4xx, or too many redirects) allows everything. A file that cannot be read now (5xx, 429,
    no answer) allows nothing, because the host could not say what it allows (RFC 9309, 2.3.1).
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
        statement = line.partition("#")[0].strip()
        wildcards += statement.count("*")
        # A rule that is longer than any URL matches none.
        if statement and len(statement) <= 2 * MAX_URL_LENGTH:
            lines.append(statement)
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
    """Return a line as it is; in a User-agent line the name becomes `token`, `*` or _SOMEBODY_ELSE.

    So there are three groups at most. Protego makes a group for each name, and keeps each rule once for each group:
    half a file of names before half a file of rules would take minutes and gigabytes.
    """
    user_agent = _USER_AGENT_LINE.fullmatch(line)
    if user_agent is None or not user_agent[1]:
        return line
    if user_agent[1] == "*":
        return "User-agent: *"
    named = _PRODUCT.match(user_agent[1])
    return f"User-agent: {token if named and named[0].lower() == token else _SOMEBODY_ELSE}"
