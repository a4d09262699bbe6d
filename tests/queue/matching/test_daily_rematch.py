"""A service that names no list version is asked again once a day about what it did not know, a little at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from builders import a_sighting, add_batch, build_list, digests_of, transaction, work
from orbweaver.model import DigestSet, Sighting, Verdict, VerdictResult, now
from orbweaver.queue.matching import daily_rematch, rematch
from orbweaver.queue.records import retained, sweeps
from orbweaver.queue.records.sweeps import SweepName
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from stand_ins import eokm

CANARY = digests_of(b"canary").md5


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[eokm.RunningEokm]:
    with eokm.run() as server:
        server.add("md5", CANARY)
        url = f"eokm+http://127.0.0.1:{server.port}?{server.options}&canary=md5:{CANARY}"
        monkeypatch.setenv("MATCHER_URL", url)
        monkeypatch.setenv("TAKEDOWN_SINKS", f"jsonl:{tmp_path / 'events'}")
        yield server


def a_file(number: int) -> Sighting:
    sighting = a_sighting(b"%d" % number, url=f"http://h.test/{number}.jpg")
    return sighting.model_copy(update={"seen_at": now()})


def retain(store: Store, count: int) -> None:
    with transaction(store) as pipe:
        retained.keep(pipe, [a_file(n) for n in range(count)])


def a_day_passes(store: Store) -> None:
    store.hset(keys.timed_round(), "began_at", (now() - daily_rematch.EVERY - timedelta(minutes=1)).isoformat())


def ask(digest_sets: Sequence[DigestSet]) -> list[Verdict]:
    return [Verdict(result=VerdictResult.NO_MATCH)] * len(digest_sets)


def do_the_step(store: Store) -> int:
    """Ask about what is due now, and return how many files that were."""
    token = store.hget(keys.sweep("rematch"), "turn")
    assert token is not None
    rematch.work(store, token.decode(), ask, retention=timedelta(days=90))
    return sweeps.status(store, SweepName.REMATCH).counts["asked"]


def test_what_eokm_learns_later_becomes_a_case_within_a_day(store: Store, server: eokm.RunningEokm) -> None:
    add_batch(store, a_file(1))
    work(store)
    server.add("md5", a_file(1).digests.md5)
    server.add("sha1", a_file(1).digests.sha1)
    work(store)  # it says nothing by which to know that its list changed
    assert (list(case_store.all_cases(store)), sum(retained.count(store))) == ([], 1)
    a_day_passes(store)
    work(store)
    [case] = case_store.all_cases(store)
    assert (case.url, sum(retained.count(store))) == (a_file(1).url, 0)


def test_a_round_goes_through_everything_once_and_a_little_at_a_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daily_rematch, "FILES_AT_ONCE", 20)
    retain(store, 100)
    asked = []
    while daily_rematch.go_on_if_due(store):
        assert not daily_rematch.go_on_if_due(store)  # the step is not done
        asked.append(do_the_step(store))
    assert sum(asked) == 100
    assert max(asked) <= 20
    assert not daily_rematch.go_on_if_due(store)
    a_day_passes(store)
    assert daily_rematch.go_on_if_due(store)


def test_a_round_waits_for_a_changed_list_to_be_asked_about_everything(store: Store) -> None:
    retain(store, 3)
    rematch.start(store, {"hashlist:test": "2"})
    assert not daily_rematch.go_on_if_due(store)
    assert do_the_step(store) == 3
    assert daily_rematch.go_on_if_due(store)


def test_services_that_name_a_version_are_not_asked_by_time(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATCHER_URL", build_list(tmp_path / "list.hashes", [digests_of(b"known").sha256]))
    retain(store, 1)
    work(store)
    assert not store.exists(keys.timed_round())
