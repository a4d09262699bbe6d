"""The four clocks of a case: received, first delivered and acknowledged, last seen live, first seen gone. Pure.

When a file was removed is known as an interval only: after it was last seen, and before it was first seen gone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from orbweaver.model import CaseState
from orbweaver.takedown.statistics.turnbull import TimeInterval

_HOUR = timedelta(hours=1)


class Start(StrEnum):
    """The start of time to removal: the receipt of the report (as INHOPE), or the first delivery (as IWF)."""

    RECEIVED = "received"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class CaseClocks:
    """One case for the statistics: its clocks, where it is hosted, and what became of it.

    `received_at` is when the first of its reports was received, else when the file was first seen. `gone_at` is when
    the file was first seen gone, for a case whose removal was confirmed and that has not returned since. `returns` is
    how often the file came back after a removal. `kind` is the category of the list, with its scheme.
    """

    case_id: str
    host: str
    country: str | None
    asn: int | None
    provider: str | None
    is_cdn: bool
    route: str | None
    kind: str | None
    state: CaseState
    was_opened: bool
    received_at: datetime
    delivered_at: datetime | None
    acknowledged_at: datetime | None
    last_live_at: datetime
    gone_at: datetime | None
    returns: int

    @property
    def is_raised(self) -> bool:
        """Whether the case was once open, and what it rests on was not taken back since."""
        return self.was_opened and not self.is_withdrawn

    @property
    def is_withdrawn(self) -> bool:
        """Whether the case was open once, and its evidence was taken back by a list or a person."""
        return self.was_opened and self.state in {CaseState.HELD, CaseState.WITHDRAWN}

    @property
    def is_removed(self) -> bool:
        """Whether the removal is confirmed, and the file has not returned."""
        return self.is_raised and self.gone_at is not None

    def started_at(self, start: Start) -> datetime | None:
        """Return the moment that time to removal is counted from, None when it has not come."""
        return self.received_at if start is Start.RECEIVED else self.delivered_at

    def time_to_removal(self, start: Start) -> TimeInterval | None:
        """Return the hours from the start to the removal, rounded outward; None where nothing can be said.

        A file that was gone before the start is no removal that followed from it: None. A file that is still there was
        seen last at the lower bound.
        """
        started = self.started_at(start)
        if started is None or (self.gone_at is not None and self.gone_at <= started):
            return None
        upper = None if self.gone_at is None else math.ceil((self.gone_at - started) / _HOUR)
        lower = max(0, math.floor((self.last_live_at - started) / _HOUR))
        return TimeInterval(lower if upper is None else min(lower, upper - 1), upper)
