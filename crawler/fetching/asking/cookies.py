"""Keeps the cookies that the hosts of one site set, within bounds, and says which go with a request (RFC 6265bis)."""

from __future__ import annotations

import re
import time
from calendar import timegm
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.rules.referrers import is_trustworthy
from orbweaver.crawler.rules.scope import site_of
from orbweaver.crawler.rules.urls import hostname_of, join, path_of

# As browsers: a longer cookie (its name and value, in characters) and a longer attribute are ignored.
COOKIE_CHARACTERS: Final = 4_096
ATTRIBUTE_CHARACTERS: Final = 1_024
# Of one site, as Chromium; beyond that, and beyond so many bytes together, the oldest go.
MOST_COOKIES: Final = 180
JAR_BYTES: Final = 64 * 1024
# Of one request. Most servers refuse a longer header line with 400 or 431.
SENT_BYTES: Final = 8_000
# https://www.rfc-editor.org/rfc/rfc6265#section-5.1.1
_DATE_DELIMITERS = re.compile(r"[\t -/;-@\[-`{-~]+")
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])", re.ASCII)
_DAY = re.compile(r"[0-9]{1,2}(?![0-9])", re.ASCII)
_YEAR = re.compile(r"[0-9]{2,4}(?![0-9])", re.ASCII)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# Control characters, and bytes that are not UTF-8, which come as surrogates.
_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_WHOLE = re.compile(r"-?[0-9]+", re.ASCII)


class _Place(NamedTuple):
    """The identity of a cookie: a later one of the same place replaces it."""

    name: str
    domain: str
    path: str
    is_host_only: bool


class _Content(NamedTuple):
    """The value of a cookie, and the moment of its end in seconds since 1970, None when it has none."""

    value: str
    is_secure: bool
    ends_at: float | None


class KeptCookie(NamedTuple):
    """A cookie as text that can be kept; see _Place and _Content."""

    name: str
    domain: str
    path: str
    is_host_only: bool
    value: str
    is_secure: bool
    ends_at: float | None


class CookieJar:
    """The cookies of one site, in memory. SameSite is not looked at: the pages of a recrawl are those of one site."""

    def __init__(self) -> None:
        self._cookies: dict[_Place, _Content] = {}  # the oldest first
        self._bytes = 0

    def remember(self, url: str, set_cookie: Iterable[str]) -> None:
        """Keep the cookies of the `Set-Cookie` lines of an answer for `url`."""
        moment = time.time()
        for line in set_cookie:
            read = _read(line, url, moment)
            if read is not None:
                self._keep(*read, moment)

    @property
    def kept(self) -> tuple[KeptCookie, ...]:
        """The cookies, the oldest first."""
        return tuple(KeptCookie(*place, *content) for place, content in self._cookies.items())

    def restore(self, cookies: Iterable[KeptCookie]) -> None:
        """Keep the cookies of another process, except those that no host could have set."""
        moment = time.time()
        for one in cookies:
            if len(one.name) + len(one.value) <= COOKIE_CHARACTERS and not _UNSENDABLE.search(
                "".join(one[:3]) + one[4]
            ):
                self._keep(_Place(*one[:4]), _Content(*one[4:]), moment)

    def pairs_for(self, url: str) -> list[tuple[str, str]]:
        """Return name and value of the cookies for a request, in the order in which browsers send them."""
        moment = time.time()
        host, path, is_secure = hostname_of(url), path_of(url), is_trustworthy(url)
        fitting = [
            (place, content.value)
            for place, content in self._cookies.items()
            if (host == place.domain or (not place.is_host_only and host.endswith(f".{place.domain}")))
            and _is_below(path, place.path)
            and (is_secure or not content.is_secure)
            and (content.ends_at is None or content.ends_at > moment)
        ]
        fitting.sort(key=lambda one: -len(one[0].path))  # and those of one length by their age
        return [(place.name, value) for place, value in fitting]

    def _keep(self, place: _Place, content: _Content, moment: float) -> None:
        if content.ends_at is not None and content.ends_at <= moment:
            self._remove(place)
            return
        before = self._cookies.get(place)
        if before is not None:
            self._bytes -= _size(place, before)
        self._cookies[place] = content
        self._bytes += _size(place, content)
        while len(self._cookies) > MOST_COOKIES or self._bytes > JAR_BYTES:
            self._remove(next(iter(self._cookies)))

    def _remove(self, place: _Place) -> None:
        content = self._cookies.pop(place, None)
        if content is not None:
            self._bytes -= _size(place, content)


