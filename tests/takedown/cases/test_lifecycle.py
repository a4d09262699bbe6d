"""The table of the life of a case, and the one function that makes events of a case."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from builders import NOON, STAMP, a_match, a_sighting
from orbweaver.model import (
    Actor,
    ActorKind,
    Case,
    CaseState,
    Event,
    EventType,
    Evidence,
    Presence,
    Removal,
    event_id_for,
)
from orbweaver.takedown.cases.changes import PROGRAM, CaseRecord, Stamp, change_by_event
from orbweaver.takedown.cases.lifecycle import TRANSITIONS, state_after
from orbweaver.takedown.cases.transitions import change_by_answer, change_by_match
from orbweaver.takedown.errors import TransitionRefused

OLD = Path(__file__).parent / "written_by_0_1"
ANNA = Actor(kind=ActorKind.PERSON, name="Anna")


def an_open_case() -> CaseRecord:
    return change_by_match(a_sighting(), a_match(), None, STAMP).after


def in_state(state: CaseState, *, was_opened: bool = True) -> CaseRecord:
    record = an_open_case()
    case = record.case.model_copy(update={"state": state, "state_since": NOON})
    return CaseRecord(case, record.sequence, was_opened, record.recorded_at)


def test_every_pair_of_a_state_and_an_event_is_allowed_or_refused_and_the_refusal_says_what_is_possible() -> None:
    for state, kind in itertools.product([None, *CaseState], EventType):
        if (state, kind) in TRANSITIONS:
            assert state_after(state, kind) is TRANSITIONS[state, kind]
            continue
        with pytest.raises(TransitionRefused, match=kind.value) as refused:
            state_after(state, kind)
        assert "possible are" in str(refused.value)


def test_no_way_leads_to_open_from_held_but_by_opened_and_none_to_withdrawn_but_from_held() -> None:
    ways = [(before, kind, after) for (before, kind), after in TRANSITIONS.items() if before is not after]
    assert {kind for before, kind, after in ways if (before, after) == (CaseState.HELD, CaseState.OPEN)} == {
        EventType.OPENED
    }
    assert {before for before, _, after in ways if after is CaseState.WITHDRAWN} == {CaseState.HELD}
    assert {before for before, kind, _ in ways if kind is EventType.REMOVED} == {CaseState.OPEN}
    # each state is reached, and each kind of event is of use
    assert {after for _, _, after in ways} == set(CaseState)
    assert {kind for _, kind in TRANSITIONS} == set(EventType)


def test_an_event_says_who_why_and_on_what_and_its_case_is_as_it_was_after_it() -> None:
    before = an_open_case()
    evidence = Evidence(facts={"confirmations": "3"})
    stamp = Stamp(STAMP.source, NOON + timedelta(hours=1))
    change = change_by_event(
        before, EventType.REMOVED, stamp, actor=ANNA, reason="it is gone", evidence=evidence, facts={"ip": None}
    )
    event = change.event
    assert event is not None
    assert (event.actor, event.reason, event.evidence, event.sequence) == (ANNA, "it is gone", evidence, 2)
    assert (event.case, event.event_id) == (change.after.case, event_id_for(event))
    assert (event.case.state, event.case.state_since, event.case.ip) == (CaseState.REMOVED, stamp.at, None)
    assert (event.recorded_at, event.at, change.is_for_engine) == (stamp.at, stamp.at, True)
    assert before.case.state is CaseState.OPEN
    noted = change_by_event(change.after, EventType.NOTE, STAMP, actor=ANNA, reason="called them")
    assert (noted.after.case, noted.is_for_engine) == (change.after.case, False)
    assert noted.after.recorded_at == stamp.at + timedelta(milliseconds=1)  # of a late clock


@pytest.mark.parametrize("name", ["state", "case_id", "sha256", "url"])
def test_what_a_case_is_cannot_be_changed_by_facts(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        change_by_event(an_open_case(), EventType.NOTE, STAMP, actor=ANNA, facts={name: "x"})


def test_an_event_that_is_refused_changes_nothing() -> None:
    with pytest.raises(TransitionRefused, match=r"open cannot have the event case\.released"):
        change_by_event(an_open_case(), EventType.RELEASED, STAMP, actor=ANNA)


def test_a_sighting_says_all_that_it_knows_in_the_evidence_of_its_event() -> None:
    sighting = a_sighting()
    event = change_by_match(sighting, a_match(), None, STAMP).event
    assert event is not None
    assert event.actor == PROGRAM
    assert event.evidence is not None
    said = event.evidence.sighting
    assert said is not None
    assert (said.seen_at, said.url, said.http, said.sha256, said.bytes_kept) == (
        sighting.seen_at,
        sighting.url,
        sighting.http,
        sighting.digests.sha256,
        0,
    )


@pytest.mark.parametrize("state", [CaseState.REMOVED, CaseState.CLOSED])
def test_a_file_that_is_seen_after_its_removal_is_back_and_one_that_was_seen_before_is_not(state: CaseState) -> None:
    gone = in_state(state)
    for verdict in (a_match(), a_match("md5")):
        back = change_by_match(a_sighting(minutes=1), verdict, gone, STAMP)
        assert (back.event and back.event.type, back.after.case.state) == (EventType.REOPENED, CaseState.OPEN)
        assert back.is_for_engine
    for late in (
        change_by_match(a_sighting(minutes=-1), a_match(), gone, STAMP),
        change_by_answer(a_match(), gone, STAMP),
    ):
        assert (late.event, late.after.case.state) == (None, state)


def test_a_removal_that_is_written_down_late_hides_no_sighting_that_came_after_its_last_check() -> None:
    for state, checked in ((CaseState.REMOVED, 60), (CaseState.CLOSED, 0)):
        record = in_state(state)
        removal = Removal(
            presence=Presence.GONE,
            rule="gone.http-404",
            reason="",
            since=NOON,
            checked_at=NOON + timedelta(minutes=checked),
            confirmations=3,
            confirmed_by="gone",
            first_gone_at=NOON - timedelta(minutes=9),
            removed_at=NOON,
        )
        late = {"removal": removal, "state_since": NOON + timedelta(minutes=10)}
        gone = replace(record, case=record.case.model_copy(update=late))
        back = change_by_match(a_sighting(minutes=5), a_match(), gone, STAMP)
        assert (back.event and back.event.type, back.after.case.state) == (EventType.REOPENED, CaseState.OPEN)
        found = back.after.case.removal
        assert found is not None
        assert (found.confirmations, found.removed_at, found.returns) == (0, None, 1)


def test_nothing_that_was_confirmed_before_a_case_is_open_counts_in_it() -> None:
    removal = Removal(
        presence=Presence.GONE,
        rule="gone.http-404",
        reason="",
        since=NOON,
        checked_at=NOON,
        confirmations=3,
        confirmed_by="gone",
        confirmed_at=NOON,
        first_gone_at=NOON,
        removed_at=NOON,
        returns=2,
    )
    record = in_state(CaseState.HELD)
    held = replace(record, case=record.case.model_copy(update={"removal": removal}))
    found = change_by_event(held, EventType.OPENED, STAMP, actor=ANNA).after.case.removal
    assert found is not None
    assert (found.confirmations, found.first_gone_at, found.removed_at, found.returns) == (0, None, None, 2)


def test_a_case_that_people_refused_stays_so_until_other_evidence_comes_and_then_waits_for_people() -> None:
    refused = in_state(CaseState.WITHDRAWN)
    weaker = change_by_match(a_sighting(minutes=1), a_match("md5"), refused, STAMP)
    same = change_by_match(a_sighting(minutes=1), a_match(), refused, STAMP)
    assert [(one.event, one.after.case.state) for one in (weaker, same)] == [(None, CaseState.WITHDRAWN)] * 2
    assert same.after.case.last_seen == NOON + timedelta(minutes=1)
    [listing] = a_match().listings
    other = a_match().model_copy(update={"listings": (listing.model_copy(update={"list": "another"}),)})
    held = change_by_match(a_sighting(minutes=2), other, refused, STAMP)
    assert held.event is not None
    assert (held.event.type, held.is_for_engine) == (EventType.HELD, False)
    assert held.event.reason == "entry without an id of another did not list the file when it was refused"
    assert held.after.case.verdict.held_because == ("rejected",)
    again = change_by_match(a_sighting(minutes=3), other, held.after, STAMP)
    assert (again.event, again.after.case.state) == (None, CaseState.HELD)  # no clear match opens it any more
    assert again.after.case.verdict.held_because == ("rejected",)


def test_cases_and_events_of_release_0_1_are_read_and_written_with_nothing_lost() -> None:
    for noun, name in ((Case, "cases.jsonl"), (Event, "events.jsonl")):
        for line in (OLD / name).read_text().splitlines():
            read = noun.model_validate_json(line)
            again = json.loads(read.model_dump_json())
            assert _without_news(again, json.loads(line)) == json.loads(line)


def _without_news(written: object, old: object) -> object:
    """What was written, without the fields that the old line does not have: each of them is null."""
    if isinstance(written, dict) and isinstance(old, dict):
        assert all(not value for name, value in written.items() if name not in old)
        return {name: _without_news(value, old[name]) for name, value in written.items() if name in old}
    return written


def test_a_case_of_release_0_1_goes_on_with_its_next_event() -> None:
    lines = (OLD / "events.jsonl").read_text().splitlines()
    _, opened, corrected = (Event.model_validate_json(line) for line in lines)
    record = CaseRecord(opened.case, opened.sequence, was_opened=True, recorded_at=opened.recorded_at)
    removed = change_by_event(record, EventType.REMOVED, STAMP, actor=PROGRAM)
    assert removed.event is not None
    assert (removed.event.sequence, removed.event.case_id) == (3, opened.case_id)
    assert corrected.case.state is CaseState.HELD
