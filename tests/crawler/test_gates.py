"""Gates of one click are passed and noted; each other gate is a failure that names it; other pages are none."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from aiohttp import web
from contained import crawl
from orbweaver.crawler.bodies.digests import digests_of
from orbweaver.model import AccessProfile, CookieControl, Outcome
from synthetic_host import Resource, SyntheticHost

ASKS = "<!doctype html><p>You must be at least 18 years old."


class Case(NamedTuple):
    """A gate in front of a page at /NAME/, or a file: what it shows, and what answers its way in."""

    gate: str
    entered: Callable[[str], web.Response] | None = None
    is_file: bool = False
    is_away: bool = False


def page(text: str, status: int = 200, **headers: str) -> web.Response:
    return web.Response(text=text, content_type="text/html", status=status, headers=headers)


def back(name: str) -> web.Response:
    return web.Response(status=302, headers={"Location": f"/{name}/", "Set-Cookie": f"{name}=1; Path=/"})


def thanks(name: str) -> web.Response:
    return page("<p>Thank you.", **{"Set-Cookie": f"{name}=1; Path=/"})


def onwards(name: str) -> web.Response:
    return web.Response(status=303, headers={"Location": f"/{name}/in", "Set-Cookie": f"{name}=0; Path=/"})


def said(name: str) -> web.Response:
    return web.Response(text="OK", headers={"Set-Cookie": f"{name}=1; Path=/"})


def nothing(name: str) -> web.Response:
    return web.Response(status=204, headers={"Set-Cookie": f"{name}=1; Path=/"})


def shown(name: str) -> web.Response:
    return page(f"<img src=/{name}/picture.png>")


PASSED = {
    "back": Case(f"{ASKS}<a href=/back/in>Enter</a><a href=http://elsewhere.example/>Exit</a>", back),
    "thanks": Case("<a href='/thanks/in'>I am over 18</a>", thanks),
    "form": Case("<form action=in><input type=hidden name=ok value=1><button>I am 18</button></form>", back),
    "confirms": Case("<a href=/confirms/in/confirm>I am over 18</a>", back),
    "acts": Case("<form action=/acts/in/submit><button>Yes, I am over 18</button></form>", back),
    "file.png": Case("<a href='/file.png/in'>Ja, ich bin volljährig</a>", thanks, is_file=True),
    "said": Case("<a href=/said/in>I am over 18</a>", said),
    "nothing": Case("<a href=/nothing/in>I am over 18</a>", nothing),
    "shown": Case("<a href=/shown/in>I am over 18</a>", shown),
    "query": Case(f"{ASKS}<a href='/query/?over18=1'>Continue</a>"),
}
LEFT = {
    "post": "<form method=post><button>I am over 18</button></form>",
    "script": "<button onclick=a()>I am over 18</button>",
    "challenge": "<p>Checking your browser before accessing",
    "still": "<a href=/still/in>I am over 18</a>",
    "elsewhere": "<a href=/ onclick=a()>I am over 18</a>",
    "outside": "<a href=http://elsewhere.example/in>I am over 18</a>",
    "acting": f"{ASKS}<a href=/acting/logout?over18=1>Enter</a>",
    "login": "<form method=post><input type=password><button>Log in</button></form>",
}
PICTURES = {name: b"\x89PNG\r\n\x1a\n" + os.urandom(300) for name in [*PASSED, *LEFT, "moved"]}


def resource(name: str, case: Case) -> Resource:
    async def answer(request: web.BaseRequest) -> web.Response:
        if f"{name}=1" in request.headers.get("Cookie", "") or "over18=1" in request.query_string:
            if case.is_file:
                return web.Response(body=PICTURES[name], content_type="image/png")
            return page(f"<img src=/{name}/picture.png>")
        return page("", 302, Location=f"/{name}/gate") if case.is_away else page(case.gate)

    return Resource(None, answer)


def entered(name: str, answered: Callable[[str], web.Response]) -> Resource:
    async def answer(_request: web.BaseRequest) -> web.Response:
        return answered(name)

    return Resource(None, answer)


def resources() -> dict[str, Resource]:
    made = {f"/{name}/picture.png": Resource("image/png", PICTURES[name]) for name in PICTURES}
    for name, case in {**PASSED, **{name: Case(gate) for name, gate in LEFT.items()}}.items():
        made["/file.png" if case.is_file else f"/{name}/"] = resource(name, case)
        if case.entered is not None:
            for way in ("in", "in/submit", "in/confirm"):
                made[f"/{name}/{way}"] = entered(name, case.entered)
    # Gates that have a page of their own.
    gate = f"{ASKS}<a href=/moved/in>I agree</a>"
    made["/moved/"] = resource("moved", Case("", is_away=True))
    made["/moved/gate"] = Resource("text/html", gate.encode())
    made["/moved/in"] = entered("moved", thanks)
    made["/private/"] = Resource(None, b"", {"Location": "/linked"}, 302)
    made["/still/in"] = entered("still-there", thanks)
    made["/"] = Resource("text/html", b"<img src=/file.png><a href=/linked>Log in</a>")
    made["/linked"] = Resource("text/html", LEFT["login"].encode())
    return made


def test_a_gate_of_one_click_is_passed_and_every_other_one_is_a_failure_with_its_words() -> None:
    with SyntheticHost(resources()) as host:
        names = [*PASSED, *LEFT, "moved", "private"]
        reported = [f"{host.url}{name}/" for name in names if name != "file.png"]
        found = crawl(host.url, *reported)
        asked = host.paths
    seen = {sighting.digests for sighting in found.sightings}
    assert [name for name in [*PASSED, "moved"] if digests_of(PICTURES[name]) not in seen] == []
    assert [name for name in LEFT if digests_of(PICTURES[name]) in seen] == []
    gates = {skip.url.removeprefix(host.url).strip("/"): skip for skip in found.skips if skip.outcome is Outcome.GATE}
    assert {name: (skip.rule, skip.is_failure) for name, skip in gates.items()} == {
        **dict.fromkeys([*PASSED, "moved"], ("gate.passed", False)),
        "post": ("gate.form", True),
        "script": ("gate.script", True),
        "challenge": ("gate.challenge", True),
        "still": ("gate.click", True),
        "elsewhere": ("gate.click", True),
        "outside": ("gate.click", True),
        "acting": ("gate.click", True),
        "login": ("gate.login", True),
        "private": ("gate.login", True),
    }
    assert gates["still"].reason == 'a gate that is still there after its way in was followed: "I am over 18"'
    assert gates["post"].reason == 'a gate with a form, and forms that act are not sent: "I am over 18"'
    assert "/acting/logout" not in asked
    assert {one.url.removeprefix(host.url): one.outcome for one in found.reported if one.outcome} == {
        f"{name}/": Outcome.GATE for name in [*LEFT, "private"]
    }
    assert not [skip for skip in found.skips if skip.is_failure and skip.outcome is not Outcome.GATE]


def test_without_cookies_a_gate_that_sets_one_stays_and_is_said() -> None:
    with SyntheticHost(resources()) as host:
        found = crawl(f"{host.url}back/", terms={"access": AccessProfile(cookies=CookieControl.NONE)})
    assert [(skip.outcome, skip.rule) for skip in found.skips if skip.is_failure] == [(Outcome.GATE, "gate.click")]
    assert found.sightings == []
