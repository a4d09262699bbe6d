"""Sightings without a match are kept small, whole and for a set time."""

from __future__ import annotations

import contextlib
import zlib
from datetime import timedelta
from pathlib import Path

import pytest
from builders import NOON, a_sighting, add_batch, build_list, digests_of, monitored, transaction, work
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.model import DigestSet, HttpFacts, Sighting, TlsFacts, now
from orbweaver.queue.errors import Unreadable
from orbweaver.queue.matching import expiry, rematch
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import retained, sweeps
from orbweaver.queue.records.sweeps import SweepName
from orbweaver.store import keys
from orbweaver.store.connection import Store

ANYTIME = NOON - timedelta(days=10_000)
words = st.text(max_size=40)
hexes = {size: st.binary(min_size=size, max_size=size).map(bytes.hex) for size in (16, 20, 32)}
sightings = st.builds(
    Sighting,
    url=words,
    final_url=words,
    host=words,
    ip=st.none() | words,
    referrer=st.none() | words,
    report_ids=st.lists(words, max_size=3).map(tuple),
    digests=st.builds(
        DigestSet, md5=hexes[16], sha1=hexes[20], sha256=hexes[32], size=st.integers(min_value=0, max_value=2**63)
    ),
    content_type=st.none() | words,
    sniffed_type=st.none() | words,
    http=st.builds(
        HttpFacts,
        status=st.integers(100, 999),
        headers=st.dictionaries(words, words, max_size=3),
        framing=st.sampled_from(["length", "chunked", "close"]),
        bytes_received=st.none() | st.integers(min_value=0),
        embedded=st.booleans(),
        archive_member=st.none() | words,
        tls=st.none() | st.builds(TlsFacts, is_verified=st.booleans(), reason=st.none() | words),
        is_refused_by_robots=st.booleans(),
        hashed_at=st.none() | st.just(NOON),
    ),
    seen_at=st.integers(min_value=0, max_value=2**42).map(
        lambda ms: NOON.replace(year=1970) + timedelta(seconds=ms // 1000, milliseconds=ms % 1000)
    ),
)


def all_retained(store: Store) -> list[Sighting]:
    found = retained.read(store, retained.SHARDS, since=ANYTIME)
    return [one.sighting() for of_shard in found for one in of_shard]


def recent(body: bytes = b"other", *, days: float = 0, url: str = "http://h.test/b.bin") -> Sighting:
    return a_sighting(body, url=url).model_copy(update={"seen_at": now() - timedelta(days=days)})


def test_a_sweep_looks_only_at_shards_that_have_something(store: Store) -> None:
    with transaction(store) as pipe:
        retained.keep(pipe, [recent(), recent(url="http://h.test/c.bin")])
    shards = retained.occupied(store)
    counts = zip(retained.SHARDS, retained.count(store), strict=True)
    assert shards == [shard for shard, files in counts if files]
    rematch.start(store, {"hashlist:a": "1"})
    expiry.start_if_due(store)
    for name in (SweepName.REMATCH, SweepName.FORGET):
        assert sweeps.status(store, name).left == len(shards) in {1, 2}


@given(sightings)
def test_a_sighting_is_unpacked_as_it_was_packed(sighting: Sighting) -> None:
    unpacked = retained.unpack(retained.pack(sighting))
    assert unpacked.digests == sighting.digests
    assert unpacked.sighting() == sighting


@given(
    st.binary(max_size=300)
    | sightings.map(retained.pack).flatmap(lambda whole: st.integers(0, 200).map(lambda n: whole[:-n]))
)
def test_bytes_that_are_no_sighting_are_unreadable_and_nothing_else(packed: bytes) -> None:
    with contextlib.suppress(Unreadable):
        retained.unpack(packed).sighting()


def test_a_bomb_is_not_unpacked() -> None:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -12)
    bomb = deflate.compress(b'{"url": "' + b"a" * 100_000_000) + deflate.flush()
    head = retained.pack(a_sighting())[: retained.HEAD.size]
    with pytest.raises(Unreadable):
        retained.unpack(head + bomb).sighting()


def test_no_match_is_retained_and_the_same_sighting_again_takes_its_place(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATCHER_URL", build_list(tmp_path / "list.hashes", [digests_of(b"known").sha256]))
    first, again, known = recent(days=2), recent(days=1), recent(b"known")
    for sighting in (first, again, known, recent(b"")):
        add_batch(store, sighting)
        work(store, QueueName.MATCH)
    assert all_retained(store) == [again]


def test_what_is_retained_and_its_batch_end_together(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATCHER_URL", build_list(tmp_path / "list.hashes", [digests_of(b"known").sha256]))
    batch_id = add_batch(store, recent())
    with monitored(store) as commands:
        work(store, QueueName.MATCH)
    ended = commands.index(f"DEL {keys.batch(batch_id)}")
    start = max(n for n in range(ended) if commands[n] == "MULTI")
    assert any(said.startswith("HSET orbweaver:retained:") for said in commands[start : commands.index("EXEC", start)])


def test_unknown_is_not_retained_but_asked_again(store: Store) -> None:
    add_batch(store, recent())
    work(store, QueueName.MATCH)
    assert (all_retained(store), store.hlen(keys.unanswered())) == ([], 1)


@pytest.mark.parametrize(("retention", "kept"), [("0", 0), ("3d", 1), ("P30D", 2)])
def test_nothing_is_kept_longer_than_it_may(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, retention: str, kept: int
) -> None:
    monkeypatch.setenv("MATCHER_URL", build_list(tmp_path / "list.hashes", [digests_of(b"known").sha256]))
    monkeypatch.setenv("SIGHTING_RETENTION", retention)
    add_batch(store, recent(days=1), recent(b"old", days=20, url="http://h.test/old"))
    work(store, QueueName.MATCH)
    assert len(all_retained(store)) == kept


def test_what_was_kept_long_enough_is_forgotten_once_a_day(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    young, old = recent(days=1), [recent(b"%d" % n, days=91, url=f"http://h.test/{n}") for n in range(50)]
    with transaction(store) as pipe:
        retained.keep(pipe, [young, *old])
        pipe.hset(keys.retained("000"), b"x" * 16, b"nothing that we wrote")
    assert expiry.start_if_due(store)
    work(store, QueueName.MATCH)
    assert all_retained(store) == [young]
    assert sum(retained.count(store)) == 1
    assert not expiry.start_if_due(store)

    store.hset(keys.sweep("forget"), "began_at", (now() - timedelta(days=1, minutes=1)).isoformat())
    monkeypatch.setenv("SIGHTING_RETENTION", "6h")
    assert expiry.start_if_due(store)
    work(store, QueueName.MATCH)
    assert sum(retained.count(store)) == 0


def test_what_was_kept_long_enough_is_forgotten_though_no_service_names_a_list(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction(store) as pipe:
        retained.keep(pipe, [recent(days=91)])
    monkeypatch.setenv("MATCHER_URL", f"hashlist:{tmp_path}/missing")
    work(store, QueueName.MATCH)
    assert sum(retained.count(store)) == 0


def test_a_file_that_is_unchanged_is_retained_anew_with_when_it_was_seen_and_when_it_was_hashed(store: Store) -> None:
    hashed, seen = recent(days=80), recent(days=1)
    unchanged = seen.model_copy(update={"http": seen.http.model_copy(update={"hashed_at": hashed.seen_at})})
    for one in (hashed, unchanged):
        with transaction(store) as pipe:
            retained.keep(pipe, [one])
    assert all_retained(store) == [unchanged]
