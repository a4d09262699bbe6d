"""Starts the re-checks of hosts whose cases are due: no more than workers can begin soon, and none of a host in peace.

A host is left alone in its quiet hours, while it is paused or retired, while it has asked for that (429, 503), and
while another recrawl of it has a job. A case that nobody may look for now has a check that says so.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import uuid4

from orbweaver.model import Case
from orbweaver.queue import queues
from orbweaver.queue.errors import HostUnreadable, ScheduleRefused
from orbweaver.queue.hosts import dispatch, host_waits
from orbweaver.queue.hosts.host_record import HostRecord, read_quiet_hours
from orbweaver.queue.records import recrawls, runs
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.queue.removal import judging, planning, recheck_terms, under_way
from orbweaver.queue.removal.recheck_terms import RecheckTerms
from orbweaver.queue.removal.under_way import RecheckUnderWay
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.removal import recheck_times
from orbweaver.takedown.removal.course import CHECKED_STATES, Cadence
from orbweaver.takedown.removal.recheck_times import DueCases
from pydantic import ValidationError
from rq.exceptions import DuplicateJobError

log = logging.getLogger("orbweaver.scheduler")

# A start takes some milliseconds; who starts them has other things to do, too.
STARTED_AT_ONCE: Final = 20
BUSY_AGAIN: Final = timedelta(minutes=1)


class NotChecked(StrEnum):
    """Why the cases of a host were given back without a re-check."""

    BUSY = "its host has a recrawl job"
    QUIET = "its host has quiet hours"
    ASKED = "its host asked to be left alone"
    REFUSED = "nobody may look for it"
    NO_CASES = "it has no cases to look for"
    UNREADABLE = "a record of it cannot be read"


@dataclass
class Started:
    """The re-checks that were started, by host, and why others were not."""

    started: dict[str, str] = field(default_factory=dict)
    given_back: dict[str, NotChecked] = field(default_factory=dict)


def start(store: Store, cadence: Cadence, at: datetime) -> Started:
    """Claim the hosts whose cases are due, and enqueue a re-check of each, as far as workers have room."""
    done = Started()
    most = min(dispatch.room(store), STARTED_AT_ONCE)
    for claimed in recheck_times.claim(store, at, most, cadence.recheck_every) if most else ():
        try:
            outcome = _start(store, claimed, cadence, at)
        except ValidationError:
            log.warning("the record of a case, or of its host, cannot be read: its re-check is tried again in an hour")
            outcome = NotChecked.UNREADABLE
        if isinstance(outcome, NotChecked):
            done.given_back[claimed.host] = outcome
        else:
            done.started[claimed.host] = outcome
    return done


def _start(store: Store, claimed: DueCases, cadence: Cadence, at: datetime) -> str | NotChecked:
    """Start one re-check; returns the id of its recrawl, or why there is none."""
    host = claimed.host
    read = case_store.read_many(store, claimed.case_ids)
    cases = [one for one in read if one.state in CHECKED_STATES and one.host == host]
    _give_back(store, host, dict.fromkeys({*claimed.case_ids} - {str(one.case_id) for one in cases}))
    if not cases:
        return NotChecked.NO_CASES
    terms = recheck_terms.read(store, host)
    try:
        record = recheck_terms.record_of(store, host, terms)
    except HostUnreadable:
        return _refused(store, host, cases, cadence, at, "the record of its host cannot be read")
    refusal = _refusal(record, recheck_terms.current(terms, record), at)
    if refusal is not None:
        return _refused(store, host, cases, cadence, at, refusal)
    quiet_until = _quiet_until(record, at)
    if quiet_until is not None:
        _postpone(store, host, cases, quiet_until)
        return NotChecked.QUIET
    order = planning.order_of(host, cases, recheck_terms.current(terms, record), secrets.randbits(40))
    [wait] = host_waits.waits_of(store, [order.reports], at)
    if wait.until is not None:
        _postpone(store, host, cases, wait.until)
        return NotChecked.ASKED
    name = order.scope.name
    if store.exists(queues.job_key(queues.recrawl_job_id(name))):
        _postpone(store, host, cases, at + BUSY_AGAIN)
        return NotChecked.BUSY
    run_id = uuid4().hex
    runs.create(store, run_id)
    recrawl_id = recrawls.create(store, run_id, order)
    case_ids = tuple(str(one.case_id) for one in cases)
    under_way.note(
        store, RecheckUnderWay(host=host, recrawl_id=recrawl_id, run_id=run_id, case_ids=case_ids, made_at=at)
    )
    try:
        queues.enqueue_recrawl(store, name, recrawl_id, order.scope.limits.max_seconds)
    except DuplicateJobError:
        recrawls.end(store, recrawl_id, RecrawlState.INTERRUPTED, reason="its host has a job of another run")
        with store.pipeline(transaction=True) as pipe:
            under_way.forget(pipe, host)
            recheck_times.set_due(pipe, host, dict.fromkeys(case_ids, at + BUSY_AGAIN))
            pipe.execute()
        return NotChecked.BUSY
    return recrawl_id


def _refusal(record: HostRecord | None, terms: RecheckTerms | None, at: datetime) -> str | None:
    """Return why nobody may look for files on a host now, None when somebody may. Pure."""
    if record is not None and record.retired_at is not None:
        return "its host is retired: nobody visits it"
    if record is not None and record.pause is not None:
        return f"its host is paused: {record.pause}"
    expires_at = None if terms is None else terms.scope.expires_at
    if expires_at is not None and at >= expires_at:
        return "the time is over for which its host may be asked"
    if _is_always_quiet(record, at):
        return "its host has quiet hours all day"
    return None


def _is_always_quiet(record: HostRecord | None, at: datetime) -> bool:
    if record is None or record.quiet_hours is None:
        return False
    try:
        return read_quiet_hours(record.quiet_hours).ends_after(at) is None
    except ScheduleRefused:
        return True


def _quiet_until(record: HostRecord | None, at: datetime) -> datetime | None:
    if record is None or record.quiet_hours is None:
        return None
    until = read_quiet_hours(record.quiet_hours).ends_after(at)
    return until if until is not None and until > at else None


def _refused(store: Store, host: str, cases: Sequence[Case], cadence: Cadence, at: datetime, reason: str) -> NotChecked:
    judging.judge_unasked(store, host, [str(one.case_id) for one in cases], cadence, at, reason)
    return NotChecked.REFUSED


def _postpone(store: Store, host: str, cases: Sequence[Case], until: datetime) -> None:
    _give_back(store, host, dict.fromkeys((str(one.case_id) for one in cases), until))


def _give_back(store: Store, host: str, due_at: Mapping[str, datetime | None]) -> None:
    if due_at:
        with store.pipeline(transaction=True) as pipe:
            recheck_times.set_due(pipe, host, due_at)
            pipe.execute()
