"""Re-checks from the due time to the event, with a real store, real crawl processes and real hosts.

A recrawl is done here as its worker does it; the clock is a value.
"""

from __future__ import annotations

import asyncio
import json
import select
import socket
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from address_databases import write_database
from aiohttp import web
from builders import NOON, a_match, a_sighting, add_batch, build_list, digests_of, started_worker, transaction, work
from host_fleet import add_host, add_worker
from loopback_ports import closed_port
from orbweaver import settings as orbweaver_settings
from orbweaver.model import (
    Case,
    CaseState,
    Embeds,
    EventType,
    HttpFacts,
    Limits,
    Report,
    Scope,
    ScopeKind,
    Sighting,
    format_time,
    now,
)
from orbweaver.queue import queues
from orbweaver.queue.intake.orders import Order
from orbweaver.queue.matching import settlement
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, in_force, recrawls
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.queue.recrawling import RecrawlUnderWay
from orbweaver.queue.removal import planning, recheck_terms, rechecking, starting, under_way
from orbweaver.queue.removal.recheck_terms import RecheckTerms
from orbweaver.queue.removal.starting import NotChecked
from orbweaver.settings import Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import Stamp
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver.takedown.removal import recheck_times, returns, siblings
from orbweaver.takedown.removal.returns import ReturnKind
from orbweaver_command import eventually
from synthetic_host import Resource, SyntheticHost

KNOWN = b"\x89PNG\r\n\x1a\n" + b"known" * 60
OTHER = b"\x89PNG\r\n\x1a\n" + b"other" * 60
THIRD = b"\x89PNG\r\n\x1a\n" + b"third" * 60
SETTINGS = Settings(sandbox="off", allow_addresses=("127.0.0.0/8",))
# What else is asked for may time out as well on a busy machine: that is no answer either.
IMPATIENT = SETTINGS.model_copy(
    update={"header_timeout": timedelta(seconds=0.1), "connect_timeout": timedelta(seconds=0.1)}
)
HOUR = timedelta(hours=1)
MINUTES = timedelta(minutes=1)
FRONT = Resource("text/html", b"<title>Our pictures</title><h1>Welcome</h1><p>All of them<a href=/a/>more</a>")
FILE = Resource("image/png", KNOWN)
PATH = "/a/known.png"


def page(words: str, status: int = 200) -> Resource:
    return Resource("text/html", f"<title>Our pictures</title>{words}".encode(), status=status)


def to(target: str) -> Resource:
    return Resource(None, headers={"Location": target}, status=302)


