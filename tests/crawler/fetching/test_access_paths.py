"""A whole recrawl, sandboxed, asks hosts as its reports and its access profile say, and tells what it saw of TLS."""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from contained import Crawled
from contained import crawl as crawl_on_terms
from orbweaver.crawler.visiting.redirects import MOST_REDIRECTS
from orbweaver.model import AccessProfile, CookieControl, Limits, Report, ScopeKind, TlsFacts
from proxy_servers import Asked, ConnectProxy, ProxyServer, SocksServer
from synthetic_host import ADDRESS, Resource, SyntheticHost
from tls_host import TlsHost, make_certificate

PICTURE = b"\x89PNG\r\n\x1a\n" + os.urandom(2_000)
PAGE = Resource("text/html", b"<a href=/other>other</a><img src=/a.png>")
RESOURCES = {"/": PAGE, "/other": Resource("text/html", b"<p>"), "/a.png": Resource("image/png", PICTURE)}
LOGIN = ("orb", "hunter2")


def crawl(*reports: Report | str, access: AccessProfile | None = None, **fields: Any) -> Crawled:
    return crawl_on_terms(*reports, terms={"access": access or AccessProfile()}, **fields)


def sent(host: SyntheticHost, name: str) -> dict[str, str | None]:
    return {path: headers.get(name) for path, headers in host.requests if path != "/robots.txt"}


# --- what is sent ---


def test_a_reports_manners_go_with_everything_reached_from_it() -> None:
    with SyntheticHost(RESOURCES) as host:
        report = Report(url=host.url, user_agent="Reporter/1", accept_language="nl", cookies="age=18; seen=1")
        crawl(report, access=AccessProfile(user_agent="Profile/1", accept_language="de"))
    for name, value in {"User-Agent": "Reporter/1", "Accept-Language": "nl", "Cookie": "age=18; seen=1"}.items():
        assert sent(host, name) == {"/": value, "/other": value, "/a.png": value}


def test_a_reports_referrer_goes_with_the_reported_url_alone() -> None:
    with SyntheticHost(RESOURCES) as host:
        crawl(Report(url=host.url, referrer="http://from.example/"))
    assert sent(host, "Referer") == {"/": "http://from.example/", "/other": host.url, "/a.png": host.url}


def test_the_profile_speaks_where_the_report_is_silent() -> None:
    with SyntheticHost(RESOURCES) as host:
        crawl(host.url, access=AccessProfile(user_agent="Profile/1", accept_language="de"))
    assert set(sent(host, "User-Agent").values()) == {"Profile/1"}
    assert set(sent(host, "Accept-Language").values()) == {"de"}


@pytest.mark.parametrize(
    ("access", "cookies", "expected"),
    [
        (AccessProfile(), None, "s=1"),
        (AccessProfile(cookies=CookieControl.NONE), None, None),
        (AccessProfile(cookies=CookieControl.NONE), "age=18", "age=18; s=1"),
    ],
)
def test_cookies_are_kept_for_the_recrawl_unless_the_profile_says_no_and_the_report_gives_none(
    access: AccessProfile, cookies: str | None, expected: str | None
) -> None:
    page = Resource("text/html", b"<img src=/a.png>", {"Set-Cookie": "s=1; Path=/"})
    with SyntheticHost({**RESOURCES, "/": page}) as host:
        crawl(Report(url=host.url, cookies=cookies), access=access)
        assert sent(host, "Cookie") == {"/": cookies, "/a.png": expected}
        host.requests.clear()
        crawl(host.url, access=access)
        assert sent(host, "Cookie")["/"] is None  # nothing is left of the recrawl before


def test_a_cookie_that_a_redirect_sets_comes_back() -> None:
    gate = Resource(None, b"", {"Location": "/in", "Set-Cookie": "age=18; Path=/"}, 302)
    with SyntheticHost({"/": gate, "/in": Resource("image/png", PICTURE)}) as host:
        found = crawl(host.url)
    assert sent(host, "Cookie")["/in"] == "age=18"
    assert found.urls == [host.url]


