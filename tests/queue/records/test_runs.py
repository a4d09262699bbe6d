"""What a run knows: its matches, what nobody could answer, and what waits."""

from __future__ import annotations

from builders import RUN, a_sighting, add_batch, transaction
from orbweaver import settings as orbweaver_settings
from orbweaver.model import Sighting
from orbweaver.queue.records import deliveries, runs
from orbweaver.store import keys
from orbweaver.store.connection import Store


def note(
    store: Store,
    *,
    matched: list[str] | None = None,
    new: list[str] | None = None,
    unknown: list[tuple[Sighting, str]] | None = None,
    answered: list[Sighting] | None = None,
) -> None:
    with transaction(store) as pipe:
        runs.note_answers(
            pipe,
            RUN,
            matched_case_ids=matched or [],
            new_case_ids=new or [],
            unknown=unknown or [],
            answered=answered or [],
        )


def test_matches_are_counted_once(store: Store) -> None:
    note(store, matched=["b", "a"], new=["b"])
    note(store, matched=["a"])
    assert runs.case_ids(store, RUN) == ["a", "b"]
    assert runs.new_case_ids(store, RUN) == {"b"}


def test_a_sighting_answered_after_all_is_unknown_no_longer(store: Store) -> None:
    one, other = a_sighting(), a_sighting(url="http://h.test/b.bin")
    note(store, unknown=[(one, "down"), (other, "down, too")])
    assert runs.unknown(store, RUN) == [runs.Unknown(one.url, "down"), runs.Unknown(other.url, "down, too")]
    note(store, answered=[one])
    assert runs.unknown(store, RUN) == [runs.Unknown(other.url, "down, too")]
    assert runs.unknown_count(store, RUN) == 1


def test_what_was_not_asked_about_yet_is_unknown(store: Store) -> None:
    sighting = a_sighting()
    add_batch(store, sighting)
    assert runs.unknown(store, RUN) == [runs.Unknown(sighting.url, "not asked yet")]
    assert runs.waiting(store, RUN) == (1, 0)


def test_only_the_events_of_a_run_are_waited_for(store: Store) -> None:
    with transaction(store) as pipe:
        deliveries.note_events(store, pipe, RUN, "e1")
        deliveries.note_events(store, pipe, "another", "e2")
    assert runs.waiting(store, RUN) == (0, 1)
    assert deliveries.note_delivered(store, ["e1"], orbweaver_settings.load())
    assert runs.waiting(store, RUN) == (0, 0)
    assert runs.waiting(store, "another") == (0, 1)


def test_the_records_of_a_run_expire_but_what_is_undelivered_does_not(store: Store) -> None:
    runs.create(store, RUN)
    note(store, matched=["a"], unknown=[(a_sighting(), "down")])
    with transaction(store) as pipe:
        deliveries.note_events(store, pipe, RUN, "e1")
    for key in (keys.run(RUN), keys.run_cases(RUN), keys.run_unknown(RUN)):
        assert 0 < store.ttl(key) <= runs.KEPT_SECONDS
    assert store.ttl(keys.undelivered()) == -1
