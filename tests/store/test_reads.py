"""Reads that are made together come in one round trip, and each read gets the answers to its own commands."""

from __future__ import annotations

from builders import monitored
from orbweaver.store import reads
from orbweaver.store.connection import Store
from orbweaver.store.reads import Read

NOTHING: Read[str] = Read(lambda _: None, lambda answers: f"nothing {len(answers)}")


def test_each_read_gets_its_own_answers_in_order(store: Store) -> None:
    store.mset({"a": 1, "b": 2, "c": 3})
    two: Read[list[int]] = Read(lambda pipe: pipe.get("a").get("b"), lambda answers: [int(one) for one in answers])
    one: Read[int] = Read(lambda pipe: pipe.get("c"), lambda answers: int(answers[0]))
    with monitored(store) as commands:
        assert reads.together(store, two, NOTHING, one) == ([1, 2], "nothing 0", 3)
    assert commands == ["GET a", "GET b", "GET c"]


def test_nothing_to_read_asks_nothing(store: Store) -> None:
    with monitored(store) as commands:
        assert reads.together(store, NOTHING) == ("nothing 0",)
    assert commands == []