def gate_of(*lines: str, location: str = "/in", wants: str) -> Resource:
    """Redirects with the cookies of `lines` until one with the text `wants` comes back."""

    async def answer(request: web.BaseRequest) -> web.Response:
        if wants in request.headers.get("Cookie", ""):
            return web.Response(body=PICTURE, content_type="image/png")
        response = web.Response(status=302, headers={"Location": location})
        for line in lines:
            response.headers.add("Set-Cookie", line)
        return response

    return Resource(None, answer)


def test_a_redirect_to_the_same_url_with_a_cookie_is_no_loop() -> None:
    """A gate that sets its cookie so is passed, at once and by way of another URL; one that never opens is a loop."""
    count = itertools.count()

    async def never(request: web.BaseRequest) -> web.Response:
        headers = {"Location": "/never", "Set-Cookie": f"n={next(count)}; Path=/never"}
        return web.Response(status=302, headers=headers)

    resources = {
        "/": Resource(
            "text/html", b"<a href=/self></a><img src=/file><img src=/way><a href=/never></a><a href=/none></a>"
        ),
        "/self": gate_of("self=1; Path=/self", location="/self", wants="self=1"),
        "/file": gate_of("file=1; Path=/file", location="/file", wants="file=1"),
        "/way": gate_of("way=1; Path=/", location="/check", wants="checked=1; way=1"),
        "/check": Resource(None, b"", {"Location": "/way", "Set-Cookie": "checked=1; Path=/way"}, 302),
        "/never": Resource(None, never),
        "/none": Resource(None, b"", {"Location": "/none", "Set-Cookie": "n=1; Path=/elsewhere"}, 302),
    }
    with SyntheticHost(resources) as host:
        found = crawl(host.url)
        here = host.url.rstrip("/")

    assert set(found.urls) == {f"{here}/self", f"{here}/file", f"{here}/way"}
    assert found.outcomes == {f"{here}/never": "redirect_loop", f"{here}/none": "redirect_loop"}
    assert host.paths.count("/none") == 1
    assert host.paths.count("/never") == MOST_REDIRECTS + 1


@pytest.mark.parametrize("way", ["meta", "empty meta", "header", "no cookie", "elsewhere"])
def test_a_page_that_reloads_itself_with_its_first_cookie_is_asked_for_again(way: str) -> None:
    """Such a page is a gate without a redirect: `<meta http-equiv=refresh content=0>`."""
    content = {"meta": "0; url=/gate", "empty meta": "0", "no cookie": "0", "elsewhere": "0; url=/none"}.get(way)
    markup = "" if content is None else f'<meta http-equiv=refresh content="{content}">'

    async def answer(request: web.BaseRequest) -> web.Response:
        if "s=1" in request.headers.get("Cookie", ""):
            return web.Response(text=f"<img src=/a.png>{markup}", content_type="text/html")
        response = web.Response(text=f"{markup}<p>wait", content_type="text/html")
        if way != "no cookie":
            response.headers["Set-Cookie"] = "s=1; Path=/gate"
        if way == "header":
            response.headers["Refresh"] = "0"
        return response

    is_reloaded = way not in {"no cookie", "elsewhere"}
    none = Resource("text/html", b"<p>")
    with SyntheticHost({"/gate": Resource(None, answer), "/a.png": RESOURCES["/a.png"], "/none": none}) as host:
        found = crawl(f"{host.url}gate")
    assert found.urls == ([f"{host.url}a.png"] if is_reloaded else [])
    assert host.paths.count("/gate") == 1 + is_reloaded


def test_a_cookie_that_a_page_sets_opens_its_picture() -> None:
    page = Resource("text/html", b"<img src=/a.png>", {"Set-Cookie": "seen=1; Path=/"})
    with SyntheticHost({"/": page, "/a.png": gate_of(location="/stop.gif", wants="seen=1")}) as host:
        found = crawl(host.url)
        refused = crawl(host.url, access=AccessProfile(cookies=CookieControl.NONE))
    assert [(one.url, one.http.status) for one in found.sightings] == [(f"{host.url}a.png", 200)]
    assert [one.http.status for one in refused.sightings] == [404]