class Watch:
    """A store, a worker that has room, and a clock; a case is looked for as a worker would look for it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.at = NOON
        add_worker(store, places=5)

    def open_case(self, url: str, body: bytes = KNOWN, **fields: Any) -> str:
        host = url.partition("://")[2].partition("/")[0]
        http = fields.pop("http", HttpFacts(status=200))
        sighting = Sighting(
            url=url, final_url=url, host=host, digests=digests_of(body), http=http, seen_at=self.at, **fields
        )
        stamp = Stamp(case_store.stamp(self.store).source, self.at)
        change = change_by_match(sighting, a_match(body=body), None, stamp)
        with transaction(self.store) as pipe:
            settlement.write_changes(self.store, pipe, "run", [change])
            recheck_times.set_due(pipe, host, {str(change.after.case.case_id): self.at + 4 * HOUR})
        return str(change.after.case.case_id)

    def terms(self, host: str, **scope: Any) -> None:
        given = {"kind": ScopeKind.HOST, "name": host, "limits": Limits(), **scope}
        port = host.partition(":")[2]
        given.setdefault("ports", (int(port),) if port else (80, 443))
        terms = RecheckTerms(scope=Scope(**given), reports=given.pop("reports", ()))
        self.store.set(keys.recheck_terms(host), terms.model_dump_json())

    def look(self) -> rechecking.Rechecked:
        return rechecking.look(self.store, SETTINGS, self.at)

    def recheck(self, host: str, settings: Settings = SETTINGS) -> None:
        """Look for the cases of a host now: start, crawl, and judge."""
        self.store.zadd(keys.recheck_hosts(), {host: self.at.timestamp()})
        ids = self.store.zrange(keys.recheck_cases(host), 0, -1)
        self.store.zadd(keys.recheck_cases(host), dict.fromkeys(map(text, ids), self.at.timestamp()))
        done = self.look()
        assert host in done.started.started, done
        self.crawl(done.started.started[host], settings)
        if self.store.scard(keys.batches()):
            # The worker's own upkeep goes by the clock of the machine.
            self.store.hset(keys.upkeep(), "looked_at", format_time(now()))
            work(self.store, QueueName.MATCH)
        self.look()

    def crawl(self, recrawl_id: str, settings: Settings = SETTINGS) -> None:
        begun = RecrawlUnderWay.begin(self.store, recrawl_id, settings)
        assert begun is not None
        try:
            while not (begun.take() and begun.keep()):
                select.select([begun], [], [])
        finally:
            begun.close()
        self.store.hset(keys.recrawl(recrawl_id), "ended_at", format_time(self.at))
        self.drop_jobs()

    def drop_jobs(self) -> None:
        queue = queues.queue_for(self.store, QueueName.RECRAWL)
        for job_id in queue.get_job_ids():
            self.store.lrem(queue.key, 0, job_id)
            self.store.delete(queues.job_key(job_id))

    def case(self, case_id: str) -> Case:
        record = case_store.record_of(self.store, case_id)
        assert record is not None
        return record.case

    def rule(self, case_id: str) -> str:
        removal = self.case(case_id).removal
        assert removal is not None
        return removal.rule

    def due_in(self, case_id: str) -> timedelta | None:
        due_at = recheck_times.due_at(self.store, self.case(case_id))
        return None if due_at is None else timedelta(seconds=due_at - self.at.timestamp())

    def kinds(self, case_id: str) -> list[EventType]:
        ids = self.store.lrange(keys.case_events(case_id), 0, -1)
        events = [self.store.hget(keys.event(text(one)), "json") for one in ids]
        return [EventType(json.loads(one)["type"]) for one in events if one is not None]


@pytest.fixture
def watch(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Watch:
    monkeypatch.setenv("MATCHER_URL", build_list(tmp_path / "list", [digests_of(one).sha256 for one in (KNOWN, THIRD)]))
    monkeypatch.setenv("TAKEDOWN_SINKS", f"jsonl:{tmp_path}/events.jsonl")
    return Watch(store)


async def never(_: web.BaseRequest) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def cut(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "image/png", "Content-Length": "1000"})
    await response.prepare(request)
    await response.write(KNOWN[:100])
    assert request.transport is not None
    request.transport.close()
    return response


async def beginning(request: web.BaseRequest) -> web.StreamResponse:
    """Send the first bytes of the file, as HTTP/1.0 does: only the end of the connection ends them."""
    assert request.transport is not None
    request.transport.write(b"HTTP/1.0 200 OK\r\nContent-Type: image/png\r\n\r\n" + KNOWN[:100])
    request.transport.close()
    return web.Response()


class Situation(NamedTuple):
    """What the host does with the URL of the case, with its front page, and with everything else."""

    file: Resource | None
    rule: str
    front: Resource = FRONT
    rest: Resource | None = None
    settings: Settings = SETTINGS


WALL = page("<h1>Members only</h1><form><input type=password></form>")
PORTAL = page("<p>Accept the terms of this network to go on")
SALE = page("<h1>pictures.com</h1><p>This domain is for sale")
SOFT = page("<h1>Hm.</h1><p>Look elsewhere")
BUSY = Resource("text/plain", b"Service temporarily unavailable")
DENIED = Resource("text/plain", b"denied: 8f2a61")
SITUATIONS = {
    "the file": Situation(FILE, "live.seen"),
    "the file with the status of what is gone": Situation(Resource("image/png", KNOWN, status=410), "live.seen"),
    "a text for all that the host is in trouble": Situation(BUSY, "unavailable.page", rest=BUSY),
    "a text for all, and for the front page": Situation(DENIED, "unknown.same-file", DENIED, DENIED),
    "the beginning of the file": Situation(Resource(None, beginning), "unknown.perhaps-cut"),
    "soft 404": Situation(SOFT, "gone.soft-404", rest=SOFT),
    "a page that says gone": Situation(page("<p>This image was deleted by its owner"), "gone.page-gone"),
    "a parking page": Situation(SALE, "gone.parked", SALE, SALE),
    "a login wall": Situation(WALL, "blocked.gate.login", rest=WALL),
    "a geo-block": Situation(page("<p>This site is not available in your country"), "blocked.elsewhere"),
    "a captive portal": Situation(PORTAL, "unknown.same-page", PORTAL, PORTAL),
    "a captive portal that sends on": Situation(to("/portal"), "unknown.front-page", to("/portal"), to("/portal")),
    "an error page of a network": Situation(page("<h1>Error 522</h1><p>The web server is down"), "unavailable.page"),
    "404": Situation(None, "gone.http-404"),
    "410": Situation(page("gone", 410), "gone.http-410"),
    "451": Situation(page("law", 451), "blocked.http-451"),
    "403": Situation(page("no", 403), "blocked.http-403"),
    "429": Situation(page("slow", 429), "blocked.http-429"),
    "503": Situation(page("busy", 503), "unavailable.http-503"),
    "404 while all else is 503": Situation(None, "unavailable.in-trouble", rest=page("busy", 503)),
    "a hang": Situation(Resource(None, never), "unavailable.timeout", settings=IMPATIENT),
    "a body that is cut": Situation(Resource(None, cut), "unavailable.incomplete"),
    "a redirect to the front page": Situation(to("/"), "gone.front-page", rest=to("/")),
    "a redirect out of scope": Situation(to("http://elsewhere.example/a"), "unknown.leads-out"),
    "another file": Situation(Resource("image/png", OTHER), "changed.file"),
    "another file that a list knows": Situation(Resource("image/png", THIRD), "changed.known"),
    "a picture for all that is gone": Situation(
        Resource("image/png", OTHER), "gone.placeholder", rest=Resource("image/png", OTHER)
    ),
    "the file again": Situation(FILE, "live.seen"),
}


class TurningHost(SyntheticHost):
    """A host that goes from one situation to the next."""

    situation = SITUATIONS["the file"]

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        self.resources = {"/": self.situation.front, "/portal": PORTAL}
        if self.situation.file is not None:
            self.resources[PATH] = self.situation.file
        elif self.situation.rest is not None:
            self.resources[PATH] = Resource("text/plain", b"not found", status=404)
        path = request.raw_path
        if path not in self.resources and path != "/robots.txt" and self.situation.rest is not None:
            self.resources[path] = self.situation.rest
        return await super()._respond(request)


def test_a_host_goes_through_each_situation_and_none_that_is_no_removal_counts_as_one(watch: Watch) -> None:
    with TurningHost({}) as host:
        case_id = watch.open_case(f"{host.url[:-1]}{PATH}")
        found = {}
        for name, situation in SITUATIONS.items():
            host.situation = situation
            watch.at += 4 * HOUR
            watch.recheck(host.host, situation.settings)
            found[name] = watch.rule(case_id)
        host.situation = SITUATIONS["the file"]

    assert found == {name: situation.rule for name, situation in SITUATIONS.items()}
    assert watch.case(case_id).state is CaseState.OPEN
    assert EventType.REMOVED not in watch.kinds(case_id)


def test_hosts_that_cannot_be_reached_are_no_removal_but_a_name_that_is_gone_is(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def names(host: Any, *arguments: Any, **options: Any) -> Any:  # what the system's resolver says of them
        if str(host).endswith(".test"):
            raise socket.gaierror(socket.EAI_NONAME if host == "nobody.test" else socket.EAI_AGAIN, "no")
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", names)
    with closed_port() as port, SyntheticHost({}) as plain:
        refused = f"127.0.0.1:{port}"
        hosts = {
            refused: ("http", "unavailable.unreachable"),
            plain.host: ("https", "unavailable.unreachable"),
            "nobody.test": ("http", "gone.no-such-name"),
            "silent.test": ("http", "unavailable.unresolved"),
        }
        for host, (scheme, rule) in hosts.items():
            case_id = watch.open_case(f"{scheme}://{host}{PATH}")
            for _ in range(3 if rule.startswith("gone") else 1):
                watch.at += 4 * HOUR
                watch.recheck(host)
            assert watch.rule(case_id) == rule
            assert watch.case(case_id).state is (CaseState.REMOVED if rule.startswith("gone") else CaseState.OPEN)


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


def test_a_recheck_whose_worker_is_killed_loses_no_check_and_removes_nothing(watch: Watch) -> None:
    with TurningHost({}) as host:
        case_id = watch.open_case(f"{host.url[:-1]}{PATH}")
        watch.at += 4 * HOUR
        [recrawl_id] = watch.look().started.started.values()
        begun = RecrawlUnderWay.begin(watch.store, recrawl_id, SETTINGS)  # and its worker is killed
        assert begun is not None
        begun.close()
        assert watch.look().judged.under_way == 1
        watch.drop_jobs()  # after its last try
        watch.at += MINUTES
        watch.look()
        case = watch.case(case_id)

    assert case.removal is not None
    assert (case.removal.rule, case.state) == ("unknown.not-asked", CaseState.OPEN)
    assert watch.due_in(case_id) == 4 * HOUR
    assert under_way.read_all(watch.store) == []


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


def test_a_recheck_that_never_got_its_job_gets_it_from_the_next_look(watch: Watch) -> None:
    watch.open_case(f"http://h.test{PATH}")
    watch.at += 4 * HOUR
    [recrawl_id] = watch.look().started.started.values()
    watch.drop_jobs()
    watch.look()

    queue = queues.queue_for(watch.store, QueueName.RECRAWL)
    assert [queue.fetch_job(one).args for one in queue.get_job_ids()] == [[recrawl_id]]


def test_two_that_judge_the_same_recheck_judge_it_once(watch: Watch) -> None:
    watch.open_case(f"http://h.test{PATH}")
    watch.at += 4 * HOUR
    [recrawl_id] = watch.look().started.started.values()
    watch.drop_jobs()
    recrawls.end(watch.store, recrawl_id, RecrawlState.FAILED, reason="a bug")
    first, second = watch.look(), watch.look()

    assert (len(first.judged.changes), len(second.judged.changes)) == (1, 0)


def test_a_host_has_one_recheck_at_a_time_and_a_claim_that_is_lost_comes_back(watch: Watch) -> None:
    case_id = watch.open_case(f"http://h.test{PATH}")
    watch.at += 4 * HOUR
    assert len(watch.look().started.started) == 1
    watch.store.zadd(keys.recheck_cases("h.test"), {case_id: watch.at.timestamp()})
    watch.store.zadd(keys.recheck_hosts(), {"h.test": watch.at.timestamp()})
    assert watch.look().started == starting.Started()

    watch.store.flushall()
    add_worker(watch.store)
    watch.open_case(f"http://h.test{PATH}")
    watch.at += 4 * HOUR
    [claimed] = recheck_times.claim(watch.store, watch.at, 5)  # and its process is killed
    assert claimed.host == "h.test"
    assert recheck_times.claim(watch.store, watch.at, 5) == []
    watch.at += recheck_times.LEASE
    assert recheck_times.claim(watch.store, watch.at, 5) == [claimed]


@pytest.mark.parametrize(
    ("fields", "rule", "again"),
    [
        ({"pause": "asked by the police"}, "unknown.not-asked", 4 * HOUR),
        ({"retired_at": NOON}, "unknown.not-asked", 4 * HOUR),
        ({"expires_in": -1}, "unknown.not-asked", 4 * HOUR),
        ({"quiet_hours": "15:00-18:00 UTC"}, None, 2 * HOUR),
    ],
)
def test_a_host_that_may_not_be_asked_is_not(
    watch: Watch, fields: Mapping[str, Any], rule: str | None, again: timedelta
) -> None:
    given = {key: value for key, value in fields.items() if key != "expires_in"}
    if "expires_in" in fields:
        given["expires_at"] = NOON
    add_host(watch.store, **given)
    case_id = watch.open_case(f"http://h.test{PATH}")
    watch.at += 4 * HOUR
    done = watch.look()

    assert done.started.started == {}
    assert done.started.given_back == {"h.test": NotChecked.QUIET if rule is None else NotChecked.REFUSED}
    removal = watch.case(case_id).removal
    assert (None if removal is None else removal.rule) == rule
    assert watch.due_in(case_id) == again


def test_a_host_with_another_recrawl_job_and_a_fleet_without_room_wait(watch: Watch) -> None:
    case_id = watch.open_case(f"http://h.test{PATH}")
    watch.at += 4 * HOUR
    queues.enqueue_recrawl(watch.store, "h.test", "another", 60)
    assert watch.look().started.given_back == {"h.test": NotChecked.BUSY}
    assert watch.due_in(case_id) == starting.BUSY_AGAIN

    watch.at += HOUR
    watch.drop_jobs()
    watch.store.delete("rq:workers:recrawl")
    assert watch.look().started == starting.Started()


def test_a_case_that_cannot_be_read_holds_up_no_other_host(watch: Watch) -> None:
    bad, good = watch.open_case("http://bad.test/a.png"), watch.open_case("http://h.test/a.png")
    watch.look()  # enters them
    watch.at += 4 * HOUR
    json_of_bad = watch.store.hget(keys.case(bad), "json")
    watch.store.hset(keys.case(bad), "json", "{}")
    done = watch.look().started
    assert done.started.keys() == {"h.test"}
    assert done.given_back == {"bad.test": NotChecked.UNREADABLE}

    # And one that cannot be read any more when its re-check is over.
    recrawls.end(watch.store, done.started["h.test"], RecrawlState.FAILED, reason="a bug")
    json_of_good = watch.store.hget(keys.case(good), "json")
    watch.store.hset(keys.case(good), "json", "{}")
    watch.drop_jobs()
    assert watch.look().judged.changes == []
    assert under_way.read_all(watch.store) == []

    for case_id, stored in ((bad, json_of_bad), (good, json_of_good)):
        watch.store.hset(keys.case(case_id), "json", stored)
    watch.at += recheck_times.LEASE
    assert watch.look().started.started.keys() == {"bad.test", "h.test"}


def test_cases_of_an_earlier_release_are_entered_once(watch: Watch) -> None:
    case_id = watch.open_case(f"http://h.test{PATH}")
    watch.store.delete(keys.recheck_hosts(), keys.recheck_cases("h.test"))
    watch.store.delete("rq:workers:recrawl")
    watch.look()
    assert watch.due_in(case_id) == timedelta(0)
    watch.look()
    assert watch.store.get(keys.rechecks_entered()) == b"all"


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
