"""Two actors on one store at once: what another does just between two round trips loses nothing and stops nothing."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import RUN, STAMP, a_match, a_sighting, add_batch, build_list, transaction, url_of, work
from orbweaver import settings
from orbweaver.matcher_client import several_services
from orbweaver.matcher_client.gate import service_health
from orbweaver.matcher_client.gate.service_health import ServiceHealth
from orbweaver.matcher_client.several_services import SeveralServices
from orbweaver.model import now
from orbweaver.queue import queues
from orbweaver.queue.matching import asking, recall, rematch
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, deliveries, runs, sweeps
from orbweaver.queue.records.sweeps import SweepName
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.transitions import change_by_match
from redis import Redis
from redis.client import Pipeline

KNOWN = a_sighting()


class Interleaved(Redis):
    """A connection on which, once, something happens just before a transaction is begun that `is_time` picks.

    `read` are the keys that were asked for on pipelines.
    """

    happens: Callable[[], object] | None = None
    is_time: Callable[[], bool] = staticmethod(lambda: True)
    read: Collection[str] = ()

    def pipeline(self, transaction: bool = True, *args: Any, **options: Any) -> Pipeline:
        if transaction and self.happens is not None and self.is_time():
            happens, self.happens = self.happens, None
            happens()
        pipe = super().pipeline(transaction, *args, **options)
        ask = pipe.execute_command

        def remember(*words: Any, **more: Any) -> Any:
            self.read = {*self.read, *words[1:2]}
            return ask(*words, **more)

        pipe.execute_command = remember  # type: ignore[method-assign]
        return pipe


@pytest.fixture
def interleaved(store: Store) -> Iterator[Interleaved]:
    with contextlib.closing(Interleaved.from_url(url_of(store))) as connection:
        yield connection


@pytest.fixture
def hash_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list that MATCHER_URL names; renamed to `away` its service is down."""
    path = tmp_path / "list.hashes"
    monkeypatch.setenv("MATCHER_URL", build_list(path, [KNOWN.digests.sha256]))
    return path


def away(path: Path) -> Path:
    return path.with_suffix(".away")


@contextlib.contextmanager
def opened(store: Store) -> Iterator[SeveralServices]:
    """Another worker's services."""
    with contextlib.closing(several_services.open_gated(store, settings.load())) as services:
        yield services


def check_first(store: Store) -> ServiceHealth:
    with opened(store) as services:
        return asking.check(store, services.gated[0])


def only_health(store: Store) -> ServiceHealth:
    [health] = service_health.read_all(store).values()
    return health


def wait_in_store(store: Store, *numbers: int) -> list[str]:
    """Add batches that wait for a service to be healthy; they have no jobs."""
    batch_ids = []
    for number in numbers:
        batch_ids.append(add_batch(store, a_sighting(b"%d" % number, url=f"http://h.test/{number}")))
        batch = batches.read(store, batch_ids[-1])
        assert batch is not None
        with transaction(store) as pipe:
            batches.settle(pipe, batch_ids[-1], batch, [one.sighting_id for one in batch.sightings])
    store.delete("rq:queue:match")
    return batch_ids


def test_a_check_that_began_before_a_question_failed_does_not_open_the_gate(
    store: Store, interleaved: Interleaved, hash_list: Path
) -> None:
    check_first(store)

    def a_question_fails() -> None:
        hash_list.rename(away(hash_list))
        with opened(store) as services:
            assert services.ask([KNOWN.digests]).has_failed
        away(hash_list).rename(hash_list)

    interleaved.happens = a_question_fails
    assert not check_first(interleaved).is_healthy
    assert only_health(store).failures == 1
    assert check_first(store).is_healthy


def test_a_check_that_began_before_a_recovery_does_not_close_the_gate(
    store: Store, interleaved: Interleaved, hash_list: Path
) -> None:
    hash_list.rename(away(hash_list))
    check_first(store)
    wait_in_store(store, 1)

    def it_recovers() -> None:
        away(hash_list).rename(hash_list)
        assert check_first(store).is_healthy

    interleaved.happens = it_recovers
    assert check_first(interleaved).is_healthy
    assert only_health(store).is_healthy
    assert batches.waiting_count(store) == 0


def test_a_question_that_fails_closes_the_gate_though_a_check_that_was_healthy_came_between(
    store: Store, interleaved: Interleaved, hash_list: Path
) -> None:
    check_first(store)
    hash_list.rename(away(hash_list))

    def a_check_finds_it_healthy() -> None:
        away(hash_list).rename(hash_list)
        assert check_first(store).is_healthy

    interleaved.happens = a_check_finds_it_healthy
    with opened(interleaved) as services:
        answers = services.ask([KNOWN.digests])
    assert answers.has_failed
    assert answers.answers[0].waits
    assert not only_health(store).is_healthy


def test_a_question_that_fails_while_the_gate_is_closed_is_no_further_failure(
    store: Store, interleaved: Interleaved, hash_list: Path
) -> None:
    check_first(store)
    hash_list.rename(away(hash_list))
    interleaved.happens = lambda: check_first(store)
    with opened(interleaved) as services:
        services.ask([KNOWN.digests])
    assert only_health(store).failures == 1  # `verify` gives a service up after some


