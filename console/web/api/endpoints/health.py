"""How the parts stand that everything else needs: matching services, sinks, workers, the scheduler."""

from __future__ import annotations

from fastapi import APIRouter
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.api.token_guard import ApiCaller, TokenGuard
from orbweaver.console.web.console import Console
from orbweaver.matcher_client.gate import service_health
from orbweaver.matcher_client.gate.service_health import ServiceHealth
from orbweaver.model import Moment
from orbweaver.queue.fleet.shown import under_way
from orbweaver.queue.records import batches, deliveries
from orbweaver.takedown.delivery import standing
from orbweaver.takedown.delivery.standing import SinkWord
from pydantic import BaseModel, Field


class SinkHealth(BaseModel):
    """How one sink takes events."""

    sink: str = Field(description="Its address.")
    word: SinkWord = Field(description="`well`, `failing` (did not take an event), or `down`.")
    waiting: int = Field(description="Events that it still gets.")
    parked: int = Field(description="Events among them that are tried no more until a person says so.")
    reason: str | None = Field(description="Why it did not take the last one.")


class FleetHealth(BaseModel):
    """How the parts stand. Nothing is asked for it but the store: services were asked by the workers."""

    at: Moment = Field(description="When, by the clock of the store.")
    is_well: bool = Field(description="Whether a scheduler and workers are there, and every service and sink is well.")
    workers: int = Field(description="Workers that take jobs.")
    recrawls_at_once: int = Field(description="How many recrawls they have under way at most.")
    no_scheduler: str | None = Field(
        description="That no scheduler looks at the hosts, and since when; null: one does."
    )
    batches_waiting: int = Field(description="Batches of files that wait for a matching service.")
    matching_services: list[ServiceHealth]
    sinks: list[SinkHealth]


def endpoints(console: Console, guard: TokenGuard, router: APIRouter) -> None:
    """Add the endpoint to a router."""

    @router.get("/health", summary="How services, sinks and workers stand")
    def read_health(_caller: ApiCaller = guard.may(Right.SEE_FLEET)) -> FleetHealth:
        store = console.store
        seen = under_way.look(store)
        services = list(service_health.read_all(store).values())
        sinks = standing.sinks(store, deliveries.sinks_of(store))
        are_well = all(one.is_healthy for one in services) and all(one.word is SinkWord.WELL for one in sinks)
        return FleetHealth(
            at=seen.at,
            is_well=are_well and seen.silence is None and seen.workers > 0,
            workers=seen.workers,
            recrawls_at_once=seen.places,
            no_scheduler=seen.silence,
            batches_waiting=batches.waiting_count(store),
            matching_services=services,
            sinks=[
                SinkHealth(sink=one.sink, word=one.word, waiting=one.waiting, parked=one.parked, reason=one.reason)
                for one in sinks
            ],
        )
