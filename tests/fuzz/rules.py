"""The ordered rules and what the seen set calls the same. Input: lines of UTF-8, a reported URL and links."""

from __future__ import annotations

from datetime import UTC, datetime

from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.rules import image_services, url_rules, urls
from orbweaver.crawler.rules.scope import refusal_of, scope_for
from orbweaver.crawler.rules.urls import canonicalise, join
from orbweaver.crawler.visiting.addresses import dedup_key
from orbweaver.model import Limits, ScopeKind

from fuzz.promises import in_time_for
from fuzz.urls import TOKENS as URL_TOKENS

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TOKENS = (
    *URL_TOKENS,
    *(
        b"logout",
        b"delete",
        b"/calendar/2026/01/",
        b"?date=2026-01-02",
        b"&month=",
        b"&sort=",
        b"&filter[]=",
        b"a/a/a/",
    ),
    *(b";jsessionid=0123456789ABCDEF0123", b"&utm_source=x", b"&PHPSESSID=", b"sid=", b"(S(abcdefghijklmnopqrstuvwx))"),
    *(b"/_next/image?url=", b"/cdn-cgi/image/w=1/", b"/unsafe/3x3/", b"/insecure/", b"/plain/", b"aHR0cHM6Ly9hLmIvYw"),
    *(b"&amp;", b"?action=", b"vote", b"add-to-cart=1", b"unsubscribe", b"&_wpnonce=", b"%2Fdelete", b"2019", b"a/a/"),
)


def check(data: bytes) -> None:
    reported, *links = data.decode("utf-8", "replace").split("\n")
    try:
        page = canonicalise(reported)
    except UrlRefused:
        page = "http://www.example.com/a/b?c"
    scopes = [scope_for(kind, page, Limits()) for kind in ScopeKind]
    with in_time_for(data):
        for link in links[:20]:
            try:
                url = join(page, link)
            except UrlRefused:
                continue
            key = dedup_key.key(url)
            assert urls.host_of(key) == urls.host_of(url), "the same as a URL of another host"
            # The lone "?": see test_fuzz.py.
            assert dedup_key.key(key) in {key, key.removesuffix("?")}, "its key has another key"
            # Else a variant would be taken for a URL of its own kind.
            assert key == url or dedup_key.parts_left_out(url), "its key leaves out a part without a name"
            assert urls.host_of(dedup_key.place_of(url)) == urls.host_of(url)
            assert all(canonicalise(original) == original for original in image_services.originals(url, page))
            for scope in scopes:
                for kind in LinkKind:
                    reached = url_rules.ReachedUrl(url, kind, page, 1)
                    decision = url_rules.decide(scope, reached, now=NOW)
                    assert decision == url_rules.decide(scope, reached, now=NOW)
                    assert decision.cost >= 1
                    assert decision.rule
                    assert decision.reason
                    assert not decision.is_allowed or refusal_of(scope, url) is None, "allowed out of scope"
                    of_report = url_rules.decide(scope, reached._replace(is_reported=True), now=NOW)
                    assert of_report.is_allowed == (refusal_of(scope, url) is None), "a reported URL met a trap"
                    *_, (name, last) = url_rules.explain(scope, reached, now=NOW)
                    assert last == decision, name
