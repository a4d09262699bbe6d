"""A sighting says by which answers its file was reached: each URL that sent on, with its status."""

from __future__ import annotations

import os

from aiohttp import web
from contained import crawl
from orbweaver.crawler.message_checks import objection_to
from orbweaver.model import MOST_REDIRECT_CHARACTERS, Limits, Redirect, Scope, ScopeKind
from synthetic_host import Resource, SyntheticHost

PNG = b"\x89PNG\r\n\x1a\n"


def image() -> Resource:
    return Resource("image/png", PNG + os.urandom(100))


def to(location: str, status: int = 302) -> Resource:
    return Resource(None, headers={"Location": location}, status=status)


def test_a_sighting_has_each_answer_that_led_to_its_file_and_says_when_there_was_none() -> None:
    long = "long/" + "x" * 4_000
    resources = {
        "/": Resource("text/html", f"<a href=/one.png></a><a href=/plain.png></a><a href=/{long}1.png></a>".encode()),
        "/one.png": to("/two", 301),
        "/two": to("/three%41", 307),
        "/threeA": to("/end.png", 303),
        "/three%41": to("/end.png", 303),
        "/end.png": image(),
        "/plain.png": image(),
        "/sent": Resource("text/html", b"<meta http-equiv=refresh content='0; url=/moved'>"),
        "/moved": to("/after.png"),
        "/after.png": image(),
        **{f"/{long}{n}.png": to(f"/{long}{n + 1}.png") for n in range(1, 6)},
        f"/{long}6.png": image(),
    }
    with SyntheticHost(resources) as host:
        found = crawl(host.url, f"{host.url}sent")
    ways = {
        one.url.removeprefix(host.url): [
            (hop.url.removeprefix(host.url), hop.status, hop.is_cut) for hop in one.redirects or ()
        ]
        for one in found.sightings
    }
    assert ways == {
        "one.png": [("one.png", 301, False), ("two", 307, False), ("threeA", 303, False)],
        "plain.png": [],
        "sent": [("sent", 200, False), ("moved", 302, False)],
        # All its URLs together are longer than evidence may be: of the last one the host is left.
        f"{long}1.png": [*((f"{long}{n}.png", 302, False) for n in range(1, 5)), ("", 302, True)],
    }
    assert all(one.redirects is not None for one in found.sightings)
    scope = Scope(kind=ScopeKind.HOST, name=host.host, limits=Limits())
    assert {objection_to(one, scope) for one in found.sightings} == {None}
    cut = next(one for one in found.sightings if "long" in one.url)
    assert sum(len(hop.url) for hop in cut.redirects or ()) <= MOST_REDIRECT_CHARACTERS


async def behind_a_gate(request: web.BaseRequest) -> web.StreamResponse:
    if "age=18" in request.headers.get("Cookie", ""):
        return web.Response(body=PNG + b"behind the gate", content_type="image/png")
    asks = b"<h1>Are you over 18?</h1><a href=/in>I am over 18</a> <a href=http://other.test/>Leave</a>"
    return web.Response(body=asks, content_type="text/html")


def test_a_gate_that_was_passed_is_on_the_way_to_its_file() -> None:
    way_in = Resource(None, headers={"Set-Cookie": "age=18; Path=/", "Location": "/files/"}, status=302)
    with SyntheticHost({"/in": way_in, "/files/": Resource(None, behind_a_gate)}) as host:
        found = crawl(f"{host.url}files/")
    (sighting,) = found.sightings
    assert sighting.final_url == sighting.url
    assert sighting.redirects == (
        Redirect(url=f"{host.url}files/", status=200),
        Redirect(url=f"{host.url}in", status=302),
    )
