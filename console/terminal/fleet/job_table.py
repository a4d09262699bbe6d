"""`orbweaver jobs`: what waits, what is under way and by whom, what is parked and why; and its discarding."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from orbweaver.console.errors import NothingToDo
from orbweaver.console.terminal import confirmation
from orbweaver.console.text import count, reason_for_people, report_console, safe
from orbweaver.model import format_time
from orbweaver.queue.fleet.shown import job_list
from orbweaver.queue.fleet.shown.job_list import JobSeen, JobState
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import deliveries
from orbweaver.settings import Settings
from orbweaver.store.connection import Store
from orbweaver.store.opening import open_existing
from orbweaver.takedown.delivery import standing
from rich.console import Console
from rich.table import Table

# A person reads so many; --json has them all.
JOBS_SHOWN = 200


def show(
    settings: Settings,
    names: Collection[QueueName],
    states: Collection[JobState],
    *,
    is_json: bool,
    most: int = JOBS_SHOWN,
) -> None:
    """Print the jobs of queues in some states, and how many there are; at most `most` are listed for people.

    Raises StoreError, NoStore among them.
    """
    with open_existing(settings) as store:
        jobs = job_list.jobs(store, names, states)
        if is_json:
            for one in jobs:
                sys.stdout.write(json.dumps(_as_json(one), ensure_ascii=False) + "\n")
            return
        console = report_console(markup=False)
        table = Table("for", "queue", "state", "since (UTC)", "worker", "tries left", box=None, pad_edge=False)
        parked, number = [], 0
        for number, one in enumerate(jobs, start=1):
            if number <= most:
                table.add_row(*_row(one))
                if one.reason is not None:
                    parked.append(one)
        if number:
            console.print(table)
        if number > most:
            console.print(f"{count(number - most, 'more job')}, see --json")
        for one in parked:
            console.print(f"{safe(one.job_id)}: {_what_of(one)}", soft_wrap=True)
        for name, counted in job_list.counts(store).items():
            if name in names:
                console.print(f"{name}: {_in_words(counted)}")
        if QueueName.TAKEDOWN in names:
            _say_deliveries(store, console)


def _say_deliveries(store: Store, console: Console) -> None:
    """Say in one line what waits for a sink without a job; nothing where nothing does."""
    sinks = standing.sinks(store, deliveries.sinks_of(store))
    waiting, failed, parked = (sum(getattr(one, name) for one in sinks) for name in ("waiting", "failed", "parked"))
    if waiting:
        said = f"deliveries: {waiting:,} waiting for a sink, {failed:,} failed, {parked:,} parked"
        console.print(f"{said}; `orbweaver deliveries list` says more")


def discard(settings: Settings, job_ids: Sequence[str], *, is_all: bool, is_yes: bool, is_json: bool) -> None:
    """Remove the named parked jobs, or all that are none of ours, after their number was shown; raises JobNotParked."""
    with open_existing(settings) as store:
        chosen = [one.job_id for one in job_list.refused(store)] if is_all else list(job_ids)
        if not (is_all or chosen):
            raise NothingToDo("name the jobs as `orbweaver jobs --job-state failed` shows them, or give --all")
        if is_all:
            confirmation.require_yes(len(chosen), "job", "discarded", chosen[0] if chosen else "", is_yes=is_yes)
        job_list.discard(store, chosen)
    if is_json:
        sys.stdout.write(json.dumps({"jobs": chosen, "done": "discarded"}, ensure_ascii=False) + "\n")
    else:
        report_console(markup=False).print(f"{count(len(chosen), 'job')} discarded")


def _as_json(job: JobSeen) -> Mapping[str, Any]:
    return {
        "job": job.job_id,
        "queue": job.queue.value,
        "state": job.state.value,
        "for": job.subject,
        "since": None if job.since is None else format_time(job.since),
        "worker": job.worker,
        "tries_left": job.tries_left,
        "reason": job.reason,
        "next_step": job.next_step,
        "is_ours": job.is_ours,
    }


def _row(job: JobSeen) -> tuple[str, ...]:
    return (
        safe(job.subject),
        job.queue.value,
        job.state.value,
        "-" if job.since is None else f"{_utc(job.since):%Y-%m-%d %H:%M:%S}",
        safe(job.worker or "-"),
        "-" if job.tries_left is None else str(job.tries_left),
    )


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _what_of(job: JobSeen) -> str:
    reason = reason_for_people(job.reason or "")
    if job.state is not JobState.FAILED:
        return reason
    step = job.next_step or f"`orbweaver jobs discard {safe(job.job_id)}` removes it"
    return f"parked: {reason}; {step}"


def _in_words(counted: Counter[JobState]) -> str:
    words = {
        JobState.QUEUED: "queued",
        JobState.TAKEN: "being handed over",
        JobState.STARTED: "under way",
        JobState.SCHEDULED: "scheduled for later",
        JobState.FAILED: "parked",
    }
    always = (JobState.QUEUED, JobState.STARTED, JobState.FAILED)
    return ", ".join(f"{counted[one]:,} {words[one]}" for one in JobState if counted[one] or one in always)
