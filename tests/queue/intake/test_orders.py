"""Reports become one recrawl per host or site."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from orbweaver.model import AccessProfile, Embeds, Limits, Report, RobotsControl, ScopeKind
from orbweaver.queue.errors import AuthorityMissing
from orbweaver.queue.intake.orders import Order, Terms, plan

REPORTS = [
    Report(url="http://b.org/1", report_id="r1"),
    Report(url="http://www.a.org/x", report_id="r2"),
    Report(url="http://b.org/2", report_id="r3"),
    Report(url="https://b.org:8443/", report_id="r4"),
    Report(url="http://www.a.org/y", report_id="r5"),
]


def test_reports_of_one_host_are_one_recrawl_in_the_order_of_first_report() -> None:
    orders = plan(REPORTS, ScopeKind.HOST, Limits())
    assert [order.scope.name for order in orders] == ["b.org", "www.a.org", "b.org:8443"]
    assert [[report.report_id for report in order.reports] for order in orders] == [["r1", "r3"], ["r2", "r5"], ["r4"]]


def test_no_report_is_lost_or_doubled() -> None:
    for kind in ScopeKind:
        planned = [report for order in plan(REPORTS, kind, Limits()) for report in order.reports]
        assert sorted(planned, key=lambda one: str(one.report_id)) == REPORTS


def test_hosts_of_one_site_are_one_recrawl_and_its_ports_are_joined() -> None:
    orders = plan([*REPORTS, Report(url="http://cdn.a.org/z")], ScopeKind.SITE, Limits())
    assert [order.scope.name for order in orders] == ["b.org", "a.org"]
    assert 8443 in orders[0].scope.ports
    assert [len(order.reports) for order in orders] == [3, 3]


def test_paths_of_one_host_are_one_recrawl_with_every_prefix() -> None:
    reports = [Report(url="http://b.org/one/"), Report(url="http://b.org/two/")]
    [order] = plan(reports, ScopeKind.PATH, Limits())
    assert order.scope.prefixes == ("http://b.org/one/", "http://b.org/two/")


def test_the_limits_are_those_that_were_asked_for() -> None:
    limits = Limits(max_files=3)
    assert {order.scope.limits for order in plan(REPORTS, ScopeKind.HOST, limits)} == {limits}


def test_no_report_is_no_recrawl() -> None:
    assert plan([], ScopeKind.HOST, Limits()) == []


def test_every_scope_has_the_terms_that_were_asked_for() -> None:
    terms = Terms(
        authority="Hotline 12",
        expires_at=datetime(2026, 12, 31, tzinfo=UTC),
        embeds=Embeds.SAME_SITE,
        access=AccessProfile(user_agent="A", robots=RobotsControl.RECORD),
    )
    for kind in ScopeKind:
        for order in plan(REPORTS, kind, Limits(), terms):
            said = order.scope
            assert (
                Terms(authority=said.authority, expires_at=said.expires_at, embeds=said.embeds, access=said.access)
                == terms
            )
            assert Order.model_validate_json(order.model_dump_json()) == order


@pytest.mark.parametrize("authority", [None, ""])
def test_robots_is_passed_over_in_nobodys_name_never(authority: str | None) -> None:
    terms = Terms(authority=authority, access=AccessProfile(robots=RobotsControl.RECORD))
    with pytest.raises(AuthorityMissing, match="--authority"):
        plan(REPORTS, ScopeKind.HOST, Limits(), terms)
