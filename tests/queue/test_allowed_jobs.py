"""Hostile jobs, planted by somebody who can write to the store: nothing of them runs, and they are parked."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from builders import a_sighting, add_batch, an_order, parked, transaction, url_of, work
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.queue import allowed_jobs, jobs, queues
from orbweaver.queue.allowed_jobs import MODULE, AllowedJob, refusal
from orbweaver.queue.errors import RefusedJob
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import recrawls
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.store import keys
from orbweaver.store.connection import Store
from rq.exceptions import NoSuchJobError
from synthetic_host import SyntheticHost

MARKER = "MARKER"  # stands for the path of a file that a job would make
HOOK = "HOOK"  # stands for the URL of a server that a job would call


def data(
    name: object = f"{MODULE}.match", instance: object = None, args: object = ("x",), kwargs: object = None
) -> str:
    return json.dumps([name, instance, args, kwargs or {}])


HONEST = {"data": data(), "status": "queued", "timeout": "60", "retries_left": "3", "retry_intervals": "[0]"}
# protocol 0: os.system("touch MARKER")
PICKLE = f"cos\nsystem\n(S'touch {MARKER}'\ntR.".encode()


def bomb(megabytes: int) -> bytes:
    """Return the data of a job that unpacks to so much; only one megabyte is packed, and repeated."""
    before, block, after = b'["', b"a" * 2**20, b'", null, [], {}]'
    packer = zlib.compressobj(9)
    start = packer.compress(before) + packer.flush(zlib.Z_FULL_FLUSH)
    repeated = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    end = packer.compress(after) + packer.flush()
    checksum = zlib.adler32(before)
    for _ in range(megabytes):
        checksum = zlib.adler32(block, checksum)
    return start + repeated * megabytes + end[:-4] + zlib.adler32(after, checksum).to_bytes(4, "big")


BOMB = bomb(100)
SMALL_BOMB = bomb(10)  # itself within what is read
HOOKS = json.dumps([{"url": HOOK, "statuses": ["failed", "finished"]}])

# A job's name -> the fields that differ from an honest job's, and what must be said about it.
REFUSED: dict[str, tuple[dict[str, object], str]] = {
    # other functions
    "system": ({"data": data("os.system", args=[f"touch {MARKER}"])}, "it calls 'os.system'"),
    "uncompressed": ({"data": zlib.compress(data("os.system", args=[f"touch {MARKER}"]).encode())}, "'os.system'"),
    "private": ({"data": data(f"{MODULE}._store")}, "_store', which is not a job function"),
    "undone": ({"data": data(f"{MODULE}.refused", args=[])}, "refused', which is not a job function"),
    "imported": ({"data": data(f"{MODULE}.open_service", args=["hashlist:/x"])}, "open_service'"),
    "attribute": ({"data": data(f"{MODULE}.signal.raise_signal")}, "signal.raise_signal'"),
    "dots": ({"data": data(f"{MODULE}..match")}, "which is not a job function"),
    "elsewhere": ({"data": data(f"evil.{MODULE}.match")}, "which is not a job function"),
    "fullwidth": ({"data": data("orbweaver\uff0equeue.jobs.match")}, "which is not a job function"),
    "lookalike": ({"data": data("\u043erbweaver.queue.jobs.match")}, "which is not a job function"),
    "null": ({"data": data(f"{MODULE}.match\0")}, "which is not a job function"),
    "unnamed": ({"data": data(None)}, "which is not a job function"),
    "listed": ({"data": data(["os.system"])}, "which is not a job function"),
    # data of another shape
    "pickled": ({"data": PICKLE}, "is not JSON"),
    "pickled-small": ({"data": zlib.compress(PICKLE)}, "is not JSON"),
    "object": ({"data": '{"a": 1}'}, "is not JSON of function"),
    "mapping": ({"data": json.dumps({f"{MODULE}.match": 1, "b": 2, "c": 3, "d": 4})}, "it carries an instance"),
    "short": ({"data": "[]"}, "is not JSON of function"),
    "number": ({"data": "1"}, "is not JSON of function"),
    "deep": ({"data": "[" * 9000}, "is not JSON of function"),
    "digits": ({"data": "1" * 9000}, "is not JSON of function"),
    "empty": ({"data": ""}, "is not JSON of function"),
    "instance": ({"data": data(instance="os")}, "an instance or keyword"),
    "keywords": ({"data": data(kwargs={"batch_id": "x"})}, "an instance or keyword"),
    "arguments": ({"data": data(args={"a": 1})}, "not a list of texts"),
    "nested": ({"data": data(args=[["touch"]])}, "not a list of texts"),
    # too large
    "bomb": ({"data": BOMB}, "its data is too large"),
    "bomb-in-bomb": ({"data": SMALL_BOMB}, "is not JSON of function"),
    "large": ({"data": data(args=["a" * 10 * 2**20])}, "its data is too large"),
    "described": ({"description": "a" * 20_000}, "its description is too large"),
    # what RQ does besides calling a function
    "success": ({"success_callback_name": "os.system"}, "it carries success_callback_name"),
    "failure": ({"failure_callback_name": "os.system"}, "it carries failure_callback_name"),
    "stopped": ({"stopped_callback_name": "os.system"}, "it carries stopped_callback_name"),
    "hooked": ({"webhooks": HOOKS}, "it carries webhooks"),
    "dependent": ({"dependency_ids": '["honest"]'}, "it carries dependency_ids"),
    "dependent-once": ({"dependency_id": "honest"}, "it carries dependency_id"),
    "repeated": ({"repeats_left": "9", "repeat_intervals": "[1]"}, "it carries repeat"),
    "limited": ({"rate_limit_key": "k", "rate_limit_concurrency": "1"}, "it carries rate_limit"),
    "grouped": ({"group_id": "g"}, "it carries group_id"),
    "to-come": ({"a_field_of_rq_4": "1"}, "it carries a_field_of_rq_4"),
    "binary-field": ({b"\xff": "1"}, "it carries"),
    # numbers and texts that RQ would stumble over, some of which would end the worker
    "tireless": ({"retries_left": "1000000"}, "its retries_left is out of bounds"),
    "digits-left": ({"retries_left": "1" * 5000}, "its retries_left is out of bounds"),
    "minus": ({"retries_left": "-1"}, "its retries_left is out of bounds"),
    "intervals": ({"retry_intervals": "[" * 9000}, "its retry_intervals is out of bounds"),
    "timeout-text": ({"timeout": "soon"}, "its timeout is out of bounds"),
    "timeout-unit": ({"timeout": "10d"}, "its timeout is out of bounds"),
    "timeout-long": ({"timeout": "9" * 30}, "its timeout is out of bounds"),
    "timeout-none": ({"timeout": "-1"}, "its timeout is out of bounds"),
    "kept-long": ({"failure_ttl": "9" * 20}, "its failure_ttl is out of bounds"),
    "status": ({"status": "excellent"}, "its fields cannot be read"),
    "date": ({"created_at": "yesterday"}, "its fields cannot be read"),
    "encoding": ({"origin": b"\xff\xfe"}, "its fields cannot be read"),
}
# What is not even a job is dropped.
BAD_IDS = [b"two words", b"honest:execution", b"\xff\xfe", b"", b"../../etc", "ｉ".encode(), b"a" * 100_000 + b"!"]
# RQ unpacks these fields, which we never read.
UNREAD = {"exc_info": BOMB, "result": BOMB, "meta": b"[" * 9000}

WORKER = """
import sys
from orbweaver.queue import jobs
from orbweaver.queue.fleet.workers import plain_worker
from orbweaver.queue.queues import QueueName
from orbweaver.store import connection
import orbweaver.crawler.recrawl, orbweaver.crawler.spider, orbweaver.crawler.handler

