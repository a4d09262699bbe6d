"""The hours of a day in which a host is not visited, by the clock on the wall of a time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orbweaver.queue.errors import ScheduleRefused

_DAY_MINUTES: Final = 24 * 60
# A zone has skipped a whole day (Samoa, 2011-12-30), so the end of a window may be that much later.
_DAYS_AHEAD: Final = 3


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A window of each day, from minute `begins` on and before minute `ends`, counted from midnight in `zone`.

    A window that ends before it begins goes over midnight: 22:00 to 06:00 is (1320, 360). One that ends when it begins
    is empty, so no hour is quiet; the whole day is (0, 1440), and then the host is never visited. Minutes are those of
    the clock: on the night when it is put back, a window may be entered twice, and when it is put forward, skipped.
    Raises ScheduleRefused for minutes that no day has and for a zone that is not known.

    >>> night = QuietHours(begins=22 * 60, ends=6 * 60, zone="Europe/Stockholm")
    >>> night.ends_after(datetime(2026, 1, 15, 23, 30, tzinfo=UTC)).isoformat()
    '2026-01-16T05:00:00+00:00'
    """

    begins: int
    ends: int
    zone: str

    def __post_init__(self) -> None:
        for name in ("begins", "ends"):
            if not 0 <= getattr(self, name) <= _DAY_MINUTES:
                raise ScheduleRefused(
                    f"quiet hours: {name} is minute {getattr(self, name)} of the day: give 0 to {_DAY_MINUTES}"
                )
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ScheduleRefused(
                f"quiet hours: time zone {self.zone!r} is not known: give a name such as Europe/Stockholm or UTC "
                "(where no name works, install the system's package tzdata)"
            ) from None

    @property
    def is_whole_day(self) -> bool:
        """Whether no minute of the day is left."""
        return self.begins == 0 and self.ends == _DAY_MINUTES

    @property
    def text(self) -> str:
        """The window for people: `22:00-06:00 Europe/Stockholm`."""
        return f"{_clock(self.begins)}-{_clock(self.ends)} {self.zone}"

    def contain(self, moment: datetime) -> bool:
        """Whether a moment lies in the window."""
        return self._contain_minute(moment.astimezone(ZoneInfo(self.zone)))

    def ends_after(self, moment: datetime) -> datetime | None:
        """Return the first moment, from the given one on, that is not quiet, in UTC; None when there is none."""
        moment = moment.astimezone(UTC)
        if not self.contain(moment):
            return moment
        if self.is_whole_day:
            return None
        zone = ZoneInfo(self.zone)
        end = next(end for end in self._ends_from(moment, zone) if end > moment and not self.contain(end))
        # Where the clock is put forward over the window's end, or back before its begin, it is over at that moment.
        change = _change_of_offset(moment, end, zone)
        return end if change is None or self.contain(change) else change

    def _contain_minute(self, local: datetime) -> bool:
        minute = local.hour * 60 + local.minute
        if self.begins <= self.ends:
            return self.begins <= minute < self.ends
        return minute >= self.begins or minute < self.ends

    def _ends_from(self, moment: datetime, zone: ZoneInfo) -> list[datetime]:
        midnight = moment.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        walls = (midnight + timedelta(days=day, minutes=self.ends) for day in range(-1, _DAYS_AHEAD))
        # An hour that the clock shows twice has two moments, one for each fold.
        return sorted({wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for wall in walls for fold in (0, 1)})


def _change_of_offset(begin: datetime, end: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the moment, to the second, at which the zone's clock is changed between two moments; None without one."""
    before = begin.astimezone(zone).utcoffset()
    if before == end.astimezone(zone).utcoffset():
        return None
    while end - begin > timedelta(seconds=1):
        middle = begin + (end - begin) / 2
        if middle.astimezone(zone).utcoffset() == before:
            begin = middle
        else:
            end = middle
    return end.replace(microsecond=0)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
