"""Hosts that go from one situation to the next, and re-checks of them as a worker does them; the clock is a value."""

from __future__ import annotations

import asyncio
import json
import select
from datetime import timedelta
from typing import Any, NamedTuple

from aiohttp import web
from builders import NOON, a_match, digests_of, transaction, work
from host_fleet import add_worker
from orbweaver.model import (
    Case,
    EventType,
    HttpFacts,
    Limits,
    Scope,
    ScopeKind,
    Sighting,
    format_time,
    now,
)
from orbweaver.queue import queues
from orbweaver.queue.matching import settlement
from orbweaver.queue.queues import QueueName
from orbweaver.queue.recrawling import RecrawlUnderWay
from orbweaver.queue.removal import rechecking
from orbweaver.queue.removal.recheck_terms import RecheckTerms
from orbweaver.settings import Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import Stamp
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver.takedown.removal import recheck_times
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
    """The acts of a host: with the URL of the case, with its front page, and with everything else."""

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
