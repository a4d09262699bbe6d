"""Candidates are visited last, and nothing is lost or blamed on the host because of it."""

from __future__ import annotations

import os

import pytest
from contained import crawl
from orbweaver.crawler.link_kind import LinkKind, LinkSource
from orbweaver.crawler.rules import url_rules
from orbweaver.crawler.rules.scope import scope_for
from orbweaver.crawler.visiting.records.host_answers import GIVEN
from orbweaver.crawler.visiting.records.outcomes import arrival_of
from orbweaver.model import Limits, Outcome, ScopeKind, now
from synthetic_host import Resource, SyntheticHost


def image() -> Resource:
    return Resource("image/png", b"\x89PNG\r\n\x1a\n" + os.urandom(500))


def page(text: str) -> Resource:
    return Resource("text/html", text.encode())


def test_candidates_come_after_the_links_of_their_depth_and_are_fetched_like_them() -> None:
    shown = "<base href=/sub/><script>x = {a: 'a.png', b: '/next.html', c: '//', d: \"URL\"}</script>"
    with SyntheticHost({"/sub/a.png": image(), "/late.png": image()}) as host:
        host.resources |= {
            "/": page(
                shown.replace("URL", host.url + "view") + "<a href=/more><div data-full=/late.png><img src=/b.png>"
            ),
            "/view": page("<img src=/c.png>"),
            **{f"/{name}": image() for name in ("b.png", "c.png")},
            "/more": page("<a href=/deep>"),
            "/deep": page(""),
        }
        crawled = crawl(host.url, host_connections=1)
        assert host.paths == ["/", "/b.png", "/more", "/sub/a.png", "/view", "/c.png", "/late.png", "/deep"]
    assert {url.removeprefix(host.url) for url in crawled.urls} == {"sub/a.png", "b.png", "c.png", "late.png"}
    assert crawled.skips == []


def test_a_candidate_that_is_nothing_is_said_and_no_failure_and_counts_for_nobody() -> None:
    nothing = "<script>['gone.png', 'page.png', 'empty.png', '/x/gone2.png']</script>"
    resources = {"/": page(nothing), "/page.png": page("a page"), "/empty.png": Resource("image/png", b"")}
    with SyntheticHost(resources) as host:
        crawled = crawl(host.url)
    assert {skip.url.removeprefix(host.url): (skip.rule, skip.status) for skip in crawled.skips} == {
        "gone.png": ("candidate.script", 404),
        "page.png": ("candidate.script", 200),
        "empty.png": ("candidate.script", 200),
        "x/gone2.png": ("candidate.script", 404),
    }
    assert crawled.tally.failures == 0


def test_what_was_a_candidate_first_and_is_linked_later_counts_as_linked() -> None:
    resources = {
        "/": page("<script>['gone.png', 'there.png']</script><a href=2.html>"),
        "/2.html": page("<a href=3.html>"),
        "/3.html": page("<img src=gone.png><img src=there.png>"),
        "/there.png": image(),
    }
    with SyntheticHost(resources) as host:
        crawled = crawl(host.url, host_connections=1)
        assert host.paths == ["/", "/2.html", "/gone.png", "/there.png", "/3.html", "/gone.png"]
    assert [skip.rule for skip in crawled.skips] == ["candidate.script", "http.404"]
    assert crawled.urls.count(host.url + "there.png") == 1


def test_a_candidate_that_is_linked_before_its_turn_is_asked_for_once_and_as_linked() -> None:
    resources = {"/": page("<script>['gone.png']</script><a href=2.html>"), "/2.html": page("<img src=gone.png>")}
    with SyntheticHost(resources) as host:
        crawled = crawl(host.url, host_connections=1)
        assert host.paths == ["/", "/2.html", "/gone.png"]
    assert [skip.rule for skip in crawled.skips] == ["http.404"]


def test_candidates_are_judged_by_all_rules_and_pages_of_other_hosts_are_none() -> None:
    html = "<script>['http://other.example/view', 'http://other.example/a.png', '/logout.png?do=delete']</script>"
    with SyntheticHost({"/": page(html)}) as host:
        crawled = crawl(host.url)
        assert host.paths == ["/"]
    rules = {skip.url.partition("//")[2].partition("/")[2]: skip.rule for skip in crawled.skips}
    assert rules == {"a.png": "embeds.off", "logout.png?do=delete": "acting.delete"}


def test_candidates_over_the_limit_of_a_page_are_said_in_one_line() -> None:
    script = " ".join(f"'/{number}.png'" for number in range(2_003))
    with SyntheticHost({"/": page(f"<script>{script}</script>")}) as host:
        crawled = crawl(host.url, limits=Limits(max_depth=0))
        assert set(host.paths) <= {"/robots.txt", "/"}, "nothing is asked for that costs time here"
    assert [skip.rule for skip in crawled.skips].count("limit.candidates") == 1


@pytest.mark.parametrize(
    ("status", "rule", "is_failure", "counted"),
    [
        (400, "candidate.script", False, None),
        (404, "candidate.script", False, None),
        (405, "candidate.script", False, None),
        (410, "candidate.script", False, None),
        (501, "candidate.script", False, None),
        # the host hides something, or is busy: a file may be there
        (401, "http.401", False, "http.401"),
        (403, "http.403", False, "http.403"),
        (429, "http.429", True, "http.429"),
        (503, "http.503", True, "http.503"),
        (200, None, None, GIVEN),
    ],
)
def test_what_the_answer_to_a_candidate_is_worth(
    status: int, rule: str | None, is_failure: bool | None, counted: str | None
) -> None:
    arrival = arrival_of(
        status,
        is_page=False,
        is_empty=False,
        is_file_expected=True,
        is_file_promised=True,
        is_reported=False,
        source=LinkSource.SCRIPT,
    )
    ending = arrival.ending
    assert (ending and ending.rule, ending and ending.is_failure, arrival.counted) == (rule, is_failure, counted)


def test_a_candidate_that_answers_with_a_page_where_a_page_was_expected_is_a_page() -> None:
    arrival = arrival_of(
        200,
        is_page=True,
        is_empty=False,
        is_file_expected=False,
        is_file_promised=False,
        is_reported=False,
        source=LinkSource.SCRIPT,
    )
    assert arrival.ending is None


@pytest.mark.parametrize("source", [LinkSource.SCRIPT, LinkSource.ATTRIBUTE])
def test_the_rule_of_a_candidate_has_a_name_of_its_own(source: LinkSource) -> None:
    url = "http://h.example/a.jpg"
    scope = scope_for(ScopeKind.HOST, url, Limits())
    decided = url_rules.decide(scope, url_rules.ReachedUrl(url, LinkKind.FILE, source=source), now=now())
    assert (decided.is_allowed, decided.rule, decided.outcome) == (True, f"candidate.{source}", Outcome.OUT_OF_SCOPE)
