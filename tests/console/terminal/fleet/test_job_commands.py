"""`orbweaver jobs`: what waits, what is under way and by whom, what is parked and why; discarding loses nothing."""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import typer
from builders import RUN, a_sighting, add_batch, an_order, parked, transaction, url_of
from host_fleet import add_worker, park_job, take_job
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.commands.exit_status import status_of
from orbweaver.console.errors import NothingToDo
from orbweaver.console.terminal.fleet import job_table
from orbweaver.model import now
from orbweaver.queue import queues
from orbweaver.queue.errors import JobNotParked
from orbweaver.queue.fleet import upkeep
from orbweaver.queue.fleet.shown import job_list
from orbweaver.queue.fleet.shown.job_list import JobState
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, deliveries, recrawls
from orbweaver.settings import Settings
from orbweaver.store.connection import Store
from orbweaver.takedown.delivery import outbox

Run = Callable[..., str]
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def told(run: Run, *options: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("jobs", "--json", *options).splitlines()]


def enqueue(store: Store, name: str) -> str:
    recrawl_id = recrawls.create(store, RUN, an_order(name))
    queues.enqueue_recrawl(store, name, recrawl_id, 60)
    return recrawl_id


def test_each_job_is_told_with_its_state_what_it_is_for_and_how_often_it_may_begin(run: Run, store: Store) -> None:
    for name in ("waits.test", "h.test:8080", "broken.test"):
        enqueue(store, name)
    add_worker(store)
    take_job(store, "h.test:8080")
    store.hset(queues.job_key(queues.recrawl_job_id("h.test:8080")), "started_at", "2026-03-01T12:00:00.000000Z")
    park_job(store, "broken.test", f"orbweaver.crawler.errors.CrawlDied: it died at http://broken.test/{DIGEST}")
    batch_id = add_batch(store, a_sighting())
    with transaction(store) as pipe:
        deliveries.note_events(store, pipe, RUN, "event-1")
        queues.enqueue_sweep(store, pipe, "rematch", "token")
    by_subject = {one["for"]: one for one in told(run)}
    assert {subject: (one["queue"], one["state"], one["tries_left"]) for subject, one in by_subject.items()} == {
        "waits.test": ("recrawl", "queued", 4),
        "h.test:8080": ("recrawl", "started", 3),
        "broken.test": ("recrawl", "failed", 0),
        f"files of batch {batch_id}": ("match", "queued", 4),
        "a slice of rematch": ("match", "queued", 4),
        "event event-1": ("takedown", "queued", 4),
    }
    assert by_subject["h.test:8080"]["worker"] == "worker"
    assert by_subject["h.test:8080"]["since"] == "2026-03-01T12:00:00.000Z"
    assert by_subject["broken.test"]["reason"] == "it died at http://broken.test/..."
    assert "ends its recrawl as failed" in by_subject["broken.test"]["next_step"]
    assert {one["for"] for one in told(run, "--queue", "takedown", "--queue", "match")} == {
        "event event-1",
        f"files of batch {batch_id}",
        "a slice of rematch",
    }
    assert [one["for"] for one in told(run, "--job-state", "failed")] == ["broken.test"]


def test_people_see_a_row_for_each_job_the_reasons_and_the_sums(run: Run, store: Store) -> None:
    enqueue(store, "broken.test")
    enqueue(store, "h.test")
    park_job(store, "broken.test", f"ValueError: it broke at http://broken.test/{DIGEST}")
    take_job(store, "h.test")
    said = run("jobs")
    assert DIGEST not in said
    assert "recrawl-broken_2e_test: parked: it broke at hxxp://broken[.]test/...; a worker ends its recrawl" in said
    assert "its worker gives no sign of life" in said
    assert said.splitlines()[-3:] == [
        "recrawl: 0 queued, 1 under way, 1 parked",
        "match: 0 queued, 0 under way, 0 parked",
        "takedown: 0 queued, 0 under way, 0 parked",
    ]