def cookie_header(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the value of a `Cookie` header, "" without cookies; what makes it longer than SENT_BYTES is left out.

    >>> cookie_header([("a", "1"), ("", "nameless")])
    'a=1; nameless'
    """
    written: list[str] = []
    left = SENT_BYTES
    for name, value in pairs:
        text = f"{name}={value}" if name else value
        length = _bytes_of(text) + 2
        if length <= left:
            written.append(text)
            left -= length
    return "; ".join(written)


def pairs_of(header: str) -> Iterator[tuple[str, str]]:
    """Yield name and value of each cookie in the value of a `Cookie` header.

    >>> list(pairs_of("a=1; nameless"))
    [('a', '1'), ('', 'nameless')]
    """
    for text in header.split(";"):
        name, equals, value = text.strip(" \t").partition("=")
        if name or value:
            yield (name, value) if equals else ("", name)


def _size(place: _Place, content: _Content) -> int:
    return _bytes_of(place.name + place.domain + place.path + content.value)


def _bytes_of(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _read(line: str, url: str, moment: float) -> tuple[_Place, _Content] | None:
    """Return a cookie as its `Set-Cookie` line says, None when browsers ignore it, too."""
    if _UNSENDABLE.search(line):
        return None
    pair, *rest = line.split(";")
    name, equals, value = pair.partition("=")
    if not equals:
        name, value = "", pair
    name, value = name.strip(" \t"), value.strip(" \t")
    if not (name or value) or len(name) + len(value) > COOKIE_CHARACTERS:
        return None
    attributes: dict[str, str] = {}
    for attribute in rest:
        key, _, written = attribute.partition("=")
        written = written.strip(" \t")
        if len(written) <= ATTRIBUTE_CHARACTERS:
            attributes[key.strip(" \t").lower()] = written  # of several the last counts
    host = hostname_of(url)
    domain = attributes.get("domain", "").removeprefix(".").lower()
    if domain and domain != host and not (host.endswith(f".{domain}") and f".{domain}".endswith(f".{site_of(host)}")):
        return None  # another host's, or for all of `com`
    is_secure = "secure" in attributes
    if is_secure and not is_trustworthy(url):
        return None
    path = attributes.get("path", "")
    if "%" in path and path.startswith("/"):
        path = _in_canonical_form(path, url)
    if not path.startswith("/"):
        path = path_of(url)
        path = path[: max(path.rindex("/"), 1)]
    place = _Place(name, domain or host, path, is_host_only=not domain)
    return place, _Content(value, is_secure, _end(attributes, moment))


def _in_canonical_form(path: str, url: str) -> str:
    """Return the path of a cookie as the paths of canonical URLs are spelt, "" when it can be that of none."""
    try:
        return path_of(join(url, path.replace("?", "%3F").replace("#", "%23")))
    except UrlRefused:
        return ""


def _end(attributes: dict[str, str], moment: float) -> float | None:
    age = attributes.get("max-age", "")
    if _WHOLE.fullmatch(age):
        return moment + min(int(age), 10**9) if int(age) > 0 else 0.0
    return _date(attributes.get("expires", ""))


def _date(text: str) -> float | None:
    """Return a date in whatever order its parts are, as seconds since 1970; None when it is none."""
    clock: re.Match[str] | None = None
    day = month = year = None
    for token in _DATE_DELIMITERS.split(text):
        if clock is None and (match := _CLOCK.match(token)):
            clock = match
        elif day is None and (match := _DAY.match(token)):
            day = int(match[0])
        elif month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS.index(token[:3].lower()) + 1
        elif year is None and (match := _YEAR.match(token)):
            year = int(match[0])
    if clock is None or day is None or month is None or year is None:
        return None
    if year < 100:
        year += 1900 if year >= 70 else 2000
    hour, minute, second = map(int, clock.groups())
    if not 1 <= day <= 31 or year < 1601 or hour > 23 or minute > 59 or second > 59:
        return None
    return float(timegm((year, month, day, hour, minute, second)))


def _is_below(path: str, cookie_path: str) -> bool:
    return path == cookie_path or (
        path.startswith(cookie_path) and (cookie_path.endswith("/") or path[len(cookie_path)] == "/")
    )
