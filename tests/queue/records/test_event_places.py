"""Where the events of a store go is decided once."""

from __future__ import annotations

from pathlib import Path

import pytest
from orbweaver import settings
from orbweaver.queue.errors import StoreBusy
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import event_places
from orbweaver.queue.records.event_places import Places
from orbweaver.queue.runs import declaration
from orbweaver.store.connection import Store

STATE, OUT, OTHER = Path("/state"), Path("/findings"), Path("/other")


def find(store: Store, state: Path = STATE, out: Path | None = None, **environment: str) -> Places:
    return event_places.find(store, settings.load(environment), state, out)


def run(store: Store, state: Path = STATE, out: Path | None = None, **environment: str) -> tuple[str, ...]:
    """Decide as a run does, and return where its events go."""
    places = find(store, state, out, **environment)
    ours = settings.load({"STATE_DIR": str(state), "TAKEDOWN_SINKS": ",".join(places.sinks)})
    names = (QueueName.TAKEDOWN,)
    declaration.declare(
        store, ours.model_copy(update={"matcher_url": "hashlist:/missing"}), names, sinks_seen=places.seen
    )
    return places.sinks


def test_the_first_run_decides_and_later_ones_keep_to_it(store: Store) -> None:
    assert run(store, out=OUT) == ("jsonl:/findings",)
    assert run(store) == run(store, out=OTHER) == ("jsonl:/findings",)
    assert not find(store, out=OTHER).has(OTHER)
    assert find(store, out=OUT).has(OUT)


def test_without_an_output_directory_it_is_the_state_directory_wherever_that_is_moved(store: Store) -> None:
    assert run(store) == ("jsonl:/state/events",)
    moved = find(store, state=Path("/restored"), out=OUT)
    assert (moved.sinks, moved.are_moved) == (("jsonl:/restored/events",), False)
    shared = find(store, state=Path("/restored"), STORE_URL="redis://localhost")
    assert shared.sinks == ("jsonl:/state/events",)


def test_takedown_sinks_decides_and_moves(store: Store) -> None:
    assert run(store, TAKEDOWN_SINKS="jsonl:/engine's own, new, jsonl:/b c") == (
        "jsonl:/engine's own, new",
        "jsonl:/b c",
    )
    assert set(run(store, out=OUT)) == {"jsonl:/engine's own, new", "jsonl:/b c"}
    moved = find(store, out=OUT, TAKEDOWN_SINKS="jsonl:/elsewhere")
    assert (moved.sinks, moved.are_moved) == (("jsonl:/elsewhere",), True)
    assert not find(store, TAKEDOWN_SINKS="jsonl:/b c jsonl:/engine's own, new").are_moved


def test_two_first_runs_do_not_decide_differently(store: Store) -> None:
    places = find(store, out=OTHER)
    run(store, out=OUT)
    with pytest.raises(StoreBusy, match="where the events of this store go"):
        declaration.declare(store, settings.load({"MATCHER_URL": "hashlist:/x"}), (), sinks_seen=places.seen)