def test_no_more_rows_than_a_person_reads(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(5):
        enqueue(store, f"h{number}.test")
    settings = Settings(store_url=url_of(store))
    job_table.show(settings, list(QueueName), list(JobState), is_json=False, most=2)
    assert "3 more jobs, see --json" in capsys.readouterr().out


def test_jobs_are_read_to_the_last(store: Store) -> None:
    subjects = [f"h{number}.test" for number in range(5)]
    for subject in subjects:
        enqueue(store, subject)
    seen = job_list.jobs(store, list(QueueName), list(JobState), at_once=2)
    assert [one.subject for one in seen] == subjects


def planted(store: Store, job_id: str = "planted") -> str:
    """A job in the register of parked ones that nobody of ours has made."""
    store.hset(queues.job_key(job_id), mapping={"status": "failed", "data": b"[1]", "origin": "recrawl"})
    store.zadd(queues.queue_for(store, QueueName.RECRAWL).failed_job_registry.key, {job_id: 4e9})
    return job_id


def test_a_job_that_is_none_of_ours_stays_until_an_operator_discards_it(
    run: Run, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = planted(store)
    upkeep.look_after(store, now())
    [one] = told(run)
    assert (one["is_ours"], one["next_step"]) == (False, None)
    assert one["reason"].startswith("it is none of ours: its data is not JSON")
    assert "`orbweaver jobs discard planted` removes it" in run("jobs")
    with pytest.raises(NothingToDo, match="--yes"):
        run("jobs", "discard", "--all")
    assert "1 job would be discarded, e.g. planted" in capsys.readouterr().err
    assert run("jobs", "discard", job_id) == "1 job discarded\n"
    assert told(run) == []
    assert json.loads(run("jobs", "discard", "--all", "--json")) == {"jobs": [], "done": "discarded"}


def test_all_that_are_none_of_ours_are_discarded_and_no_other(run: Run, store: Store) -> None:
    enqueue(store, "broken.test")
    park_job(store, "broken.test", "ValueError: it broke")
    planted(store)
    assert run("jobs", "discard", "--all", "--yes") == "1 job discarded\n"
    assert [one["for"] for one in told(run)] == ["broken.test"]


@pytest.mark.parametrize("job_id", ["recrawl-h_2e_test", "nobody's", "a:b", ""])
def test_only_a_parked_job_is_discarded(run: Run, store: Store, job_id: str) -> None:
    enqueue(store, "h.test")
    planted(store)
    with pytest.raises(JobNotParked, match="is not parked") as caught:
        run("jobs", "discard", "planted", job_id)
    assert status_of(caught.value) == 2
    assert len(told(run)) == 2
    with pytest.raises(NothingToDo, match="name the jobs"):
        run("jobs", "discard")
    with pytest.raises(typer.BadParameter, match="not both"):
        run("jobs", "discard", "planted", "--all")


def test_what_a_discarded_job_was_for_gets_another_one(run: Run, store: Store) -> None:
    batch_id = add_batch(store, a_sighting())
    with transaction(store) as pipe:
        deliveries.note_events(store, pipe, RUN, "event-1")
    for name in (QueueName.MATCH, QueueName.TAKEDOWN):
        queue = queues.queue_for(store, name)
        for job_id in queue.get_job_ids():
            store.lrem(queue.key, 1, job_id)
            store.hset(queues.job_key(job_id), "status", "failed")
            store.zadd(queue.failed_job_registry.key, {job_id: 4e9})
    ids = [one["job"] for one in told(run)]
    assert {one["state"] for one in told(run)} == {"failed"}
    assert run("jobs", "discard", *ids) == "2 jobs discarded\n"
    assert [batches.read(store, batch_id) is None, outbox.event_ids(store)] == [False, ["event-1"]]
    upkeep.look_after(store, datetime.fromisoformat("2100-01-01T00:00:00Z"))
    assert {(one["job"].partition("-")[0], one["state"]) for one in told(run)} == {
        ("match", "queued"),
        ("deliver", "queued"),
    }
    assert parked(store, QueueName.MATCH) == {}


FIELDS = ("status", "data", "enqueued_at", "started_at", "ended_at", "worker_name", "retries_left", "origin")


@given(
    stored=st.dictionaries(st.sampled_from(FIELDS), st.binary(max_size=40), min_size=1),
    said=st.one_of(
        st.binary(max_size=60), st.text(max_size=60).map(lambda one: b64encode(zlib.compress(one.encode())))
    ),
    job_id=st.from_regex(r"(recrawl|match|deliver|rematch|x)-[A-Za-z0-9_-]{0,20}", fullmatch=True),
    state=st.sampled_from(JobState),
)
def test_whatever_the_store_says_of_a_job_it_is_told_in_one_line(
    stored: dict[str, bytes], said: bytes, job_id: str, state: JobState
) -> None:
    job = job_list._job(QueueName.MATCH, state, job_id, stored, [(b"1-0", {b"exc_string": said})], ())
    assert len((job.reason or "").splitlines()) <= 1
    assert re.search("[0-9A-Fa-f]{32}", job.reason or "") is None
    json.dumps([job.subject, job.worker, job.reason, job.tries_left], ensure_ascii=False).encode()


@given(st.from_regex(r"[a-z0-9_.:\[\]-]{1,60}", fullmatch=True))
def test_the_name_of_a_host_is_read_back_from_the_id_of_its_job(name: str) -> None:
    assert queues.decoded(queues.recrawl_job_id(name).removeprefix("recrawl-")) == name


def test_keys_of_another_type_end_no_command(run: Run, store: Store) -> None:
    store.set(queues.job_key("text"), "text")
    store.set("rq:results:text", "text")
    store.zadd(
        queues.queue_for(store, QueueName.MATCH).failed_job_registry.key, {"text": 4e9, b"\xff\xfe:x": 4e9, "gone": 1}
    )
    assert told(run) == []
    assert job_list.counts(store)[QueueName.MATCH][JobState.FAILED] == 3
