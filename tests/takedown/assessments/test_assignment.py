"""One person at a time works on a file, until it is given back, or by itself after some hours."""

from __future__ import annotations

from datetime import timedelta

from builders import NOON
from orbweaver.model import Actor, ActorKind
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.assessments import assignment

ANNA, BERIT = (Actor(kind=ActorKind.PERSON, name=name) for name in ("anna", "berit"))
FILE = "a" * 64


def test_who_comes_first_has_the_file_until_it_is_given_back(store: Store) -> None:
    assert assignment.of_files(store, []) == {}
    taken = assignment.take(store, FILE, ANNA, NOON)
    assert assignment.take(store, FILE, BERIT, NOON) == taken
    assert assignment.of_files(store, [FILE, "b" * 64]) == {FILE: taken}
    assert not assignment.give_back(store, FILE, BERIT)
    assert assignment.give_back(store, FILE, ANNA)
    assert not assignment.give_back(store, FILE, ANNA)
    assert assignment.take(store, FILE, BERIT, NOON).person == "berit"


def test_it_ends_by_itself_some_hours_after_it_was_taken_last(store: Store) -> None:
    assignment.take(store, FILE, ANNA, NOON)
    store.expire(keys.assignment(FILE), 60)
    later = assignment.take(store, FILE, ANNA, NOON + timedelta(hours=1))
    assert later.until == NOON + timedelta(hours=1) + assignment.LASTS
    assert store.ttl(keys.assignment(FILE)) > assignment.LASTS.total_seconds() - 600
