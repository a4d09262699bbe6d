"""Says how much of the budget may be spent now: it comes evenly over the day, and the rest is saved for one day."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Final

from orbweaver.store import keys
from orbweaver.store.connection import Store

if TYPE_CHECKING:
    from redis.client import Pipeline

_DAY_SECONDS: Final = 86_400.0
_LEFT: Final = "left"
_AT: Final = "at"


def left(store: Store | Pipeline, budget: float, at: datetime) -> float:
    """Return what may be spent at a moment: at most the budget of a day. A pipeline must be watching."""
    stored, then = store.hmget(keys.budget(), [_LEFT, _AT])
    if stored is None or then is None:
        return budget
    # A clock that jumped back gives nothing and takes nothing.
    passed = max(0.0, at.timestamp() - float(then))
    return min(budget, float(stored) + budget * passed / _DAY_SECONDS)


def take(store: Store, budget: float, cost: float, most: int, at: datetime) -> int:
    """Take the cost of as many visits as the budget has, at most so many; returns how many. `cost` is that of one."""
    taken = 0

    def write(pipe: Pipeline) -> None:
        nonlocal taken
        rest = left(pipe, budget, at)
        taken = max(0, min(most, math.floor(rest / cost))) if budget else 0
        pipe.multi()
        pipe.hset(keys.budget(), mapping={_LEFT: repr(rest - taken * cost), _AT: repr(at.timestamp())})

    store.transaction(write, keys.budget())
    return taken


def give_back(target: Store | Pipeline, cost: float) -> None:
    """Give back what was taken and not spent; below 0 it is what was spent beyond that. A pipeline queues it."""
    if cost:
        target.hincrbyfloat(keys.budget(), _LEFT, cost)
