"""Shares the places at one address among the recrawls of one worker. Pure.

An address has as many places as one host may have connections. A recrawl fills one with each request. What is shared is
never more than the worker has; who is to give a place back keeps it until its request has ended, or for LATE_SECONDS.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# When there are fewer places than recrawls they go round: each has its turn of so many seconds.
TURN_SECONDS: Final = 10.0
# A request that is under way for so long after its place was wanted back fills it no longer: a host that sends a byte a
# second, or says that it does, must not keep the other hosts of its address from being asked.
LATE_SECONDS: Final = 30.0
# Who has a place keeps it between two requests: it has a page to read.
IDLE_SECONDS: Final = 1.0


@dataclass(slots=True, eq=False)
class Sharer:
    """A recrawl at an address: how many places it may fill, since when it fills more, and when it wanted one last.

    `over_places` is how many it had when it was first seen to fill more.
    """

    places: int = 0
    over_places: int = 0
    over_since: float | None = None
    wanted_at: float = -math.inf

    def wants(self, *, now: float, is_asking: bool) -> bool:
        """Return whether it wants a place: one for a request, or the one that it has for the next."""
        if is_asking:
            self.wanted_at = now
        return is_asking or (self.places > 0 and now < self.wanted_at + IDLE_SECONDS)

    def filled(self, under_way: int, now: float) -> int:
        """Return how many places count as filled; `under_way` are the requests that the recrawl says it has.

        When it fills more it has LATE_SECONDS, and these anew only when places were given to it or taken back
        meanwhile: one that lies could say for a moment that it fills none.
        """
        if under_way <= self.places:
            if self.places != self.over_places:
                self.over_since = None
            return self.places
        if self.over_since is None or self.places < self.over_places:
            self.over_since, self.over_places = now, self.places
        return under_way if now < self.over_since + LATE_SECONDS else self.places


def shares(places: int, wants: Sequence[bool], turn: int) -> list[int]:
    """Return how many places each of several recrawls is to have; together they are no more than there are.

    When there are places for all, each keeps its own; else they go round among those that want one.

    >>> shares(2, [True, False], turn=0), shares(2, [True, True, True, False], turn=0)
    ([1, 1], [1, 1, 0, 0])
    >>> shares(2, [True, True, True, False], turn=1)
    [1, 0, 1, 0]
    """
    members = range(len(wants))
    chosen = list(members) if len(wants) <= places else [one for one in members if wants[one]]
    shared = [0] * len(wants)
    if chosen:
        each, rest = divmod(places, len(chosen))
        for rank, one in enumerate(chosen):
            shared[one] = each + ((rank - turn * rest) % len(chosen) < rest)
    return shared


def granted(places: int, wanted: Sequence[int], held: Sequence[int]) -> list[int]:
    """Return how many places each may fill from now on, of those that it is to have.

    `held` is how many each still fills. What others still fill nobody gets.
    """
    free = places - sum(held)
    given = []
    for share, filled in zip(wanted, held, strict=True):
        more = min(max(share - filled, 0), max(free, 0))
        free -= more
        given.append(min(share, filled + more))
    return given
