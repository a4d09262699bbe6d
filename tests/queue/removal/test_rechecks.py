"""Re-checks from the due time to the event, with a real store, real crawl processes and real hosts."""

from __future__ import annotations

from typing import Any

import pytest
from address_databases import write_database
from aiohttp import web
from builders import NOON, a_sighting, add_batch, started_worker, work
from orbweaver import settings as orbweaver_settings
from orbweaver.model import (
    CaseState,
    EventType,
    Report,
    Scope,
    ScopeKind,
    format_time,
    now,
)
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import in_force
from orbweaver.queue.removal import rechecking
from orbweaver.queue.removal.recheck_terms import RecheckTerms
from orbweaver.store import keys
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.removal import returns, siblings
from orbweaver.takedown.removal.returns import ReturnKind
from orbweaver_command import eventually
from recheck_watch import (
    FILE,
    HOUR,
    KNOWN,
    MINUTES,
    OTHER,
    PATH,
    SETTINGS,
    SITUATIONS,
    TurningHost,
    Watch,
    page,
    to,
)
from synthetic_host import SyntheticHost


def test_a_file_on_another_host_of_the_site_has_moved(watch: Watch) -> None:
    with SyntheticHost({"/b.png": FILE}) as other, SyntheticHost({PATH: to(f"{other.url}b.png")}) as host:
        case_id = watch.open_case(f"{host.url[:-1]}{PATH}")
        watch.terms(host.host, kind=ScopeKind.SITE, name="127.0.0.1", ports=(host.port, other.port))
        watch.at += 4 * HOUR
        watch.recheck(host.host)
        first = watch.rule(case_id)
        watch.at += 4 * HOUR
        watch.recheck(host.host)

    assert (first, watch.rule(case_id)) == ("moved.host", "live.seen")
    assert watch.kinds(case_id) == [EventType.OPENED, EventType.MOVED]
    assert watch.case(case_id).final_url == f"{other.url}b.png"


