"""Says why a host is due when it is: which rules set the time, in order, with their numbers, and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

Number = float | str | datetime


class Cause(StrEnum):
    """The rules that can set a due time, or keep a host from having one."""

    POLICY = "policy"
    HOT = "hot"
    FLOOR = "floor"
    CEILING = "ceiling"
    FIRST_VISIT = "first visit"
    BACK_OFF = "back-off"
    OPERATOR = "operator"
    OPERATOR_LATER = "operator, later"
    OVERDUE = "overdue"
    HOST_WAIT = "host asked to wait"
    QUIET_HOURS = "quiet hours"
    PAUSE = "pause"
    AUTHORITY = "authority"
    WEIGHT = "weight"
    BUDGET = "budget"


# Names that end with `_days` are shown as times, `_at` as moments.
SQUARE_ROOT_WORDS: Final = (
    "policy square-root: every {interval_days}, {kappa} x sqrt(cost {cost} / (weight {weight} x rate {rate} a day))"
)
_WORDS: Final[Mapping[Cause, str]] = {
    Cause.POLICY: "",  # each policy brings its own
    Cause.HOT: "hot until {until_at}, after a case at {case_at}: every {interval_days}, because the rate of hosts of "
    "its kind counts {factor} times (rate {rate} a day)",
    Cause.FLOOR: "floor: not more often than every {floor_days}",
    Cause.CEILING: "ceiling: at least every {ceiling_days}",
    Cause.FIRST_VISIT: "never visited: due at once",
    Cause.BACK_OFF: "back-off: failed visits in a row: {failures}, the last at {last_at}; again {delay_days} later",
    Cause.OPERATOR: "operator: asked for a visit at {asked_at}",
    Cause.OPERATOR_LATER: "operator: asked for one more visit, at {asked_at}",
    Cause.OVERDUE: "overdue since {due_at}: due now",
    Cause.HOST_WAIT: "the host asked to wait until {until_at}: not before",
    Cause.QUIET_HOURS: "quiet hours {window}: not before {until_at}",
    Cause.PAUSE: "paused, not due: {reason}",
    Cause.AUTHORITY: "authority {authority}, not due: it expires at {expires_at}",
    Cause.WEIGHT: "weight 0, not due: give the host a weight above 0, or ask for a visit",
    Cause.BUDGET: "budget 0, not due: raise the budget, or ask for a visit",
}


@dataclass(frozen=True, slots=True)
class DueReason:
    """One rule that had a say, and its numbers; `template` is the sentence that they are put into."""

    cause: Cause
    numbers: Mapping[str, Number]
    template: str = ""

    @property
    def text(self) -> str:
        """The rule in words, with its numbers."""
        template = self.template or _WORDS[self.cause]
        return template.format_map({name: _shown(name, value) for name, value in self.numbers.items()})


@dataclass(frozen=True, slots=True)
class Explanation:
    """The rules that had a say, in the order in which they did."""

    reasons: tuple[DueReason, ...]

    @property
    def cause(self) -> Cause:
        """The rule that set the due time, or keeps the host from having one: the last that had a say."""
        return self.reasons[-1].cause

    @property
    def text(self) -> str:
        """The whole explanation in words, a line for each rule."""
        return "\n".join(reason.text for reason in self.reasons)


@dataclass(frozen=True, slots=True)
class DueTime:
    """When a host is due, in UTC, and why; `at` is None when it is not due at all."""

    at: datetime | None
    explanation: Explanation

    @property
    def is_asked_for(self) -> bool:
        """Whether it is due then because an operator asked for it: such a visit goes before the others."""
        return any(reason.cause is Cause.OPERATOR for reason in self.explanation.reasons)


def moment_in_words(moment: datetime) -> str:
    """Return a moment for people, to the minute: `2026-03-01 12:00 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def days_in_words(days: float) -> str:
    """Return a time for people: `40 minutes`, `5 hours`, `3.2 days`."""
    if days < 1 / 24:
        return _counted(days * 24 * 60, "minute")
    if days < 2:
        return _counted(days * 24, "hour")
    return _counted(days, "day")


def _counted(number: float, unit: str) -> str:
    shown = _number(number)
    return f"{shown} {unit}{'' if shown == '1' else 's'}"


def _number(number: float) -> str:
    return f"{number:.3g}" if number < 1_000 else f"{number:,.0f}"


def _shown(name: str, value: Number) -> str:
    if isinstance(value, datetime):
        return moment_in_words(value)
    if isinstance(value, str):
        return value
    return days_in_words(value) if name.endswith("_days") else _number(value)
