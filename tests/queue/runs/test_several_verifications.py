"""Several `orbweaver verify` on one store, no service: one brings workers, and none touches the jobs of another."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from builders import STAMP, a_match, a_sighting, add_batch, an_order, transaction, url_of
from gate import Gate
from orbweaver import settings as orbweaver_settings
from orbweaver.queue import queues
from orbweaver.queue.errors import StoreBusy
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, deliveries, in_force, recrawls, runs
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.queue.runs import left_over, living, run_lock, service_client, verification
from orbweaver.queue.runs.run_lock import REMATCH, SERVICE, VERIFY
from orbweaver.queue.runs.verify_result import VerifyProgress
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver.takedown.delivery import outbox
from orbweaver_command import Workplace, finish
from synthetic_host import Resource, SyntheticHost

KNOWN = b"a known file of several verifications"
PAGE = b'<a href="/known.bin">a</a>'
# However busy the machine is, a crawl waits at its gate and asks no second time.
PATIENT = {"HEADER_TIMEOUT": "1h", "TRANSFER_TIMEOUT": "1h"}
_numbers = itertools.count()


@pytest.fixture
def place(short_dir: Path) -> Workplace:
    place = Workplace(short_dir)
    place.write("list.csv", f"sha256,category\n{hashlib.sha256(KNOWN).hexdigest()},1\n")
    return place


def verify(place: Workplace, url: str, *options: str, **settings: str) -> subprocess.Popen[str]:
    reports = place.write(f"reports-{next(_numbers)}.txt", url)
    hashes = str(place.folder / "list.csv")
    return place.start("verify", reports, "--hashes", hashes, "--json", *options, **PATIENT, **settings)


@contextmanager
def gated_hosts(count: int) -> Iterator[list[tuple[SyntheticHost, Gate]]]:
    with ExitStack() as stack:
        gates = [Gate(Resource("text/html", PAGE)) for _ in range(count)]
        yield [
            (
                stack.enter_context(
                    SyntheticHost({"/": Resource(None, gate.answer), "/known.bin": ("application/zip", KNOWN)})
                ),
                gate,
            )
            for gate in gates
        ]


def assert_found(running: subprocess.Popen[str], host: SyntheticHost) -> None:
    ran = finish(running)
    assert ran.status == 0, ran.stderr
    assert [case["url"] for case in ran.json()["cases"]] == [f"{host.url}known.bin"]
    assert [one["state"] for one in ran.json()["hosts"]] == ["finished"]


def test_a_second_verification_uses_the_workers_of_the_first_and_goes_on_when_that_ends(place: Workplace) -> None:
    with gated_hosts(2) as ((one, first_gate), (other, second_gate)):
        first = verify(place, one.url)
        first_gate.wait_until_reached()
        second = verify(place, other.url)
        second_gate.wait_until_reached()
        assert len(place.recrawl_workers()) == 1
        first_gate.open()
        assert_found(first, one)
        # The second one's recrawl was handed back, and is done by workers of its own.
        second_gate.open()
        assert_found(second, other)
        assert one.paths.count("/known.bin") == 1
    assert place.processes() == []


def test_a_verification_that_is_killed_takes_nothing_from_another(place: Workplace) -> None:
    with gated_hosts(2) as ((one, first_gate), (other, second_gate)):
        first = verify(place, one.url)
        first_gate.wait_until_reached()
        second = verify(place, other.url)
        second_gate.wait_until_reached()
        os.kill(first.pid, signal.SIGKILL)
        finish(first)
        asked = one.paths.count("/")
        second_gate.open()
        assert_found(second, other)
        first_gate.open()
        assert one.paths.count("/") == asked, "nobody waits for the recrawls of a killed run"


def test_a_verification_that_is_stopped_ends_its_own_recrawls_only(place: Workplace) -> None:
    with gated_hosts(2) as ((one, first_gate), (other, second_gate)):
        first = verify(place, one.url)
        first_gate.wait_until_reached()
        second = verify(place, other.url)
        second_gate.wait_until_reached()
        first.send_signal(signal.SIGINT)
        ran = finish(first)
        assert (ran.json()["interrupted"], ran.json()["hosts"][0]["state"]) == (True, "interrupted")
        second_gate.open()
        assert_found(second, other)
        first_gate.open()


def test_other_settings_are_refused_by_their_names_or_waited_for(place: Workplace) -> None:
    with gated_hosts(2) as ((one, first_gate), (other, second_gate)):
        first = verify(place, one.url)
        first_gate.wait_until_reached()
        refused = finish(verify(place, other.url, FILE_BYTES="1000"))
        assert refused.status == 1
        [line] = [one for one in refused.stderr.splitlines() if "other values" in one]
        assert line.startswith("orbweaver: orbweaver verify, process ")
        assert "with other values of FILE_BYTES: give this command the same, wait for its end with --wait, or" in line
        assert other.paths == []
        waiting = verify(place, other.url, "--wait", FILE_BYTES="1000")
        assert waiting.stderr is not None
        assert any("waiting for orbweaver verify" in line for line in iter(waiting.stderr.readline, ""))
        assert other.paths == []
        first_gate.open()
        assert_found(first, one)
        second_gate.open()
        assert_found(waiting, other)


def test_what_another_run_waits_for_stays_its_own(store: Store) -> None:
    event = change_by_match(a_sighting(b"event"), a_match(), None, STAMP)
    assert event.event is not None
    ours, theirs = (
        add_batch(store, a_sighting(b"ours"), run_id="killed"),
        add_batch(store, a_sighting(), run_id="alive"),
    )
    store.delete("rq:queue:match")
    with transaction(store) as pipe:
        case_store.write(pipe, event)
        deliveries.note_events(store, pipe, "alive", str(event.event.event_id))
    store.delete("rq:queue:takedown")
    batches.ask_again(store, "run", but_for={"alive"})
    deliveries.take_over(store, "run", but_for={"alive"})
    assert [batches_of(store, run_id) for run_id in ("run", "alive", "killed")] == [1, 1, 0]
    assert outbox.run_of(store, str(event.event.event_id)) == "alive"
    assert not {ours, theirs} & {queues.batch_of(one) for one in queues.under_way(store, QueueName.MATCH)}
    assert queues.is_alive(store, QueueName.TAKEDOWN, queues.delivery_job_id(str(event.event.event_id)))


def batches_of(store: Store, run_id: str) -> int:
    return int(store.scard(keys.run_batches(run_id)))


def test_only_the_recrawls_that_nobody_waits_for_are_dropped(store: Store) -> None:
    for run_id in ("alive", "killed"):
        queues.enqueue_recrawl(store, f"{run_id}.test", recrawls.create(store, run_id, an_order(f"{run_id}.test")), 60)
    with living.sign_of_life(store, "alive", VERIFY, stop=threading.Event()):
        left_over.drop_recrawls(store)
        assert queues.queue_for(store, QueueName.RECRAWL).get_job_ids() == [queues.recrawl_job_id("alive.test")]
        assert (runs.is_over(store, "alive"), runs.is_over(store, "killed")) == (False, True)
    left_over.drop_recrawls(store)
    assert queues.queue_for(store, QueueName.RECRAWL).get_job_ids() == []


def test_settings_that_another_verification_relies_on_are_not_replaced(store: Store) -> None:
    names = tuple(QueueName)
    before, after = (orbweaver_settings.load({"FILE_BYTES": size}) for size in ("1000", "2000"))
    in_force.declare(store, before, names)
    living.require_room(store, "run", after, names)
    with living.sign_of_life(store, "other", VERIFY, stop=threading.Event()):
        living.require_room(store, "run", before, names)
        living.require_room(store, "other", after, names)
        with pytest.raises(StoreBusy, match=r"in use by 1 verification with other values of FILE_BYTES: wait until"):
            living.require_room(store, "run", after, names)
    living.require_room(store, "run", after, names)


def test_a_verification_that_gives_no_sign_is_forgotten(store: Store) -> None:
    store.sadd(keys.verifications(), "gone")
    assert living.verifications(store) == frozenset()
    assert store.smembers(keys.verifications()) == set()


def test_a_verification_that_was_forgotten_while_it_slept_is_entered_again(store: Store) -> None:
    stop = threading.Event()
    with living.sign_of_life(store, "sleeps", VERIFY, stop):
        store.srem(keys.verifications(), "sleeps")  # as another does that has seen no sign for 15 s
        assert living.verifications(store) == frozenset()
        living.say_alive(store, "sleeps")  # as each look of the run does
        assert living.verifications(store) == {"sleeps"}


def test_a_job_that_a_new_run_has_entered_meanwhile_is_not_dropped(store: Store) -> None:
    queues.enqueue_recrawl(store, "h.test", recrawls.create(store, "new", an_order("h.test")), 60)
    with living.sign_of_life(store, "new", VERIFY, threading.Event()):
        left_over.drop_recrawl(store, queues.recrawl_job_id("h.test"), wanted=frozenset())
        assert not runs.is_over(store, "new")
        assert queues.queue_for(store, QueueName.RECRAWL).get_job_ids() == [queues.recrawl_job_id("h.test")]


def test_a_service_that_begins_is_waited_for_before_it_has_declared_its_settings(store: Store) -> None:
    stop = threading.Event()
    with run_lock.hold(store, "service", SERVICE, stop):
        host = service_client.host_of(store)
        assert host is not None
        assert (host.is_service, host.is_ready) == (True, False)
        with run_lock.hold(store, "service", SERVICE, stop, key=keys.service_lock()):
            assert service_client.host_of(store) == host._replace(said=run_lock.service(store) or "")
    assert service_client.host_of(store) is None


def test_an_event_whose_job_is_queued_is_worked_on_and_one_without_a_job_is_not(store: Store) -> None:
    event = change_by_match(a_sighting(b"event"), a_match(), None, STAMP)
    assert event.event is not None
    with transaction(store) as pipe:
        case_store.write(pipe, event)
        deliveries.note_events(store, pipe, "run", str(event.event.event_id))
    assert service_client.waiting_work(store, "run") == (True, False)
    assert service_client.waiting_work(store, "other") == (False, False)
    store.delete("rq:queue:takedown")
    assert service_client.waiting_work(store, "run") == (False, False)
    store.zadd(keys.waiting_batches(), {"waits": 1})
    assert service_client.waiting_work(store, "run") == (False, True)


class StoppedAfter(threading.Event):
    """Is set when it was waited for so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self._left = times

    def wait(self, timeout: float | None = None) -> bool:
        self._left -= 1
        if not self._left:
            self.set()
        return super().wait(timeout)


