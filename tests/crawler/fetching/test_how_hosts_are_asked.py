"""A recrawl asks real hosts as a browser does: whence it comes, what it accepts, and which gates that opens."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from aiohttp import web
from contained import Crawled, crawl
from orbweaver.model import AccessProfile, ReferrerControl, Report, ScopeKind
from synthetic_host import ADDRESS, Resource, SyntheticHost

KNOWN = b"\x89PNG\r\n\x1a\n" + os.urandom(500)
PLACEHOLDER = b"\x89PNG\r\n\x1a\n" + os.urandom(400)
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 " + os.urandom(500)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def page(html: str, **headers: str) -> Resource:
    return Resource("text/html", html.encode(), {name.replace("_", "-"): value for name, value in headers.items()})


def picture() -> Resource:
    return Resource("image/png", KNOWN)


def redirect(target: str) -> Resource:
    return Resource(None, b"", {"Location": target}, 302)


async def hotlinked(request: web.BaseRequest) -> web.Response:
    """The commonest gate of all: the file for who comes from a page of the host, a placeholder for others."""
    is_own = request.headers.get("Referer", "").startswith(f"http://{request.host}/")
    return web.Response(body=KNOWN if is_own else PLACEHOLDER, content_type="image/png")


async def forbidden_without(request: web.BaseRequest) -> web.Response:
    if request.headers.get("Referer"):
        return web.Response(body=KNOWN, content_type="image/png")
    return web.Response(status=403)


async def negotiated(request: web.BaseRequest) -> web.Response:
    """As an image optimiser: a new type for who names it."""
    takes_webp = "image/webp" in request.headers.get("Accept", "")
    if takes_webp:
        return web.Response(body=WEBP, content_type="image/webp", headers={"Vary": "Origin, Accept"})
    return web.Response(body=KNOWN, content_type="image/png", headers={"Vary": "Origin, Accept"})


PAGES = {
    "/": page(
        "<img src=/a.png><a href=/next?x=1#top><a href=/linked.png><img src=/moved.png><img src=/placed>"
        "<img src=/forbidden-without.png><link rel=stylesheet href=/s.css><iframe src=/framed></iframe>"
        "<img referrerpolicy=no-referrer src=/quiet.png><a rel=noreferrer href=/noreferrer><video src=/film>"
        "<audio src=/sound></audio><a href=/meta><a href=/header><img src=OTHER/b.png><img src=OTHER/back.png>"
        "<img src=/negotiated.jpg><object data=/object></object>"
    ),
    "/next?x=1": page("<img src=/deep.png>"),
    "/meta": page("<meta name=referrer content=origin><img src=/by-meta.png>"),
    "/header": page(
        "<img src=/by-header.png><img referrerpolicy=unsafe-url src=/by-element.png>", Referrer_Policy="no-referrer"
    ),
    "/framed": page("<p>"),
    "/noreferrer": page("<p>"),
    "/s.css": Resource("text/css", b"a{background:url(/from-css.png)}"),
    "/moved.png": redirect("/to.png"),
    "/placed": Resource(None, hotlinked),
    "/forbidden-without.png": Resource(None, forbidden_without),
    "/negotiated.jpg": Resource(None, negotiated),
    **{
        f"/{name}": picture()
        for name in [
            *("a.png", "linked.png", "to.png", "quiet.png", "film", "sound", "deep.png", "by-meta.png"),
            *("by-header.png", "by-element.png", "from-css.png", "back-again.png", "object"),
        ]
    },
}


class Asked(NamedTuple):
    """Two hosts of one site after a recrawl: what each was asked, by path, and what was found."""

    found: Crawled
    here: str
    requests: Mapping[str, Mapping[str, str]]
    others: Mapping[str, Mapping[str, str]]
    robots: list[Mapping[str, str]]

    def sent(self, name: str) -> dict[str, str | None]:
        return {path: headers.get(name) for path, headers in self.requests.items()}


def ask(access: AccessProfile, **report: Any) -> Asked:
    robots: list[Mapping[str, str]] = []

    async def robots_txt(request: web.BaseRequest) -> web.Response:
        robots.append(request.headers.copy())
        return web.Response(text="User-agent: *\nAllow: /\nSitemap: /map.xml")

    other_pages: dict[str, Resource] = {"/other": page("<p>"), "/b.png": picture()}
    with SyntheticHost(other_pages) as other, SyntheticHost({"/robots.txt": Resource(None, robots_txt)}) as host:
        elsewhere, here = (f"http://{ADDRESS}:{one.port}" for one in (other, host))
        other.resources["/back.png"] = redirect(f"{here}/back-again.png")
        root = PAGES["/"]
        assert isinstance(root.body, bytes)
        host.resources.update({**PAGES, "/": page(root.body.decode().replace("OTHER", elsewhere))})
        reports = Report(url=f"{here}/", **report), Report(url=f"{elsewhere}/other")
        found = crawl(*reports, kind=ScopeKind.SITE, terms={"access": access})
        return Asked(found, here, dict(reversed(host.requests)), dict(other.requests), robots)


@pytest.fixture(scope="module")
def asked() -> Asked:
    return ask(AccessProfile(user_agent=FIREFOX), referrer="http://from.example/x")


def test_each_request_says_whence_it_comes_as_a_browser_does(asked: Asked) -> None:
    root, origin = f"{asked.here}/", f"{asked.here}/"

    assert asked.sent("Referer") == {
        "/": "http://from.example/x",
        **dict.fromkeys(
            [
                "/a.png",
                "/next?x=1",
                "/linked.png",
                "/moved.png",
                "/to.png",
                "/placed",
                "/forbidden-without.png",
                "/s.css",
                "/framed",
                "/film",
                "/sound",
                "/meta",
                "/header",
                "/negotiated.jpg",
                "/back-again.png",
                "/object",
            ],
            root,
        ),
        "/deep.png": f"{asked.here}/next?x=1",
        "/from-css.png": f"{asked.here}/s.css",
        "/quiet.png": None,
        "/noreferrer": None,
        "/by-meta.png": origin,
        "/by-header.png": None,
        "/by-element.png": f"{asked.here}/header",
        "/map.xml": None,
    }
    assert {path: headers.get("Referer") for path, headers in asked.others.items()} == {
        "/other": None,
        "/b.png": origin,
        "/back.png": origin,
    }
    assert [set(headers) & {"Referer", "Cookie", "Accept"} for headers in asked.robots] == [set()]


def test_a_gate_that_wants_a_referrer_gives_the_file_and_no_placeholder(asked: Asked) -> None:
    digests = {one.url: one.digests.size for one in asked.found.sightings if one.http.status == 200}

    assert digests[f"{asked.here}/placed"] == len(KNOWN)
    assert digests[f"{asked.here}/forbidden-without.png"] == len(KNOWN)
    assert not [one for one in asked.found.skips if one.is_failure]


def test_each_kind_of_request_accepts_what_a_browser_accepts(asked: Asked) -> None:
    kinds = {path: accept.partition(",")[0] for path, accept in asked.sent("Accept").items() if accept is not None}

    assert {path for path, first in kinds.items() if first == "text/html"} == {
        *("/", "/next?x=1", "/linked.png", "/framed", "/noreferrer", "/meta", "/header", "/map.xml")
    }
    assert kinds["/s.css"] == "text/css"
    assert kinds["/placed"] == kinds["/a.png"] == kinds["/from-css.png"] == "image/avif"
    assert (kinds["/film"], kinds["/sound"], kinds["/object"]) == ("video/webm", "audio/webm", "*/*")


def test_what_only_browsers_say_fits_to_the_rest(asked: Asked) -> None:
    said = {
        path: tuple(headers.get(f"Sec-Fetch-{name}") for name in ("Dest", "Mode", "Site"))
        for path, headers in [*asked.requests.items(), *asked.others.items()]
    }

    assert said["/"] == ("document", "navigate", "cross-site")
    assert said["/linked.png"] == ("document", "navigate", "same-origin")
    assert said["/framed"] == ("iframe", "navigate", "same-origin")
    assert said["/placed"] == ("image", "no-cors", "same-origin")
    assert said["/b.png"] == ("image", "no-cors", "same-site")
    assert said["/other"] == ("document", "navigate", "none")


def test_a_file_of_which_the_host_makes_another_type_is_asked_for_as_it_is_kept_too(asked: Asked) -> None:
    sizes = {one.digests.size for one in asked.found.sightings if one.url.endswith("/negotiated.jpg")}

    assert sizes == {len(WEBP), len(KNOWN)}


def test_the_profile_can_keep_back_whence_a_request_comes() -> None:
    quiet = ask(AccessProfile(referrer=ReferrerControl.NONE), referrer="http://from.example/x")

    assert {path: value for path, value in quiet.sent("Referer").items() if value} == {"/": "http://from.example/x"}
    failures = {one.url: one.rule for one in quiet.found.skips if one.is_failure}
    assert failures == {f"{quiet.here}/forbidden-without.png": "http.403"}
    assert not [name for headers in quiet.requests.values() for name in headers if name.startswith("Sec-")]


def test_a_reported_file_is_asked_for_again_from_the_page_that_leads_to_it() -> None:
    """Hotlines report the page and its pictures: asked for as a typed URL, the host gave a placeholder."""
    names = ("shown.png", "linked.png", "quiet.png", "known.png")
    links = (
        "<img src=/shown.png><a href=/linked.png><img src=/quiet.png referrerpolicy=no-referrer><img src=/known.png>"
    )
    resources = {"/": page(links), "/2": page(links), **{f"/{name}": Resource(None, hotlinked) for name in names}}
    with SyntheticHost(resources) as host:
        reports = [Report(url=f"{host.url}{name}") for name in ("shown.png", "linked.png", "quiet.png", "", "2")]
        found = crawl(*reports, Report(url=f"{host.url}known.png", referrer=f"{host.url}elsewhere"))
        asked = Counter(host.paths)
    sizes = {(one.url.removeprefix(host.url), one.digests.size) for one in found.sightings}

    assert {name for name, size in sizes if size == len(KNOWN)} == {"shown.png", "linked.png", "known.png"}
    assert {name: asked[f"/{name}"] for name in names} == {
        "shown.png": 2,
        "linked.png": 2,
        "quiet.png": 1,
        "known.png": 1,
    }


def test_the_way_into_a_gate_comes_from_the_gate() -> None:
    async def gate(request: web.BaseRequest) -> web.Response:
        if "over18=1" in request.headers.get("Cookie", ""):
            return web.Response(body=KNOWN, content_type="image/png")
        return web.Response(text="<p>18 or over?<a href=/enter>I am over 18</a>", content_type="text/html")

    async def enter(request: web.BaseRequest) -> web.Response:
        back = {"Location": request.headers.get("Referer", "/lost"), "Set-Cookie": "over18=1; Path=/"}
        return web.Response(status=302, headers=back)

    resources = {"/": page("<img src=/a.png>"), "/a.png": Resource(None, gate), "/enter": Resource(None, enter)}
    with SyntheticHost(resources) as host:
        found = crawl(host.url)
        asked = dict(host.requests)["/enter"]
    assert [one.url for one in found.sightings] == [f"{host.url}a.png"]
    assert asked["Referer"] == f"{host.url}a.png"
    assert asked["Accept"].startswith("text/html")


def test_a_file_that_a_page_shows_and_the_host_refuses_is_a_failure_and_a_page_is_none() -> None:
    statuses = (401, 402, 403, 404, 410, 418, 451)
    shown = "".join(f"<img src=/{status}.png><a href=/{status}>" for status in statuses)
    refused = {f"/{status}{end}": Resource(None, b"", {}, status) for status in statuses for end in ("", ".png")}
    with SyntheticHost({"/": page(f"{shown}<img src=/a.png>"), "/a.png": picture(), **refused}) as host:
        found = crawl(host.url)
    here = host.url.rstrip("/")
    failures = {one.url for one in found.skips if one.is_failure and one.rule.startswith("http.")}

    assert failures == {f"{here}/{status}.png" for status in (401, 402, 403, 418, 451)}
    assert {f"{here}/{status}" for status in statuses} <= set(found.outcomes)
