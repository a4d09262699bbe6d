"""A reported page that only sends on counts like a redirect, and one that says that it is gone is no answer."""

from __future__ import annotations

import os
from typing import NamedTuple

from contained import crawl
from orbweaver.model import Outcome, Reported
from synthetic_host import Resource, SyntheticHost

PNG = b"\x89PNG\r\n\x1a\n" + os.urandom(300)
AWAY = "https://elsewhere.example/a"
LONG = "<p>" + "Words about other things. " * 20


class Case(NamedTuple):
    """A reported page at /NAME, and what its report says: outcome and rule, and a part of the reason."""

    page: str
    outcome: Outcome | None = None
    rule: str = ""
    reason: str = ""
    refresh: str | None = None
    content_type: str = "text/html"
    path: str | None = None


def out(page: str, way: str, **fields: str) -> Case:
    return Case(page, Outcome.OUT_OF_SCOPE, "scope.host", f"sent on by {way} to {AWAY}: ", **fields)  # type: ignore[arg-type]


def meta(reference: str, seconds: object = 0) -> str:
    return f"<meta http-equiv=refresh content='{seconds};url={reference}'>"


def script(code: str) -> str:
    return f"<!doctype html><title>a</title><script>{code}</script>"


MOVES = {
    "meta": out(meta(AWAY), "a meta refresh"),
    "meta-words": out(f"<p>You will be redirected. <a href={AWAY}>Click here</a>{meta(AWAY, 9)}", "a meta refresh"),
    "meta-noscript": out(f"<noscript>{meta(AWAY)}</noscript>", "a meta refresh"),
    "meta-shows": out(f"<img src=/shown.png>{LONG}{meta(AWAY, 10)}", "a meta refresh"),
    "meta-late": Case(f"<img src=/shown.png>{LONG}{meta(AWAY, 300)}"),
    "meta-base": out(f"<base href=https://elsewhere.example/>{meta('a')}", "a meta refresh"),
    "header": out("<p>Moving", "a Refresh header", refresh=f"0; url={AWAY}"),
    "header-nothing": out("", "a Refresh header", refresh=f"0; url={AWAY}"),
    "frameset": out(f"<frameset cols=*><frame src={AWAY}></frameset>", "a frame"),
    "frames": out(f"<frameset cols=1,*><frame src=/menu><frame src={AWAY}></frameset>", "a frame"),
    "iframe": out(f"<body><iframe width=100% height=100% src={AWAY}></iframe>", "a frame"),
    "iframe-hidden": Case(f"<iframe height=0 width=0 src={AWAY}></iframe><iframe style='display:none' src={AWAY}>"),
    "iframe-in-text": Case(f"{LONG}<iframe src={AWAY}></iframe>"),
    "href": out(script(f"location.href = '{AWAY}'"), "a script"),
    "window": out(script(f'setTimeout(function(){{window.location="{AWAY}";}}, 100)'), "a script"),
    "replace": out(script(f"top.location.replace('{AWAY}')"), "a script"),
    "assign": out(script(f"document . location . assign (`{AWAY}`)"), "a script"),
    "bracket": out(script(f"window.location['href']='{AWAY}'"), "a script"),
    "escaped": out(script('self.location.href="https:\\/\\/elsewhere.example\\/a"'), "a script"),
    "jquery": out(script(f"$(location).attr('href', '{AWAY}')"), "a script"),
    "navigate": out(script(f"window.navigate('{AWAY}')"), "a script"),
    "onload": out(f"<body onload=\"location='{AWAY}'\">", "a script"),
    "again": Case(
        script("document.cookie='a=1'; location.reload()"), Outcome.GATE, "gate.script", "sets a cookie and asks"
    ),
    "app": Case(meta("intent://a/#Intent;end"), Outcome.REFUSED_URL, "url", "sent on to a URL that is refused"),
    # into the scope: the answer there is that of the report
    "to-gone": Case(meta("/missing"), Outcome.HTTP_ERROR, "http.404"),
    "to-away": Case(meta("/away"), Outcome.OUT_OF_SCOPE, "scope.host", "redirected to"),
    "to-meta": out(meta("/meta-words"), "a meta refresh"),
    "to-file": Case(meta("/moved.png")),
    "to-frame": Case("<frameset><frame src=/framed></frameset>"),
    "circle": Case(meta("/circle-2"), Outcome.REDIRECT_LOOP, "redirects"),
    "itself": Case(f"<p>News{meta('/itself', 60)}"),
}
GONE = {
    "title": Case(
        "<title>404 Not Found | A site</title><p>x", Outcome.ERROR_PAGE, "error_page.gone", '"404 not found"'
    ),
    "heading": Case(f"<title>A site</title><h1>Page not found</h1>{LONG}", Outcome.ERROR_PAGE, "error_page.gone"),
    "words": Case("<p>Sorry, this file was deleted.", Outcome.ERROR_PAGE, "error_page.gone", '"file was deleted"'),
    "german": Case("<p>Die Datei wurde leider gelöscht", Outcome.ERROR_PAGE, "error_page.gone"),
    "plain": Case("404 Not Found", Outcome.ERROR_PAGE, "error_page.gone", content_type="text/plain"),
    "json": Case('{"error":"file not found"}', Outcome.ERROR_PAGE, "error_page.gone", content_type="application/json"),
    "gone.png": Case("<h1>File Not Found</h1>", Outcome.ERROR_PAGE, "error_page.gone"),
    "suspended": Case("<h1>Account Suspended</h1><p>Contact us", Outcome.ERROR_PAGE, "error_page.suspended"),
    "parked": Case("<h1>elsewhere.com</h1><p>This domain is for sale", Outcome.ERROR_PAGE, "error_page.parked"),
    "index/": Case(
        "<title>Index of /index</title><a href='?C=N;O=D'>Name</a><a href=/>Parent Directory</a>",
        Outcome.ERROR_PAGE,
        "error_page.empty-index",
        "the list of a folder without files",
    ),
    "index2/": Case("<title>Index of /index2</title><a href=../>..</a><a href=/shown.png>a</a>"),
    "story": Case(f"<title>A story</title><p>It was not found in the file.{LONG}{LONG}"),
    "gallery": Case("<p>One image was deleted." + "<img src=/shown.png>" * 3),
    "nothing": Case("<title>My pages</title><p>Nothing to see."),
}
RESOURCES = {
    **{
        f"/{name}": Resource(
            case.content_type, case.page.encode(), headers={} if case.refresh is None else {"Refresh": case.refresh}
        )
        for name, case in (MOVES | GONE).items()
    },
    "/menu": Resource("text/html", b"<p>a"),
    "/framed": Resource("text/html", b"<p>a<img src=/in-frame.png>"),
    "/circle-2": Resource("text/html", meta("/circle").encode()),
    "/away": Resource(None, headers={"Location": AWAY}, status=302),
    **{f"/{name}.png": Resource("image/png", PNG + name.encode()) for name in ("shown", "moved", "in-frame")},
}