def peak():
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) * 1024

store = connection.connect(sys.argv[1])
before = peak()
plain_worker.work(store, [QueueName(sys.argv[2])], burst=True)
print(peak() - before)
"""


@dataclass
class Aftermath:
    """What was left when a worker had gone through a queue of hostile jobs."""

    parked: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, bytes | None] = field(default_factory=dict)
    has_run: bool = False
    calls: int = 0
    memory: int = 0
    is_honest_job_done: bool = False
    left_in_queue: int = 0


def plant(store: Store, name: QueueName, job_id: str, fields: dict[str, object], **places: str) -> None:
    """Write a job into the store by hand."""
    filled = {}
    for key, value in fields.items():
        raw = value if isinstance(value, bytes) else str(value).encode()
        for place, meant in places.items():
            raw = raw.replace(place.encode(), meant.encode())
        filled[key] = raw
    store.hset(f"rq:job:{job_id}", mapping=filled)  # type: ignore[arg-type]
    store.rpush(f"rq:queue:{name}", job_id)


@pytest.fixture(scope="module", params=[QueueName.MATCH, QueueName.RECRAWL])
def aftermath(
    request: pytest.FixtureRequest, _server: Store, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Aftermath]:
    """One real worker, and every hostile job in its queue before one honest job."""
    store, name = _server, request.param
    store.flushall()
    marker = tmp_path_factory.mktemp("marker") / "made"
    with socket.create_server(("127.0.0.1", 0)) as hook, SyntheticHost({"/": ("application/zip", b"PK")}) as host:
        places = {MARKER: str(marker), HOOK: f"http://127.0.0.1:{hook.getsockname()[1]}/"}
        for job_id, (differing, _) in REFUSED.items():
            plant(store, name, job_id, {**HONEST, "origin": name, **differing}, **places)
        plant(store, name, "strayed", {**HONEST, "origin": "another", "webhooks": HOOKS}, **places)
        for job_id in BAD_IDS:
            store.rpush(f"rq:queue:{name}", job_id)
        store.set("rq:job:a-text", "x")
        store.sadd("rq:job:a-set", "x")
        store.rpush(f"rq:queue:{name}", "a-text", "a-set", "missing")
        if name is QueueName.MATCH:
            honest = queues.match_job_id(add_batch(store, a_sighting()))
        else:
            recrawl_id = recrawls.create(store, "run", an_order(host.host))
            queues.enqueue_recrawl(store, host.host, recrawl_id, 60)
            honest = queues.recrawl_job_id(host.host)
        store.hset(f"rq:job:{honest}", mapping=UNREAD)  # type: ignore[arg-type]
        done = subprocess.run(
            [sys.executable, "-P", "-c", WORKER, url_of(store), name],
            env={**os.environ, "SANDBOX": "off", "ALLOW_ADDRESSES": "127.0.0.0/8"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        hook.setblocking(False)
        calls = 0
        try:
            hook.accept()[0].close()
            calls += 1
        except BlockingIOError:
            pass
        if name is QueueName.MATCH:
            is_done = store.hlen(keys.unanswered()) == 1
        else:
            record = recrawls.read(store, recrawl_id)
            is_done = record is not None and record.state is RecrawlState.FINISHED and record.tally.files == 1
        yield Aftermath(
            parked=parked(store, name),
            statuses={job_id: store.hget(f"rq:job:{job_id}", "status") for job_id in (*REFUSED, "strayed")},
            has_run=marker.exists(),
            calls=calls,
            memory=int(done.stdout.split()[-1]),
            is_honest_job_done=is_done,
            left_in_queue=store.llen(f"rq:queue:{name}"),
        )


@pytest.mark.parametrize("job_id", REFUSED)
def test_a_hostile_job_is_parked_with_the_reason(aftermath: Aftermath, job_id: str) -> None:
    said = aftermath.parked.get(job_id, "it is not parked")
    assert f"job {job_id} refused: " in said
    assert REFUSED[job_id][1] in said
    assert aftermath.statuses[job_id] == b"failed"


def test_a_job_that_names_another_queue_is_parked_in_the_queue_it_was_found_in(aftermath: Aftermath) -> None:
    assert "it carries webhooks" in aftermath.parked["strayed"]


def test_no_hostile_job_runs_anything(aftermath: Aftermath) -> None:
    assert not aftermath.has_run


def test_no_hostile_job_calls_anybody(aftermath: Aftermath) -> None:
    assert aftermath.calls == 0


def test_large_jobs_are_not_unpacked(aftermath: Aftermath) -> None:
    assert aftermath.memory < 64 * 2**20


def test_the_worker_goes_on_to_the_honest_job(aftermath: Aftermath) -> None:
    assert aftermath.is_honest_job_done
    assert aftermath.left_in_queue == 0


def test_what_is_no_job_is_dropped(aftermath: Aftermath) -> None:
    assert aftermath.parked.keys() == REFUSED.keys() | {"strayed"}


def test_a_worker_of_two_queues_drops_bad_ids_too(store: Store) -> None:
    store.rpush("rq:queue:match", *BAD_IDS)
    add_batch(store, a_sighting())
    work(store, QueueName.MATCH, QueueName.TAKEDOWN)
    assert store.hlen(keys.unanswered()) == 1


def test_the_planted_data_would_be_dangerous_if_it_was_believed(tmp_path: Path) -> None:
    import pickle  # noqa: TID251

    pickle.loads(PICKLE.replace(MARKER.encode(), str(tmp_path / "made").encode()))
    assert (tmp_path / "made").exists()


def test_a_refused_job_can_still_be_found_in_its_queue_and_says_that_it_failed(store: Store) -> None:
    plant(store, QueueName.RECRAWL, "parked", {**HONEST, "origin": "recrawl", "status": "failed", "webhooks": HOOKS})
    job = queues.queue_for(store, QueueName.RECRAWL).fetch_job("parked")
    assert isinstance(job, AllowedJob)
    assert (job.refused, job.is_failed) == ("it carries webhooks", True)


def test_a_job_that_rq_wrote_is_not_refused(store: Store) -> None:
    batch_id = add_batch(store, a_sighting())
    queues.enqueue_recrawl(store, "h.test", "recrawl-1", 60)
    with transaction(store) as pipe:
        queues.enqueue_delivery(store, pipe, "event-1")
    stored = [AllowedJob.fetch(text.decode()[7:], connection=store) for text in store.keys("rq:job:*")]
    assert len(stored) == 3
    assert {(job.refused, job.func_name) for job in stored if isinstance(job, AllowedJob)} == {
        (None, f"{MODULE}.recrawl"),
        (None, f"{MODULE}.match"),
        (None, f"{MODULE}.deliver"),
    }
    assert AllowedJob.fetch(queues.match_job_id(batch_id), connection=store).args == [batch_id]


def test_each_job_name_is_a_function_that_a_worker_hands_over() -> None:
    begun_by_a_recrawl_worker = {allowed_jobs.JobName.RECRAWL}
    assert jobs.FUNCTIONS.keys() | begun_by_a_recrawl_worker == allowed_jobs.NAMES
    assert not jobs.FUNCTIONS.keys() & begun_by_a_recrawl_worker
    assert {function.__module__ for function in jobs.FUNCTIONS.values()} == {MODULE}


def test_a_job_calls_nothing_where_no_worker_has_handed_over_its_functions(store: Store) -> None:
    job = AllowedJob.fetch(queues.match_job_id(add_batch(store, a_sighting())), connection=store)
    with pytest.raises(RefusedJob, match="only a worker may call its function"):
        _ = job.func


@pytest.mark.parametrize("job_id", ["two words", "honest:execution", ":", "é"])
def test_an_id_that_no_job_can_have_is_no_job(store: Store, job_id: str) -> None:
    plant(store, QueueName.MATCH, "honest", HONEST)
    with pytest.raises(NoSuchJobError):
        AllowedJob.fetch(job_id, connection=store)


FIELDS = [
    *allowed_jobs.TEXTS,
    *allowed_jobs.NUMBERS,
    *allowed_jobs.UNREAD,
    "retry_intervals",
    "webhooks",
    "success_callback_name",
]
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=10,
)
datas = st.one_of(
    st.binary(),
    jsons.map(lambda value: json.dumps(value).encode()),
    jsons.map(lambda value: zlib.compress(json.dumps(value).encode())),
    st.tuples(st.just(f"{MODULE}.match") | jsons, jsons, jsons, jsons).map(lambda value: json.dumps(value).encode()),
    st.binary().map(lambda value: zlib.compress(data().encode()) + value),
)


@given(
    st.dictionaries(st.sampled_from(FIELDS) | st.text(), st.binary() | st.integers().map(lambda one: b"%d" % one)),
    datas,
)
def test_whatever_a_job_holds_it_is_judged_and_never_raises(fields: dict[str, bytes], payload: bytes) -> None:
    said = refusal({**fields, "data": payload})
    assert said is None or said.startswith("it")


@given(datas)
def test_only_a_call_of_a_job_function_with_texts_is_not_refused(payload: bytes) -> None:
    if refusal({"data": payload}) is None:
        plain = payload if payload.startswith(b"[") else zlib.decompress(payload)
        name, instance, arguments, options = json.loads(plain)
        assert (name, instance, options) == (f"{MODULE}.match", None, {})
        assert all(isinstance(one, str) for one in arguments)
