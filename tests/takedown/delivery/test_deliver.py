"""An event reaches every sink; what a sink took is not given to it again."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import STAMP, a_match, a_sighting, transaction
from orbweaver.model import Event
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.transitions import change_by_match
from orbweaver.takedown.delivery.deliver import deliver
from orbweaver.takedown.delivery.sinks.json_lines import JsonLinesSink
from orbweaver.takedown.errors import NotDelivered


@pytest.fixture
def event(store: Store) -> Event:
    change = change_by_match(a_sighting(), a_match(), None, STAMP)
    with transaction(store) as pipe:
        case_store.write(pipe, change)
    assert change.event is not None
    return change.event


def lines(directory: Path) -> list[str]:
    path = directory / "events.jsonl"
    return path.read_text().splitlines() if path.exists() else []


def test_every_sink_gets_the_event_and_is_marked(store: Store, event: Event, tmp_path: Path) -> None:
    sinks = [JsonLinesSink(tmp_path / name) for name in ("a", "b")]
    deliver(store, str(event.event_id), sinks)
    assert lines(tmp_path / "a") == lines(tmp_path / "b") == [event.model_dump_json()]
    assert all(store.hexists(keys.event(str(event.event_id)), sink.name) for sink in sinks)


def test_a_delivery_done_again_writes_nothing(store: Store, event: Event, tmp_path: Path) -> None:
    for _ in range(2):
        deliver(store, str(event.event_id), [JsonLinesSink(tmp_path)])
    assert len(lines(tmp_path)) == 1


def test_only_the_sink_that_refused_is_tried_again(store: Store, event: Event, tmp_path: Path) -> None:
    (tmp_path / "b").write_text("in the way")
    sinks = [JsonLinesSink(tmp_path / "a"), JsonLinesSink(tmp_path / "b" / "c")]
    with pytest.raises(NotDelivered):
        deliver(store, str(event.event_id), sinks)
    (tmp_path / "b").unlink()
    deliver(store, str(event.event_id), sinks)
    assert (len(lines(tmp_path / "a")), len(lines(tmp_path / "b" / "c"))) == (1, 1)


def test_a_sink_added_later_gets_the_event_alone(store: Store, event: Event, tmp_path: Path) -> None:
    old, new = JsonLinesSink(tmp_path / "old"), JsonLinesSink(tmp_path / "new")
    deliver(store, str(event.event_id), [old])
    deliver(store, str(event.event_id), [old, new])
    assert (len(lines(tmp_path / "old")), len(lines(tmp_path / "new"))) == (1, 1)


def test_an_event_that_is_not_there_is_not_delivered(store: Store, tmp_path: Path) -> None:
    deliver(store, "missing", [JsonLinesSink(tmp_path)])
    assert lines(tmp_path) == []