def test_a_scheduler_with_other_databases_leaves_where_a_file_is_hosted(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    database = write_database(tmp_path / "c.mmdb", {"127.0.0.0/8": {"country": {"iso_code": "SE"}}})
    monkeypatch.setenv("GEO_COUNTRY_DB", str(database))
    monkeypatch.setenv("ROUTES", "SE=police *=inhope")
    in_force.declare(watch.store, orbweaver_settings.load(), [QueueName.MATCH])
    with SyntheticHost({PATH: FILE}) as host:
        case_id = watch.open_case(f"{host.url[:-1]}{PATH}")
        watch.at += 4 * HOUR
        watch.recheck(host.host)
        located = watch.case(case_id).hosting
        monkeypatch.delenv("GEO_COUNTRY_DB")
        watch.at += 4 * HOUR
        watch.recheck(host.host)

    assert located is not None
    assert (located.country, located.route) == ("SE", "police")
    assert (watch.case(case_id).hosting, watch.rule(case_id)) == (located, "live.seen")
    assert watch.case(case_id).last_seen > NOON
    assert "other values of GEO_COUNTRY_DB are in force" in caplog.text


def test_a_case_is_removed_closed_and_opened_again_and_its_returns_are_counted(watch: Watch) -> None:
    with TurningHost({}) as host:
        case_id = watch.open_case(f"{host.url[:-1]}{PATH}")
        host.situation = SITUATIONS["404"]
        for _ in range(3):
            watch.at += 4 * MINUTES
            watch.recheck(host.host)
        assert watch.kinds(case_id) == [EventType.OPENED, EventType.REMOVED]
        assert watch.due_in(case_id) == HOUR
        host.situation = SITUATIONS["the file"]
        watch.at += HOUR
        watch.recheck(host.host)
        again = watch.case(case_id)

    assert (again.state, again.last_seen.replace(microsecond=0) > NOON) == (CaseState.OPEN, True)
    assert watch.kinds(case_id)[2:] == [EventType.REOPENED]
    assert watch.due_in(case_id) == 4 * HOUR
    names = [host.host], [again.sha256]
    assert returns.counts(watch.store, ReturnKind.HOST, names[0]) == [1]
    assert returns.counts(watch.store, ReturnKind.DIGEST, names[1]) == [1]


def test_urls_are_asked_for_as_they_were_reported_with_two_more_and_no_link(watch: Watch) -> None:
    link = "<a href=/b>b</a>"
    with SyntheticHost({PATH: FILE, "/": page(link), "/b": page(link)}) as host:
        url = f"{host.url[:-1]}{PATH}"
        report = Report(url=url, report_id="R-1", user_agent="Browser/1", accept_language="sv", cookies="adult=1")
        watch.open_case(url, report_ids=("R-1",), referrer="http://forum.example/thread")
        watch.terms(host.host)
        terms = RecheckTerms(scope=Scope(kind=ScopeKind.HOST, name=host.host, ports=(host.port,)), reports=(report,))
        watch.store.set(keys.recheck_terms(host.host), terms.model_dump_json())
        watch.at += 4 * HOUR
        watch.recheck(host.host)
        requests = dict(host.requests)

    assert sorted(requests, key=len)[:2] == ["/", PATH]
    assert len(requests) == 3
    asked = requests[PATH]
    assert (asked["Referer"], asked["User-Agent"]) == ("http://forum.example/thread", "Browser/1")
    assert (asked["Accept-Language"], asked["Cookie"]) == ("sv", "adult=1")
    assert "If-None-Match" not in asked


def test_what_a_control_url_gives_makes_no_case_and_is_not_asked_about(watch: Watch) -> None:
    class Same(SyntheticHost):
        async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
            self.resources[request.raw_path] = FILE
            return await super()._respond(request)

    with Same({}) as host:
        case_id = watch.open_case(f"{host.url[:-1]}{PATH}")
        watch.at += 4 * HOUR
        watch.recheck(host.host)

    assert watch.rule(case_id) == "live.seen"
    assert [str(one.case_id) for one in case_store.all_cases(watch.store)] == [case_id]


def test_a_url_that_is_no_more_the_newest_of_its_case_is_no_removal(watch: Watch) -> None:
    with TurningHost({}) as host:
        host.situation = SITUATIONS["404"]
        url = f"{host.url[:-1]}{PATH}?_="
        case_id = watch.open_case(f"{url}1700000001")
        watch.at += 4 * HOUR
        [recrawl_id] = watch.look().started.started.values()
        watch.crawl(recrawl_id)
        seen = a_sighting(KNOWN, url=f"{url}1700000002").model_copy(update={"host": host.host, "seen_at": watch.at})
        add_batch(watch.store, seen)
        watch.store.hset(keys.upkeep(), "looked_at", format_time(now()))
        work(watch.store, QueueName.MATCH)
        assert watch.case(case_id).last_url == f"{url}1700000002"
        watch.at += MINUTES
        watch.look()

    assert watch.rule(case_id) == "unknown.not-asked"


def test_the_same_file_elsewhere_is_linked(watch: Watch) -> None:
    here, beside = watch.open_case("http://h.test/a.png"), watch.open_case("http://h.test/b.png")
    far = watch.open_case("http://other.test/c.png")
    watch.open_case("http://other.test/d.png", OTHER)
    found = siblings.of_case(watch.store, watch.case(here))

    assert [str(one.case_id) for one in found.same_host] == [beside]
    assert [str(one.case_id) for one in found.elsewhere] == [far]
    assert (found.count, found.hosts) == (2, ("other.test",))
    assert siblings.as_values(found)[1] == {
        "case_id": far,
        "host": "other.test",
        "url": "http://other.test/c.png",
        "state": "open",
    }


def test_an_ordinary_recrawl_that_sees_the_file_counts_as_a_check(watch: Watch) -> None:
    with TurningHost({}) as host:
        url = f"{host.url[:-1]}{PATH}"
        case_id = watch.open_case(url)
        host.situation = SITUATIONS["404"]
        for _ in range(3):
            watch.at += 4 * MINUTES
            watch.recheck(host.host)
        assert watch.case(case_id).state is CaseState.REMOVED
        watch.at = now() + HOUR  # later than the removal, which is stamped by the machine
        seen = a_sighting(KNOWN, url=url).model_copy(update={"host": host.host, "final_url": url, "seen_at": watch.at})
        add_batch(watch.store, seen)
        watch.store.hset(keys.upkeep(), "looked_at", format_time(now()))
        work(watch.store, QueueName.MATCH)
        again = watch.case(case_id)

    assert again.removal is not None
    assert (again.state, again.removal.rule, again.removal.returns) == (CaseState.OPEN, "live.visit", 1)
    assert returns.counts(watch.store, ReturnKind.HOST, [host.host]) == [1]


def test_a_worker_does_a_recheck_in_the_sandbox_without_a_scheduler(watch: Watch) -> None:
    with TurningHost({}) as host:
        host.situation = SITUATIONS["soft 404"]
        case_id = watch.open_case(f"{host.url[:-1]}{PATH}")
        watch.store.delete("rq:workers:recrawl")
        # Due in March: the upkeep of the worker starts it.
        with started_worker(watch.store, "recrawl", ALLOW_ADDRESSES="127.0.0.0/8"):
            assert eventually(lambda: host.paths)
            assert eventually(lambda: rechecking.look(watch.store, SETTINGS, now()).judged.changes)

    assert watch.rule(case_id) == "gone.soft-404"
    assert watch.store.hget(keys.upkeep(), "looked_at") is not None
