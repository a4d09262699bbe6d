"""Recrawls: those that are under way, and what is kept of one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from orbweaver.console.errors import NothingThere
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.api.token_guard import ApiCaller, TokenGuard
from orbweaver.console.web.console import Console
from orbweaver.model import Moment, Tally
from orbweaver.queue.fleet.shown import under_way
from orbweaver.queue.records import recrawls
from orbweaver.queue.records.recrawls import RecrawlState
from pydantic import BaseModel, Field


class RunningRecrawl(BaseModel):
    """A recrawl that a worker has."""

    recrawl_id: str
    host: str
    worker: str | None
    began_at: Moment | None = Field(description="When this attempt, or slice, began.")
    attempt: int
    tally: Tally = Field(description="What it has done so far.")
    seconds_left: float | None = Field(description="Of its time; null where earlier attempts count, too.")
    nearest_limit: str | None = Field(description="The limit, other than its time, of which most is used.")
    used_of_it: float | None = Field(description="The share of it that is used.")


class RunningRecrawls(BaseModel):
    """The recrawls that are under way at one moment, the longest first."""

    at: Moment
    recrawls_at_once: int = Field(description="How many the workers have under way at most.")
    items: list[RunningRecrawl]


class RecrawlKept(BaseModel):
    """The record of one recrawl, which is kept for 30 days after its end."""

    recrawl_id: str
    run_id: str
    host: str = Field(description="The host or site of its scope.")
    state: RecrawlState
    attempt: int
    slices: int = Field(description="Slices that have ended.")
    reports: int = Field(description="Reports that it was to visit.")
    tally: Tally
    stopped_by: str | None
    limit: str | None = Field(description="The limit that ended it.")
    reason: str | None
    sandbox: dict[str, object] | None = Field(description="What the kernel enforced on its process.")


def endpoints(console: Console, guard: TokenGuard, router: APIRouter) -> None:
    """Add the endpoints to a router."""
    store = console.store

    @router.get("/recrawls", summary="Recrawls under way")
    def list_recrawls(_caller: ApiCaller = guard.may(Right.SEE_HOSTS)) -> RunningRecrawls:
        seen = under_way.look(store)
        items = []
        for one in seen.recrawls:
            name, used = one.nearest_limit() or (None, None)
            items.append(
                RunningRecrawl(
                    recrawl_id=one.recrawl_id,
                    host=one.host,
                    worker=one.worker,
                    began_at=one.began_at,
                    attempt=one.attempt,
                    tally=one.tally,
                    seconds_left=one.seconds_left(seen.at),
                    nearest_limit=name,
                    used_of_it=used,
                )
            )
        return RunningRecrawls(at=seen.at, recrawls_at_once=seen.places, items=items)

    @router.get("/recrawls/{recrawl_id}", summary="One recrawl")
    def read_recrawl(
        recrawl_id: Annotated[str, Path(min_length=1, max_length=100)],
        _caller: ApiCaller = guard.may(Right.SEE_HOSTS),
    ) -> RecrawlKept:
        record = recrawls.read(store, recrawl_id)
        if record is None:
            raise NothingThere("no recrawl of this id is kept")
        return RecrawlKept(
            recrawl_id=recrawl_id,
            run_id=record.run_id,
            host=record.order.scope.name,
            state=record.state,
            attempt=record.attempt,
            slices=record.slices,
            reports=len(record.order.reports),
            tally=record.tally,
            stopped_by=record.stopped_by,
            limit=record.limit,
            reason=record.reason,
            sandbox=record.sandbox,
        )