def test_the_cookies_of_a_report_with_https_are_never_sent_in_the_clear(tmp_path: Path) -> None:
    with (
        SyntheticHost(RESOURCES) as plain,
        TlsHost({}, make_certificate(ADDRESS).context(tmp_path)) as secure,
    ):
        secure.resources |= {
            "/": Resource("text/html", f"<img src=/b.png><img src={plain.url}a.png><a href=/c>".encode()),
            "/b.png": RESOURCES["/a.png"],
            "/c": Resource("text/html", b"", {"Location": f"{plain.url}other"}, 302),
        }
        crawl(Report(url=secure.url, cookies="session=1"), plain.url, kind=ScopeKind.SITE)
    assert sent(secure, "Cookie") == {"/": "session=1", "/b.png": "session=1", "/c": "session=1"}
    assert sent(plain, "Cookie") == {"/": None, "/a.png": None, "/other": None}


# --- TLS ---


def test_a_certificate_that_verifies_is_evidence(tmp_path: Path) -> None:
    authority = make_certificate(is_authority=True)
    certificate = make_certificate(ADDRESS, issuer=authority)
    roots = tmp_path / "roots.pem"
    roots.write_bytes(authority.pem)
    with TlsHost(RESOURCES, certificate.context(tmp_path)) as host:
        found = crawl(host.url, environment={"SSL_CERT_FILE": str(roots)})
    assert [one.http.tls for one in found.sightings] == [
        TlsFacts(is_verified=True, certificate_sha256=hashlib.sha256(certificate.der).hexdigest())
    ]


def test_a_certificate_that_does_not_verify_hides_nothing_and_is_evidence(tmp_path: Path) -> None:
    certificate = make_certificate("another.example")
    with TlsHost(RESOURCES, certificate.context(tmp_path)) as host:
        found = crawl(host.url)
    assert [one.http.tls for one in found.sightings] == [
        TlsFacts(
            is_verified=False,
            reason="self-signed certificate",
            certificate_sha256=hashlib.sha256(certificate.der).hexdigest(),
        )
    ]


# --- proxies ---


@pytest.mark.parametrize("kind", [SocksServer, ConnectProxy])
def test_a_whole_recrawl_goes_through_its_proxy_and_nowhere_else(kind: type[ProxyServer]) -> None:
    name = "pictures.site.com"
    with (
        SyntheticHost(RESOURCES) as host,
        kind({name: host.port}, login=LOGIN) as proxy,
    ):
        found = crawl(f"http://{name}/", access=AccessProfile(proxy=proxy.url), allow_addresses=())
    assert found.urls == [f"http://{name}/a.png"]
    assert [one.ip for one in found.sightings] == [None]
    assert set(proxy.asked) == {Asked(name, 80, is_name=True)}
    assert set(proxy.logins) == {LOGIN}


def test_a_proxy_can_be_named_in_the_environment() -> None:
    name = "pictures.site.com"
    with SyntheticHost(RESOURCES) as host, SocksServer({name: host.port}, login=LOGIN) as proxy:
        found = crawl(
            f"http://{name}/", access=AccessProfile(proxy="env:ORB_PROXY"), environment={"ORB_PROXY": proxy.url}
        )
    assert found.urls == [f"http://{name}/a.png"]


def test_an_onion_site_is_recrawled_by_socks() -> None:
    name = "expyuzz4wqqyqhjn.onion"
    with SyntheticHost(RESOURCES) as host, SocksServer({name: host.port}) as proxy:
        found = crawl(f"http://{name}/", access=AccessProfile(proxy=proxy.url), kind=ScopeKind.SITE)
    assert found.urls == [f"http://{name}/a.png"]


