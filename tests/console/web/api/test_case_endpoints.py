"""The API tells of cases, events, assessments, sightings and statistics, and who is noted to have seen it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from api_site import Program, a_program, add_case
from builders import NOON, a_sighting, digests_of, transaction
from console_site import serving
from orbweaver import settings
from orbweaver.console.web.accounts.account import Right
from orbweaver.model import Actor, ActorKind, AssessmentDecision, Case, Event, format_time, now
from orbweaver.queue.matching import assessing, one_case
from orbweaver.queue.matching.assessing import Decision
from orbweaver.queue.records import retained
from orbweaver.store.connection import Store
from orbweaver.takedown.assessments import assessment_store
from orbweaver.takedown.audit import audit_log

NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def url(_server: Store) -> Iterator[str]:
    with serving(_server) as url:
        yield url


@pytest.fixture
def program(store: Store, url: str) -> Iterator[Program]:
    with a_program(store, url, *Right) as program:
        yield program


def accesses(store: Store) -> list[dict[str, Any]]:
    audit_log.seal(store)
    said = [json.loads(one.entry)["record"] for one in audit_log.entries(store)]
    return [one for one in said if one["kind"] == "access"]


def test_cases_come_by_page_and_by_filter_and_each_that_is_shown_is_noted(store: Store, program: Program) -> None:
    events = [add_case(store, f"http://h{n % 2}.test/{n}.jpg", body=b"%d" % n, minutes=n // 3) for n in range(7)]
    held = add_case(store, "http://h0.test/held.jpg", "md5", body=b"held", minutes=9)
    ids = [str(one.case_id) for one in (*events, held)]

    found = program.all_of("/cases", limit=2)
    assert sorted(one["case_id"] for one in found) == sorted(ids)
    assert [one["first_seen"] for one in found] == sorted(one["first_seen"] for one in found)
    assert Case.model_validate_json(json.dumps(found[-1])) == held.case
    shown = [case_id for one in accesses(store) for case_id in one["subject"]]
    assert sorted(shown) == sorted(ids)
    assert {(one["actor"]["kind"], one["actor"]["name"]) for one in accesses(store)} == {
        ("program", "the program (token program)")
    }

    assert [one["case_id"] for one in program.all_of("/cases", state="held")] == [str(held.case_id)]
    assert len(program.all_of("/cases", host="h1.test")) == 3
    assert len(program.all_of("/cases", host="h1.test", since=format_time(NOON + timedelta(minutes=1)), limit=1)) == 2
    assert program.ask("/cases?host=none.test") == {"items": [], "next": None}


def test_a_case_has_its_events_in_order(store: Store, program: Program) -> None:
    held = add_case(store, "http://h.test/held.jpg", "md5")
    person = Actor(kind=ActorKind.PERSON, name="Anna")
    for number in range(4):
        one_case.note(store, str(held.case_id), person=person, words=f"note {number}")
    case = program.ask(f"/cases/{held.case_id}")
    assert (case["state"], case["sha256"]) == ("held", digests_of(b"known").sha256)
    events = program.all_of(f"/cases/{held.case_id}/events", limit=2)
    assert [one["sequence"] for one in events] == [1, 2, 3, 4, 5]
    assert [one["reason"] for one in events[1:]] == [f"note {number}" for number in range(4)]
    for path in (f"/cases/{NOBODY}", f"/cases/{NOBODY}/events", f"/events/{NOBODY}"):
        assert NOBODY in program.ask(path, 404)["detail"]


def test_events_come_in_the_order_of_the_store_and_none_is_missed(store: Store, program: Program) -> None:
    assert program.ask("/events") == {"items": [], "next": program.ask("/events")["next"], "is_more": False}
    written = [add_case(store, f"http://h.test/{n}.jpg", body=b"%d" % n) for n in range(3)]
    first = program.ask("/events?limit=2")
    assert [one["event_id"] for one in first["items"]] == [str(one.event_id) for one in written[:2]]
    assert first["is_more"]
    written += [add_case(store, "http://h.test/later.jpg", body=b"later")]
    second = program.ask("/events", params={"cursor": first["next"]})
    assert [one["event_id"] for one in second["items"]] == [str(one.event_id) for one in written[2:]]
    assert Event.model_validate_json(json.dumps(second["items"][-1])) == written[-1]
    nothing = program.ask("/events", params={"cursor": second["next"]})
    assert (nothing["items"], nothing["is_more"]) == ([], False)
    add_case(store, "http://h.test/last.jpg", body=b"last")
    assert len(program.ask("/events", params={"cursor": nothing["next"]})["items"]) == 1
    assert [len(one["subject"]) for one in accesses(store) if one["what"] == "api events"] == [2, 2, 1]


def test_an_engine_acknowledges_an_event_under_its_name(store: Store, program: Program) -> None:
    event = add_case(store, "http://h.test/a.jpg")
    said = program.send(f"/events/{event.event_id}/acknowledgement", json={"reason": "notice 7"})
    assert (said["case_id"], said["is_new"]) == (str(event.case_id), True)
    assert program.ask(f"/events/{event.event_id}")["type"] == "case.opened"
    [_, acknowledged] = program.all_of(f"/cases/{event.case_id}/events")
    assert (acknowledged["type"], acknowledged["reason"]) == ("case.acknowledged", "notice 7")
    assert acknowledged["actor"] == {"kind": "program", "name": "the program (token program)"}
    assert not program.send(f"/events/{event.event_id}/acknowledgement")["is_new"]
    program.send(f"/events/{NOBODY}/acknowledgement", 404)
    program.send(f"/events/{acknowledged['event_id']}/acknowledgement", 404)


def test_a_decision_is_about_the_file_and_is_listed(store: Store, program: Program) -> None:
    cases = [add_case(store, f"http://h.test/{n}.jpg", "md5", minutes=n) for n in range(2)]
    other = add_case(store, "http://h.test/other.jpg", "md5", body=b"other")
    sent = {"case_id": str(cases[0].case_id), "decision": "released", "reason": " seen by Anna "}
    taken = program.send("/assessments", json=sent | {"classification": {"scheme": "iwf", "category": "A"}})
    assert (taken["changed"], taken["undecided"], taken["proposal"]) == ({"open": 2}, [], None)
    assert taken["assessment"]["reason"] == "seen by Anna"
    assert "not held" in program.send("/assessments", 409, json=sent)["detail"]
    assert "no case" in program.send("/assessments", 409, json=sent | {"case_id": NOBODY})["detail"]
    program.send("/assessments", json={"case_id": str(other.case_id), "decision": "rejected", "reason": "a logo"})
    listed = program.all_of("/assessments", limit=1)
    assert [one["decision"] for one in listed] == ["released", "rejected"]
    assert listed[0]["digests"]["sha256"] == digests_of(b"known").sha256


def test_a_program_may_propose_and_is_never_the_second_of_two(store: Store) -> None:
    event = add_case(store, "http://h.test/a.jpg", "md5")
    loaded = settings.load().model_copy(update={"assessors": 2})
    sent = {"case_id": str(event.case_id), "decision": "released", "reason": "known elsewhere"}
    with (
        serving(store, loaded) as url,
        a_program(store, url, Right.DECIDE_CASES) as program,
        a_program(store, url, Right.DECIDE_CASES, name="other") as other,
    ):
        assert program.send("/assessments", json=sent)["proposal"]["reason"] == "known elsewhere"
        assert "a person has to agree" in other.send("/assessments", 409, json=sent)["detail"]
    released = AssessmentDecision.RELEASED
    person = Decision(released, "I agree", Actor(kind=ActorKind.PERSON, name="Anna"))
    assessing.assess(store, str(event.case_id), person, needs_two=True)
    made = assessment_store.read(store, event.case.sha256)
    assert made is not None
    assert [one.kind.value for one in made.decided_by] == ["program", "person"]


def test_sightings_are_listed_once_each_and_no_older_ones(store: Store, program: Program) -> None:
    at = now()
    sightings = [
        a_sighting(b"%d" % n, url=f"http://h.test/{n}.bin").model_copy(update={"seen_at": at - timedelta(hours=n)})
        for n in range(60)
    ]
    too_old = a_sighting(b"old").model_copy(update={"seen_at": at - timedelta(days=3650)})
    with transaction(store) as pipe:
        retained.keep(pipe, [*sightings, too_old])
    found = program.all_of("/sightings", limit=7)
    assert sorted(one["url"] for one in found) == sorted(one.url for one in sightings)
    assert {one["digests"]["sha256"] for one in found} == {one.digests.sha256 for one in sightings}
    newer = program.all_of("/sightings", since=format_time(at - timedelta(hours=9)))
    assert {one["url"] for one in newer} == {f"http://h.test/{n}.bin" for n in range(10)}


def test_statistics_of_a_period_are_those_of_the_command(store: Store) -> None:
    add_case(store, "http://h.test/a.jpg")
    with serving(store) as url, a_program(store, url, Right.SEE_CASES) as program:
        said = program.ask("/statistics?by=host")
        assert (said["all"]["raised"], [one["name"] for one in said["groups"]]) == (1, ["h.test"])
        assert program.ask("/statistics?first=2020-01-01&last=2020-12-31")["all"]["raised"] == 0
        assert program.ask("/statistics?first=2020-02-01&last=2020-01-01", 422)
