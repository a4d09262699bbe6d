"""A takedown worker that is killed with every sink at once: each engine ends with exactly the true set of cases."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from builders import a_sighting, add_batch, build_list, digests_of, end_leases, kill_worker, url_of, work
from example_engine import SECRET, ExampleEngine
from orbweaver.model import CaseState
from orbweaver.queue.fleet import dead_workers
from orbweaver.queue.queues import QueueName
from orbweaver.store import embedded
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store

NAMES = [f"file {number}" for number in range(6)]
TAKES = """
import json
from pathlib import Path

def take(event):
    with Path("taken.jsonl").open("a") as file:
        file.write(json.dumps(event) + "\\n")
"""


def case_ids(events: list[str]) -> list[str]:
    return [json.loads(event)["case_id"] for event in events]


def everything_in(store: Store) -> bytes:
    """Return all that the store has, as the server dumps it, but not compressed."""
    store.config_set("rdbcompression", "no")
    try:
        return b"".join(store.dump(key) or b"" for key in store.scan_iter("*"))
    finally:
        store.config_set("rdbcompression", "yes")


def test_four_sinks_and_a_worker_that_is_killed(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = ExampleEngine(tmp_path)
    try:
        with tempfile.TemporaryDirectory() as folder, embedded.running(Path(folder)) as engines:
            place = url_of(engines).removeprefix("unix:")
            sinks = [
                f"jsonl:{tmp_path}/lines",
                f"webhook+http://127.0.0.1:{receiver.port}/",
                f"stream+unix:{place}?stream=cases",
                f"rq+unix:{place}?queue=engine&function=engine_jobs.take",
            ]
            settings = {
                "MATCHER_URL": build_list(
                    tmp_path / "list.hashes", [digests_of(name.encode()).sha256 for name in NAMES]
                ),
                "TAKEDOWN_SINKS": " ".join(sinks),
                "SINK_SECRETS": f"127.0.0.1:{receiver.port}=env:ENGINE_SECRET",
                "ENGINE_SECRET": SECRET,
            }
            for name, value in settings.items():
                monkeypatch.setenv(name, value)
            add_batch(store, *(a_sighting(name.encode(), url=f"http://h.test/{name[-1]}") for name in NAMES))
            work(store, QueueName.MATCH)
            truth = {str(case.case_id) for case in case_store.all_cases(store, CaseState.OPEN)}
            assert len(truth) == len(NAMES)

            # When a sink has said yes, and before that is written down: this event comes twice.
            kill_worker(store, lambda said: said.startswith("WATCH orbweaver:lane:"), "takedown", "--name", "doomed")
            end_leases(store)
            dead_workers.recover(store, QueueName.TAKEDOWN, "doomed")  # a job that it had taken and not begun
            work(store)

            (tmp_path / "engine_jobs.py").write_text(TAKES)
            command = [sys.executable, "-m", "rq.cli", "worker", "engine", "--burst", "--url", url_of(engines)]
            options = ["--serializer", "rq.serializers.JSONSerializer", "--path", str(tmp_path)]
            subprocess.run([*command, *options], check=True, capture_output=True, cwd=tmp_path)

            lines = (tmp_path / "lines" / "events.jsonl").read_text().splitlines()
            assert set(case_ids(lines)) == truth
            stream = [fields[b"event"].decode() for _, fields in engines.xrange("cases")]
            assert sorted(case_ids(stream)) == sorted(truth)
            assert sorted(case_ids((tmp_path / "taken.jsonl").read_text().splitlines())) == sorted(truth)
            assert sorted(receiver.rows("SELECT case_id FROM open_cases")) == sorted(truth)
            assert store.hlen("orbweaver:undelivered") == 0
            for stored in [*lines, *stream]:
                assert SECRET not in stored
            assert SECRET.encode() not in everything_in(store)
    finally:
        receiver.kill()
