"""Makes the headers of requests: who we say we are, where we come from, and the cookies of one recrawl."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from orbweaver.crawler.asked_as import Destination
from orbweaver.crawler.fetching.asking.browser_headers import HeaderLines, accept_for, browser_of, header_lines
from orbweaver.crawler.fetching.asking.cookies import CookieJar, KeptCookie, cookie_header, pairs_of
from orbweaver.crawler.rules.referrers import is_trustworthy
from orbweaver.crawler.rules.scope import site_of
from orbweaver.crawler.rules.urls import hostname_of
from orbweaver.model import AccessProfile, CookieControl, Report

ACCEPT_LANGUAGE: Final = "en"
# Of a site and a reporter each. When there are more, the one goes that was not used for longest.
MOST_JARS: Final = 1_000


class ReporterHeaders(NamedTuple):
    """The headers with which a reporter saw the page; None where the scope's access profile decides.

    `cookies` is a Cookie header's value that was given for the URL with the host name `cookie_host`; with
    `is_cookie_secure` that URL is https.
    """

    user_agent: str | None = None
    accept_language: str | None = None
    cookies: str | None = None
    cookie_host: str | None = None
    is_cookie_secure: bool = False


NO_REPORTER_HEADERS: Final = ReporterHeaders()


def reporter_headers_of(reports: Iterable[Report]) -> ReporterHeaders:
    """Return the headers of the reports of one URL; where they differ, the first report that says something counts."""
    user_agent = accept_language = cookies = cookie_host = None
    is_cookie_secure = False
    for report in reports:
        user_agent = user_agent or report.user_agent
        accept_language = accept_language or report.accept_language
        if report.cookies and not cookies:
            cookies, cookie_host = report.cookies, hostname_of(report.url)
            is_cookie_secure = report.url.startswith("https:")
    return ReporterHeaders(user_agent, accept_language, cookies, cookie_host, is_cookie_secure)


class RequestHeaders:
    """The headers of one recrawl; `user_agent` is the settings', for which profile and report may have another.

    A report's cookies go to the host for which they were given; with `shares_cookies` to all hosts of its site. Those
    that were given for https do not go over http.
    A reporter's headers go first, then the scope's access profile, then the defaults. Cookies that hosts set are kept
    while the recrawl lasts, unless the profile says no and the report gives none; in memory, apart for each site and
    for each reporter's headers: one report's session never reaches another's URL.
    """

    def __init__(self, profile: AccessProfile, *, user_agent: str, shares_cookies: bool = False) -> None:
        self._shares_cookies = shares_cookies
        self._keeps_cookies = profile.cookies is CookieControl.KEEP
        self._user_agent = profile.user_agent or user_agent
        self._accept_language = profile.accept_language or ACCEPT_LANGUAGE
        self._lines: dict[tuple[ReporterHeaders, Destination, str, bool], HeaderLines] = {}
        self._jars: dict[tuple[ReporterHeaders, str], CookieJar] = {}

    def user_agent_for(self, reporter_headers: ReporterHeaders) -> str:
        """Return the User-Agent, for which robots.txt has to be asked, too."""
        return reporter_headers.user_agent or self._user_agent

    def headers_for(
        self,
        url: str,
        reporter_headers: ReporterHeaders,
        *,
        destination: Destination = Destination.DOCUMENT,
        site: str = "none",
        referrer: str | None = None,
        cookies: str = "",
    ) -> Sequence[tuple[str, str]]:
        """Return the headers of a request for a canonical URL; `site` is its `Sec-Fetch-Site`."""
        key = (reporter_headers, destination, site, is_trustworthy(url))
        lines = self._lines.get(key)
        if lines is None:
            lines = self._lines[key] = header_lines(
                self.user_agent_for(reporter_headers),
                reporter_headers.accept_language or self._accept_language,
                destination,
                site=site,
                is_trustworthy=key[3],
            )
        before_referer, before_cookie, after = lines
        if referrer is not None:
            before_referer = (*before_referer, ("Referer", referrer))
        if cookies:
            before_cookie = (*before_cookie, ("Cookie", cookies))
        return (*before_referer, *before_cookie, *after)

    def prefers_new_types(self, reporter_headers: ReporterHeaders, destination: Destination) -> bool:
        """Whether the `Accept` of a request names types of images that hosts make of others for who names them."""
        accept = accept_for(browser_of(self.user_agent_for(reporter_headers)), destination)
        return "image/webp" in accept

    def cookies_for(self, url: str, reporter_headers: ReporterHeaders) -> str:
        """Return the value of the Cookie header of a request for a canonical URL, "" without cookies."""
        if not self._jars and reporter_headers.cookies is None:
            return ""
        host = hostname_of(url)
        key = (reporter_headers, site_of(host))
        jar = self._jars.pop(key, None)
        kept: list[tuple[str, str]] = []
        if jar is not None:
            self._jars[key] = jar  # used last
            kept = jar.pairs_for(url)
        if reporter_headers.cookies is None or not self._is_given_for(url, host, reporter_headers):
            return cookie_header(kept)
        # A cookie that the host has set since replaces the report's.
        names = {name for name, _ in kept}
        given = [(name, value) for name, value in pairs_of(reporter_headers.cookies) if name not in names]
        return cookie_header([*given, *kept])

    def _is_given_for(self, url: str, host: str, reporter_headers: ReporterHeaders) -> bool:
        """Whether a report's cookies may go with a request for a canonical URL, which has this host name."""
        if reporter_headers.is_cookie_secure and not url.startswith("https:"):
            return False
        given_for = reporter_headers.cookie_host
        if host == given_for:
            return True
        return self._shares_cookies and given_for is not None and site_of(host) == site_of(given_for)

    @property
    def jars(self) -> Iterator[tuple[ReporterHeaders, str, tuple[KeptCookie, ...]]]:
        """The cookies that hosts set, apart for each reporter's headers and each site."""
        return ((headers, site, jar.kept) for (headers, site), jar in self._jars.items())

    def restore(self, reporter_headers: ReporterHeaders, site: str, cookies: Iterable[KeptCookie]) -> None:
        """Keep the cookies of another process, if this recrawl keeps any."""
        if self._keeps_cookies or reporter_headers.cookies is not None:
            jar = self._jars[(reporter_headers, site)] = CookieJar()
            jar.restore(cookies)

    def remember(self, url: str, reporter_headers: ReporterHeaders, set_cookie: Sequence[str]) -> None:
        """Keep the cookies that the answer for `url` set, if this recrawl keeps any."""
        if not set_cookie or not (self._keeps_cookies or reporter_headers.cookies is not None):
            return
        key = (reporter_headers, site_of(hostname_of(url)))
        jar = self._jars.get(key)
        if jar is None:
            if len(self._jars) >= MOST_JARS:
                del self._jars[next(iter(self._jars))]
            jar = self._jars[key] = CookieJar()
        jar.remember(url, set_cookie)
