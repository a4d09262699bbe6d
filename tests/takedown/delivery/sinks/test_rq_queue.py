"""An event is a job of the engine's: its own function, JSON alone, once while RQ knows the job. The worker is real."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from false_redis import false_redis
from orbweaver.store import connection
from orbweaver.store.connection import Store
from orbweaver.takedown.delivery.sinks.addresses import read_address
from orbweaver.takedown.delivery.sinks.allowances import Patience
from orbweaver.takedown.delivery.sinks.redis_server import EngineServer
from orbweaver.takedown.delivery.sinks.rq_queue import DONE_SECONDS, RqQueueSink
from orbweaver.takedown.errors import SinkAway
from rq import Queue
from rq.serializers import JSONSerializer
from sink_events import an_event

EVENT, OTHER = an_event(), an_event(b"other")
ENGINE = """
from pathlib import Path
import json

def take(event):
    folder = Path(__file__).parent
    broken = folder / "broken"
    if broken.exists() and broken.read_text() == event["event_id"]:
        raise RuntimeError("broken")
    with (folder / "taken.jsonl").open("a") as file:
        file.write(json.dumps(event) + "\\n")
"""


@contextlib.contextmanager
def a_sink(store: Store) -> Iterator[RqQueueSink]:
    where = f"rq+unix://{connection.socket_path(store)}?queue=engine&function=engine_of_ours.take"
    sink = RqQueueSink(EngineServer(read_address(where), tuple))
    try:
        yield sink
    finally:
        sink.close()


def queue_of(store: Store) -> Queue:
    return Queue("engine", connection=store, serializer=JSONSerializer)


def works(store: Store, folder: Path) -> None:
    """Let a worker of the engine's do what waits, as its operators start it."""
    (folder / "engine_of_ours.py").write_text(ENGINE)
    command = [sys.executable, "-m", "rq.cli", "worker", "engine", "--burst"]
    options = ["--serializer", "rq.serializers.JSONSerializer", "--url", f"unix://{connection.socket_path(store)}"]
    done = subprocess.run([*command, *options, "--path", str(folder)], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert EVENT.case.url not in done.stderr + done.stdout


def taken(folder: Path) -> list[str]:
    written = folder / "taken.jsonl"
    return [json.loads(line)["event_id"] for line in written.read_text().splitlines()] if written.exists() else []


def test_a_worker_of_the_engine_does_each_event_once_and_a_failed_one_again(store: Store, tmp_path: Path) -> None:
    with a_sink(store) as sink:
        for event in (EVENT, OTHER, EVENT):
            sink.deliver(event)
        (tmp_path / "broken").write_text(str(OTHER.event_id))
        works(store, tmp_path)
        assert taken(tmp_path) == [str(EVENT.event_id)]
        assert queue_of(store).failed_job_registry.get_job_ids() == [str(OTHER.event_id)]
        assert 0 < store.ttl(f"rq:job:{EVENT.event_id}") <= DONE_SECONDS

        (tmp_path / "broken").unlink()
        for event in (EVENT, OTHER):  # the first has been done, and RQ still knows it
            sink.deliver(event)
        assert queue_of(store).failed_job_registry.get_job_ids() == []
        works(store, tmp_path)
    assert taken(tmp_path) == [str(EVENT.event_id), str(OTHER.event_id)]
    [line, _] = (tmp_path / "taken.jsonl").read_text().splitlines()
    assert json.loads(line) == json.loads(EVENT.model_dump_json())


def test_a_job_is_json_and_its_description_names_no_url(store: Store) -> None:
    with a_sink(store) as sink:
        sink.deliver(EVENT)
    fields = store.hgetall(f"rq:job:{EVENT.event_id}")
    function, _, arguments, named = json.loads(zlib.decompress(fields[b"data"]))
    assert (function, arguments, named) == ("engine_of_ours.take", [json.loads(EVENT.model_dump_json())], {})
    assert fields[b"description"].decode() == f"event {EVENT.event_id} of Orbweaver"


def test_a_queue_that_can_be_asked_has_no_complaint_and_no_job(store: Store) -> None:
    with a_sink(store) as sink:
        assert sink.complaint() is None
        assert store.keys("*") == []
        store.set("rq:queue:engine", "a string")
        assert sink.complaint() == (True, "its key rq:queue:engine is no list: choose another name")
        with pytest.raises(SinkAway, match=r"^rq\+unix.*refuses"):
            sink.deliver(EVENT)


@pytest.mark.parametrize(
    "answer", [b"*0", b"*2\r\n:1\r\n$2\r\nok", b"-ERR <html>", b"-MOVED 1 127.0.0.1:9", b"%1\r\n+a\r\n+b", b"$x", b""]
)
def test_what_is_no_answer_of_redis_is_not_taken(answer: bytes) -> None:
    with false_redis(answer + b"\r\n") as server:
        where = f"rq+redis://127.0.0.1:{server.server_port}/0?queue=engine&function=a.b"
        patience = Patience(connect_seconds=1, silence_seconds=0.1, whole_seconds=0.2)
        sink = RqQueueSink(EngineServer(read_address(where), tuple, patience=patience))
        with contextlib.closing(sink), pytest.raises(SinkAway) as caught:
            sink.deliver(EVENT)
        assert sink.complaint() is not None
        sink.close()
    assert "html" not in str(caught.value)
