"""Jobs and workers: who works on what, what waits, what failed and why, and what sinks did not take."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from orbweaver.console import access
from orbweaver.console.errors import NothingThere
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.console import Console
from orbweaver.console.web.guard import AccessGuard, Caller
from orbweaver.console.web.pages.hosts.host_list import moment_of
from orbweaver.queue.fleet.shown import failures, job_list, under_way, worker_list
from orbweaver.queue.fleet.shown.job_list import JobState
from orbweaver.queue.hosts import due, scheduler_sign
from orbweaver.queue.records import deliveries
from orbweaver.queue.runs import run_lock
from orbweaver.takedown.delivery import redelivery, standing

# Hosts of one worker that are named; the others are counted.
HOSTS_NAMED: Final = 5
_DONE: Final = frozenset({"retried", "discarded"})


def pages(console: Console, guard: AccessGuard) -> APIRouter:
    """Return the routes of jobs, workers and deliveries."""
    router = APIRouter()
    store = console.store

    @router.get("/fleet")
    def show(
        request: Request, done: str = "", number: int = 0, caller: Caller = guard.may(Right.SEE_FLEET)
    ) -> Response:
        at, sign = due.server_time(store), scheduler_sign.last(store)
        hosts: dict[str | None, list[str]] = defaultdict(list)
        for one in under_way.look(store).recrawls:
            hosts[one.worker].append(one.host)
        sinks = standing.sinks(store, deliveries.sinks_of(store))
        return console.templates.page(
            request,
            "fleet.html",
            caller.session,
            workers=[(one, hosts[one.name]) for one in worker_list.workers(store, at)],
            hosts_named=HOSTS_NAMED,
            sign=sign,
            silence=scheduler_sign.silence(sign, at),
            service=run_lock.service(store),
            counts=job_list.counts(store),
            states=list(JobState),
            failures=failures.look(store),
            sinks=[(one, moment_of(one.since), moment_of(one.next_at)) for one in sinks],
            done=done if done in _DONE else "",
            number=number,
            may_change=caller.account.may(Right.CHANGE_FLEET),
        )

    @router.post("/fleet/deliveries/retry")
    def retry(caller: Caller = guard.may(Right.CHANGE_FLEET)) -> Response:
        sink = caller.field("sink")
        if sink not in deliveries.sinks_of(store):
            raise NothingThere("no event goes to this sink")
        access.note(store, caller.actor, "page /fleet/deliveries/retry", [sink])
        return _done("retried", redelivery.retry(store, [sink], None))

    @router.get("/fleet/jobs/discard")
    def ask(request: Request, caller: Caller = guard.may(Right.CHANGE_FLEET)) -> Response:
        jobs = job_list.refused(store)
        return console.templates.page(request, "fleet_discard.html", caller.session, jobs=jobs)

    @router.post("/fleet/jobs/discard")
    def discard(caller: Caller = guard.may(Right.CHANGE_FLEET)) -> Response:
        shown = set(caller.field("jobs").split())
        # Another person may have removed some since they were shown.
        chosen = [one.job_id for one in job_list.refused(store) if one.job_id in shown]
        access.note(store, caller.actor, "page /fleet/jobs/discard", chosen)
        job_list.discard(store, chosen)
        return _done("discarded", len(chosen))

    return router


def _done(done: str, number: int) -> Response:
    return RedirectResponse(f"/fleet?done={done}&number={number}", 303)
