"""Pages go through Scrapy's engine and files do not; what follows from their answers is the same for both."""

from __future__ import annotations

import os
from typing import NamedTuple

import contained
import pytest
from aiohttp import web
from contained import Crawled
from orbweaver.model import AccessProfile, CookieControl, DigestSet, Limits
from pydispatch import dispatcher
from scrapy import Request, signals
from synthetic_host import Resource, SyntheticHost

PICTURE = b"\x89PNG\r\n\x1a\n" + os.urandom(500)
# A link without a file's ending is one to a page; what a page shows is a file.
WAYS = ("page", "file")
_NAMES = "sets wants moved linked missing forbidden busy part empty loop robots outside"
NAMES = _NAMES.split()


async def only_with_cookie(request: web.BaseRequest) -> web.Response:
    allowed = "age=18" in request.headers.get("Cookie", "")
    return web.Response(body=PICTURE if allowed else b"", status=200 if allowed else 403, content_type="image/png")


def resources_of(way: str) -> dict[str, Resource]:
    """The same for both ways: only their links differ."""
    here = f"/{way}/"
    return {
        f"{here}sets": Resource("image/png", PICTURE, {"Set-Cookie": f"age=18; Path={here}"}),
        f"{here}wants": Resource(None, only_with_cookie),
        f"{here}moved": Resource(None, b"", {"Location": f"{here}target", "Set-Cookie": f"moved=1; Path={here}"}, 302),
        f"{here}target": Resource("image/png", PICTURE),
        f"{here}linked": Resource("image/png", PICTURE, {"Link": f"<{here}behind.png>; rel=preload; as=image"}),
        f"{here}behind.png": Resource("image/png", PICTURE),
        f"{here}missing": Resource(None, b"", status=404),
        f"{here}forbidden": Resource(None, b"", status=403),
        f"{here}busy": Resource(None, b"", status=502),
        f"{here}part": Resource("image/png", PICTURE, {"Content-Range": "bytes 0-9/1000"}, 206),
        f"{here}empty": Resource("image/png", b""),
        f"{here}loop": Resource(None, b"", {"Location": f"{here}loop"}, 302),
        f"{here}robots": Resource("image/png", PICTURE),
        f"{here}outside": Resource(None, b"", {"Location": "ftp://other.example/"}, 302),
    }


def page_of(way: str) -> str:
    links = "<a href=/page/{}></a>" if way == "page" else "<img src=/file/{}>"
    return "".join(links.format(name) for name in NAMES)


class Seen(NamedTuple):
    """A recrawl of both ways, the requests that its host got, and the paths that Scrapy's engine downloaded."""

    crawled: Crawled
    requests: list[tuple[str, str | None]]
    by_engine: list[str]

    def sightings(self, way: str) -> list[tuple[str, str, DigestSet, int]]:
        return [
            (name_of(one.url, way), name_of(one.final_url or "", way), one.digests, one.http.status)
            for one in self.crawled.sightings
            if f"/{way}/" in one.url
        ]

    def skips(self, way: str) -> list[tuple[str, str, str, str, bool, int | None]]:
        return [
            (name_of(one.url, way), one.outcome, one.rule, name_of(one.reason, way), one.is_failure, one.status)
            for one in self.crawled.skips
            if f"/{way}/" in one.url and not one.rule.startswith("host.")  # which sums up all URLs of the host
        ]

    def rules(self, way: str) -> dict[str, str]:
        return {name: rule for name, _, rule, *_ in self.skips(way)}

    def sent(self, way: str) -> list[tuple[str, str | None]]:
        return [(name_of(path, way), cookie) for path, cookie in self.requests if path.startswith(f"/{way}/")]


def name_of(text: str, way: str) -> str:
    return text.rpartition(f"/{way}/")[2]


def crawl_and_watch(order: contained.Order) -> tuple[Crawled, list[str]]:
    by_engine: list[str] = []

    def note(request: Request) -> None:
        by_engine.append("/" + request.url.split("/", 3)[3])

    dispatcher.connect(note, signal=signals.request_reached_downloader)
    return contained.crawl_here(order), by_engine


