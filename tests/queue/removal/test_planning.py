"""A re-check asks as the recrawl asked that found the file, and goes no further."""

from __future__ import annotations

import pytest
from builders import NOON, a_sighting, transaction, work
from orbweaver.model import (
    Embeds,
    Report,
    Scope,
    ScopeKind,
    format_time,
    now,
)
from orbweaver.queue.intake.orders import Order
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, recrawls
from orbweaver.queue.removal import planning, recheck_terms
from orbweaver.queue.removal.recheck_terms import RecheckTerms
from orbweaver.store import keys
from orbweaver.takedown.cases import case_store
from recheck_watch import (
    HOUR,
    KNOWN,
    Watch,
)


def test_the_terms_of_the_recrawl_that_found_a_known_file_are_those_of_its_rechecks(watch: Watch) -> None:
    report = Report(url="http://h.test/a.png", report_id="R-1", user_agent="Browser/1")
    scope = Scope(kind=ScopeKind.HOST, name="h.test", authority="the police", expires_at=NOON + 90 * 24 * HOUR)
    recrawl_id = recrawls.create(watch.store, "run", Order(scope=scope, reports=(report,)))
    with transaction(watch.store) as pipe:
        batches.add(watch.store, pipe, "run", [a_sighting(KNOWN, report_ids=("R-1",))], recrawl_id=recrawl_id)
    watch.store.hset(keys.upkeep(), "looked_at", format_time(now()))
    work(watch.store, QueueName.MATCH)
    terms = recheck_terms.read(watch.store, "h.test")

    assert terms == RecheckTerms(scope=scope, reports=(report,))
    [case] = case_store.all_cases(watch.store)
    order = planning.order_of("h.test", [case], terms, 0x1234567890)
    assert (order.scope.authority, order.scope.expires_at) == ("the police", scope.expires_at)
    assert order.scope.follows_links is False
    assert [(one.url, one.user_agent) for one in order.reports] == [
        ("http://h.test/a.bin", "Browser/1"),
        ("http://h.test/q1234567890.bin", "Browser/1"),  # in the same way, or it could not be compared
        ("http://h.test/", "Browser/1"),
    ]


def test_of_a_path_scope_no_control_url_lies_outside(watch: Watch) -> None:
    case = watch.case(watch.open_case("http://h.test/a/b/known.png"))
    scope = Scope(kind=ScopeKind.PATH, name="h.test", prefixes=("http://h.test/a/b/",))
    order = planning.order_of("h.test", [case], RecheckTerms(scope=scope), 1)

    assert [one.url for one in order.reports] == ["http://h.test/a/b/known.png", "http://h.test/a/b/q1.png"]
    assert order.recheck is not None
    assert order.recheck.root is None


@pytest.mark.parametrize(
    ("reported", "url", "kind", "cookies"),
    [
        ("http://h.test/page", "http://h.test/a.png", ScopeKind.HOST, "adult=1"),
        ("https://h.test/page", "http://h.test/a.png", ScopeKind.HOST, None),
        ("http://h.test/page", "http://cdn.test/a.png", ScopeKind.HOST, None),
        ("http://www.example.com/page", "http://img.example.com/a.png", ScopeKind.HOST, None),
        ("http://www.example.com/page", "http://img.example.com/a.png", ScopeKind.SITE, "adult=1"),
    ],
)
def test_cookies_of_a_report_go_no_further_than_in_a_recrawl(
    watch: Watch, reported: str, url: str, kind: ScopeKind, cookies: str | None
) -> None:
    case = watch.case(watch.open_case(url, report_ids=("R-1",), referrer=reported))
    report = Report(url=reported, report_id="R-1", cookies="adult=1", user_agent="Browser/1")
    name = "example.com" if kind is ScopeKind.SITE else reported.split("/")[2]
    scope = Scope(kind=kind, name=name, embeds=Embeds.ANY)
    order = planning.order_of(case.host, [case], RecheckTerms(scope=scope, reports=(report,)), 1)

    assert {one.cookies for one in order.reports} == {cookies}
    assert {one.user_agent for one in order.reports} == {"Browser/1"}