def test_a_verification_that_is_stopped_while_a_rematch_has_the_lock_reports_all_the_same(
    store: Store, tmp_path: Path
) -> None:
    stop = StoppedAfter(4)
    rematch = contextlib.ExitStack()
    begun: list[VerifyProgress] = []

    def give_way(progress: VerifyProgress) -> None:
        """When the run has begun, the one whose workers it uses ends, and a rematch takes its place."""
        begun.append(progress)
        if len(begun) == 1:
            leader.close()
            rematch.enter_context(run_lock.hold(store, "rematch", REMATCH, stop))

    environment = {**os.environ, "STORE_URL": url_of(store), "MATCHER_URL": "", "STATE_DIR": str(tmp_path)}
    in_force.declare(store, orbweaver_settings.load(environment), tuple(QueueName))
    runs.create(store, "leader")
    with contextlib.ExitStack() as leader, rematch:
        leader.enter_context(run_lock.hold(store, "leader", VERIFY, threading.Event()))
        runs.note_declared(store, "leader")
        result = verification.verify(
            store,
            [an_order("h.test")],
            recrawls_at_once=1,
            environment=environment,
            log_file=tmp_path / "log",
            on_progress=give_way,
            stop=stop,
        )
    assert result.is_interrupted
    assert [one.state for one in result.recrawls] == [RecrawlState.INTERRUPTED]
    assert queues.queue_for(store, QueueName.RECRAWL).get_job_ids() == []