def recrawl(limits: Limits | None = None, *, cookies: CookieControl = CookieControl.KEEP) -> Seen:
    root = Resource("text/html", (page_of("file") + page_of("page")).encode())
    robots = Resource("text/plain", b"User-agent: *\nDisallow: /page/robots\nDisallow: /file/robots\n")
    with SyntheticHost({"/": root, "/robots.txt": robots, **resources_of("page"), **resources_of("file")}) as host:
        order = contained.order(
            host.url,
            limits=limits or Limits(),
            terms={"access": AccessProfile(cookies=cookies)},
            host_connections=1,  # so that one answer has come before the next request
        )
        crawled, by_engine = contained.run(crawl_and_watch, order)
        return Seen(crawled, [(path, headers.get("Cookie")) for path, headers in host.requests], by_engine)


@pytest.fixture(scope="module")
def both_ways() -> Seen:
    return recrawl()


def test_only_pages_pass_the_engine(both_ways: Seen) -> None:
    asked = {path for path, _ in both_ways.requests}
    pages = {path for path in asked if not path.startswith("/file/")} - {"/page/behind.png"}

    assert set(both_ways.by_engine) == {*pages, "/page/robots"}, "what robots.txt refuses is refused behind the engine"
    assert asked - pages > {"/file/sets", "/file/wants"}


def test_what_is_recorded_of_a_page_and_of_a_file_is_the_same(both_ways: Seen) -> None:
    assert sorted(both_ways.sightings("page"), key=repr) == sorted(both_ways.sightings("file"), key=repr)
    as_page, as_file = both_ways.skips("page"), both_ways.skips("file")
    # To be forbidden is normal for a page, and leaves a file unchecked.
    (forbidden,) = [one for one in as_page if one[0] == "forbidden"]
    as_page[as_page.index(forbidden)] = (*forbidden[:4], True, *forbidden[5:])
    assert sorted(as_page, key=repr) == sorted(as_file, key=repr)
    assert {name for name, *_ in both_ways.sightings("file")} == {"sets", "wants", "moved", "linked", "behind.png"}
    assert both_ways.rules("file") == {
        "missing": "http.404",
        "forbidden": "http.403",
        "busy": "http.502",
        "part": "fetch.partial",
        "empty": "degenerate",
        "loop": "redirects",
        "robots": "fetch.robots",
        "outside": "url",
    }


def test_a_page_and_a_file_are_asked_for_in_the_same_way(both_ways: Seen) -> None:
    as_page, as_file = both_ways.sent("page"), both_ways.sent("file")

    assert sorted(as_page, key=repr) == sorted(as_file, key=repr)
    assert [path for path, _ in as_file].count("busy") == 2, "what may be chance was not tried again"
    assert "robots" not in dict(as_file)


@pytest.mark.parametrize("way", WAYS)
def test_a_cookie_comes_back_with_the_next_request(both_ways: Seen, way: str) -> None:
    """Set by an image as well as by a page, and by the answer that redirects."""
    cookies = dict(both_ways.sent(way))

    assert cookies["sets"] is None
    assert cookies["wants"] == "age=18"
    assert cookies["target"] == "age=18; moved=1"


@pytest.mark.parametrize(
    ("limits", "way", "rule"),
    [(Limits(max_pages=3), "page", "limit.max_pages"), (Limits(max_files=3), "file", "limit.max_files")],
)
def test_each_way_has_a_limit_of_its_own_and_no_cookie_comes_back_unasked(limits: Limits, way: str, rule: str) -> None:
    seen = recrawl(limits, cookies=CookieControl.NONE)
    (other,) = set(WAYS) - {way}

    assert rule in seen.rules(way).values()
    assert {name for name, said in seen.rules(other).items() if said == rule} <= {"behind.png"}, "a file of a page"
    assert {cookie for _, cookie in seen.requests} == {None}
