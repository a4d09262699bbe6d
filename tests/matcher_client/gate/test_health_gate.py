"""The gate lets no `no_match` for a listed digest through, whatever the service does between two questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest
from builders import NOON, digests_of
from faulty_service import CANARY, FaultyService, State
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from orbweaver.matcher_client.errors import TimeIsOver, UnknownService
from orbweaver.matcher_client.gate import service_health
from orbweaver.matcher_client.gate.health_gate import GatedService, ServiceAnswers
from orbweaver.matcher_client.gate.health_rules import HealthRules
from orbweaver.matcher_client.gate.service_health import KnownService, ServiceHealth
from orbweaver.matcher_client.gate.verdict_cache import VerdictCache
from orbweaver.matcher_client.protocol import ClaimedHealth
from orbweaver.matcher_client.several_services import SeveralServices
from orbweaver.model import Algorithm, DigestSet, Verdict, VerdictResult
from orbweaver.store import keys
from orbweaver.store.connection import Store

LISTED = [digests_of(b"listed %d" % number) for number in range(6)]
OTHERS = [digests_of(b"other %d" % number) for number in range(3)]
RULES = HealthRules(every=timedelta(seconds=60))
GOOD = State.GOOD


def always(state: State) -> Callable[[], State]:
    return lambda: state


def in_turn(*states: State) -> Callable[[], State]:
    """A service with one given state for each question, and healthy after them."""
    coming = iter(states)
    return lambda: next(coming, GOOD)


def gate_of(store: Store, service: FaultyService, *, is_cached: bool = False) -> GatedService:
    return GatedService(service, store, RULES, VerdictCache(store, timedelta(hours=1)) if is_cached else None)


def check(store: Store, gate: GatedService) -> ServiceHealth:
    _, health = gate.check()
    service_health.write(store, health)
    return health


def results(answers: ServiceAnswers) -> list[VerdictResult]:
    return [one.verdict.result for one in answers.answers]


def health_of(store: Store, service: FaultyService) -> ServiceHealth:
    health = service_health.read_all(store)[service.name]
    assert isinstance(health, ServiceHealth)
    return health


def test_a_service_that_nobody_has_checked_is_not_asked(store: Store) -> None:
    service = FaultyService(LISTED, always(GOOD))
    answers = gate_of(store, service).ask(OTHERS)
    assert (service.questions, set(results(answers))) == ([], {"unknown"})
    assert all(one.waits for one in answers.answers)


def test_a_healthy_service_answers_with_its_canary_asked_first_and_last(store: Store) -> None:
    service = FaultyService(LISTED, always(GOOD))
    gate = gate_of(store, service)
    assert check(store, gate).is_healthy
    assert results(gate.ask([LISTED[0], OTHERS[0]])) == ["match", "no_match"]
    [asked] = service.questions
    assert [one.sha256 for one in asked] == [CANARY.sha256, LISTED[0].sha256, OTHERS[0].sha256, CANARY.sha256]
    assert asked[0] != asked[-1]  # else a client that asks equal ones once would ask one canary only


@pytest.mark.parametrize("state", [one for one in State if one is not GOOD])
def test_a_fault_at_the_question_makes_all_of_it_wait_and_closes_the_gate(store: Store, state: State) -> None:
    service = FaultyService(LISTED, in_turn(GOOD, GOOD, *[state] * 9))
    gate = gate_of(store, service)
    check(store, gate)
    answers = gate.ask([LISTED[-1], OTHERS[0]])
    assert set(results(answers)) == {"unknown"}
    assert all(one.waits for one in answers.answers)
    assert not health_of(store, service).is_healthy
    questions = len(service.questions)
    later = gate.ask(OTHERS)
    assert len(service.questions) == questions
    assert later.answers[0].verdict.reason == health_of(store, service).complaint
    assert not later.has_failed


@pytest.mark.parametrize("state", [State.SHRUNK, State.ILL])
def test_a_fault_found_right_after_the_answers_takes_them_back(store: Store, state: State) -> None:
    service = FaultyService(LISTED, in_turn(GOOD, GOOD, GOOD, state), is_versioned=False)
    gate = gate_of(store, service)
    check(store, gate)
    assert set(results(gate.ask(OTHERS))) == {"unknown"}
    assert not health_of(store, service).is_healthy


def test_an_index_lost_in_the_middle_of_a_batch_is_seen_by_the_last_canary(store: Store) -> None:
    class DigestByDigest(FaultyService):
        """Asks its service once for each digest, as HMA is asked."""

        def lookup(self, digest_sets):  # type: ignore[no-untyped-def]
            return [verdict for one in digest_sets for verdict in super(DigestByDigest, self).lookup([one])]

    service = DigestByDigest(LISTED, in_turn(GOOD, GOOD, GOOD, GOOD, State.EMPTY, State.EMPTY), is_versioned=False)
    gate = gate_of(store, service)
    check(store, gate)
    assert set(results(gate.ask(LISTED[:2]))) == {"unknown"}


def test_an_answer_from_another_list_than_the_one_found_whole_is_asked_for_again(store: Store) -> None:
    service = FaultyService(LISTED, in_turn(GOOD, GOOD, State.SHRUNK, GOOD, GOOD, GOOD))
    gate = gate_of(store, service)
    check(store, gate)
    assert results(gate.ask([LISTED[-1]])) == ["match"]
    assert len(service.questions) == 2


def test_a_list_that_changes_each_time_makes_the_question_wait(store: Store) -> None:
    service = FaultyService(LISTED, in_turn(GOOD, GOOD, *[State.SHRUNK, GOOD] * 9))
    gate = gate_of(store, service)
    check(store, gate)
    [answer] = gate.ask([LISTED[-1]]).answers
    assert (answer.verdict.result, answer.waits) == ("unknown", True)
    assert health_of(store, service).is_healthy


def test_a_new_list_is_noted_at_once(store: Store) -> None:
    service = FaultyService(LISTED, always(GOOD))
    gate = gate_of(store, service)
    check(store, gate)
    service.version = "2"
    assert results(gate.ask(OTHERS[:1])) == ["no_match"]
    assert health_of(store, service).list_version == "2"


def test_a_shrunk_list_counts_again_when_an_operator_accepts_it(store: Store) -> None:
    state = [GOOD]
    service = FaultyService(LISTED, lambda: state[0])
    gate = gate_of(store, service)
    check(store, gate)
    state[0] = State.SHRUNK
    assert "shrank from 7 to 4" in (check(store, gate).reason or "")
    assert "shrank" in (check(store, gate).reason or "")  # what it should have is not forgotten
    assert service_health.accept(store, service.name).entries == 4
    assert check(store, gate).is_healthy
    assert results(gate.ask([LISTED[0], LISTED[-1]])) == ["match", "no_match"]


def test_only_a_service_that_was_seen_with_entries_can_be_accepted(store: Store) -> None:
    with pytest.raises(UnknownService, match="those checked: none yet"):
        service_health.accept(store, "https://other.test")
    gate = gate_of(store, FaultyService(LISTED, always(State.ILL)))
    check(store, gate)
    with pytest.raises(UnknownService, match="did not say how many entries"):
        service_health.accept(store, gate.name)


def test_a_list_that_is_empty_and_says_that_it_is_ready_is_not_asked_and_not_accepted(store: Store) -> None:
    service = FaultyService(LISTED, always(State.EMPTY))
    service.canary = None  # which would tell it as well
    service.say_entries = lambda _: 0
    gate = gate_of(store, service)
    assert check(store, gate).reason == "its list is empty"
    assert results(gate.ask(OTHERS)) == ["unknown"] * 3
    assert service.questions == []
    with pytest.raises(UnknownService, match="saw no entries"):
        service_health.accept(store, service.name)


def test_a_service_that_never_says_how_many_entries_it_has_is_asked(store: Store) -> None:
    service = FaultyService(LISTED, always(GOOD))
    service.say_entries = lambda _: None
    gate = gate_of(store, service)
    assert check(store, gate).entries is None
    assert results(gate.ask([LISTED[0], OTHERS[0]])) == ["match", "no_match"]
    with pytest.raises(UnknownService, match="did not say how many entries"):
        service_health.accept(store, service.name)


def test_a_failure_to_answer_is_told_from_a_gate_that_was_closed_before(store: Store) -> None:
    service = FaultyService(LISTED, in_turn(GOOD, GOOD, State.RAISING))
    gate = gate_of(store, service)
    check(store, gate)
    assert (gate.ask(OTHERS).has_failed, gate.ask(OTHERS).has_failed) == (True, False)


def test_no_digest_is_in_what_is_said_of_a_missing_canary(store: Store) -> None:
    service = FaultyService(LISTED, always(State.WITHOUT_CANARY))
    assert CANARY.sha256 not in check(store, gate_of(store, service)).complaint


class Surprising(FaultyService):
    """Its client fails at what it says, in the part that is named, with words that have a digest."""

    part = ""

    def lookup(self, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
        self._surprise("lookup")
        return super().lookup(digest_sets)

    def is_listed(self, algorithm: Algorithm, digest: str) -> bool:
        self._surprise("is_listed")
        return super().is_listed(algorithm, digest)

    def health(self) -> ClaimedHealth:
        self._surprise("health")
        return super().health()

    def _surprise(self, part: str) -> None:
        if part == self.part:
            raise OverflowError(f"{CANARY.sha256} is too large")


@pytest.mark.parametrize("part", ["lookup", "is_listed", "health"])
def test_a_fault_of_a_client_is_a_service_that_is_unhealthy_and_is_logged(
    store: Store, caplog: pytest.LogCaptureFixture, part: str
) -> None:
    service = Surprising(LISTED, always(GOOD))
    gate = gate_of(store, service)
    check(store, gate)
    service.part = part
    answers = gate.ask(OTHERS) if part == "lookup" else None
    health = health_of(store, service) if answers else check(store, gate)
    assert "gave an answer that its client cannot read (OverflowError)" in (health.reason or "")
    assert answers is None or (set(results(answers)), answers.has_failed) == ({"unknown"}, True)
    [record] = caplog.records
    assert (record.levelname, "_surprise" in record.getMessage()) == ("ERROR", True)
    assert CANARY.sha256 not in record.getMessage() + health.complaint
    service.part = ""
    assert check(store, gate).is_healthy


def test_a_jobs_end_is_not_the_services_fault(store: Store) -> None:
    class Endless(FaultyService):
        def lookup(self, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
            raise TimeIsOver

    service = Endless(LISTED, always(GOOD))
    gate = gate_of(store, service)
    check(store, gate)
    with pytest.raises(TimeIsOver):
        gate.ask(OTHERS)
    assert health_of(store, service).is_healthy


def test_a_number_of_entries_that_was_once_believed_however_large_is_compared(store: Store) -> None:
    gate = gate_of(store, FaultyService(LISTED, always(GOOD)))
    store.hset(keys.matcher_entries(), gate.name, "1" + "0" * 400)
    assert "its list shrank" in (check(store, gate).reason or "")
    service_health.accept(store, gate.name)
    assert check(store, gate).is_healthy


# --- several services ---


def test_a_match_of_one_is_settled_and_the_unknown_of_another_keeps_the_rest_waiting(store: Store) -> None:
    up = FaultyService(LISTED, always(GOOD), name="https://up.test")
    down = FaultyService([], always(State.RAISING), name="https://down.test")
    several = SeveralServices([gate_of(store, up), gate_of(store, down)])
    for gate in several.gated:
        check(store, gate)
    matched, waiting = several.ask([LISTED[0], OTHERS[0]]).answers
    assert (matched.verdict.result, matched.waits) == ("match", False)
    assert [listing.service for listing in matched.verdict.listings] == [up.name]
    assert (waiting.verdict.result, waiting.waits) == ("unknown", True)
    assert "https://down.test is unhealthy since" in (waiting.verdict.reason or "")
    assert down.questions == []


def test_equal_digest_sets_are_asked_about_once(store: Store) -> None:
    service = FaultyService(LISTED, always(GOOD))
    several = SeveralServices([gate_of(store, service)])
    check(store, several.gated[0])
    answers = several.ask([OTHERS[0], LISTED[0], OTHERS[0], OTHERS[0]])
    assert results(answers) == ["no_match", "match", "no_match", "no_match"]
    assert [len(one) for one in service.questions] == [2 + 2]


# --- the cache ---


def test_a_verdict_is_kept_and_not_asked_for_again(store: Store) -> None:
    service = FaultyService(LISTED, always(GOOD))
    gate = gate_of(store, service, is_cached=True)
    check(store, gate)
    first = gate.ask([LISTED[0], OTHERS[0]])
    assert gate.ask([LISTED[0], OTHERS[0]]) == first
    assert len(service.questions) == 1
    assert results(gate.ask([OTHERS[0], OTHERS[1]])) == ["no_match", "no_match"]
    assert [one.sha256 for one in service.questions[1][1:-1]] == [OTHERS[1].sha256]
    [ttl] = {round(store.pttl(key) / 3_600_000, 1) for key in store.keys("orbweaver:verdict:*")}
    assert ttl == 1


def test_a_new_list_version_makes_what_was_kept_old_at_once(store: Store) -> None:
    service = FaultyService(LISTED, always(GOOD))
    gate = gate_of(store, service, is_cached=True)
    check(store, gate)
    gate.ask(OTHERS)
    service.version = "2"
    service._listed.append(OTHERS[0])
    assert results(gate.ask(OTHERS)) == ["match", "no_match", "no_match"]
    assert len(service.questions) == 2


def test_so_does_a_list_built_to_a_later_time_when_no_version_is_named(store: Store) -> None:
    service = FaultyService(LISTED, always(GOOD), is_versioned=False)
    service.built_at = NOON
    gate = gate_of(store, service, is_cached=True)
    check(store, gate)
    gate.ask(OTHERS)
    assert gate.ask(OTHERS).answers
    assert len(service.questions) == 1
    service.built_at = NOON + timedelta(minutes=1)
    gate.ask(OTHERS)
    assert len(service.questions) == 2


def test_unknown_is_never_kept_nor_what_names_no_version_nor_anything_for_no_time(store: Store) -> None:
    verdict = Verdict(result=VerdictResult.NO_MATCH)
    of_a_list = ServiceHealth(service="s", checked_at=NOON, list_version="1")
    cache = VerdictCache(store, timedelta(hours=1))
    cache.write(of_a_list, [(OTHERS[0], Verdict(result=VerdictResult.UNKNOWN))])
    in_part = Verdict(result=VerdictResult.MATCH, reason="a question had no answer")
    cache.write(of_a_list, [(OTHERS[0], in_part)])
    cache.write(ServiceHealth(service="s", checked_at=NOON), [(OTHERS[0], verdict)])
    VerdictCache(store, timedelta(0)).write(of_a_list, [(OTHERS[0], verdict)])
    assert store.keys("*") == []
    cache.write(of_a_list, [(OTHERS[0], verdict)])
    assert cache.read(of_a_list, OTHERS[:2]) == [verdict, None]
    assert cache.read(of_a_list.model_copy(update={"service": "t"}), OTHERS[:1]) == [None]


def test_what_another_release_kept_is_asked_for_again(store: Store) -> None:
    service = FaultyService(LISTED, always(GOOD))
    gate = gate_of(store, service, is_cached=True)
    check(store, gate)
    gate.ask(OTHERS)
    for key in store.keys("orbweaver:verdict:*"):
        store.set(key, '{"result": "no_match", "colour": "blue"}')
    gate.ask(OTHERS)
    assert len(service.questions) == 2


def test_a_closed_gate_is_closed_for_what_was_kept_too(store: Store) -> None:
    state = [GOOD]
    service = FaultyService(LISTED, lambda: state[0])
    gate = gate_of(store, service, is_cached=True)
    check(store, gate)
    gate.ask(OTHERS)
    state[0] = State.EMPTY
    assert set(results(gate.ask(OTHERS))) == {"unknown"}


# --- any interleaving of faults ---

# Each question, of whatever kind, meets the next state: two questions in a row need not meet the same one.
# Mostly good, since a gate that is closed already lets nothing through that could be wrong.
any_states = st.lists(
    st.sampled_from([GOOD] * 12 + [State.SHRUNK, State.EMPTY] * 3 + list(State)), min_size=20, max_size=60
)
acts = st.lists(st.sampled_from(["check", "ask", "ask", "ask the same"]), min_size=6, max_size=12)


def no_listed_digest_is_called_clean(store: Store, services: Sequence[FaultyService], acts: Sequence[str]) -> None:
    store.flushall()
    several = SeveralServices([gate_of(store, one, is_cached=True) for one in services])
    for gate in several.gated:
        # What was last healthy is known from before: a service that nobody ever saw whole cannot be seen to shrink.
        known = KnownService()
        while not (known.health and known.health.is_healthy and known.healthy_entries == len(LISTED) + 1):
            check(store, gate)
            [known] = service_health.read(store, [gate.name])
            if known.health and known.healthy_entries != len(LISTED) + 1:
                store.flushall()
    for number, act in enumerate(acts):
        if act == "check":
            for gate in several.gated:
                check(store, gate)
            continue
        asked = [*LISTED, *OTHERS] if act == "ask the same" else [LISTED[number % 6], OTHERS[number % 3]]
        for digests, answer in zip(asked, several.ask(asked).answers, strict=True):
            allowed = {"match", "unknown"} if digests in LISTED else {"no_match", "unknown"}
            assert answer.verdict.result in allowed


SHARED_STORE = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@given(any_states, acts)
@SHARED_STORE
def test_no_listed_digest_is_ever_called_clean(store: Store, states: list[State], acts: list[str]) -> None:
    no_listed_digest_is_called_clean(store, [FaultyService(LISTED, in_turn(*states))], acts)


@given(any_states, any_states, acts)
@SHARED_STORE
def test_nor_by_several_services(store: Store, one: list[State], other: list[State], acts: list[str]) -> None:
    services = [
        FaultyService(LISTED, in_turn(*one), name="https://one.test"),
        FaultyService(LISTED, in_turn(*other), name="https://other.test", algorithm="md5"),
    ]
    no_listed_digest_is_called_clean(store, services, acts)


def lasting(states: Sequence[State]) -> Iterator[State]:
    for state in states:
        yield from [state] * (3 if state is State.SHRUNK else 1)


@given(any_states, acts)
@SHARED_STORE
def test_nor_by_a_service_that_names_no_version_unless_it_shrinks_and_is_whole_again_within_a_batch(
    store: Store, states: list[State], acts: list[str]
) -> None:
    service = FaultyService(LISTED, in_turn(*lasting(states)), is_versioned=False)
    no_listed_digest_is_called_clean(store, [service], acts)
