"""The same fields of many hashes are read in one command."""

from __future__ import annotations

from builders import monitored
from orbweaver.store import hash_fields
from orbweaver.store.connection import Store


def test_fields_are_read_in_order_and_what_is_not_there_is_none(store: Store) -> None:
    store.hset("x:a", mapping={"one": "1", "two": b"\xff"})
    store.set("x:text", "no hash")
    rows = hash_fields.read(store, "x:", ["a", "gone", "text"], ["two", "one"])
    assert rows == [[b"\xff", b"1"], [None, None], [None, None]]
    assert hash_fields.read(store, "x:", [], ["one"]) == []


def test_many_are_read_in_one_command(store: Store) -> None:
    names = [str(number) for number in range(5_000)]
    store.hset("x:4999", "one", "1")
    hash_fields.read(store, "x:", names[:1], ["one"])  # the server has the script by now
    with monitored(store) as commands:
        assert hash_fields.read(store, "x:", names, ["one"])[-1] == [b"1"]
    assert sum(command.startswith("EVALSHA") for command in commands) == 1