def test_an_event_that_a_run_takes_over_while_it_is_delivered_does_not_stay_undelivered(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAKEDOWN_SINKS", f"jsonl:{tmp_path}")
    change = change_by_match(KNOWN, a_match(), None, STAMP)
    assert change.event is not None
    with transaction(store) as pipe:
        case_store.write(pipe, change)
        deliveries.note_events(store, pipe, RUN, str(change.event.event_id))
    job_id = queues.delivery_job_id(str(change.event.event_id))
    looked, is_delivered = threading.Event(), threading.Event()

    class Looking(Redis):
        """The run's connection: what it saw of the job, when it looked a second time, is old when it acts on it."""

        looks = 0

        def hgetall(self, name: Any) -> Any:
            found = super().hgetall(name)
            self.looks += 1
            if self.looks == 2:
                looked.set()
                assert is_delivered.wait(300)
            return found

    store.lrem("rq:queue:takedown", 0, job_id)  # it looks lost
    taking_over = threading.Thread(target=deliveries.take_over, args=[Looking.from_url(url_of(store)), "run-2"])
    taking_over.start()
    assert looked.wait(300)
    store.lpush("rq:queue:takedown", job_id)  # now a worker does it

    work(store, QueueName.TAKEDOWN)
    assert store.hlen(keys.undelivered()) == 0
    is_delivered.set()  # now the run acts, by what it saw before
    taking_over.join()
    assert len((tmp_path / "events.jsonl").read_text().splitlines()) == 1
    assert store.hlen(keys.undelivered()) == 0
    assert store.exists(f"rq:job:{job_id}") == 0


def test_a_service_that_recovers_while_a_batch_is_settled_is_asked_though_another_is_down(
    store: Store, interleaved: Interleaved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovering, down = tmp_path / "recovering.hashes", tmp_path / "down.hashes"
    urls = [build_list(path, [KNOWN.digests.sha256]) for path in (recovering, down)]
    monkeypatch.setenv("MATCHER_URL", "\n".join(urls))
    for path in (recovering, down):
        path.rename(away(path))
    other = a_sighting(b"other", url="http://h.test/other.bin")
    batch_id = add_batch(store, KNOWN, other)

    def one_recovers() -> None:
        away(recovering).rename(recovering)
        assert check_first(store).is_healthy

    interleaved.happens = one_recovers
    interleaved.is_time = lambda: keys.batch(batch_id) in interleaved.read  # and it was asked about
    work(interleaved, QueueName.MATCH)
    assert interleaved.happens is None
    assert store.zcard(keys.cases()) == 1
    left = batches.read(store, batch_id)
    assert left is not None
    assert left.sightings == (other,)
    assert batches.waiting_count(store) == 1


def test_what_comes_to_wait_while_batches_are_let_go_is_not_let_go_twice_nor_forgotten(
    store: Store, interleaved: Interleaved, hash_list: Path
) -> None:
    hash_list.rename(away(hash_list))
    check_first(store)
    wait_in_store(store, 1)
    away(hash_list).rename(hash_list)
    interleaved.happens = lambda: wait_in_store(store, 2)
    assert check_first(interleaved).is_healthy
    assert batches.waiting_count(store) == 0
    work(store, QueueName.MATCH)
    assert runs.waiting(store, RUN)[0] == 0


@pytest.mark.parametrize("is_listed_later", [True, False])
def test_what_was_asked_of_a_list_that_changed_and_was_gone_through_before_it_is_written_is_asked_again(
    store: Store, interleaved: Interleaved, hash_list: Path, is_listed_later: bool
) -> None:
    work(store, QueueName.MATCH)  # the list is noted
    other = a_sighting(b"other", url="http://h.test/other.bin")
    new, asked = (other, other) if is_listed_later else (other, KNOWN)
    asked = asked.model_copy(update={"seen_at": now()})
    batch_id = add_batch(store, asked)

    def another_list_is_gone_through() -> None:
        build_list(hash_list, [new.digests.sha256])
        health = check_first(store)
        assert health.list_version is not None
        assert rematch.start_if_due(store, {health.service: health.list_version})
        ask = functools.partial(asking.verdicts, store)
        recall.work(store, token_of(store, SweepName.RECALL), ask)
        rematch.work(store, token_of(store, SweepName.REMATCH), ask, retention=timedelta(days=1))

    interleaved.happens = another_list_is_gone_through
    interleaved.is_time = lambda: keys.batch(batch_id) in interleaved.read  # and it was asked about
    work(interleaved, QueueName.MATCH)
    assert interleaved.happens is None
    work(store, QueueName.MATCH)
    assert [case.state for case in case_store.all_cases(store)] == (["open"] if is_listed_later else [])
    assert runs.unknown(store, RUN) == []


def test_a_recall_that_runs_before_its_rematch_is_begun_knows_which_answers_are_old(
    store: Store, interleaved: Interleaved, hash_list: Path
) -> None:
    with transaction(store) as pipe:
        case_store.write(pipe, change_by_match(KNOWN, a_match(), None, STAMP))
    health = check_first(store)
    assert health.list_version is not None

    def recall_all() -> None:
        recall.work(store, token_of(store, SweepName.RECALL), functools.partial(asking.verdicts, store))

    rematch.start(store, {health.service: health.list_version})
    recall_all()
    assert sweeps.status(store, SweepName.RECALL).later == 0
    interleaved.happens = recall_all  # here, where the list that another machine has seen is not yet
    interleaved.is_time = lambda: store.hexists(keys.sweep(SweepName.RECALL), "turn")
    assert rematch.start_if_due(interleaved, {health.service: "new"})
    assert interleaved.happens is None
    assert sweeps.status(store, SweepName.RECALL).later == 1
    assert not rematch.start_if_due(store, {health.service: "new"})


def token_of(store: Store, name: SweepName) -> str:
    token = store.hget(keys.sweep(name), "turn")
    assert token is not None
    return token.decode()
