"""No worker answers with services, sinks or settings of its own: what the last run declared is in force for all."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from builders import (
    RUN,
    a_match,
    a_sighting,
    add_batch,
    build_list,
    digests_of,
    started_worker,
    transaction,
    url_of,
    work,
)
from orbweaver import settings
from orbweaver.matcher_client.gate import service_health
from orbweaver.model import now
from orbweaver.queue import queues
from orbweaver.queue.errors import NotInForce, WorkersTooOld
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, deliveries, in_force, list_versions, retained, runs
from orbweaver.queue.runs import declaration, verification
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver_command import eventually
from redis import Redis

ALL = tuple(QueueName)
KNOWN = a_sighting().model_copy(update={"seen_at": now()})
OTHER = a_sighting(b"other", url="http://h.test/other.bin").model_copy(update={"seen_at": now()})


@pytest.fixture(autouse=True)
def _sink(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAKEDOWN_SINKS", f"jsonl:{tmp_path / 'events'}")


def use_list(monkeypatch: pytest.MonkeyPatch, path: Path, *bodies: bytes) -> str:
    url = build_list(path, [digests_of(one).sha256 for one in bodies])
    monkeypatch.setenv("MATCHER_URL", url)
    return url


def declare(store: Store) -> None:
    declaration.declare(store, settings.load(), ALL)


def urls_of_cases(store: Store) -> list[str]:
    return sorted(case.url for case in case_store.all_cases(store))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MATCHER_URL", "hashlist:/another/list.hashes"),
        ("SIGHTING_RETENTION", "1d"),
        ("MAX_LIST_AGE", "3d"),
        ("TAKEDOWN_SINKS", "jsonl:/another"),
        ("ALLOW_ADDRESSES", "10.0.0.0/8"),
        ("SANDBOX", "off"),
        ("FILE_BYTES", "1000"),
    ],
)
def test_a_setting_that_changes_what_is_found_or_where_it_goes_is_compared(
    store: Store, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    in_force.declare(store, settings.load(), ALL)
    assert in_force.differing(store, settings.load(), ALL) == []
    monkeypatch.setenv(name, value)
    assert in_force.differing(store, settings.load(), ALL) == [name]


def test_what_belongs_to_a_machine_or_means_the_same_is_not_compared(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    matcher = "hma+https://hma.test/api?md5=video_md5&canary=md5:{}&token=file:/{}&connections={}\nhashlist:/list"
    monkeypatch.setenv("MATCHER_URL", matcher.format("0" * 32, "one", 1))
    monkeypatch.setenv("ALLOW_ADDRESSES", "10.0.0.0/8,127.0.0.0/8")
    in_force.declare(store, settings.load(), ALL)
    first, second = matcher.format("1" * 32, "two", 9).split()
    monkeypatch.setenv("MATCHER_URL", f"{second}\n{first}")
    monkeypatch.setenv("ALLOW_ADDRESSES", "127.0.0.0/8 10.0.0.0/8")
    monkeypatch.setenv("MEMORY_BYTES", "1000000000")
    monkeypatch.setenv("STATE_DIR", "/elsewhere")
    assert in_force.differing(store, settings.load(), ALL) == []
    monkeypatch.setenv("MATCHER_URL", f"{second}\n{first.replace('video_md5', 'pdq')}")
    assert in_force.differing(store, settings.load(), ALL) == ["MATCHER_URL"]
    assert not any(secret in str(store.hgetall(keys.in_force())) for secret in ("0" * 32, "one"))


def test_a_worker_with_another_list_takes_no_job_and_says_so(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    right = use_list(monkeypatch, tmp_path / "right.hashes", b"known")
    declare(store)
    batch_id = add_batch(store, KNOWN)
    use_list(monkeypatch, tmp_path / "left-over.hashes", b"something else")
    with pytest.raises(NotInForce, match="other values of MATCHER_URL are in force"):
        work(store)
    assert [one for one in caplog.messages if "takes no job" in one] == [
        "takes no job: other values of MATCHER_URL are in force on this store, by its last verify or rematch; "
        "give it the same settings, or run verify with its own"
    ]
    assert queues.queue_for(store, QueueName.MATCH).get_job_ids() == [queues.match_job_id(batch_id)]
    assert service_health.read_all(store) == {}
    monkeypatch.setenv("MATCHER_URL", right)
    work(store)
    assert urls_of_cases(store) == [KNOWN.url]


def test_a_left_over_worker_gives_back_the_job_that_it_was_waiting_for_and_works_when_it_may_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = use_list(monkeypatch, tmp_path / "old.hashes", b"something else")
    with started_worker(store, "match", "--name", "left-over", MATCHER_URL=old):
        eventually(lambda: [one for one in store.client_list() if one["cmd"] == "blmove"])
        use_list(monkeypatch, tmp_path / "right.hashes", b"known")
        declare(store)
        batch_id = add_batch(store, KNOWN, OTHER)
        eventually(lambda: queues.idle_because(store, "left-over"))
        assert queues.match_job_id(batch_id) in queues.queue_for(store, QueueName.MATCH).get_job_ids()
        work(store, QueueName.MATCH)
        assert urls_of_cases(store) == [KNOWN.url]
        monkeypatch.setenv("MATCHER_URL", old)
        declare(store)
        eventually(lambda: queues.idle_because(store, "left-over") is None)
        add_batch(store, OTHER)
        eventually(lambda: runs.waiting(store, RUN)[0] == 0)


class Interleaved(Redis):
    """A connection on which something happens once, just before the first transaction after a batch was read."""

    happens = staticmethod(lambda: None)
    is_read = False

    def pipeline(self, transaction: bool = True, *args: object, **options: object) -> object:  # type: ignore[override]
        if transaction and self.is_read:
            happens, self.happens = self.happens, lambda: None
            happens()
        pipe = super().pipeline(transaction, *args, **options)
        ask = pipe.execute_command

        def remember(*words: Any, **more: Any) -> Any:
            self.is_read = self.is_read or (words[0] == "GET" and words[1].startswith("orbweaver:batch:"))
            return ask(*words, **more)

        pipe.execute_command = remember  # type: ignore[method-assign]
        return pipe


@contextmanager
def interleaved(store: Store, happens: object) -> Iterator[Interleaved]:
    connection = Interleaved.from_url(url_of(store))
    assert isinstance(connection, Interleaved)
    connection.happens = happens
    yield connection
    connection.close()


def test_answers_of_a_worker_that_is_overtaken_by_a_run_are_not_written(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = use_list(monkeypatch, tmp_path / "right.hashes", b"known")
    use_list(monkeypatch, tmp_path / "left-over.hashes", b"other")
    batch_id = add_batch(store, KNOWN, OTHER)

    def a_run_declares_its_own() -> None:
        declaration.declare(store, settings.load({"MATCHER_URL": right}), ALL)

    with interleaved(store, a_run_declares_its_own) as connection, pytest.raises(NotInForce):
        work(connection, QueueName.MATCH)
    assert urls_of_cases(store) == []
    assert sum(retained.count(store)) == 0
    assert [one.url for one in runs.unknown(store, RUN)] == [KNOWN.url, OTHER.url]
    batch = batches.read(store, batch_id)
    assert batch is not None
    assert batch.sightings == (KNOWN, OTHER)
    monkeypatch.setenv("MATCHER_URL", right)
    work(store)
    assert urls_of_cases(store) == [KNOWN.url]
    assert (runs.unknown(store, RUN), sum(retained.count(store))) == ([], 1)


def test_two_machines_with_different_lists_of_one_name_do_not_answer_for_each_other(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "list.hashes"
    use_list(monkeypatch, path, b"something else")
    old = path.read_bytes()
    work(store)
    path.unlink()
    url = use_list(monkeypatch, path, b"known", b"another")
    declare(store)
    work(store)
    wanted = list_versions.read(store)
    new = path.read_bytes()
    replace(path, old)  # as on a machine that has not got the new one yet
    add_batch(store, KNOWN)
    for _ in range(2):
        with pytest.raises(NotInForce, match=r"list\.hashes is not the list in force"):
            work(store)
    assert list_versions.read(store) == wanted  # and its watch changed nothing
    assert service_health.read_all(store)[url].entries == 2
    replace(path, new)
    work(store)
    assert urls_of_cases(store) == [KNOWN.url]


def replace(path: Path, content: bytes) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)


def test_a_new_list_is_taken_over_by_a_worker_that_works_on(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "list.hashes"
    use_list(monkeypatch, path, b"something else")
    declare(store)
    add_batch(store, KNOWN)
    work(store)
    path.unlink()
    use_list(monkeypatch, path, b"known")
    work(store)
    assert urls_of_cases(store) == [KNOWN.url]


def test_an_event_that_went_to_sinks_that_are_not_in_force_any_more_is_delivered_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = change_by_match(KNOWN, a_match(), None, case_store.stamp(store))
    assert change.event is not None
    event_id = str(change.event.event_id)
    with transaction(store) as pipe:
        case_store.write(pipe, change)
        deliveries.note_events(store, pipe, RUN, event_id)
    in_force.declare(store, settings.load({"TAKEDOWN_SINKS": f"jsonl:{tmp_path / 'right'}"}), ALL)
    assert not deliveries.note_delivered(store, [event_id], settings.load())
    with pytest.raises(NotInForce, match="TAKEDOWN_SINKS"):
        work(store, QueueName.TAKEDOWN)
    assert store.hexists(keys.undelivered(), event_id)
    monkeypatch.setenv("TAKEDOWN_SINKS", f"jsonl:{tmp_path / 'right'}")
    work(store, QueueName.TAKEDOWN)
    assert len((tmp_path / "right" / "events.jsonl").read_text().splitlines()) == 1
    assert not (tmp_path / "events").exists()


def test_no_run_begins_beside_a_worker_of_an_earlier_release(store: Store, tmp_path: Path) -> None:
    record = {"pid": "4242", "hostname": "another-machine", "queues": "match"}
    store.sadd("rq:workers", "rq:worker:old")
    store.hset("rq:worker:old", mapping=record)
    environment = {**os.environ, "MATCHER_URL": "hashlist:/missing", "TAKEDOWN_SINKS": "jsonl:/missing"}
    with pytest.raises(WorkersTooOld, match="process 4242 on another-machine is a worker of an earlier release"):
        verification.verify(
            store,
            [],
            recrawls_at_once=1,
            environment=environment,
            log_file=tmp_path / "log",
            on_progress=lambda _: None,
            stop=threading.Event(),
        )
    store.hset("rq:worker:old", "queues", "somebody-elses")
    declaration.declare(store, settings.load(environment), ALL)
    store.hset("rq:worker:old", mapping={"queues": "match", "death": "2026-01-01T00:00:00Z"})
    declaration.declare(store, settings.load(environment), ALL)
