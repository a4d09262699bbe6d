"""A file that is found again after its case was pseudonymised: the same case is opened again, with new facts alone."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import pytest
from builders import NOON, RUN, a_match, a_sighting
from old_cases import DAY, LATER, PERSON, TO_CLOSED, TO_WITHDRAWN, add, faults, run, secrets_in
from orbweaver.matcher_client.verdicts import judge
from orbweaver.model import AssessmentDecision, CaseState, EventType, HoldReason, Sighting, Verdict, format_time
from orbweaver.queue.matching import assessed_cases, assessing, one_case, recall, settlement
from orbweaver.queue.matching.assessing import Decision
from orbweaver.queue.records import retained, sweeps
from orbweaver.queue.records.sweeps import SweepName
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.store.reads import Read
from orbweaver.takedown.assessments import assessment_store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import CaseRecord
from orbweaver.takedown.errors import DecisionRefused
from redis.client import Pipeline

LATE = a_sighting(url="http://secret-host.test/secret-path-1", report_ids=("new-report",)).model_copy(
    update={"seen_at": LATER + DAY, "host": "secret-host.test", "ip": "198.51.100.9"}
)
NO_MATCH = judge(LATE.digests, [], service="hashlist:test", asked_at=LATER)


class Question:
    """A question that stays open: what is asked here is answered at once."""

    watched = ("question",)
    staying: Collection[str] = ()

    def reading(self) -> Read[Question]:
        return Read(lambda _: None, lambda _: self)

    def asked_again(self, _: Collection[str]) -> Question:
        raise AssertionError("every answer counts")

    def end(self, pipe: Pipeline) -> None:
        """End nothing."""


def settle(store: Store, verdict: Verdict, sighting: Sighting = LATE) -> None:
    settlement.settle(store, RUN, Question(), [(sighting, verdict)], retention=timedelta(days=36_000))


def record_of(store: Store, case_id: str) -> CaseRecord:
    record = case_store.record_of(store, case_id)
    assert record is not None
    return record


def test_a_closed_case_is_opened_again_and_its_old_events_stay_as_they_are(store: Store) -> None:
    case_id = add(store, 1, *TO_CLOSED)
    run(store)
    gone = record_of(store, case_id)
    settle(store, a_match())
    after = record_of(store, case_id)
    assert store.zcard(keys.cases()) == 1, "ids are for ever: there is no second case of this place and file"
    assert (after.case.state, after.sequence, after.case.pseudonymised) == (CaseState.OPEN, 4, None)
    assert (after.case.url, after.case.sha256, after.case.ip) == (LATE.url, LATE.digests.sha256, "198.51.100.9")
    assert (after.case.report_ids, after.case.first_seen) == (("new-report",), NOON)
    *old, new = case_store.events_of(store, case_id)
    assert all(one.case.pseudonymised is not None and one.case.sha256 == gone.case.sha256 for one in old)
    assert (new.type, new.case) == (EventType.REOPENED, after.case)
    assert new.reason == "found again: the case was closed, and was pseudonymised on 2028-05-09"
    assert list(case_store.case_ids_of_file(store, LATE.digests.sha256)) == [case_id]
    assert store.zcard(keys.case_files()) == 1
    assert store.hexists(keys.undelivered(), str(new.event_id)), "the engine is told"
    assert not any(store.hexists(keys.undelivered(), str(one.event_id)) for one in old)
    assert faults(store) == []
    settle(store, a_match(), LATE.model_copy(update={"seen_at": LATER + 2 * DAY}))
    assert record_of(store, case_id).case.last_seen == LATER + 2 * DAY, "from then on it is a case as any other"


def test_it_is_pseudonymised_again_when_its_time_is_over_again(store: Store) -> None:
    case_id = add(store, 1, EventType.REMOVED, EventType.REOPENED, *TO_CLOSED)
    run(store)
    settle(store, a_match())
    record = record_of(store, case_id)
    closed = record.case.model_copy(update={"state": CaseState.CLOSED})
    store.hset(keys.case(case_id), mapping={"json": closed.model_dump_json(), "recorded_at": format_time(NOON + DAY)})
    store.hset(keys.case(case_id), "pseudonymised_at", format_time(NOON))  # as two years later
    assert store.hdel(keys.undelivered(), str(case_store.events_of(store, case_id)[-1].event_id)) == 1
    assert run(store).counts["cases"] == 1
    assert secrets_in(store, case_id) == set()


@pytest.mark.parametrize(
    ("kinds", "verdict"), [(TO_WITHDRAWN, a_match()), (TO_CLOSED, a_match("md5")), (TO_WITHDRAWN, a_match("md5"))]
)
def test_a_withdrawn_case_or_new_evidence_with_doubts_waits_for_people(
    store: Store, kinds: tuple[EventType, ...], verdict: Verdict
) -> None:
    case_id = add(store, 1, *kinds)
    run(store)
    settle(store, verdict)
    case = record_of(store, case_id).case
    assert (case.state, case.url) == (CaseState.HELD, LATE.url)
    assert (HoldReason.REJECTED in case.verdict.held_because) is (kinds == TO_WITHDRAWN)
    assert store.hlen(keys.undelivered()) == 0, "nobody acts before people have decided"


@pytest.mark.parametrize("decision", AssessmentDecision)
def test_what_people_decided_about_the_file_holds(store: Store, decision: AssessmentDecision) -> None:
    case_id = add(store, 1, *TO_CLOSED)
    settle(store, a_match("md5"), a_sighting(url="http://other.test/").model_copy(update={"seen_at": NOON + DAY}))
    [held] = [str(one.case_id) for one in case_store.all_cases(store) if one.state is CaseState.HELD]
    assessing.assess(store, held, Decision(decision, "seen", PERSON), needs_two=False)
    assert run(store).counts["cases"] == 0, "the decision has not reached its cases yet"
    assessed_cases.apply_due(store)
    assert run(store).counts["cases"] == 1
    assert assessment_store.read(store, LATE.digests.sha256) is not None, "an assessment outlives its cases"
    settle(store, a_match("md5"))
    case = record_of(store, case_id).case
    if decision is AssessmentDecision.RELEASED:
        assert (case.state, case.url) == (CaseState.OPEN, LATE.url)
    else:
        assert case.pseudonymised is not None
        assert assessment_store.not_raised(store, LATE.digests.sha256)[0] == 1


def test_what_says_nothing_new_changes_nothing(store: Store) -> None:
    case_id = add(store, 1, *TO_CLOSED)
    run(store)
    before = store.hgetall(keys.case(case_id))
    settle(store, NO_MATCH)
    assert sum(retained.count(store, list(retained.SHARDS))) == 1, "a later list may be asked about it"
    settle(store, a_match(), LATE.model_copy(update={"seen_at": NOON}))
    assert store.hgetall(keys.case(case_id)) == before
    with pytest.raises(DecisionRefused, match="was pseudonymised on 2028-05-09"):
        one_case.withdraw(store, case_id, person=PERSON, reason="a mistake")


def test_no_list_is_asked_about_a_pseudonymised_case(store: Store) -> None:
    add(store, 1, *TO_CLOSED)
    run(store)
    asked = []

    def ask(digest_sets: object) -> list[Verdict]:
        asked.append(digest_sets)
        return []

    sweeps.start(store, SweepName.RECALL, recall.mark_all)
    token = store.hget(keys.sweep("recall"), "turn")
    assert token is not None
    recall.work(store, token.decode(), ask)
    assert asked == []
    assert store.zcard(keys.sweep_due(SweepName.RECALL)) == 0
