"""Whatever happens to cases, in any order: no forbidden state, no lost event, no broken order, and one story told.

A state machine works on the real store, through what matches, lists, people and checks go through. Its own model is the
list of events that it saw before.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

from builders import NOON, RUN, digests_of, transaction
from builders import a_sighting as one_sighting
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from orbweaver.matcher_client.verdicts import judge
from orbweaver.model import (
    Actor,
    ActorKind,
    Algorithm,
    Assessment,
    AssessmentDecision,
    CaseState,
    EntryStatus,
    Event,
    EventType,
    HoldReason,
    Listing,
    Nature,
    Verdict,
)
from orbweaver.queue.matching import assessed_cases, assessing, one_case, settlement
from orbweaver.queue.matching.answer_changes import changes_of_case
from orbweaver.queue.matching.assessing import Decision
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.store.reads import Read
from orbweaver.takedown.assessments import assessment_store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import OURS_ALONE, PROGRAM, change_by_event
from orbweaver.takedown.cases.lifecycle import TRANSITIONS
from orbweaver.takedown.delivery import outbox
from orbweaver.takedown.errors import DecisionRefused, TransitionRefused
from redis.client import Pipeline

HOSTS, BODIES, LISTS = ("a", "b", "c"), (b"one", b"two"), ("list", "other")
people = st.sampled_from(["Anna", "Bo"])
listings = st.lists(
    st.tuples(
        st.sampled_from(LISTS),
        st.sampled_from(["md5", "sha256"]),
        st.sampled_from(EntryStatus),
        st.sampled_from([Nature.ABUSE, Nature.ABUSE, Nature.UNKNOWN, Nature.BENIGN]),
    ),
    max_size=2,
)


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


class LifeOfCases(RuleBasedStateMachine):
    """Files that are met, asked about, decided about, gone and back."""

    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.store.flushdb()
        self.seen: dict[str, list[Event]] = {}
        self.minutes = 0

    def later(self) -> datetime:
        self.minutes += 1
        return NOON + timedelta(minutes=self.minutes)

    def verdict(self, body: bytes, found: list[tuple[str, Algorithm, EntryStatus, Nature]]) -> Verdict:
        listed = [
            Listing(service="s", list=name, entry_id="1", algorithms=(by,), status=status, nature=nature)
            for name, by, status, nature in found
        ]
        return judge(digests_of(body), listed, service="s", asked_at=self.later())

    def case_ids(self) -> list[str]:
        return [str(case.case_id) for case in case_store.all_cases(self.store)]

    def pick(self, number: int) -> str | None:
        found = self.case_ids()
        return found[number % len(found)] if found else None

    @rule(host=st.sampled_from(HOSTS), body=st.sampled_from(BODIES), found=listings, is_late=st.booleans())
    def is_met(self, host: str, body: bytes, found: Any, is_late: bool) -> None:
        verdict = self.verdict(body, found)
        sighting = one_sighting(body, url=f"http://{host}.test/{body.decode()}")
        sighting = sighting.model_copy(update={"seen_at": NOON if is_late else datetime.now(NOON.tzinfo)})
        settlement.settle(self.store, RUN, Question(), [(sighting, verdict)], retention=timedelta(days=1))

    @rule(number=st.integers(0, 9), found=listings)
    def is_asked_about(self, number: int, found: Any) -> None:
        case_id = self.pick(number)
        record = None if case_id is None else case_store.record_of(self.store, case_id)
        if record is None:
            return
        body = next(one for one in BODIES if digests_of(one).sha256 == record.case.sha256)
        assessment = assessment_store.read(self.store, record.case.sha256)
        verdict = self.verdict(body, found)
        changes = changes_of_case(verdict, record, assessment, case_store.stamp(self.store))
        with transaction(self.store) as pipe:
            settlement.write_changes(self.store, pipe, RUN, changes)

    @rule(number=st.integers(0, 9), decision=st.sampled_from(AssessmentDecision), name=people, needs_two=st.booleans())
    def is_decided(self, number: int, decision: AssessmentDecision, name: str, needs_two: bool) -> None:
        case_id = self.pick(number)
        if case_id is not None:
            self.decide(
                lambda decided: assessing.assess(self.store, case_id, decided, needs_two=needs_two), decision, name
            )

    @rule(body=st.sampled_from(BODIES), decision=st.sampled_from(AssessmentDecision), name=people)
    def is_revised(self, body: bytes, decision: AssessmentDecision, name: str) -> None:
        sha256 = digests_of(body).sha256
        self.decide(lambda decided: assessing.revise(self.store, sha256, decided, needs_two=False), decision, name)

    def decide(self, do: Callable[[Decision], object], decision: AssessmentDecision, name: str) -> None:
        before = self.case_events()
        try:
            made = do(Decision(decision, "x", Actor(kind=ActorKind.PERSON, name=name)))
        except DecisionRefused:
            assert self.case_events() == before
            return
        if isinstance(made, Assessment):
            assessed_cases.apply(self.store, made.digests.sha256)
            now = self.case_events()
            assessed_cases.apply(self.store, made.digests.sha256)
            assert self.case_events() == now  # twice is once

    @rule(number=st.integers(0, 9))
    def is_withdrawn(self, number: int) -> None:
        case_id = self.pick(number)
        if case_id is not None:
            anna = Actor(kind=ActorKind.PERSON, name="Anna")
            try:
                one_case.withdraw(self.store, case_id, person=anna, reason="x")
            except DecisionRefused:
                record = case_store.record_of(self.store, case_id)
                assert record is not None
                assert record.case.state is CaseState.WITHDRAWN

    @precondition(lambda self: self.minutes > 0)
    @rule(number=st.integers(0, 9), kind=st.sampled_from(EventType))
    def has_an_event(self, number: int, kind: EventType) -> None:
        """Anybody may try any event: what the table does not have is refused, and changes nothing."""
        case_id = self.pick(number)
        record = None if case_id is None else case_store.record_of(self.store, case_id)
        if record is None or kind in {EventType.OPENED, EventType.HELD, EventType.CORRECTED, EventType.WITHDRAWN}:
            return  # these have evidence of their own: the rules above make them
        try:
            change = change_by_event(record, kind, case_store.stamp(self.store), actor=PROGRAM)
        except TransitionRefused:
            assert (record.case.state, kind) not in TRANSITIONS
            return
        with transaction(self.store) as pipe:
            settlement.write_changes(self.store, pipe, RUN, [change])

    def case_events(self) -> dict[str, list[Event]]:
        return {case_id: case_store.events_of(self.store, case_id) for case_id in self.case_ids()}

    @invariant()
    def all_of_it_holds(self) -> None:
        self.the_history_only_grows_and_is_in_order()
        self.no_state_is_reached_but_by_the_table()
        self.the_engine_is_told_everything_and_one_that_knows_two_words_acts_on_nothing_else()
        self.every_case_of_a_file_is_found_and_no_decision_waits()

    def the_history_only_grows_and_is_in_order(self) -> None:
        now = self.case_events()
        assert now.keys() >= self.seen.keys()
        for case_id, events in now.items():
            before = self.seen.get(case_id, [])
            assert events[: len(before)] == before
            assert [event.sequence for event in events] == list(range(1, len(events) + 1))
            times = [event.recorded_at for event in events]
            assert all(
                one is not None and other is not None and one < other for one, other in itertools.pairwise(times)
            )
            assert all(event.actor is not None for event in events)
        ids = [event.event_id for events in now.values() for event in events]
        assert len(set(ids)) == len(ids)
        self.seen = now

    def no_state_is_reached_but_by_the_table(self) -> None:
        for case in case_store.all_cases(self.store):
            state: CaseState | None = None
            for event in self.seen[str(case.case_id)]:
                state = TRANSITIONS[state, event.type]
                assert event.case.state is state
            assert case.state is state
            if state is CaseState.OPEN:
                assert case.verdict.held_because == ()
            if state is CaseState.WITHDRAWN:
                assert HoldReason.REJECTED in case.verdict.held_because

    def the_engine_is_told_everything_and_one_that_knows_two_words_acts_on_nothing_else(self) -> None:
        wanted = set()
        for events in self.seen.values():
            is_open = False
            was_opened = False
            for event in events:
                was_opened = was_opened or event.type is EventType.OPENED
                if was_opened and event.type not in OURS_ALONE:
                    wanted.add(str(event.event_id))
                if event.type in {EventType.OPENED, EventType.CORRECTED}:
                    is_open = event.type is EventType.OPENED
            assert is_open is (events[-1].case.state in {CaseState.OPEN, CaseState.REMOVED, CaseState.CLOSED})
        assert set(outbox.event_ids(self.store)) == wanted

    def every_case_of_a_file_is_found_and_no_decision_waits(self) -> None:
        by_file = {
            case_id for body in BODIES for case_id in case_store.case_ids_of_file(self.store, digests_of(body).sha256)
        }
        assert by_file == set(self.seen)
        assert self.store.scard(keys.assessments_due()) == 0


def test_no_life_of_a_case_is_forbidden_loses_an_event_or_breaks_the_order(store: Store) -> None:
    machine = type("Machine", (LifeOfCases,), {"store": store})
    few = settings(max_examples=8, stateful_step_count=16, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(machine, settings=few)
