"""Changes that operators make to hosts: entered, asked for, paused, retired, set. Each decides the due time anew."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from orbweaver.model import AccessProfile, RobotsControl, format_time
from orbweaver.queue.errors import AuthorityMissing, HostKeptBack, HostUnknown, ScheduleRefused
from orbweaver.queue.hosts import counting, due, host_store
from orbweaver.queue.hosts.counting import BudgetPlan
from orbweaver.queue.hosts.dispatch import current
from orbweaver.queue.hosts.due import ASKED_SLACK, NEVER
from orbweaver.queue.hosts.host_clock import HostClock, scheduled
from orbweaver.queue.hosts.host_record import HostRecord, new_record, read_quiet_hours, strengthened
from orbweaver.queue.intake.orders import Order
from orbweaver.queue.schedule import due_time
from orbweaver.queue.schedule.explanation import Cause, DueTime
from orbweaver.queue.schedule.rates import DEFAULT_PRIOR
from orbweaver.store.connection import Store

# Of hosts that were never visited, one with more weight goes first: its deadline is nearer.
_FIRST_SLACK_SECONDS: Final = 86_400.0


@dataclass(frozen=True)
class Entered:
    """The outcome of entering a host: whether it is new, and how many reports it got that it had not.

    `kept_back` says why it is not visited all the same; None when it will be.
    """

    name: str
    is_new: bool
    new_reports: int
    record: HostRecord
    kept_back: str | None = None


class Operator:
    """Makes the changes of one command, all at the same moment and by the same shares of the budget."""

    def __init__(self, store: Store, plan: BudgetPlan) -> None:
        self.store = store
        self.plan = plan
        self.at = due.server_time(store)
        self.shares = counting.read(store, plan) or counting.provisional(
            plan.policy, due.counts(store).hosts + 1, plan.prior
        )

    def enter(self, order: Order, *, asked_at: datetime | None = None) -> Entered:
        """Add a host, or give one that is there more reports; with `asked_at` it is also asked for.

        A host that is retired comes back by it; one that is paused stays paused. Raises HostUnreadable.
        """
        before: HostRecord | None = None
        kept_back: str | None = None

        def decide(record: HostRecord | None, clock: HostClock) -> tuple[HostRecord, HostClock, float | None]:
            nonlocal before, kept_back
            before = record
            if record is None:
                changed = new_record(order, self.at)
            else:
                changed = strengthened(record, order).model_copy(update={"retired_at": None})
            after, decided = self._due(changed, _asked(clock, asked_at))
            kept_back = _kept_back(changed, decided)
            return self._placed(changed, after, decided)

        record = host_store.change(self.store, order.scope.name, decide)
        had = set() if before is None else {one.model_dump_json() for one in before.reports}
        new = sum(one.model_dump_json() not in had for one in record.reports)
        return Entered(record.name, before is None, new, record, kept_back)

    def ask(self, name: str, at: datetime, *, is_authority_required: bool = False) -> datetime | None:
        """Ask for one more visit of a host, from a moment on; returns the later wish that it takes the place of.

        A host has one wish at a time. Raises HostUnknown, HostUnreadable, and HostKeptBack where no such visit would be
        made, or an earlier one is asked for and still to come: then nothing is changed.
        """
        replaced: datetime | None = None
        is_under_way = due.lease_of(self.store, name) is not None  # then it is the wish that is being fulfilled

        def decide(record: HostRecord | None, clock: HostClock) -> tuple[HostRecord, HostClock, float | None]:
            nonlocal replaced
            record = _known(name, record)
            after, decided = self._due(record, _asked(clock, at))
            before = None if clock.asked_at is None or is_under_way else datetime.fromtimestamp(clock.asked_at, UTC)
            if before is not None and before < _whole(at) and at > self.at:
                raise HostKeptBack(
                    f"{name} is asked for at {format_time(before)} already: ask for the later visit when that is over"
                )
            reason = _kept_back(record, decided) or _objection(record, at, is_authority_required=is_authority_required)
            if reason is not None:
                raise HostKeptBack(f"{name} is not visited: {reason}")
            replaced = before if before is not None and before > at else None
            return self._placed(record, after, decided)

        host_store.change(self.store, name, decide)
        return replaced

    def pause(self, name: str, reason: str) -> HostRecord:
        """Pause a host: it is not visited until it is resumed. A visit that is under way goes on to its end."""
        return self._change(name, lambda record: record.model_copy(update={"pause": reason}))

    def resume(self, name: str) -> HostRecord:
        """End a pause, or bring back a host that was retired."""
        return self._change(name, lambda record: record.model_copy(update={"pause": None, "retired_at": None}))

    def retire(self, name: str) -> HostRecord:
        """Retire a host: it is kept with its history, and never visited again unless it is reported or resumed."""
        return self._change(name, lambda record: record.model_copy(update={"retired_at": self.at}))

    def set(self, name: str, values: Mapping[str, object]) -> HostRecord:
        """Set values of a host: `weight`, `quiet_hours`, `floor_days`, `ceiling_days`, `authority`, `expires_at`,
        `access` and the limits by their names; None takes back what was set.

        Raises HostUnknown, HostUnreadable, ScheduleRefused, AuthorityMissing.
        """
        return self._change(name, lambda record: _with_values(record, values))

    def put_back(self, name: str, values: Mapping[str, tuple[object, object]]) -> bool:
        """Give values of a host back what they were: by name (of the record, or `asked_at`), the present one and that.

        False, and nothing is changed, when somebody has changed one of them since. Raises HostUnknown, HostUnreadable.
        """
        is_as_expected = True

        def decide(record: HostRecord | None, clock: HostClock) -> tuple[HostRecord, HostClock, float | None]:
            nonlocal is_as_expected
            record = _known(name, record)
            owners = {field: clock if field == "asked_at" else record for field in values}
            is_as_expected = all(getattr(owners[field], field) == now for field, (now, _) in values.items())
            if not is_as_expected:
                return record, clock, None
            former = {field: before for field, (_, before) in values.items()}
            if "asked_at" in former:
                clock = dataclasses.replace(clock, asked_at=former.pop("asked_at"))  # type: ignore[arg-type]
            record = record.model_copy(update=former)
            return self._placed(record, *self._due(record, clock))

        host_store.change(self.store, name, decide)
        return is_as_expected

    def _change(self, name: str, make: Callable[[HostRecord], HostRecord]) -> HostRecord:
        def decide(record: HostRecord | None, clock: HostClock) -> tuple[HostRecord, HostClock, float | None]:
            changed = make(_known(name, record))
            return self._placed(changed, *self._due(changed, clock))

        return host_store.change(self.store, name, decide)

    def _due(self, record: HostRecord, clock: HostClock) -> tuple[HostClock, DueTime]:
        """Return the clock as the record has it, and when the host is due by it."""
        after = dataclasses.replace(current(clock, record, self.at), held=None)
        host = scheduled(record.name, after, self.shares.prior or DEFAULT_PRIOR, record)
        return after, due_time.due(host, self.plan.policy, self.shares.allotment, self.at)

    def _placed(self, record: HostRecord, clock: HostClock, decided: DueTime) -> tuple[HostRecord, HostClock, float]:
        due_at = NEVER if decided.at is None else decided.at.timestamp()
        slack = clock.slack
        if decided.is_asked_for:
            slack = ASKED_SLACK
        elif clock.last_visit is None:
            slack = _FIRST_SLACK_SECONDS / max(clock.weight, 1e-3)
        elif slack < 0:
            slack = 0.0
        return record, dataclasses.replace(clock, slack=slack), due_at


def enter_all(store: Store, plan: BudgetPlan, orders: Sequence[Order], *, is_now: bool) -> list[Entered]:
    """Enter the hosts of orders, in their order; with `is_now` each is also asked for. Raises HostUnreadable."""
    operator = Operator(store, plan)
    return [operator.enter(order, asked_at=operator.at if is_now else None) for order in orders]


def require_authority(order: Order, *, is_required: bool) -> None:
    """Raise AuthorityMissing for an order without a named authority or an expiry where the operator demands them."""
    scope = order.scope
    if is_required and not (scope.authority and scope.expires_at):
        raise AuthorityMissing(
            "AUTHORITY_REQUIRED is set: say with --authority who allowed this, and with --expires until when"
        )


def _known(name: str, record: HostRecord | None) -> HostRecord:
    if record is None:
        raise HostUnknown(f"{name} is not revisited: add it with `orbweaver hosts add` or `reports import`")
    return record


def _kept_back(record: HostRecord, decided: DueTime) -> str | None:
    """Say why a host is never due as it is, and what ends that; None when it is due at some time. Pure."""
    if decided.at is not None:
        return None
    reason = decided.explanation.reasons[-1]
    mends = {
        Cause.PAUSE: f"`orbweaver hosts resume {record.name}` ends that",
        Cause.AUTHORITY: f"`orbweaver hosts set {record.name} --expires TIME` renews it",
        Cause.QUIET_HOURS: f"`orbweaver hosts set {record.name} --clear quiet-hours` ends that",
    }
    mend = mends.get(reason.cause)
    return reason.text if mend is None else f"{reason.text}; {mend}"


def _objection(record: HostRecord, at: datetime, *, is_authority_required: bool) -> str | None:
    """Say why a visit at a moment to come would not be made, or may not be asked for. Pure."""
    scope = record.scope
    set_it = f"`orbweaver hosts set {record.name} --authority NAME --expires TIME`"
    if is_authority_required and not (scope.authority and scope.expires_at):
        return f"AUTHORITY_REQUIRED asks for a named authority with an expiry: {set_it}"
    if scope.expires_at is not None and scope.expires_at <= at:
        return f"its authority expires at {format_time(scope.expires_at)}, before that: {set_it}"
    return None


def _asked(clock: HostClock, at: datetime | None) -> HostClock:
    return clock if at is None else dataclasses.replace(clock, asked_at=_whole(at).timestamp())


def _whole(at: datetime) -> datetime:
    # A clock keeps whole seconds.
    return at.replace(microsecond=0)


_OF_RECORD: Final = frozenset({"weight", "quiet_hours", "floor_days", "ceiling_days"})


def _with_values(record: HostRecord, values: Mapping[str, object]) -> HostRecord:
    of_record = {name: value for name, value in values.items() if name in _OF_RECORD}
    of_scope = {name: value for name, value in values.items() if name in {"authority", "expires_at", "access"}}
    limits = {name: value for name, value in values.items() if name in type(record.scope.limits).model_fields}
    if quiet := of_record.get("quiet_hours"):
        of_record["quiet_hours"] = read_quiet_hours(str(quiet)).text
    scope = record.scope.model_copy(
        update={**of_scope, "limits": record.scope.limits.model_copy(update=limits)} if limits else of_scope
    )
    access: AccessProfile = scope.access
    if access.robots is RobotsControl.RECORD and not (scope.authority or "").strip():
        raise AuthorityMissing(f'{record.name}: robots = "record" needs an authority')
    changed = record.model_copy(update={**of_record, "scope": scope})
    weight = changed.weight
    if weight is not None and weight < 0:
        raise ScheduleRefused(f"the weight of {record.name} is {weight}: give 0 (never visited by itself) or more")
    return changed


def require_known(store: Store, names: Sequence[str]) -> None:
    """Raise HostUnknown naming the first host that is not revisited."""
    known = {one.name for one in host_store.read_hosts(store, names)}
    for name in names:
        if name not in known:
            raise HostUnknown(f"{name} is not revisited: `orbweaver hosts list` shows those that are")
