"""`orbweaver workers`: each worker with its state; those that are silent or dead are said to be."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import RUN, an_order, started_worker
from host_fleet import add_worker, take_job
from orbweaver import __version__
from orbweaver.queue import queues
from orbweaver.queue.hosts import due, scheduler_sign
from orbweaver.queue.records import recrawls
from orbweaver.store.connection import Store
from orbweaver_command import eventually

Run = Callable[..., str]


def told(run: Run) -> dict[str, dict[str, Any]]:
    return {one["worker"]: one for one in json.loads(run("workers", "--json"))["workers"]}


def sign(store: Store, name: str, seconds_ago: float, **fields: str) -> None:
    at = due.server_time(store) - timedelta(seconds=seconds_ago)
    store.hset(f"rq:worker:{name}", mapping={"last_heartbeat": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}", **fields})


def test_each_worker_is_told_with_its_state_and_why_it_takes_no_job(run: Run, store: Store) -> None:
    for name in ("busy", "idle", "silent", "dead", "expired", "other"):
        add_worker(store, name, places=7)
        store.hset(f"rq:worker:{name}", "queues", "recrawl")
        sign(store, name, 3_000 if name == "silent" else 5)
    add_worker(store, "matching", queue="match")
    sign(store, "matching", 300, queues="match,takedown", current_job="match-1")
    store.hset("rq:worker:dead", "pid", str(2**22 + 1))
    store.delete("rq:worker:expired")
    store.hset("rq:worker:other", queues.IDLE_BECAUSE, "other values of USER_AGENT are in force")
    store.hset("rq:worker:busy", mapping={"successful_job_count": 12, "failed_job_count": 3, "hostname": "m1"})
    queues.enqueue_recrawl(store, "h.test", recrawls.create(store, RUN, an_order()), 60)
    take_job(store)
    store.hset(queues.job_key(queues.recrawl_job_id("h.test")), "worker_name", "busy")
    found = told(run)
    assert {name: (one["state"], one["takes_jobs"]) for name, one in found.items()} == {
        "busy": ("working", True),
        "idle": ("idle", True),
        "silent": ("silent", False),
        "dead": ("dead", False),
        "expired": ("dead", False),
        "other": ("takes no job", False),
        "matching": ("working", True),  # it gives no sign while it does a job
    }
    busy = found["busy"]
    assert (busy["under_way"], busy["recrawls_at_once"], busy["jobs_done"], busy["jobs_failed"]) == (1, 7, 12, 3)
    assert (busy["machine"], found["matching"]["queues"]) == ("m1", ["match", "takedown"])
    assert found["other"]["reason"] == "other values of USER_AGENT are in force"
    assert found["silent"]["reason"].startswith("no sign of life for 3,0")
    said = run("workers")
    assert "silent: silent: no sign of life for 3,0" in said
    assert "7 workers, of which 3 take jobs" in said
    assert said.splitlines()[-1].startswith("no scheduler looks at the hosts")


def test_a_scheduler_that_looks_is_told(run: Run, store: Store) -> None:
    scheduler_sign.give(store, due.server_time(store))
    assert "looks at the hosts" in run("workers").splitlines()[-1]
    assert json.loads(run("workers", "--json"))["scheduler"]["process_id"] > 0


def test_a_real_worker_says_its_release_and_its_machine(run: Run, store: Store, tmp_path: Path) -> None:
    with started_worker(store, "takedown", TAKEDOWN_SINKS=f"jsonl:{tmp_path}"):
        [one] = eventually(lambda: [each for each in told(run).values() if each["process_id"]])
    assert (one["release"], one["queues"], one["under_way"]) == (__version__, ["takedown"], 0)
    assert one["state"] in {"idle", "working"}
    assert one["alive_since"] <= one["last_sign_at"]


@pytest.mark.parametrize("value", [b"\xff\xfe", b"", b"yesterday"])
def test_a_record_that_cannot_be_read_is_shown_all_the_same(run: Run, store: Store, value: bytes) -> None:
    add_worker(store, "odd")
    store.hset(
        "rq:worker:odd", mapping=dict.fromkeys(("birth", "last_heartbeat", "recrawls_at_once", "hostname"), value)
    )
    assert told(run)["odd"]["alive_since"] is None
    assert "1 worker" in run("workers")