def test_a_page_cannot_lead_a_proxy_inside() -> None:
    name = "pictures.site.com"
    inside = {"/": Resource(None, b"", {"Location": "http://127.0.0.1/secret.png"}, 302)}
    with SyntheticHost(inside) as host, SocksServer({name: host.port}) as proxy:
        crawl(f"http://{name}/", access=AccessProfile(proxy=proxy.url), allow_addresses=())
        crawl("http://127.0.0.1/", access=AccessProfile(proxy=proxy.url), allow_addresses=())
        local = crawl("http://printer.local/", access=AccessProfile(proxy=proxy.url), allow_addresses=())
    assert set(proxy.asked) == {Asked(name, 80, is_name=True)}
    assert local.outcomes == {"http://printer.local/": "refused_address"}


@pytest.mark.parametrize("code", [1, 4, 5])
def test_what_a_proxy_cannot_reach_is_an_outcome(code: int) -> None:
    with SocksServer() as proxy:
        proxy.refuses_with = code
        found = crawl("http://pictures.site.com/a.png", access=AccessProfile(proxy=proxy.url))
    (skip,) = found.skips
    assert (skip.outcome, skip.is_failure) == ("unreachable", True)
    assert skip.reason == f"the proxy made no connection: it said {code}"


def test_a_password_is_in_nothing_that_a_recrawl_says(capfd: pytest.CaptureFixture[str]) -> None:
    with SocksServer(login=LOGIN) as proxy:
        pass
    found = crawl("http://pictures.site.com/a.png", access=AccessProfile(proxy=proxy.url))
    said = capfd.readouterr()
    assert LOGIN[1] not in repr(found) + said.out + said.err
    assert [skip.reason for skip in found.skips] == ["no connection to the proxy"]


# --- politeness ---


def test_a_host_that_asks_for_a_long_pause_does_not_keep_a_recrawl_beyond_its_time() -> None:
    busy = Resource(None, b"", {"Retry-After": "300"}, 429)
    with SyntheticHost({**RESOURCES, "/a.png": busy}) as host:
        for seconds in (2, 20, 200):  # until it is long enough for the first request
            began = time.monotonic()
            found = crawl(host.url, limits=Limits(max_seconds=seconds))
            took = time.monotonic() - began
            if "/a.png" in host.paths:
                break
    assert took < 300  # the pause that the host asks for
    assert found.stopped_by == "max_seconds"
    assert host.paths.count("/a.png") == 1


def test_a_host_that_pauses_keeps_no_other_host_of_its_site_waiting() -> None:
    busy = [f"/busy{number}.png" for number in range(20)]
    files = [f"/{number}.png" for number in range(20)]
    images = [*(f"http://a.site.com{path}" for path in busy), *(f"http://b.site.com{path}" for path in files)]
    page = "".join(f"<img src={url}>" for url in images).encode()
    answer = Resource(None, b"", {"Retry-After": "300"}, 429)
    with (
        SyntheticHost({"/": Resource("text/html", page), **dict.fromkeys(busy, answer)}) as a,
        SyntheticHost({path: Resource("image/png", PICTURE + path.encode()) for path in files}) as b,
        SocksServer({"a.site.com": a.port, "b.site.com": b.port}) as proxy,
    ):
        for seconds in (3, 20, 200):  # until it is long enough for the other host
            a.requests.clear()
            found = crawl(
                "http://a.site.com/",
                kind=ScopeKind.SITE,
                access=AccessProfile(proxy=proxy.url),
                limits=Limits(max_seconds=seconds),
            )
            if len(found.urls) == len(files):
                break
    assert sorted(found.urls) == sorted(f"http://b.site.com{path}" for path in files)
    assert found.stopped_by == "max_seconds"
    # Those that were asked before the host said so, and nobody since.
    assert 1 <= len([path for path in a.paths if path in busy]) <= 2
    assert sum(skip.count for skip in found.skips) >= len(busy)
