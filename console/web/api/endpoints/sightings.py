"""Sightings: files that were found and that no list knows. Digests and facts, never a byte of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from orbweaver.console import access
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.api.paging import Cursor, Items, Limit, read_cursor, write_cursor
from orbweaver.console.web.api.token_guard import ApiCaller, TokenGuard
from orbweaver.console.web.console import Console
from orbweaver.model import Moment, Sighting
from orbweaver.queue.records import retained


def endpoints(console: Console, guard: TokenGuard, router: APIRouter) -> None:
    """Add the endpoint to a router."""
    store = console.store

    @router.get("/sightings", summary="Sightings that matched no list")
    def list_sightings(
        since: Annotated[Moment | None, Query(description="Only files that were seen at this time or later.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        caller: ApiCaller = guard.may(Right.SEE_CASES),
    ) -> Items[Sighting]:
        """Return retained sightings, each once, in no order of time. A sighting that matched is a case."""
        place = read_cursor(cursor, str, str)
        oldest = retained.oldest_kept(console.settings.sighting_retention)
        found = retained.page(
            store,
            after=None if place is None else retained.RetainedPlace(str(place[0]), str(place[1])),
            since=oldest if since is None else max(since, oldest),
            most=limit,
        )
        if found.sightings:
            access.note(store, caller.actor, f"api sightings ({len(found.sightings)})")
        return Items(items=list(found.sightings), next=None if found.after is None else write_cursor(*found.after))
