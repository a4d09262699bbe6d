"""`orbweaver workers`: the workers of a store, what each does, and which give no sign of life."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from orbweaver.console.text import count, report_console, safe
from orbweaver.model import format_time
from orbweaver.queue.fleet.shown import worker_list
from orbweaver.queue.fleet.shown.worker_list import WorkerSeen
from orbweaver.queue.hosts import due, scheduler_sign
from orbweaver.queue.runs import run_lock
from orbweaver.settings import Settings
from orbweaver.store.opening import open_existing
from rich.table import Table


def show(settings: Settings, *, is_json: bool) -> None:
    """Print every worker of the store, and whether a scheduler looks at its hosts; raises StoreError."""
    with open_existing(settings) as store:
        at = due.server_time(store)
        workers = worker_list.workers(store, at)
        sign = scheduler_sign.last(store)
        silence = scheduler_sign.silence(sign, at)
        service = run_lock.service(store)
    if is_json:
        scheduler = None if sign is None else json.loads(sign.model_dump_json())
        shown = {"workers": [_as_json(one) for one in workers], "scheduler": scheduler, "service": service}
        sys.stdout.write(json.dumps(shown, ensure_ascii=False) + "\n")
        return
    console = report_console(markup=False)
    if workers:
        table = Table("worker", "queues", "state", "machine", box=None, pad_edge=False)
        for heading in ("process", "release", "under way", "at once", "alive since", "last sign", "done", "failed"):
            table.add_column(heading, justify="right")
        for one in workers:
            table.add_row(*_row(one, at))
        console.print(table)
    for one in workers:
        if one.reason is not None:
            console.print(f"{safe(one.name)}: {one.state}: {safe(one.reason)}", soft_wrap=True)
    taking = sum(one.takes_jobs for one in workers)
    console.print(f"{count(len(workers), 'worker')}, of which {taking} take jobs")
    if service is not None:
        console.print(f"service: {safe(service)}", soft_wrap=True)
    looked = "" if sign is None else f"scheduler: process {sign.process_id} on {safe(sign.machine)} looks at the hosts"
    console.print(looked if silence is None else silence, soft_wrap=True)


def _as_json(worker: WorkerSeen) -> Mapping[str, Any]:
    return {
        "worker": worker.name,
        "state": worker.state.value,
        "reason": worker.reason,
        "takes_jobs": worker.takes_jobs,
        "queues": list(worker.queues),
        "machine": worker.machine,
        "process_id": worker.process_id,
        "release": worker.release,
        "recrawls_at_once": worker.at_once,
        "under_way": worker.under_way,
        "alive_since": None if worker.born_at is None else format_time(worker.born_at),
        "last_sign_at": None if worker.last_sign_at is None else format_time(worker.last_sign_at),
        "jobs_done": worker.jobs_done,
        "jobs_failed": worker.jobs_failed,
    }


def _row(worker: WorkerSeen, at: datetime) -> tuple[str, ...]:
    born, sign = worker.born_at, worker.last_sign_at
    return (
        safe(worker.name),
        safe(", ".join(worker.queues) or "-"),
        worker.state.value,
        safe(worker.machine or "-"),
        "-" if worker.process_id is None else str(worker.process_id),
        safe(worker.release or "-"),
        str(worker.under_way),
        "-" if worker.at_once is None else str(worker.at_once),
        "-" if born is None else f"{born.astimezone(UTC):%Y-%m-%d %H:%M}",
        "-" if sign is None else f"{max(0, round((at - sign).total_seconds())):,} s ago",
        f"{worker.jobs_done:,}",
        f"{worker.jobs_failed:,}",
    )
