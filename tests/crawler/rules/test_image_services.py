"""The original in an optimised picture's URL: every row of the table, then what no URL may do."""

from __future__ import annotations

import pytest
from calibration import LINEAR, measured
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.rules import image_services, url_rules
from orbweaver.crawler.rules.image_services import SERVICES, ImageService, is_hosts_own, originals, read_services
from orbweaver.crawler.rules.scope import scope_for
from orbweaver.crawler.rules.urls import MAX_URL_LENGTH, canonicalise
from orbweaver.model import Embeds, Limits, ScopeKind, now

PAGE = "http://files.example/a/page"
CDN = "https://cdn.example/a.jpg"
CDN_ESCAPED = "https%3A%2F%2Fcdn.example%2Fa.jpg"


def page_of(service: ImageService) -> str:
    return f"{service.original.partition(':')[0]}://files.example/"


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: f"{service.name} {service.example}")
def test_a_row_finds_the_original_of_its_example_and_no_row_one_in_its_counter_example(service: ImageService) -> None:
    for url in (service.example, service.original, service.counter_example):
        assert canonicalise(url) == url
    assert list(originals(service.example, page_of(service))) == [service.original]
    assert list(originals(service.counter_example, PAGE)) == []
    assert is_hosts_own(service.example) is (service.host == "*")


@pytest.mark.parametrize("name", sorted({service.name for service in SERVICES}))
def test_no_service_is_idle(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [service for service in SERVICES if service.name == name]
    monkeypatch.setattr(image_services, "SERVICES", [service for service in SERVICES if service not in rows])
    assert all(list(originals(service.example, page_of(service))) == [] for service in rows)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("/_next/image?url=%252Fb%252Fa.jpg&w=1", ["http://files.example/b/a.jpg"]),
        ("/_next/image?url=%2Fa%20b.jpg&w=1", ["http://files.example/a%20b.jpg"]),
        (f"/_next/image?url={CDN_ESCAPED}%3Fb%3D%2526&w=1", [f"{CDN}?b=%26"]),
        ("/_next/image?url=%2F%2Fcdn.example%2Fa.jpg", ["http://cdn.example/a.jpg"]),
        # one service in another
        (
            f"/_next/image?url=%2Fcdn-cgi%2Fimage%2Fw%3D3%2F{CDN}",
            [f"http://files.example/cdn-cgi/image/w=3/{CDN}", CDN],
        ),
        ("/_ipx/s_200x200/%2Fb%2Fa.jpg", ["http://files.example/b/a.jpg"]),
        ("/unsafe/300x200/b/a.jpg", ["http://files.example/b/a.jpg"]),
        ("/unsafe/300x200/a.jpg", ["http://files.example/a.jpg"]),
        ("/unsafe/300x200/cdn.example:8080/a.jpg", ["http://cdn.example:8080/a.jpg"]),
        # What is no URL is no original.
        ("/_next/image?url=javascript:alert(1)", []),
        ("/insecure/w:3/aHR0cHM6Ly9", []),
        ("/insecure/w:3/enc/c29tZXRoaW5nIGVuY3J5cHRlZA", []),
        ("/thumb.php?src=uploads/a.jpg", []),
        ("/_next/image?url=https%3A%2F%2F%5C%2F", []),
        ("/a.jpg?url=%2Fb.jpg", []),
    ],
)
def test_an_original_is_found_as_it_is_written(url: str, found: list[str]) -> None:
    assert list(originals(f"http://files.example{url}", PAGE)) == found


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        # the host's own, whatever it is a picture of
        (f"http://files.example/_next/image?url={CDN_ESCAPED}&w=640", "accept"),
        (f"http://files.example/cdn-cgi/image/width=80/{CDN}", "accept"),
        ("http://files.example/insecure/w:30/aHR0cHM6Ly9jZG4uZXhhbXBsZS9hLmpwZw.webp", "accept"),
        (f"http://files.example/cloud/image/fetch/w_300/{CDN}", "accept"),
        # another host's
        (f"http://other.example/_next/image?url={CDN_ESCAPED}&w=640", "acting.embedded-url"),
        (f"http://other.example/cloud/image/fetch/w_300/{CDN}", "acting.embedded-url"),
        ("http://i0.wp.com/cdn.example/a.jpg", "acting.thumbnailer"),
        ("http://other.example/_next/image?url=%2Fa.jpg", "accept"),
        # the host would do for us what acts
        (
            "http://files.example/_next/image?url=https%3A%2F%2Fsaucenao.com%2Fsearch.php%3Furl%3Da",
            "acting.reverse-image-search",
        ),
        (
            "http://files.example/cdn-cgi/image/w=8/https://web.archive.org/save/http://a.example/",
            "acting.archive-on-demand",
        ),
        ("http://files.example/image.php?src=https://other.example/vote/up/3", "acting.vote"),
        ("http://files.example/_next/image?url=%2Flogout&w=8", "acting.log-out"),
        ("http://files.example/thumb?src=https://saucenao.com/a&src=/a.jpg", "acting.reverse-image-search"),
        ("http://files.example/_next/image?url=https%3A%2F%2Fi0.wp.com%2Fcdn.example%2Fa.jpg", "accept"),
        # no picture's
        (f"http://files.example/out?url={CDN_ESCAPED}", "acting.embedded-url"),
        (f"http://files.example/_next/image?url={CDN_ESCAPED}&action=delete", "acting.delete"),
    ],
)
def test_only_a_service_of_another_host_acts(url: str, rule: str) -> None:
    scope = scope_for(ScopeKind.SITE, PAGE, Limits()).model_copy(update={"embeds": Embeds.ANY})
    reached = url_rules.ReachedUrl(url, LinkKind.FILE, PAGE, is_embed=True)
    assert url_rules.decide(scope, reached, now=now()).rule == rule


