"""Shares the fleet's budget among hosts: one scale for all intervals, so that floors, ceilings and the budget hold.

Intervals are days; costs and budgets are in one unit, visits or requests, and the budget is for a day.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from orbweaver.queue.errors import ScheduleRefused

_LEAST: Final = 1e-18
_MOST: Final = 1e18
_NOTHING: Final = (0.0, 0.0)


class Demand(NamedTuple):
    """The demand of one host on the budget: its interval is `scale * shape`, kept within `floor` and `ceiling` (days).

    A visit costs `cost`; hosts that differ in nothing else may be one demand with the sum of their costs. Shapes say
    only how intervals compare: the scale is solved for all hosts together.
    """

    shape: float
    cost: float
    floor: float
    ceiling: float


@dataclass(frozen=True, slots=True)
class Allotment:
    """How the budget is shared: `interval()` gives each host its interval by it.

    `scale` is kappa. `stretch` is 1, or by how much ceilings are exceeded because the budget cannot pay for them.
    `spent` is what all hosts together cost a day: less than `budget` when all are at their floor, or at `least_scale`.
    `even` is the interval at which all hosts would be visited equally often. `scale` and `even` may be infinite.
    """

    budget: float
    scale: float
    stretch: float
    spent: float
    even: float

    @property
    def has_budget(self) -> bool:
        """Whether anything may be spent at all."""
        return self.budget > 0


def allot(demands: Sequence[Demand], budget: float, least_scale: float = 0.0) -> Allotment:
    """Find the scale at which the hosts spend the budget: sum of cost / clamp(scale * shape, floor, ceiling) = budget.

    That sum falls as the scale grows, and between two points where a host leaves its floor or reaches its ceiling it
    is `fixed + free / scale`: hosts at a bound use a fixed part of the budget, and the others share the rest. So the
    points are sorted and the scale is exact, in n log n. A budget that pays for less than all ceilings stretches them
    all by one factor. A scale is at least `least_scale`. Raises ScheduleRefused for what cannot be used.
    """
    if not 0 <= budget <= _MOST:
        raise ScheduleRefused(f"the budget is {budget} a day: give 0 or a number up to {_MOST:g}")
    for demand in demands:
        _check(demand)
    even = math.fsum(demand.cost for demand in demands) / budget if budget else math.inf
    if budget == 0:
        return Allotment(budget, math.inf, 1, 0, even)
    at_ceilings = math.fsum(demand.cost / demand.ceiling for demand in demands)
    if budget < at_ceilings:
        return Allotment(budget, math.inf, at_ceilings / budget, budget, even)
    scale = max(_scale(demands, budget), least_scale)
    unspent = Allotment(budget, scale, 1, 0, even)
    return replace(unspent, spent=math.fsum(demand.cost / interval(unspent, demand) for demand in demands))


def interval(allotment: Allotment, demand: Demand) -> float:
    """Return the days between two visits of a host; infinity without a budget."""
    if not allotment.budget:
        return math.inf
    return min(max(allotment.scale * demand.shape, demand.floor), demand.ceiling) * allotment.stretch


def _scale(demands: Sequence[Demand], budget: float) -> float:
    # Where a host leaves its floor or reaches its ceiling, and what that changes of the two parts of the sum.
    points = []
    fixed = free = _NOTHING
    for shape, cost, floor, ceiling in demands:
        points.append((floor / shape, -cost / floor, cost / shape))
        points.append((ceiling / shape, cost / ceiling, -cost / shape))
        fixed = _added(fixed, cost / floor)
    if budget >= sum(fixed):
        return 0.0  # all at their floor
    points.sort()
    before = 0.0
    for point, to_fixed, to_free in points:
        left = budget - sum(fixed)
        if sum(free) <= left * point:
            # Whatever is rounded, the scale lies between the two points.
            return min(max(sum(free) / left, before), point) if left > 0 else point
        fixed, free, before = _added(fixed, to_fixed), _added(free, to_free), point
    return before


def _added(total: tuple[float, float], value: float) -> tuple[float, float]:
    """Add to a sum that carries what its rounding lost (Neumaier, 1974): what is taken away again leaves 0."""
    before, lost = total
    after = before + value
    if abs(before) >= abs(value):
        return after, lost + ((before - after) + value)
    return after, lost + ((value - after) + before)


def _check(demand: Demand) -> None:
    if min(demand) >= _LEAST and max(demand) <= _MOST and demand.floor <= demand.ceiling:
        return
    for name, value in demand._asdict().items():
        if not _LEAST <= value <= _MOST:
            raise ScheduleRefused(f"the {name} of a host is {value}: give a number from {_LEAST:g} to {_MOST:g}")
    raise ScheduleRefused(
        f"the floor of a host, {demand.floor} days, is above its ceiling, {demand.ceiling} days: lower the floor"
    )
