"""Keeps where a recrawl is, so that another crawl process goes on there: the next slice, or after one was killed.

What it has to be gone back to is counted when it is kept: of the skips and of the pieces that were recorded later, the
next attempt knows nothing. All is deleted when the recrawl ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from orbweaver.crawler.visiting.checkpoints.earlier_slices import NO_SLICES, EarlierSlices
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.store.reads import Read
from redis.typing import EncodableT, FieldT

if TYPE_CHECKING:
    from redis.client import Pipeline

# A recrawl that nobody has gone on with for so long begins anew.
KEPT_SECONDS = 7 * 24 * 3600


class Recorded(NamedTuple):
    """How much of a recrawl is recorded: lines about what was not fetched, and pieces of what was met."""

    skips: int = 0
    pieces: int = 0


def met(recrawl_id: str, piece: bytes) -> Callable[[Pipeline], None]:
    """Return the write of hashes of URLs that were met; they count from the next checkpoint on."""

    def write(pipe: Pipeline) -> None:
        pipe.rpush(keys.recrawl_met(recrawl_id), piece)
        pipe.expire(keys.recrawl_met(recrawl_id), KEPT_SECONDS)

    return write


def kept(recrawl_id: str, state: bytes, recorded: Recorded, seconds: float) -> Callable[[Pipeline], None]:
    """Return the write of a checkpoint, `seconds` of crawling after the beginning of the recrawl."""
    fields: dict[FieldT, EncodableT] = {
        "state": state,
        "skips": recorded.skips,
        "pieces": recorded.pieces,
        "seconds": f"{seconds:.3f}",
    }

    def write(pipe: Pipeline) -> None:
        pipe.hset(keys.recrawl_checkpoint(recrawl_id), mapping=fields)
        pipe.expire(keys.recrawl_checkpoint(recrawl_id), KEPT_SECONDS)
        pipe.expire(keys.recrawl_met(recrawl_id), KEPT_SECONDS)

    return write


def spent(recrawl_id: str, seconds: float) -> Callable[[Pipeline], None]:
    """Return the write that a recrawl with a checkpoint has taken so many seconds; it goes on from the same one."""

    def write(pipe: Pipeline) -> None:
        pipe.hset(keys.recrawl_checkpoint(recrawl_id), "seconds", f"{seconds:.3f}")
        pipe.expire(keys.recrawl_checkpoint(recrawl_id), KEPT_SECONDS)

    return write


def forget(pipe: Pipeline, recrawl_id: str) -> None:
    """Queue that nothing is kept of a recrawl."""
    pipe.unlink(keys.recrawl_checkpoint(recrawl_id), keys.recrawl_met(recrawl_id))


def reading_recorded(recrawl_id: str) -> Read[Recorded | None]:
    """Return the read of what was recorded at the last checkpoint, None without one."""

    def understand(answers: Sequence[Any]) -> Recorded | None:
        skips, pieces = answers[0]
        return None if skips is None or pieces is None else Recorded(int(skips), int(pieces))

    return Read(lambda pipe: pipe.hmget(keys.recrawl_checkpoint(recrawl_id), ["skips", "pieces"]), understand)


def go_back(pipe: Pipeline, recrawl_id: str, to: Recorded) -> None:
    """Queue that what was recorded after the last checkpoint is forgotten, because it is done again."""
    for key, count in ((keys.recrawl_skips(recrawl_id), to.skips), (keys.recrawl_met(recrawl_id), to.pieces)):
        if count:
            pipe.ltrim(key, 0, count - 1)
        else:
            pipe.delete(key)


def read(store: Store, recrawl_id: str) -> tuple[EarlierSlices, Recorded]:
    """Return what earlier slices of a recrawl left, and how much is recorded; of a recrawl that was gone back."""
    with store.pipeline(transaction=True) as pipe:
        pipe.hmget(keys.recrawl_checkpoint(recrawl_id), ["state", "skips", "pieces", "seconds"])
        pipe.lrange(keys.recrawl_met(recrawl_id), 0, -1)
        (state, skips, pieces, seconds), met_before = pipe.execute()
    if state is None or len(met_before) != int(pieces):
        return NO_SLICES, Recorded()
    return EarlierSlices(state, tuple(met_before), float(seconds)), Recorded(int(skips), int(pieces))