def test_a_service_on_the_same_site_is_the_hosts_own() -> None:
    scope = scope_for(ScopeKind.HOST, "http://www.example.com/", Limits()).model_copy(update={"embeds": Embeds.ANY})
    url = f"http://img.example.com/_next/image?url={CDN_ESCAPED}"
    reached = url_rules.ReachedUrl(url, LinkKind.FILE, "http://www.example.com/a", is_embed=True)
    assert url_rules.decide(scope, reached, now=now()).rule == "accept"


def test_a_service_is_not_its_own_host_because_it_is_the_scope() -> None:
    scope = scope_for(ScopeKind.HOST, "http://i0.wp.com/", Limits())
    reached = url_rules.ReachedUrl("http://i0.wp.com/cdn.example/a.jpg", LinkKind.FILE)
    assert url_rules.decide(scope, reached, now=now()).rule == "acting.thumbnailer"


@pytest.mark.parametrize("line", ["a * /a url", "a * /a other /(a) b c d", "a * /a url /(a b c d"])
def test_a_row_of_another_form_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        read_services(["# a comment", line])


PIECES = [
    "/_next/image?url=",
    "%2F",
    "/cdn-cgi/image/w=1/",
    "https:",
    "/",
    "%3A",
    "/unsafe/",
    "a.b/",
    "aHR0cHM6Ly9",
    "%",
]


@given(st.lists(st.sampled_from([*PIECES, "/insecure/", "plain/", "300x200/", "&", "=/"])), st.text(max_size=5))
def test_whatever_is_found_is_canonical_and_little(pieces: list[str], text: str) -> None:
    try:
        url = canonicalise("http://files.example/" + "".join(pieces) + text)
    except UrlRefused:
        return
    found = list(originals(url, PAGE))
    assert len(found) <= image_services.MOST_SERVICES
    assert all(canonicalise(one) == one for one in found)


@pytest.mark.parametrize(
    "part", ["/_", "/unsafe/1x1", "=/", "/image?url=", "&url=", "/plain/", "/aHR0c", "/_ipx/_", "1x"]
)
@pytest.mark.parametrize("head", ["/", "/_next/image?", "/unsafe/", "/insecure/", "/insecure"])
@pytest.mark.parametrize("end", ["", "!"])
def test_a_long_url_takes_no_long_time(head: str, part: str, end: str) -> None:
    url = (f"http://files.example{head}" + part * MAX_URL_LENGTH)[: MAX_URL_LENGTH - 1] + end
    with measured() as cost:
        for _ in range(20):
            list(originals(url, PAGE))
    assert cost.units < LINEAR / 200  # the URL is short: where its square is taken, it takes 45
