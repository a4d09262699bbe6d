"""The ordered rules and what the seen set calls the same. Input: lines of UTF-8, a reported URL and links."""

from __future__ import annotations

from datetime import UTC, datetime

from orbweaver.crawler import rules, sameness, urls
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.links import LinkKind
from orbweaver.crawler.scope import refusal_of, scope_for
from orbweaver.crawler.urls import canonicalise, join
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
            key = sameness.key(url)
            assert urls.host_of(key) == urls.host_of(url), "the same as a URL of another host"
            # The lone "?": see test_fuzz.py.
            assert sameness.key(key) in {key, key.removesuffix("?")}, "its key has another key"
            for scope in scopes:
                for kind in LinkKind:
                    candidate = rules.Candidate(url, kind, page, 1)
                    decision = rules.decide(scope, candidate, now=NOW)
                    assert decision == rules.decide(scope, candidate, now=NOW)
                    assert decision.cost >= 1
                    assert decision.rule
                    assert decision.reason
                    assert not decision.is_allowed or refusal_of(scope, url) is None, "allowed out of scope"
                    reported = rules.decide(scope, candidate._replace(is_reported=True), now=NOW)
                    assert reported.is_allowed == (refusal_of(scope, url) is None), "a reported URL met a trap"
                    *_, (name, last) = rules.explain(scope, candidate, now=NOW)
                    assert last == decision, name
