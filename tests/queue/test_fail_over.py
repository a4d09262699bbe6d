"""A fail-over in the middle of everything: real servers, a real sentinel, real workers, and nothing confirmed is lost.

`make fail-over` does more rounds of the last test, each with its moment.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import RUN, a_sighting, add_batch, build_list, digests_of, started_worker
from gate import Gate
from orbweaver.console.terminal.doctor import examination
from orbweaver.queue.records import runs
from orbweaver.settings import Settings
from orbweaver.store import durability, keys
from orbweaver.store.connection import Store, connect
from orbweaver.store.errors import StoreUnfit
from orbweaver_command import Workplace, eventually, finish
from sentinel_servers import Replicated, replicated
from synthetic_host import Resource, SyntheticHost

CASES = 40
ROUNDS = int(os.environ.get("FAIL_OVER_ROUNDS", "1"))


@pytest.fixture
def servers(short_dir: Path) -> Iterator[Replicated]:
    # As the embedded store has it; else every confirmation would wait for the next full second.
    with replicated(short_dir, "appendfsync always") as running:
        yield running


@pytest.fixture
def three_servers(short_dir: Path) -> Iterator[Replicated]:
    """A primary with two replicas: when one takes its place, the other can still confirm."""
    with replicated(short_dir, "appendfsync always", others=1) as running:
        yield running


@pytest.fixture
def replicated_store(servers: Replicated) -> Iterator[Store]:
    with connect(servers.url()) as found:
        yield found


def body(number: int) -> bytes:
    return b"file %d" % number


def events_of(store: Store) -> dict[str, list[str]]:
    """Return the ids of the events of each case, and prove that every one of them is there."""
    found = {}
    for case_id in (one.decode() for one in store.zrange(keys.cases(), 0, -1)):
        assert store.hexists(keys.case(case_id), "json"), case_id
        found[case_id] = [one.decode() for one in store.lrange(keys.case_events(case_id), 0, -1)]
        assert found[case_id]
        assert all(store.hexists(keys.event(one), "json") for one in found[case_id]), case_id
    return found


def delivered(folder: Path) -> set[str]:
    return {json.loads(line)["event_id"] for line in (folder / "events.jsonl").read_text().splitlines()}


def test_what_a_promise_rests_on_is_said_and_a_replica_that_writes_nothing_is_not_counted(
    servers: Replicated, replicated_store: Store, tmp_path: Path
) -> None:
    def said(replicas: int) -> dict[str, tuple[str, str]]:
        settings = Settings(store_url=servers.url(), store_replicas=replicas, state_dir=tmp_path)
        return {
            one.subject: (one.state, one.finding) for one in examination.examine(settings) if "store" in one.subject
        }

    durability.require(replicated_store, 1)
    durability.wait_for_disk(replicated_store, 1)
    none, one, two = said(0), said(1), said(2)
    assert none["store promise"][0] == one["store promise"][0] == "ok"
    assert "a fail-over to one of its 1 replicas can lose the newest: set STORE_REPLICAS" in none["store promise"][1]
    assert "on the disks of the store and of 1 of its 1 replicas" in one["store promise"][1]
    assert two["store replicas"][0] == two["store promise"][0] == "fail"
    assert "1 connected, 2 needed" in two["store replicas"][1]
    servers.replica.client.config_set("appendonly", "no")
    with pytest.raises(StoreUnfit, match="0 of the 1 replicas that STORE_REPLICAS asks for wrote to their disks"):
        durability.wait_for_disk(replicated_store, 1, milliseconds=1_000)
    durability.wait_for_disk(replicated_store)


def test_a_replica_is_no_store(servers: Replicated) -> None:
    with (
        connect(f"redis://127.0.0.1:{servers.replica.port}/0") as replica,
        pytest.raises(StoreUnfit, match="role is replica: name its primary in STORE_URL"),
    ):
        durability.require(replica)


def test_no_confirmed_case_or_event_is_lost_when_the_primary_is_killed_while_cases_are_written(
    three_servers: Replicated, tmp_path: Path
) -> None:
    servers = three_servers
    environment = {
        "STORE_URL": servers.url(),
        "STORE_REPLICAS": "1",
        "MATCHER_URL": build_list(
            tmp_path / "list.hashes", [digests_of(body(number)).sha256 for number in range(CASES)]
        ),
        "TAKEDOWN_SINKS": f"jsonl:{tmp_path}/events",
    }
    with connect(servers.url()) as store, started_worker(store, "match", "takedown", **environment) as worker:
        for number in range(CASES):
            add_batch(store, a_sighting(body(number), url=f"http://h.test/{number}.bin"))
        durability.wait_for_disk(store, 1)
        eventually(lambda: store.zcard(keys.cases()) >= CASES // 8)
        servers.kill_primary()
        eventually(lambda: runs.waiting(store, RUN)[0] == 0 and not store.exists(keys.undelivered()))
        worker.send_signal(signal.SIGTERM)
        assert worker.wait() == 0
        assert servers.is_promoted()
        events = events_of(store)
    assert len(events) == CASES
    assert {one for ids in events.values() for one in ids} <= delivered(tmp_path / "events")


@pytest.mark.parametrize("moment", range(ROUNDS))
def test_a_whole_run_finds_the_same_cases_when_the_primary_is_killed_in_its_midst(
    three_servers: Replicated, short_dir: Path, moment: int
) -> None:
    servers = three_servers
    files = {f"/{number}.bin": ("application/octet-stream", body(number)) for number in range(CASES)}
    links = "".join(f'<a href="{path}">' for path in files).encode()
    last_before = f"/{moment * CASES // ROUNDS}.bin"
    gate = Gate(Resource(*files[last_before]))
    place = Workplace(short_dir / "place")
    with SyntheticHost(
        {"/": Resource("text/html", links), **files, last_before: ("application/octet-stream", gate.answer)}
    ) as host:
        reports = place.write("reports.csv", f"url\n{host.url}\n")
        rows = "".join(f"{hashlib.sha256(body(number)).hexdigest()}\n" for number in range(CASES))
        hashes = place.write("list.txt", rows)
        settings = {"STORE_URL": servers.url(), "STORE_REPLICAS": "1"}
        run = place.start("verify", reports, "--hashes", hashes, "--out", str(place.out), **settings)
        try:
            eventually(lambda: gate.is_reached or run.poll() is not None)
            servers.kill_primary()
            gate.open()
            ran = finish(run)
        finally:
            run.kill()
    assert (ran.status, "Traceback" in ran.stderr) == (0, False), ran.stderr
    assert {case["url"] for case in place.lines("cases.jsonl")} == {f"{host.url}{path[1:]}" for path in files}
    with connect(servers.url()) as store:
        events = events_of(store)
    assert len(events) == CASES
    assert {one for ids in events.values() for one in ids} <= {one["event_id"] for one in place.lines("events.jsonl")}
