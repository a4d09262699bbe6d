"""A request says of the page that led to it what a browser says, and never more than the page allows."""

from __future__ import annotations

import pytest
from orbweaver.crawler.asked_as import ReferrerPolicy as P
from orbweaver.crawler.rules.referrers import (
    DEFAULT_POLICY,
    MOST_CHARACTERS,
    policy_after,
    policy_of_header,
    referrer_for,
    site_relation,
)

PAGE = "https://a.com/x/y?z"
ORIGIN = "https://a.com/"
SAME, OTHER, HTTP = "https://a.com/b.png", "https://b.com/b.png", "http://a.com/b.png"
NEAR = "https://cdn.a.com/b.png"  # another origin of the same site


@pytest.mark.parametrize(
    ("policy", "same", "near", "other", "http"),
    [
        (DEFAULT_POLICY, PAGE, ORIGIN, ORIGIN, None),
        (P.STRICT_ORIGIN, ORIGIN, ORIGIN, ORIGIN, None),
        (P.ORIGIN, ORIGIN, ORIGIN, ORIGIN, ORIGIN),
        (P.ORIGIN_WHEN_CROSS_ORIGIN, PAGE, ORIGIN, ORIGIN, ORIGIN),
        (P.SAME_ORIGIN, PAGE, None, None, None),
        (P.NO_REFERRER, None, None, None, None),
        (P.NO_REFERRER_WHEN_DOWNGRADE, PAGE, PAGE, ORIGIN, None),
        (P.UNSAFE_URL, PAGE, PAGE, ORIGIN, PAGE),
    ],
)
def test_a_policy_decides_by_origin_and_downgrade(
    policy: P, same: str | None, near: str | None, other: str | None, http: str | None
) -> None:
    said = [referrer_for(PAGE, url, policy) for url in (SAME, NEAR, OTHER, HTTP)]
    assert said == [same, near, other, http]
    stranger = referrer_for(PAGE, "http://b.com/b.png", policy)
    assert stranger in {None, ORIGIN}


@pytest.mark.parametrize(
    ("page", "url", "expected"),
    [
        ("http://a.com/x", "https://a.com/b", "http://a.com/"),  # an upgrade is another origin
        ("http://a.com/x", "http://a.com:8080/b", "http://a.com/"),
        ("http://a.com:8080/x", "http://a.com:8080/b", "http://a.com:8080/x"),
        ("http://a.com/x", "http://a.com.b.com/b", "http://a.com/"),
        (f"{ORIGIN}{'x' * MOST_CHARACTERS}", SAME, ORIGIN),
    ],
)
def test_an_origin_is_scheme_host_and_port(page: str, url: str, expected: str) -> None:
    assert referrer_for(page, url, DEFAULT_POLICY) == expected


@pytest.mark.parametrize(
    ("at", "declared", "then", "expected"),
    [
        (SAME, None, SAME, PAGE),
        (SAME, None, OTHER, ORIGIN),
        (OTHER, None, SAME, ORIGIN),  # what was left out does not come back
        (HTTP, None, SAME, None),
        (SAME, P.NO_REFERRER, SAME, None),
        (SAME, P.UNSAFE_URL, NEAR, PAGE),
        (SAME, P.UNSAFE_URL, OTHER, ORIGIN),
        (OTHER, P.UNSAFE_URL, SAME, ORIGIN),
    ],
)
def test_a_redirect_never_says_more(at: str, declared: P | None, then: str, expected: str | None) -> None:
    assert referrer_for(PAGE, then, policy_after(PAGE, at, DEFAULT_POLICY, declared)) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), None),
        (("nonsense",), None),
        (("Origin",), P.ORIGIN),
        (("no-referrer, unsafe-url, nonsense",), P.UNSAFE_URL),  # the last word that is known
        (("origin", " same-origin "), P.SAME_ORIGIN),
    ],
)
def test_the_last_known_word_of_a_header_counts(values: tuple[str, ...], expected: P | None) -> None:
    assert policy_of_header(values) is expected


@pytest.mark.parametrize(
    ("page", "url", "expected"),
    [
        (None, SAME, "none"),
        (PAGE, SAME, "same-origin"),
        (PAGE, "https://cdn.a.com/", "same-site"),
        (PAGE, "https://a.com:8443/", "same-site"),
        (PAGE, HTTP, "cross-site"),
        (PAGE, OTHER, "cross-site"),
        ("https://a.github.io/", "https://b.github.io/", "cross-site"),
    ],
)
def test_pages_and_urls_are_related(page: str | None, url: str, expected: str) -> None:
    assert site_relation(page, url) == expected
