"""The re-checks that are under way: which recrawl looks for which cases of a host. A host has one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orbweaver.model import Moment, Noun
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from pydantic import ValidationError

if TYPE_CHECKING:
    from redis.client import Pipeline


class RecheckUnderWay(Noun):
    """A recrawl that looks for cases of a host, since it was made."""

    host: str
    recrawl_id: str
    run_id: str
    case_ids: tuple[str, ...]
    made_at: Moment


def note(store: Store, recheck: RecheckUnderWay) -> None:
    """Note a re-check, before it has a job: whatever ends now, somebody goes on with it."""
    with store.pipeline(transaction=True) as pipe:
        pipe.set(keys.recheck(recheck.host), recheck.model_dump_json())
        pipe.sadd(keys.rechecks(), recheck.host)
        pipe.execute()


def forget(pipe: Pipeline, host: str) -> None:
    """Queue that a re-check is over."""
    pipe.delete(keys.recheck(host))
    pipe.srem(keys.rechecks(), host)


def read_all(store: Store) -> list[RecheckUnderWay]:
    """Read all re-checks that are under way, the oldest first; what cannot be read is forgotten, and made anew."""
    hosts = sorted(map(text, store.smembers(keys.rechecks())))
    if not hosts:
        return []
    found = []
    for host, stored in zip(hosts, store.mget([keys.recheck(host) for host in hosts]), strict=True):
        recheck = _read(stored)
        if recheck is None:
            with store.pipeline(transaction=True) as pipe:
                forget(pipe, host)
                pipe.execute()
        else:
            found.append(recheck)
    return sorted(found, key=lambda one: one.made_at)


def is_same(pipe: Pipeline, recheck: RecheckUnderWay) -> bool:
    """Whether a re-check is still under way, and no later one of its host is. The pipeline must be watching its key."""
    stored = _read(pipe.get(keys.recheck(recheck.host)))
    return stored is not None and stored.recrawl_id == recheck.recrawl_id


def _read(stored: bytes | str | None) -> RecheckUnderWay | None:
    try:
        return None if stored is None else RecheckUnderWay.model_validate_json(stored)
    except ValidationError:
        return None
