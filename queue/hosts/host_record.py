"""The record of a host that is revisited: what may be fetched, on whose authority, for which reports, and how often."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final

from orbweaver.model import Moment, Noun, Report, Scope
from orbweaver.queue.errors import HostUnreadable, ScheduleRefused
from orbweaver.queue.intake.orders import Order
from orbweaver.queue.schedule.quiet_hours import QuietHours
from pydantic import Field, ValidationError

VERSION: Final = 1
# A host's reported URLs are asked for at each visit, and its record is read for each: the newest are enough.
MOST_REPORTS: Final = 1_000
_QUIET = re.compile(r"\s*(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})(?:\s+(\S{1,40}))?\s*", re.ASCII)


class HostRecord(Noun):
    """The decisions of operators about one host (or site), and the reports of it.

    `version` is that of this form: one of an earlier release lacks fields, which then have their defaults. `scope` has
    limits, access profile, authority and expiry. Of its reports the newest `MOST_REPORTS` are kept; `reports_left_out`
    counts the others. `weight` is the operator's, None: that of the reports. `quiet_hours` is written `22:00-06:00
    Europe/Stockholm`. `pause` is the reason of a pause. `floor_days` and `ceiling_days` bound the interval.
    """

    version: int = VERSION
    name: str
    scope: Scope
    reports: tuple[Report, ...] = ()
    reports_left_out: int = Field(default=0, ge=0)
    weight: float | None = Field(default=None, ge=0)
    quiet_hours: str | None = None
    pause: str | None = None
    retired_at: Moment | None = None
    floor_days: float | None = None
    ceiling_days: float | None = None
    added_at: Moment | None = None

    @property
    def order(self) -> Order:
        """The order for one visit."""
        return Order(scope=self.scope, reports=self.reports)


def read_record(name: str, stored: bytes | str) -> HostRecord:
    """Read a stored record; one of an earlier release is read, too.

    Raises HostUnreadable for one of a later release, and for one that is none.
    """
    try:
        values = json.loads(stored)
        version = values.get("version", 0) if isinstance(values, dict) else None
    except ValueError:
        version = None
    if not isinstance(version, int):
        raise HostUnreadable(f"the record of host {name} cannot be read: add the host again")
    if version > VERSION:
        raise HostUnreadable(
            f"the record of host {name} is of version {version}, and this release reads up to version {VERSION}: "
            "use the release that wrote it, or a later one"
        )
    try:
        return HostRecord.model_validate({**values, "version": VERSION})
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise HostUnreadable(f"the record of host {name} cannot be read ({place}): add the host again") from None


def strengthened(record: HostRecord, order: Order) -> HostRecord:
    """Return a record with the reports of an order added, and with its terms. Pure.

    Equal reports are counted once.
    """
    reports, left_out = _newest(_distinct((*record.reports, *order.reports)))
    return record.model_copy(
        update={
            "scope": _joined(record.scope, order.scope),
            "reports": reports,
            "reports_left_out": record.reports_left_out + left_out,
        }
    )


def _joined(old: Scope, new: Scope) -> Scope:
    """Return the scope of a host that is ordered again: the newer terms count, unless nobody put his name to them.

    An order in nobody's name does not take away the authority of an earlier one, nor its terms. Another authority has
    allowed the paths of its own order only.
    """
    if new.authority is None and old.authority is not None:
        kept = {name: getattr(old, name) for name in ("kind", "authority", "expires_at", "access", "embeds", "limits")}
        prefixes = {*old.prefixes, *new.prefixes} if old.kind is new.kind else {*old.prefixes}
    else:
        is_same = old.authority == new.authority
        expires_at = old.expires_at if is_same and new.expires_at is None else new.expires_at
        kept = {"expires_at": expires_at}
        prefixes = {*old.prefixes, *new.prefixes} if is_same and old.kind is new.kind else {*new.prefixes}
    ports = tuple(sorted({*old.ports, *new.ports}))
    return new.model_copy(update={**kept, "prefixes": tuple(sorted(prefixes)), "ports": ports})


def new_record(order: Order, at: Moment) -> HostRecord:
    """Return the record of a host that is revisited from now on. Pure."""
    reports, left_out = _newest(_distinct(order.reports))
    return HostRecord(name=order.scope.name, scope=order.scope, reports=reports, reports_left_out=left_out, added_at=at)


def _distinct(reports: Iterable[Report]) -> list[Report]:
    # The line is that of one file: the same report in another file is the same.
    return list({one.model_copy(update={"line": None}).model_dump_json(): one for one in reports}.values())


def _newest(reports: list[Report]) -> tuple[tuple[Report, ...], int]:
    """Return the reports that are kept, and how many are not: those received first go; one without a time stays."""
    if len(reports) <= MOST_REPORTS:
        return tuple(reports), 0
    dated = sorted((one for one in reports if one.received_at is not None), key=lambda one: one.received_at or one.url)
    undated = [one for one in reports if one.received_at is None]
    kept = (dated + undated)[-MOST_REPORTS:]
    return tuple(kept), len(reports) - len(kept)


def read_quiet_hours(text: str) -> QuietHours:
    """Read `22:00-06:00 Europe/Stockholm`; without a time zone it is UTC. Raises ScheduleRefused.

    >>> read_quiet_hours("22:00-06:00").text
    '22:00-06:00 UTC'
    """
    found = _QUIET.fullmatch(text)
    if found is None or int(found[2]) > 59 or int(found[4]) > 59:
        raise ScheduleRefused(f"quiet hours {text[:60]!r}: write them as 22:00-06:00 Europe/Stockholm")
    begins, ends = (int(found[hour]) * 60 + int(found[hour + 1]) for hour in (1, 3))
    return QuietHours(begins=begins, ends=ends, zone=found[5] or "UTC")
