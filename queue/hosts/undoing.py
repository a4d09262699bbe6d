"""Changes that a person makes to one host or to many at once, and their undoing for a day.

What was changed is kept for each host as it was before and after. Undoing leaves alone what somebody has changed since.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Final
from uuid import uuid4

from orbweaver.model import Moment, Noun
from orbweaver.queue.errors import HostKeptBack, HostUnknown, HostUnreadable
from orbweaver.queue.hosts import counting, host_store
from orbweaver.queue.hosts.changes import Operator
from orbweaver.queue.hosts.host_store import KnownHost
from orbweaver.settings import Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store
from pydantic import Field, ValidationError

# A request waits for all of them; a command has no such limit.
MOST_AT_ONCE: Final = 2_000
KEPT: Final = timedelta(days=1)
_READ_AT_ONCE: Final = 50


class HostAct(StrEnum):
    """The changes that can be undone."""

    PAUSE = "pause"
    RESUME = "resume"
    RETIRE = "retire"
    VISIT = "visit"
    WEIGHT = "weight"


class Decided(Noun):
    """The decisions about a host, as far as they can be undone; `asked_at` is a wish, in seconds since 1970."""

    pause: str | None = None
    retired_at: Moment | None = None
    weight: float | None = None
    asked_at: float | None = None


class HostChanges(Noun):
    """The change of one person: hosts as they were before and after, and those that were not changed, and why.

    `undone_at` is when it was undone; `kept` are hosts that the undoing left alone, because they were changed since.
    """

    change_id: str
    act: HostAct
    by: str
    at: Moment
    before: dict[str, Decided]
    after: dict[str, Decided]
    refused: dict[str, str] = Field(default_factory=dict)
    undone_at: Moment | None = None
    kept: int = 0

    @property
    def changed(self) -> tuple[str, ...]:
        """The names of the hosts that are otherwise than before."""
        return tuple(name for name, after in self.after.items() if after != self.before[name])


def change(
    store: Store,
    settings: Settings,
    act: HostAct,
    names: Sequence[str],
    *,
    by: str,
    reason: str = "",
    weight: float | None = None,
) -> HostChanges:
    """Change hosts one by one, and keep for a day how they were.

    `reason` is that of a pause; a `weight` of None takes back the operator's. A host of which no visit would be made,
    or that cannot be read, is refused with the reason, and the others are changed. Raises ScheduleRefused, RedisError.
    """
    operator = Operator(store, counting.plan_of(settings))
    before: dict[str, Decided] = {}
    after: dict[str, Decided] = {}
    refused: dict[str, str] = {}
    distinct = list(dict.fromkeys(names))
    for start in range(0, len(distinct), _READ_AT_ONCE):
        some = distinct[start : start + _READ_AT_ONCE]
        then = {one.name: _decided(one) for one in host_store.read_hosts(store, some)}
        for name in some:
            try:
                _act(operator, settings, act, name, reason=reason, weight=weight)
            except (HostKeptBack, HostUnknown, HostUnreadable) as error:
                refused[name] = str(error)
        now = {one.name: _decided(one) for one in host_store.read_hosts(store, some)}
        done = [name for name in some if name in then and name in now and name not in refused]
        before |= {name: then[name] for name in done}
        after |= {name: now[name] for name in done}
    made = HostChanges(
        change_id=uuid4().hex, act=act, by=by, at=operator.at, before=before, after=after, refused=refused
    )
    _write(store, made)
    return made


def read(store: Store, change_id: str) -> HostChanges | None:
    """Read what was changed at once; None when that is more than a day ago. Raises RedisError."""
    stored = store.get(keys.host_changes(change_id))
    try:
        return None if stored is None else HostChanges.model_validate_json(stored)
    except ValidationError:
        return None


def undo(store: Store, settings: Settings, made: HostChanges) -> HostChanges:
    """Give each host back what was changed of it, but for those that were changed since; only once.

    Raises RedisError.
    """
    if made.undone_at is not None:
        return made
    operator = Operator(store, counting.plan_of(settings))
    kept = 0
    for name in made.changed:
        before, after = made.before[name], made.after[name]
        values = {
            field: (getattr(after, field), getattr(before, field))
            for field in Decided.model_fields
            if getattr(after, field) != getattr(before, field)
        }
        try:
            kept += not operator.put_back(name, values)
        except (HostUnknown, HostUnreadable):
            kept += 1
    undone = made.model_copy(update={"undone_at": operator.at, "kept": kept})
    _write(store, undone)
    return undone


def _act(operator: Operator, settings: Settings, act: HostAct, name: str, *, reason: str, weight: float | None) -> None:
    match act:
        case HostAct.PAUSE:
            operator.pause(name, reason or "no reason given")
        case HostAct.RESUME:
            operator.resume(name)
        case HostAct.RETIRE:
            operator.retire(name)
        case HostAct.VISIT:
            operator.ask(name, operator.at, is_authority_required=settings.authority_required)
        case HostAct.WEIGHT:
            operator.set(name, {"weight": weight})


def _decided(host: KnownHost) -> Decided:
    record, asked_at = host.record, host.clock.asked_at
    if record is None:
        return Decided(asked_at=asked_at)
    return Decided(pause=record.pause, retired_at=record.retired_at, weight=record.weight, asked_at=asked_at)


def _write(store: Store, made: HostChanges) -> None:
    store.set(keys.host_changes(made.change_id), made.model_dump_json(exclude_defaults=True), ex=KEPT)
