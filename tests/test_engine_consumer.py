"""The engine's consumer in docs/takedown-engine.md, fed by two stores, a rerun, a correction and a restored backup."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import RUN, a_sighting, add_batch, build_list, digests_of, work
from orbweaver.model import CaseState
from orbweaver.queue.matching import rematch
from orbweaver.queue.records import deliveries
from orbweaver.store import connection, identity, keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from redis import Redis

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "takedown-engine.md"
# So many that a list that loses a few entries has not shrunk.
NEVER_MET = [f"never met {number}" for number in range(50)]
Consumer = Callable[..., dict[str, dict[str, Any]]]


def the_consumer() -> Consumer:
    """The code of the document, as an engine's developer would copy it."""
    blocks = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), flags=re.DOTALL | re.MULTILINE)
    [code] = [block for block in blocks if "def open_cases(" in block]
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    copied: dict[str, Any] = {}
    exec(compile(code, str(DOCUMENT), "exec"), copied)
    consumer: Consumer = copied["open_cases"]
    return consumer


class Hotline:
    """One store with its list and its events file."""

    def __init__(self, store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = store
        self._folder = folder
        self._monkeypatch = monkeypatch
        self._versions = 0
        folder.mkdir()

    def meets(self, *names: str, rows: list[str], minutes: float = 0) -> None:
        """See files, one of each name, while the list has these rows."""
        self._use(rows)
        add_batch(self.store, *(a_file(name, minutes) for name in names))
        work(self.store)

    def asks_again(self, *, rows: list[str]) -> None:
        """Ask about every case again, of a list that has these rows now."""
        self._use(rows)
        self._versions += 1
        rematch.start(self.store, {"a list": str(self._versions)})
        work(self.store)

    def delivers_everything_again(self) -> None:
        """Forget that anything was delivered, as a crash after a sink's yes does."""
        for key in self.store.keys(keys.event("*")):
            event_id = key.decode().rpartition(":")[2]
            self.store.hdel(key, f"jsonl:{self._folder}")
            with self.store.pipeline(transaction=True) as pipe:
                pipe.multi()
                if json.loads(self.store.hget(key, "json") or b"")["type"] != "case.held":
                    deliveries.note_events(self.store, pipe, RUN, event_id)
                pipe.execute()
        work(self.store)

    def backup(self) -> dict[bytes, bytes]:
        """Every key of the store, as the server dumps it."""
        return {key: self.store.dump(key) for key in self.store.keys("*")}

    def restore(self, backup: dict[bytes, bytes]) -> None:
        """Make the store what it was."""
        self.store.flushdb()
        for key, dumped in backup.items():
            self.store.restore(key, 0, dumped)

    def events(self) -> list[str]:
        return (self._folder / "events.jsonl").read_text().splitlines()

    def open_cases(self) -> set[str]:
        return {str(case.case_id) for case in case_store.all_cases(self.store, CaseState.OPEN)}

    def _use(self, rows: list[str]) -> None:
        self._monkeypatch.setenv("MATCHER_URL", build_list(self._folder / "list.hashes", rows))
        self._monkeypatch.setenv("TAKEDOWN_SINKS", f"jsonl:{self._folder}")


def a_file(name: str, minutes: float = 0) -> Any:
    return a_sighting(name.encode(), url=f"http://h.test/{name}", minutes=minutes)


def by_sha256(*names: str) -> list[str]:
    return [digests_of(name.encode()).sha256 for name in [*names, *NEVER_MET]]


def by_md5(*names: str) -> list[str]:
    return [digests_of(name.encode()).md5 for name in [*names, *NEVER_MET]]


@pytest.fixture
def other_store(store: Store) -> Iterator[Store]:
    """A second store: another database of the same server, with keys of its own."""
    with Redis(unix_socket_path=connection.socket_path(store), db=1) as other:
        yield other


@pytest.fixture
def hotlines(
    store: Store, other_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Hotline, Hotline]:
    ours, theirs = (Hotline(one, tmp_path / name, monkeypatch) for one, name in ((store, "a"), (other_store, "b")))
    return ours, theirs


def in_any_order(lines: Iterable[str], seed: int) -> list[str]:
    shuffled = list(lines)
    random.Random(seed).shuffle(shuffled)
    return shuffled


def test_the_engine_ends_with_exactly_the_true_set_of_cases(hotlines: tuple[Hotline, Hotline]) -> None:
    ours, theirs = hotlines
    # Both meet x: we open it, they hold it first and open it as their second event.
    ours.meets("x", "y", "z", rows=by_sha256("x", "y", "z"))
    theirs.meets("x", "w", rows=by_md5("x", "w"))
    theirs.meets("x", rows=by_sha256("x"), minutes=1)
    ours.meets("x", "y", "z", rows=by_sha256("x", "y", "z"), minutes=2)  # a rerun
    backup = ours.backup()
    # Our second event about x is a correction; y is corrected and comes back; v is new.
    ours.asks_again(rows=by_sha256("z"))
    ours.asks_again(rows=by_sha256("y", "z"))
    ours.meets("v", rows=by_sha256("y", "z", "v"), minutes=3)
    ours.restore(backup)
    # The store counts on from the backup: y is corrected as number 2 again, and v is met again.
    ours.asks_again(rows=by_sha256("z"))
    ours.meets("v", rows=by_sha256("z", "v"), minutes=4)
    ours.delivers_everything_again()
    lines = [*ours.events(), *theirs.events()]

    events = [json.loads(line) for line in lines]
    assert [len({json.dumps(one, sort_keys=True) for one in events}), len(lines) > len(set(lines))] == [
        len({one["event_id"] for one in events}),
        True,
    ]
    assert {one["source"] for one in events} == {str(identity.store_id(one.store)) for one in hotlines}
    truth = {a_file(name).sighting_id for name in ("x", "z", "v")}
    assert ours.open_cases() | theirs.open_cases() == truth
    consumer = the_consumer()
    for seed in range(10):
        assert set(consumer(in_any_order(lines, seed))) == truth


def test_the_engine_reads_past_what_it_does_not_know(hotlines: tuple[Hotline, Hotline]) -> None:
    ours, _ = hotlines
    ours.meets("x", "y", rows=by_sha256("x", "y"))
    lines = ours.events()
    later = json.loads(lines[0]) | {"event_id": "later", "type": "case.seen", "recorded_at": "2999-01-01T00:00:00.000Z"}
    strange = [json.dumps(later | {"added": {"a": 1}, "schema_version": "1.9"}), lines[1][:40], ""]

    assert set(the_consumer()(lines + strange)) == ours.open_cases()
    with pytest.raises(SystemExit, match="newer schema"):
        the_consumer()([json.dumps(later | {"schema_version": "2.0"})])


def test_events_of_an_older_release_are_corrected_by_newer_ones(hotlines: tuple[Hotline, Hotline]) -> None:
    ours, _ = hotlines
    ours.meets("x", "y", rows=by_sha256("x", "y"))
    old = [json.loads(line) for line in ours.events()]
    for event in old:
        for name in ("schema_version", "source", "recorded_at"):
            del event[name]
    ours.asks_again(rows=by_sha256("y"))
    newer = ours.events()[len(old) :]

    found = the_consumer()([*newer, *map(json.dumps, old)], str(identity.store_id(ours.store)))

    assert set(found) == ours.open_cases() == {a_file("y").sighting_id}
