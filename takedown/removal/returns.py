"""Counts how often files came back after their removal: by host, by provider and by digest."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from orbweaver.model import Case, EventType
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases.changes import CaseChange

if TYPE_CHECKING:
    from redis.client import Pipeline

_MOVE_ONE: Final = Path(__file__).with_name("move_return.lua").read_text()


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


def rename(pipe: Pipeline, before: Case, after: Case) -> None:
    """Queue that one return of a case counts for the names that the case has after it was pseudonymised."""
    renamed = names_of(after)
    for kind, name in names_of(before).items():
        if name != renamed.get(kind, name):
            pipe.eval(_MOVE_ONE, 1, keys.returns(kind), name, renamed[kind])


def counts(store: Store, kind: ReturnKind, names: Sequence[str]) -> list[int]:
    """Return how often files came back, for each name."""
    return [int(count or 0) for count in store.hmget(keys.returns(kind), list(names))] if names else []
