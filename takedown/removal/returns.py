"""Counts how often files came back after their removal: by host, by provider and by digest."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from orbweaver.model import Case, EventType
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases.transitions import CaseChange

if TYPE_CHECKING:
    from redis.client import Pipeline


class ReturnKind(StrEnum):
    """By what returns are counted."""

    HOST = "host"
    PROVIDER = "provider"
    DIGEST = "digest"


def follow(pipe: Pipeline, change: CaseChange) -> None:
    """Queue the counts on the transaction of a change: of one that opens a case again."""
    if change.event is not None and change.event.type is EventType.REOPENED:
        for kind, name in names_of(change.after.case).items():
            pipe.hincrby(keys.returns(kind), name, 1)


def names_of(case: Case) -> dict[ReturnKind, str]:
    """Return under which names a return of a case is counted; without a known provider it counts for none. Pure."""
    hosting = case.hosting
    names = {ReturnKind.HOST: case.host, ReturnKind.DIGEST: case.sha256}
    if hosting is not None and hosting.asn is not None:
        names[ReturnKind.PROVIDER] = f"AS{hosting.asn}"
    return names


def counts(store: Store, kind: ReturnKind, names: Sequence[str]) -> list[int]:
    """Return how often files came back, for each name."""
    return [int(count or 0) for count in store.hmget(keys.returns(kind), list(names))] if names else []
