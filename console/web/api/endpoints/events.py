"""Events: what became of cases, in the order in which it was recorded, and that an engine has got them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from orbweaver.console import access
from orbweaver.console.errors import NothingThere
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.api.paging import Cursor, Limit, read_cursor, write_cursor
from orbweaver.console.web.api.token_guard import ApiCaller, TokenGuard
from orbweaver.console.web.console import Console
from orbweaver.model import Event, Moment
from orbweaver.queue.records import acknowledgements
from orbweaver.store import durability
from orbweaver.takedown.audit import event_feed
from orbweaver.takedown.cases import case_store
from pydantic import BaseModel, Field

EventId = Annotated[UUID, Path(description="The id of the event.")]


class EventItems(BaseModel):
    """The events after a cursor, oldest first. With `next` a program goes on, now or later: it misses none."""

    items: list[Event]
    next: str = Field(description="The cursor after these events, also where none come yet.")
    is_more: bool = Field(description="Whether others are there already.")


class AcknowledgeWords(BaseModel):
    """The words of an engine with its acknowledgement."""

    reason: str | None = Field(default=None, max_length=4_000, description="Words for the history of the case.")


class Acknowledged(BaseModel):
    """That the engine has an event."""

    event_id: UUID
    case_id: UUID
    acknowledged_at: Moment = Field(description="When it was acknowledged for the first time.")
    is_new: bool = Field(description="Whether that was just now.")


def endpoints(console: Console, guard: TokenGuard, router: APIRouter) -> None:
    """Add the endpoints to a router."""
    store = console.store

    @router.get("/events", summary="Events since a cursor")
    def list_events(
        limit: Limit = 50, cursor: Cursor = None, caller: ApiCaller = guard.may(Right.SEE_CASES)
    ) -> EventItems:
        """Return the events that the store recorded after a cursor, in the order in which it recorded them."""
        place = read_cursor(cursor, int)
        recorded = event_feed.events_after(store, 0 if place is None else int(place[0]), limit)
        stored = case_store.stored_events(store, recorded.event_ids)
        events = [Event.model_validate_json(one) for one in stored if one is not None]
        if events:
            access.note(store, caller.actor, "api events", sorted({str(one.case_id) for one in events}))
        return EventItems(items=events, next=write_cursor(recorded.after_number), is_more=recorded.is_more)

    @router.get("/events/{event_id}", summary="One event")
    def read_event(event_id: EventId, caller: ApiCaller = guard.may(Right.SEE_CASES)) -> Event:
        [stored] = case_store.stored_events(store, [str(event_id)])
        if stored is None:
            raise NothingThere(f"no event has the id {event_id}")
        event = Event.model_validate_json(stored)
        access.note(store, caller.actor, "api event", [str(event.case_id)])
        return event

    @router.post("/events/{event_id}/acknowledgement", summary="Acknowledge an event")
    def acknowledge(
        event_id: EventId, words: AcknowledgeWords | None = None, caller: ApiCaller = guard.may(Right.ACKNOWLEDGE)
    ) -> Acknowledged:
        """Record that the takedown engine has an event; a repeat changes nothing."""
        reason = None if words is None else words.reason
        with durability.kept(store, console.settings.store_replicas):
            known = acknowledgements.acknowledge(store, str(event_id), actor=caller.actor, reason=reason)
        return Acknowledged(
            event_id=UUID(known.event_id),
            case_id=UUID(known.case_id),
            acknowledged_at=known.acknowledged_at,
            is_new=known.is_new,
        )