def test_a_page_that_sends_on_or_says_that_it_is_gone_is_said_so_of_its_report() -> None:
    cases = MOVES | GONE
    with SyntheticHost(RESOURCES) as host:
        found = crawl(*(host.url + name for name in cases))
        requests = host.requests
    said: dict[str, Reported] = {one.url.removeprefix(host.url): one for one in found.reported}
    assert said.keys() == cases.keys()
    assert {name: (one.outcome, one.rule) for name, one in said.items()} == {
        name: (case.outcome, case.rule) for name, case in cases.items()
    }
    assert {name: said[name].reason for name, case in cases.items() if case.reason not in said[name].reason} == {}
    failures = {one.url.removeprefix(host.url) for one in found.skips if one.is_failure}
    assert failures - {"circle-2"} == {name for name, case in cases.items() if case.outcome} - {"to-gone"}
    # What a page shows is read all the same, and what it sends on to is asked for once, from there.
    seen = {one.url.removeprefix(host.url): one for one in found.sightings}
    assert {"shown.png", "to-file", "in-frame.png"} <= seen.keys()
    assert seen["to-file"].final_url == f"{host.url}moved.png"
    assert (said["to-file"].is_page, said["to-frame"].files) == (False, 1)
    for path, page in (("/moved.png", "to-file"), ("/framed", "to-frame")):
        (headers,) = [headers for asked, headers in requests if asked == path]
        assert headers["Referer"] == f"{host.url}{page}"


def test_a_script_that_may_go_elsewhere_is_a_line_and_no_failure() -> None:
    code = f"var a='{AWAY}'; window.location.href = a"
    resources = {"/": Resource("text/html", script(code).encode())}
    with SyntheticHost(resources) as host:
        found = crawl(host.url)
    (line,) = found.skips
    assert (line.rule, line.is_failure) == ("scope.host", False)
    assert f"its script may go to {AWAY}: " in line.reason
    assert found.reported[0].outcome is None
