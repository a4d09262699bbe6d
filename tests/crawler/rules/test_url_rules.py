"""The ordered rules: a table of scope, candidate and decision, then which rules which URLs are spared."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.rules import url_rules
from orbweaver.crawler.rules.scope import scope_for, site_of
from orbweaver.crawler.rules.url_rules import ENDLESS_COST, MAX_PAGE_URL_LENGTH, RULES, ReachedUrl, UrlDecision, explain
from orbweaver.crawler.rules.urls import MAX_URL_LENGTH, hostname_of, join
from orbweaver.model import AccessProfile, Embeds, Limits, Outcome, RobotsControl, Scope, ScopeKind
from pydantic import ValidationError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ROOT = "http://www.example.com/"
HOST = scope_for(ScopeKind.HOST, ROOT, Limits(max_depth=3))
SITE = scope_for(ScopeKind.SITE, ROOT, Limits())
PATH = scope_for(ScopeKind.PATH, f"{ROOT}board/", Limits())
WITH_SITE = HOST.model_copy(update={"embeds": Embeds.SAME_SITE})
WITH_ANY = HOST.model_copy(update={"embeds": Embeds.ANY})
EXPIRED = HOST.model_copy(update={"expires_at": NOW})
PAGE, FILE = LinkKind.PAGE, LinkKind.FILE


def link(url: str, **known: object) -> ReachedUrl:
    return ReachedUrl(url, **{"kind": PAGE, "referrer": ROOT, "depth": 1, **known})  # type: ignore[arg-type]


def embed(url: str, **known: object) -> ReachedUrl:
    return link(url, **{"kind": FILE, "is_embed": True, **known})


def report(url: str) -> ReachedUrl:
    return ReachedUrl(url, PAGE, is_reported=True)


def decide(scope: Scope, reached: ReachedUrl) -> UrlDecision:
    return url_rules.decide(scope, reached, now=NOW)


LONG = ROOT + "a" * (MAX_PAGE_URL_LENGTH - len(ROOT))
DEEP = ROOT + "/".join(f"f{number}" for number in range(21))
REPEATED = f"{ROOT}images/images/images/a.jpg"
ELSEWHERE = "http://other.example.net/a.jpg"
SAME_SITE = "http://cdn.example.com/a.jpg"


@pytest.mark.parametrize(
    ("scope", "reached", "rule", "outcome"),
    [
        # accepted
        (HOST, link(f"{ROOT}a"), "accept", None),
        (SITE, link("https://cdn.example.com/a"), "accept", None),
        (PATH, link(f"{ROOT}board/a"), "accept", None),
        (HOST, report(f"{ROOT}a"), "reported", None),
        # scheme
        (HOST, link("ftp://www.example.com/a"), "scheme", Outcome.OUT_OF_SCOPE),
        (HOST, report("ftp://www.example.com/a"), "scheme", Outcome.OUT_OF_SCOPE),
        # authority
        (EXPIRED, link(f"{ROOT}a"), "scope.expired", Outcome.OUT_OF_SCOPE),
        (EXPIRED, report(f"{ROOT}a"), "scope.expired", Outcome.OUT_OF_SCOPE),
        (HOST.model_copy(update={"expires_at": NOW + timedelta(seconds=1)}), link(f"{ROOT}a"), "accept", None),
        # scope
        (HOST, link(SAME_SITE), "scope.host", Outcome.OUT_OF_SCOPE),
        (HOST, link(f"http://www.example.com:81/{'a'}"), "scope.port", Outcome.OUT_OF_SCOPE),
        (SITE, link(ELSEWHERE), "scope.site", Outcome.OUT_OF_SCOPE),
        (PATH, link(f"{ROOT}a"), "scope.path", Outcome.OUT_OF_SCOPE),
        (HOST, report(ELSEWHERE), "scope.host", Outcome.OUT_OF_SCOPE),
        (WITH_ANY, link(ELSEWHERE), "scope.host", Outcome.OUT_OF_SCOPE),
        (WITH_ANY, link(ELSEWHERE, kind=FILE), "scope.host", Outcome.OUT_OF_SCOPE),
        # embeds
        (HOST, embed(f"{ROOT}a.jpg"), "accept", None),
        (HOST, embed(SAME_SITE), "embeds.off", Outcome.OUT_OF_SCOPE),
        (WITH_SITE, embed(SAME_SITE), "accept", None),
        (WITH_SITE, embed(ELSEWHERE), "embeds.site", Outcome.OUT_OF_SCOPE),
        (WITH_ANY, embed(ELSEWHERE), "accept", None),
        (WITH_ANY, embed(ELSEWHERE, referrer=SAME_SITE), "embeds.referrer", Outcome.OUT_OF_SCOPE),
        (WITH_ANY, embed(ELSEWHERE, referrer=None), "embeds.referrer", Outcome.OUT_OF_SCOPE),
        (WITH_ANY, embed("http://other.example.net:8080/a"), "embeds.port", Outcome.OUT_OF_SCOPE),
        (WITH_ANY, embed("http://www.example.com:8080/a"), "embeds.port", Outcome.OUT_OF_SCOPE),
        (WITH_ANY, embed(ELSEWHERE, is_redirect=True), "accept", None),
        (WITH_ANY, embed("https://i0.wp.com/other.example/a.jpg"), "acting.thumbnailer", Outcome.ACTING_LINK),
        # length
        (HOST, link(LONG), "accept", None),
        (HOST, link(LONG + "a"), "trap.length", Outcome.TRAP),
        (HOST, link(LONG + "a", is_redirect=True), "trap.length", Outcome.TRAP),
        (HOST, link(LONG + "a", kind=FILE), "accept", None),
        (HOST, link(ROOT + "a" * MAX_URL_LENGTH, kind=FILE), "trap.length", Outcome.TRAP),
        # hops
        (HOST, link(f"{ROOT}a", depth=3), "accept", None),
        (HOST, link(f"{ROOT}a", depth=4), "limit.max_depth", Outcome.LIMIT),
        (HOST, link(f"{ROOT}a", depth=4, is_redirect=True), "limit.max_depth", Outcome.LIMIT),
        # paths
        (HOST, link(REPEATED, kind=FILE), "trap.repeated-segments", Outcome.TRAP),
        (HOST, link(REPEATED, is_redirect=True), "trap.repeated-segments", Outcome.TRAP),
        (HOST, link(DEEP), "trap.segments", Outcome.TRAP),
        # acting links
        (HOST, link(f"{ROOT}logout"), "acting.log-out", Outcome.ACTING_LINK),
        (HOST, embed(f"{ROOT}logout"), "acting.log-out", Outcome.ACTING_LINK),
        (HOST, link(f"{ROOT}out?url={ELSEWHERE}"), "acting.embedded-url", Outcome.ACTING_LINK),
        # costlier
        (HOST, link(f"{ROOT}calendar/2031/07"), "cost.calendar", None),
        (HOST, link(f"{ROOT}list?sort=name"), "cost.facets", None),
        (HOST, link(f"{ROOT}calendar/2031/07", kind=FILE), "accept", None),
    ],
)
def test_the_first_rule_that_does_not_abstain_decides(
    scope: Scope, reached: ReachedUrl, rule: str, outcome: Outcome | None
) -> None:
    decision = decide(scope, reached)
    assert (decision.rule, decision.is_allowed) == (rule, outcome is None)
    assert outcome is None or decision.outcome is outcome
    assert decision.reason
    assert reached.url not in decision.reason


@pytest.mark.parametrize("url", [LONG + "a", REPEATED, DEEP, f"{ROOT}logout", f"{ROOT}calendar/2031/07"])
def test_a_reported_url_is_spared_the_rules_against_traps_but_where_it_redirects_to_is_not(url: str) -> None:
    assert decide(HOST, report(url)).rule == "reported"
    target = report(url)._replace(is_redirect=True)
    assert decide(HOST, target) == decide(HOST, link(url, depth=0, is_redirect=True))


def test_what_looks_endless_costs_more_and_all_else_the_same() -> None:
    assert decide(HOST, link(f"{ROOT}calendar/2031/07")).cost == ENDLESS_COST
    assert {decide(HOST, one).cost for one in (link(ROOT), report(ROOT), embed(f"{ROOT}a.jpg"))} == {1}


def test_every_rule_abstains_until_one_decides() -> None:
    said = list(explain(HOST, link(f"{ROOT}logout"), now=NOW))
    names = [rule.name for rule in RULES]
    assert [name for name, _ in said] == names[: names.index("acting") + 1]
    assert [decision for _, decision in said[:-1]] == [None] * (len(said) - 1)
    assert said[-1][1] == decide(HOST, link(f"{ROOT}logout"))


def test_the_last_rule_takes_every_url() -> None:
    assert RULES[-1].judge(EXPIRED, link("ftp://other.example/"), NOW) is not None


def test_operators_can_read_the_rules_in_their_order() -> None:
    text = (Path(__file__).parents[3] / "docs" / "operators.md").read_text()
    section = text.partition("\n## Rules\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| \d+ \| `([a-z-]+)` \|", section, flags=re.MULTILINE) == [rule.name for rule in RULES]


def test_robots_can_only_be_overridden_under_a_named_authority() -> None:
    record = AccessProfile(robots=RobotsControl.RECORD)
    for authority in (None, "", "  "):
        with pytest.raises(ValidationError, match="named authority"):
            Scope(kind=ScopeKind.HOST, name="www.example.com", access=record, authority=authority)
    Scope(kind=ScopeKind.HOST, name="www.example.com", access=record, authority="a hotline")
    Scope(kind=ScopeKind.HOST, name="www.example.com")


references = st.lists(
    st.sampled_from(["/", "..", "a", "b", "?", "&", "=", ":", "//", "http:", "%2f", "logout", "2020", "example.com"])
).map("".join)


@given(references, st.booleans(), st.booleans(), st.sampled_from(Embeds))
def test_nothing_out_of_scope_is_allowed_but_what_a_page_in_scope_shows(
    reference: str, is_reported: bool, is_embed: bool, embeds: Embeds
) -> None:
    page = f"{ROOT}board/a/"
    try:
        url = join(page, reference)
    except UrlRefused:
        return
    scope = PATH.model_copy(update={"embeds": embeds})
    decision = decide(scope, ReachedUrl(url, PAGE, page, 1, is_reported=is_reported, is_embed=is_embed))
    if decision.is_allowed and not url.startswith(("http://www.example.com/board/", "https://www.example.com/board/")):
        assert is_embed
        assert embeds is Embeds.ANY or (embeds is Embeds.SAME_SITE and site_of(hostname_of(url)) == "example.com")
