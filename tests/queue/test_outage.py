"""An outage of the matching service: files wait, none is called clean or lost, and they are asked about in order."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import (
    RUN,
    THE_END,
    a_sighting,
    add_batch,
    build_list,
    digests_of,
    parked,
    said_to,
    started_worker,
    transaction,
    url_of,
    work,
)
from orbweaver import settings
from orbweaver.matcher_client import several_services
from orbweaver.matcher_client.gate import service_health
from orbweaver.matcher_client.gate.service_health import ServiceHealth
from orbweaver.model import now
from orbweaver.queue import queues
from orbweaver.queue.fleet.workers import health_watch
from orbweaver.queue.matching import asking
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, runs
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver_command import PATIENCE_SECONDS, eventually
from redis import Redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.retry import Retry
from stand_ins.own import STRANGER, serving

# An interval of a minute, in a hundredth of the time.
HEALTH_INTERVAL = 0.6


def body(number: int) -> bytes:
    return b"file %d" % number


def add(store: Store, number: int) -> str:
    """Add a batch of one listed and one other file."""
    listed = a_sighting(body(number), url=f"http://h.test/{number}.bin")
    other = a_sighting(b"other %d" % number, url=f"http://h.test/other-{number}.bin")
    return add_batch(store, listed, other)


@contextlib.contextmanager
def match_worker(store: Store, matcher: str, health_interval: float = HEALTH_INTERVAL) -> Iterator[None]:
    with started_worker(store, "match", MATCHER_URL=matcher, HEALTH_INTERVAL=str(health_interval)) as worker:
        yield
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(PATIENCE_SECONDS) == 0


@contextlib.contextmanager
def settled_in_order(store: Store) -> Iterator[list[str]]:
    """Collect the ids of batches in the order in which they are settled: one worker settles each as it is answered."""
    seen: list[str] = []
    with said_to(store) as commands:

        def listen() -> None:
            deleted = "DEL orbweaver:batch:"
            seen.extend(said.removeprefix(deleted) for said in commands if said.startswith(deleted))

        listener = threading.Thread(target=listen)
        listener.start()
        try:
            yield seen
        finally:
            store.echo(THE_END)
            listener.join()


def test_a_long_outage_loses_nothing_cleans_nothing_and_keeps_the_order(store: Store, tmp_path: Path) -> None:
    matcher = build_list(tmp_path / "list.hashes", [digests_of(body(number)).sha256 for number in range(60)])
    (tmp_path / "list.hashes").rename(tmp_path / "away")
    before = [add(store, number) for number in range(20)]
    with settled_in_order(store) as settled, match_worker(store, matcher):
        eventually(lambda: batches.waiting_count(store) == 20)
        went_down = service_health.read_all(store)[matcher].unhealthy_since
        during = []
        for number in range(20, 60):
            during.append(add(store, number))
            eventually(lambda: batches.waiting_count(store) == 20 + len(during))
            if number % 8 == 0:  # files come from the first check to the last
                failures = service_health.read_all(store)[matcher].failures
                eventually(lambda known=failures: service_health.read_all(store)[matcher].failures > known)
        assert settled == []
        assert store.zcard(keys.cases()) == 0
        unknown = runs.unknown(store, RUN)
        assert len(unknown) == 2 * 60
        assert {one.reason.partition(":")[0] for one in unknown} == {"hashlist"}
        assert all("is unhealthy since" in one.reason for one in unknown)
        health = service_health.read_all(store)[matcher]
        assert health.unhealthy_since == went_down
        assert health.failures > 5
        (tmp_path / "away").rename(tmp_path / "list.hashes")
        eventually(lambda: len(settled) == 60)
    assert settled == before + during
    assert store.zcard(keys.cases()) == 60
    assert runs.unknown(store, RUN) == []
    assert (runs.waiting(store, RUN)[0], store.hlen(keys.unanswered()), batches.waiting_count(store)) == (0, 0, 0)
    assert parked(store, QueueName.MATCH) == {}


def test_a_server_that_dies_in_the_midst_of_its_work_and_comes_back_answers_the_rest_in_order(
    store: Store, tmp_path: Path
) -> None:
    hashes = tmp_path / "list.hashes"
    build_list(hashes, [STRANGER, *(digests_of(body(number)).sha256 for number in range(40))])
    before, during = [], []
    with settled_in_order(store) as settled, serving(hashes) as server:
        matcher = f"{server.url}?canary=sha256:{STRANGER}"
        with match_worker(store, matcher):
            before += [add(store, number) for number in range(20)]
            eventually(lambda: len(settled) > 2)
            server.process.kill()
            during += [add(store, number) for number in range(20, 40)]
            eventually(lambda: len(settled) + batches.waiting_count(store) == 40)
            answered = len(settled)
            with serving(hashes, "--listen", server.url.removeprefix("http://")):
                eventually(lambda: len(settled) == 40)
    assert answered < 40  # some waited
    assert settled == before + during
    assert store.zcard(keys.cases()) == 40
    assert runs.unknown(store, RUN) == []
    assert parked(store, QueueName.MATCH) == {}


def test_a_list_that_goes_and_comes_back_while_files_keep_coming_loses_none(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "list.hashes"
    matcher = build_list(path, [digests_of(body(number)).sha256 for number in range(30)])
    with match_worker(store, matcher):
        for number in range(30):
            add(store, number)
            if number % 10 == 3:
                path.rename(tmp_path / "away")
            if number % 10 == 8:
                eventually(lambda: batches.waiting_count(store) > 0)
                (tmp_path / "away").rename(path)
        eventually(lambda: runs.waiting(store, RUN)[0] == 0)
    assert store.zcard(keys.cases()) == 30
    assert (runs.unknown(store, RUN), store.hlen(keys.unanswered())) == ([], 0)


def test_a_service_that_fails_a_question_is_unhealthy_at_once_and_the_batch_remembers_it(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "list.hashes"
    matcher = build_list(path, [digests_of(body(0)).sha256])
    with match_worker(store, matcher, health_interval=3_600):
        eventually(lambda: matcher in service_health.read_all(store))
        path.rename(tmp_path / "away")
        batch_id = add(store, 0)
        eventually(lambda: batches.waiting_count(store) == 1)  # long before the next check of a healthy service
        batch = batches.read(store, batch_id)
        assert batch is not None
        assert batch.failures == 1
        (tmp_path / "away").rename(path)
        eventually(lambda: runs.waiting(store, RUN)[0] == 0)
    assert store.zcard(keys.cases()) == 1


def test_what_one_service_matches_is_raised_while_another_is_down(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    up = build_list(tmp_path / "up.hashes", [digests_of(body(1)).sha256])
    down = build_list(tmp_path / "down.hashes", [digests_of(body(2)).sha256])
    (tmp_path / "down.hashes").rename(tmp_path / "away")
    monkeypatch.setenv("MATCHER_URL", f"{up}\n{down}")
    batch_id = add(store, 1)
    work(store, QueueName.MATCH)
    assert store.zcard(keys.cases()) == 1
    left = batches.read(store, batch_id)
    assert left is not None
    assert [one.url for one in left.sightings] == ["http://h.test/other-1.bin"]
    (tmp_path / "away").rename(tmp_path / "down.hashes")
    work(store, QueueName.MATCH)  # which checks every service when it starts
    assert (batches.read(store, batch_id), runs.unknown(store, RUN)) == (None, [])
    assert store.zcard(keys.cases()) == 1


def test_waiting_batches_go_before_all_others_and_the_oldest_first(store: Store) -> None:
    places = [add(store, number) for number in range(3)]
    store.delete("rq:queue:match")
    for batch_id in (places[2], places[0], places[1]):
        batch = batches.read(store, batch_id)
        assert batch is not None
        with transaction(store) as pipe:
            batches.settle(pipe, batch_id, batch, [one.sighting_id for one in batch.sightings])
    newer = add(store, 3)
    with transaction(store) as pipe:
        batches.release(pipe)
    batches.enqueue_released(store)
    waiting = queues.queue_for(store, QueueName.MATCH).get_job_ids()
    assert [queues.batch_of(one) for one in waiting] == [*places, newer]
    assert batches.waiting_count(store) == 0
    assert batches.ask_again(store, "run-2") == 0  # each has its job


def test_a_batch_that_is_let_go_before_its_job_has_ended_is_asked_about(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "list.hashes"
    matcher = build_list(path, [digests_of(body(0)).sha256])
    monkeypatch.setenv("MATCHER_URL", matcher)
    path.rename(tmp_path / "away")

    class Interleaved(Redis):
        """A connection on which the list is back, and is checked, just after a job has written that a batch waits."""

        def pipeline(self, *args: Any, **options: Any) -> Pipeline:
            if batches.waiting_count(store) == 1:
                (tmp_path / "away").rename(path)
                with contextlib.closing(several_services.open_gated(store, settings.load())) as services:
                    asking.check(store, services.gated[0])
                assert batches.waiting_count(store) == 0
            return super().pipeline(*args, **options)

    add(store, 0)
    with contextlib.closing(Interleaved.from_url(url_of(store))) as interleaved:
        work(interleaved, QueueName.MATCH)
    assert runs.waiting(store, RUN)[0] == 0
    assert store.zcard(keys.cases()) == 1


def test_the_next_run_takes_over_what_waits_in_its_order(store: Store) -> None:
    sighting = a_sighting()
    for number in range(4):
        batch_id = add(store, number)
        batch = batches.read(store, batch_id)
        assert batch is not None
        with transaction(store) as pipe:
            batches.settle(pipe, batch_id, batch, [one.sighting_id for one in batch.sightings])
    with transaction(store) as pipe:
        batches.keep_unanswered(pipe, [sighting])
    store.delete("rq:queue:match")
    assert batches.ask_again(store, "run-2") == 4 * 2 + 1
    assert batches.waiting_count(store) == 0
    found = [
        batches.read(store, job_id.removeprefix("match-"))
        for job_id in queues.queue_for(store, QueueName.MATCH).get_job_ids()
    ]
    assert [one.sightings[0].url for one in found if one is not None] == [
        *(f"http://h.test/{number}.bin" for number in range(4)),
        sighting.url,
    ]
    assert {one.run_id for one in found if one is not None} == {"run-2"}


def test_a_waiting_sighting_is_kept_in_one_place_only(store: Store) -> None:
    sighting = a_sighting()
    with transaction(store) as pipe:
        batches.keep_unanswered(pipe, [sighting])
    batch_id = add_batch(store, sighting)
    batch = batches.read(store, batch_id)
    assert batch is not None
    with transaction(store) as pipe:
        batches.settle(pipe, batch_id, batch, [sighting.sighting_id])
    assert store.hlen(keys.unanswered()) == 0


def test_the_watch_lives_through_a_store_that_is_away(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "list.hashes"
    matcher = build_list(path, [digests_of(body(0)).sha256])
    monkeypatch.setenv("MATCHER_URL", matcher)
    monkeypatch.setenv("HEALTH_INTERVAL", "0.1")
    path.rename(tmp_path / "away")
    batch_id = add(store, 0)
    work(store, QueueName.MATCH)
    assert batches.waiting_count(store) == 1
    # One that gives up at the first lost connection, so that the watch has to see it.
    fragile = Redis.from_url(url_of(store), retry=Retry(NoBackoff(), retries=0))
    with health_watch.watching(fragile, is_ongoing=True):
        for _ in range(3):
            caplog.clear()
            eventually(lambda: store.client_kill_filter(_type="normal", skipme=True) and "not answer" in caplog.text)
        (tmp_path / "away").rename(path)
        eventually(lambda: batches.waiting_count(store) == 0)
    # What a list's new version makes due (rematch, recall) comes behind what waits.
    assert queues.batch_of(queues.queue_for(store, QueueName.MATCH).get_job_ids()[0]) == batch_id
    assert "health" not in {thread.name for thread in threading.enumerate()}
    fragile.close()


def test_a_service_that_nobody_checked_for_long_is_checked_by_the_job_itself(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    matcher = build_list(tmp_path / "list.hashes", [digests_of(body(0)).sha256])
    monkeypatch.setenv("MATCHER_URL", matcher)
    [answer] = asking.ask(store, [digests_of(body(0))]).answers
    assert answer.verdict.result == "match"
    long_ago = now().replace(year=2001)
    service_health.write(
        store, ServiceHealth(service=matcher, checked_at=long_ago, unhealthy_since=long_ago, reason="old")
    )
    [answer] = asking.ask(store, [digests_of(body(0))]).answers
    assert answer.verdict.result == "match"
