"""The recrawls under way: a row for each host, once by itself, or again every two seconds where scripts run."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from orbweaver.console import recrawl_wording
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.console import Console
from orbweaver.console.web.guard import AccessGuard, Caller
from orbweaver.queue.fleet.shown import under_way
from orbweaver.queue.fleet.shown.pace import PaceMeter
from orbweaver.store.connection import Store
from redis.exceptions import RedisError

LOOK_SECONDS: Final = 2.0
# Then a page stops by itself: one that is left open is no reason to ask the store all night.
LIVE_SECONDS: Final = 600.0
# Each keeps a connection open, and the console has 200: pages that nobody looks at keep nobody out.
MOST_WATCHING: Final = 60
ROWS: Final = 200


class FleetWatch:
    """Looks at the fleet once for all who watch it, at most every second, and measures the pace of recrawls."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._meter = PaceMeter()
        self._looked_at = -1e9
        self._last: dict[str, Any] = {}

    def look(self) -> Mapping[str, Any]:
        """Return the values that the table is filled with. Raises RedisError."""
        with self._lock:
            if time.monotonic() - self._looked_at > LOOK_SECONDS / 2:
                seen = under_way.look(self._store)
                paces = self._meter.take(seen)
                rows = [
                    (one, paces.get(one.recrawl_id), recrawl_wording.left(one, seen.at)) for one in seen.recrawls[:ROWS]
                ]
                self._last = {"seen": seen, "rows": rows, "more": len(seen.recrawls) - len(rows)}
                self._looked_at = time.monotonic()
            return self._last


def pages(console: Console, guard: AccessGuard) -> APIRouter:
    """Return the routes of the recrawls under way."""
    router = APIRouter()
    watch = FleetWatch(console.store)
    watching = 0

    @router.get("/recrawls")
    def show(request: Request, caller: Caller = guard.may(Right.SEE_HOSTS)) -> Response:
        may_change = caller.account.may(Right.CHANGE_HOSTS)
        return console.templates.page(request, "recrawls.html", caller.session, may_change=may_change, **watch.look())

    @router.get("/recrawls/live", response_class=EventSourceResponse)
    async def live(
        request: Request, _caller: Caller = guard.may(Right.SEE_HOSTS, is_of_person=False)
    ) -> AsyncIterator[ServerSentEvent]:
        """Send the table again and again, for as long as the session lasts."""
        nonlocal watching
        ends_at = time.monotonic() + (LIVE_SECONDS if watching < MOST_WATCHING else 0.0)
        watching += 1
        try:
            while time.monotonic() < ends_at:
                try:
                    table = await run_in_threadpool(_table, request)
                except RedisError:
                    table = ""  # the page keeps the last one
                if table is None:
                    break
                if table:
                    yield ServerSentEvent(raw_data=table, event="table")
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            watching -= 1
        yield ServerSentEvent(raw_data="over", event="over")

    def _table(request: Request) -> str | None:
        session = guard.session_of(request, is_of_person=False)
        if session is None or not session.account.may(Right.SEE_HOSTS):
            return None
        return console.templates.part(request, "recrawls_table.html", **watch.look())

    return router
