"""People decide once about a file: the decision reaches every case of it, and a revision corrects them all."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import RUN, a_sighting, add_batch, build_list, digests_of, url_of, work
from orbweaver.model import (
    Actor,
    ActorKind,
    Assessment,
    AssessmentDecision,
    Case,
    CaseState,
    Classification,
    Event,
    EventType,
    HoldReason,
    Proposal,
    Sighting,
    now,
)
from orbweaver.queue.fleet import upkeep
from orbweaver.queue.matching import assessed_cases, assessing, one_case, rematch
from orbweaver.queue.matching.assessed_cases import Applied
from orbweaver.queue.matching.assessing import Decision
from orbweaver.queue.records import retained, runs
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.assessments import assessment_store
from orbweaver.takedown.audit import audit_log
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.errors import DecisionRefused
from redis import Redis
from redis.client import Pipeline

ANNA, BO = (Actor(kind=ActorKind.PERSON, name=name) for name in ("Anna", "Bo"))
RELEASED, REJECTED = AssessmentDecision
SHA256 = digests_of(b"known").sha256
VERSION = iter(range(1, 10_000))


def seen_at(host: str, minutes: float = 0) -> Sighting:
    return a_sighting(url=f"http://{host}.test/a.bin", minutes=minutes)


@pytest.fixture
def events_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAKEDOWN_SINKS", f"jsonl:{tmp_path}")
    return tmp_path / "events.jsonl"


@pytest.fixture(autouse=True)
def _few_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retained, "SHARDS", retained.SHARDS[:16])


@pytest.fixture
def use_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Build a version of a list that has the file, by MD5 unless another row is given, and ask it."""

    def use(*rows: str) -> None:
        path = tmp_path / "list.hashes"
        path.unlink(missing_ok=True)
        written = rows or (f"{digests_of(b'known').md5},,1,,,active",)
        header = "md5,sha256,entry_id,category,scheme,status"
        monkeypatch.setenv("MATCHER_URL", build_list(path, [header, *written]))

    use()
    return use


def a_row(
    *, md5: bool = True, sha256: bool = False, category: str = "", scheme: str = "", status: str = "active"
) -> str:
    of = digests_of(b"known")
    return f"{of.md5 if md5 else ''},{of.sha256 if sha256 else ''},1,{category},{scheme},{status}"


def met(store: Store, *sightings: Sighting) -> None:
    add_batch(store, *sightings)
    work(store)


def cases(store: Store) -> dict[str, Case]:
    """Every case by the name of its host."""
    return {case.url.split("/")[2].partition(".")[0]: case for case in case_store.all_cases(store)}


def states(store: Store) -> dict[str, str]:
    return {host: case.state.value for host, case in cases(store).items()}


def kinds(store: Store, host: str) -> list[str]:
    events = case_store.events_of(store, str(cases(store)[host].case_id))
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    return [event.type.value.removeprefix("case.") for event in events]


def told(path: Path) -> list[Event]:
    return [Event.model_validate_json(line) for line in path.read_text().splitlines()] if path.exists() else []


def decide(
    store: Store, host: str, decision: AssessmentDecision, person: Actor = ANNA, *, needs_two: bool = False, **more: Any
) -> Assessment | Proposal:
    case_id = str(cases(store)[host].case_id)
    decided = assessing.assess(store, case_id, Decision(decision, "as I saw", person, **more), needs_two=needs_two)
    if isinstance(decided, Assessment):
        assessed_cases.apply(store, decided.digests.sha256)
        work(store)
    return decided


def revise(store: Store, decision: AssessmentDecision) -> Applied:
    assessing.revise(store, SHA256, Decision(decision, "seen again", BO), needs_two=False)
    applied = assessed_cases.apply(store, SHA256)
    assert applied is not None
    work(store)
    return applied


def test_a_release_opens_the_case_and_each_later_one_with_nobody_asked_and_a_revision_corrects_them_all(
    store: Store, events_file: Path, use_list: Callable[..., None]
) -> None:
    met(store, seen_at("a"))
    assert states(store) == {"a": "held"}
    assessment = decide(store, "a", RELEASED)
    assert isinstance(assessment, Assessment)
    met(store, seen_at("b", 1), seen_at("c", 2))
    in_archive = seen_at("d", 3)
    met(store, in_archive.model_copy(update={"http": in_archive.http.model_copy(update={"archive_member": "x/a.bin"})}))

    assert states(store) == dict.fromkeys("abcd", "open")
    assert all(kinds(store, host) == ["held", "released", "opened"] for host in "abcd")
    opened = [event for event in told(events_file) if event.type is EventType.OPENED]
    assert len(opened) == len(told(events_file)) == 4  # the engine is told to act, and nothing else
    for event in opened:
        assert (
            event.reason == f"released by assessment {str(assessment.assessment_id)[:8]} of {now():%Y-%m-%d}: as I saw"
        )
        assert event.evidence is not None
        assert event.evidence.assessment == event.case.assessment == assessment.applied
        assert (event.case.state, event.case.verdict.held_because, event.case.verdict.strength) == ("open", (), "weak")
    assert [event.actor == ANNA for event in opened] == [True, False, False, False]

    applied = revise(store, REJECTED)
    assert applied.changed == {CaseState.WITHDRAWN: 4}
    assert states(store) == dict.fromkeys("abcd", "withdrawn")
    corrected = [event for event in told(events_file) if event.type is EventType.CORRECTED]
    assert len({event.case_id for event in corrected}) == 4
    assert {event.correction and event.correction.retraction.value for event in corrected} == {"rejected"}
    assert [event.type for event in told(events_file)[4:]] == [EventType.CORRECTED, EventType.WITHDRAWN] * 4
    assert [one.decision for one in assessment_store.history(store, SHA256)] == [RELEASED, REJECTED]
    assert store.scard(keys.assessments_due()) == 0


def test_a_rejection_ends_the_held_cases_and_opens_no_more_until_other_evidence_comes(
    store: Store, events_file: Path, use_list: Callable[..., None]
) -> None:
    met(store, seen_at("a"), seen_at("b"))
    decide(store, "a", REJECTED)
    assert states(store) == {"a": "withdrawn", "b": "withdrawn"}
    assert kinds(store, "b") == ["held", "withdrawn"]
    met(store, seen_at("c").model_copy(update={"seen_at": now()}))
    assert "c" not in states(store)
    assert runs.not_raised(store, RUN) == 1
    assert assessment_store.not_raised(store, SHA256)[0] == 1
    assert sum(retained.count(store)) == 1  # it is asked about again by a rematch: nothing that was found is lost

    use_list(a_row(sha256=True))  # the list knows the file by a stronger digest now
    met(store, seen_at("c", 2), seen_at("a", 2))
    assert states(store) == {"a": "held", "b": "held", "c": "held"}  # the recall has asked about all of them
    for host in "abc":
        case = cases(store)[host]
        assert case.verdict.held_because == (HoldReason.REJECTED,)
        last = case_store.events_of(store, str(case.case_id))[-1]
        assert last.reason == "entry 1 of list agrees by SHA256, which it did not when the file was refused"
    met(store, seen_at("c", 3))
    assert states(store)["c"] == "held"  # people refused it: only people open it
    decide(store, "c", REJECTED, BO)
    assert set(states(store).values()) == {"withdrawn"}
    met(store, seen_at("e", 4))
    assert "e" not in states(store)
    assert told(events_file) == []


def test_what_a_rejection_kept_from_opening_is_opened_by_a_rematch_once_it_is_revised(
    store: Store, events_file: Path, use_list: Callable[..., None]
) -> None:
    met(store, seen_at("a"))
    decide(store, "a", REJECTED)
    recent = seen_at("b").model_copy(update={"seen_at": now()})
    met(store, recent)
    assert revise(store, RELEASED).changed == {CaseState.OPEN: 1}
    assert kinds(store, "a") == ["held", "withdrawn", "released", "opened"]
    rematch.start(store, {"hashlist:test": str(next(VERSION))})
    work(store)
    assert states(store) == {"a": "open", "b": "open"}
    assert sum(retained.count(store)) == 0
    assert [event.type for event in told(events_file)] == [EventType.OPENED] * 2


def test_a_file_on_a_benign_list_stays_held_whatever_people_decided(
    store: Store, events_file: Path, use_list: Callable[..., None]
) -> None:
    met(store, seen_at("a"))
    decide(store, "a", RELEASED)
    use_list(a_row(), a_row(category="0", scheme="vics"))
    met(store, seen_at("b"))
    assert states(store) == {"a": "open", "b": "held"}
    with pytest.raises(DecisionRefused, match="on a benign list too"):
        decide(store, "b", RELEASED)
    applied = assessed_cases.apply(store, SHA256)
    assert applied is not None
    assert [assessed_cases.why_undecided(case, applied.assessment) for case in applied.staying] == [
        "the file is on a benign list too"
    ]


def test_a_release_does_not_cover_what_the_list_says_later_and_a_second_one_does(
    store: Store, events_file: Path, use_list: Callable[..., None]
) -> None:
    met(store, seen_at("a"))
    decide(store, "a", RELEASED)
    use_list(a_row(status="disputed"))
    met(store, seen_at("a", 1), seen_at("b", 1))
    assert states(store) == {"a": "held", "b": "held"}
    assert kinds(store, "a") == ["held", "released", "opened", "corrected"]  # as by decision 0024
    decide(store, "b", RELEASED, BO)
    assert states(store) == {"a": "open", "b": "open"}


def test_evidence_of_a_list_that_came_since_stays_when_a_release_is_revised(
    store: Store, events_file: Path, use_list: Callable[..., None]
) -> None:
    met(store, seen_at("a"))
    decide(store, "a", RELEASED)
    use_list(a_row(sha256=True))
    met(store, seen_at("a", 1))
    assert (kinds(store, "a")[-1], cases(store)["a"].assessment) == ("opened", None)  # it rests on its list
    applied = revise(store, REJECTED)
    assert states(store) == {"a": "open"}
    assert [assessed_cases.why_undecided(case, applied.assessment)[:26] for case in applied.staying] == [
        "it is open by what lists s"
    ]


def test_two_people_have_to_agree_where_the_setting_says_so(
    store: Store, events_file: Path, use_list: Callable[..., None]
) -> None:
    met(store, seen_at("a"))
    kind = Classification(scheme="national", category="4")
    assert isinstance(decide(store, "a", RELEASED, needs_two=True, classification=kind), Proposal)
    assert (states(store), kinds(store, "a")) == ({"a": "held"}, ["held", "note"])
    for spelt in (" anna", "\uff21\uff2e\uff2e\uff21"):
        with pytest.raises(DecisionRefused, match="a second person"):
            decide(store, "a", RELEASED, Actor(kind=ActorKind.PERSON, name=spelt), needs_two=True)
    # who disagrees proposes something else, and does not decide it
    assert isinstance(decide(store, "a", REJECTED, BO, needs_two=True), Proposal)
    assert isinstance(decide(store, "a", RELEASED, ANNA, needs_two=True, classification=kind), Proposal)
    agreed = decide(store, "a", RELEASED, BO, needs_two=True)
    assert isinstance(agreed, Assessment)
    assert (agreed.decided_by, agreed.classification, agreed.reason) == ((ANNA, BO), kind, "as I saw; as I saw")
    assert states(store) == {"a": "open"}
    audit_log.seal(store)
    noted = [json.loads(one.entry)["record"] for one in audit_log.entries(store)]
    decisions = [(one["actor"]["name"], one["what"]) for one in noted if one["kind"] == "decision"]
    assert decisions[-2:] == [("Anna", "released, revision 1"), ("Bo", "released, revision 1")]
    assert {what for _, what in decisions[:-2]} == {"released, proposed", "rejected, proposed"}


def test_what_cannot_be_decided_is_refused_with_the_way_that_can(
    store: Store, events_file: Path, use_list: Callable[..., None]
) -> None:
    met(store, seen_at("a"), seen_at("b"))
    with pytest.raises(DecisionRefused, match="nobody has assessed"):
        revise(store, REJECTED)
    decide(store, "a", RELEASED)
    with pytest.raises(DecisionRefused, match="use cases withdraw"):
        decide(store, "a", REJECTED)
    with pytest.raises(DecisionRefused, match="released already"):
        revise(store, RELEASED)
    with pytest.raises(DecisionRefused, match="there is no case"):
        assessing.assess(store, "0", Decision(RELEASED, "x", ANNA), needs_two=False)


def test_a_person_withdraws_one_case_alone_and_the_file_is_raised_elsewhere(
    store: Store, events_file: Path, use_list: Callable[..., None]
) -> None:
    use_list(a_row(sha256=True))
    met(store, seen_at("a"))
    case_id = str(cases(store)["a"].case_id)
    one_case.note(store, case_id, person=BO, words="called them")
    one_case.withdraw(store, case_id, person=ANNA, reason="a false report")
    met(store, seen_at("a", 1), seen_at("b", 1))
    assert states(store) == {"a": "withdrawn", "b": "open"}
    assert kinds(store, "a") == ["opened", "note", "corrected", "withdrawn"]
    assert [event.type.value for event in told(events_file) if str(event.case_id) == case_id] == [
        "case.opened",
        "case.corrected",
        "case.withdrawn",
    ]
    with pytest.raises(DecisionRefused, match="withdrawn already"):
        one_case.withdraw(store, case_id, person=ANNA, reason="again")


def test_a_decision_reaches_every_case_in_slices_and_what_was_interrupted_is_done_by_the_upkeep(
    store: Store, events_file: Path, use_list: Callable[..., None]
) -> None:
    met(store, *(seen_at(f"h{number}") for number in range(5)))
    case_id = str(cases(store)["h0"].case_id)
    assessing.assess(store, case_id, Decision(RELEASED, "x", ANNA), needs_two=False)

    class Interrupted(Redis):
        transactions = 0

        def pipeline(self, transaction: bool = True, *args: Any, **options: Any) -> Pipeline:
            self.transactions += transaction
            if self.transactions == 3:
                raise KeyboardInterrupt
            return super().pipeline(transaction, *args, **options)

    with contextlib.closing(Interrupted.from_url(url_of(store))) as killed, pytest.raises(KeyboardInterrupt):
        assessed_cases.apply(killed, SHA256, at_once=2)
    assert sorted(states(store).values()) == ["held", "open", "open", "open", "open"]
    assert upkeep.look_after(store, now() + timedelta(minutes=1))
    work(store)
    assert states(store) == {f"h{number}": "open" for number in range(5)}
    assert all(kinds(store, f"h{number}") == ["held", "released", "opened"] for number in range(5))
    assert len(told(events_file)) == 5
    assert store.scard(keys.assessments_due()) == 0


class Interleaved(Redis):
    """A connection on which, once, something happens between the reading of assessments and the transaction."""

    happens: Callable[[], object] | None = None

    def pipeline(self, transaction: bool = True, *args: Any, **options: Any) -> Pipeline:
        made = super().pipeline(transaction, *args, **options)
        begin = made.multi

        def multi() -> None:
            watching = made.watching
            begin()
            if watching and self.happens is not None and self.asked:
                happens, self.happens = self.happens, None
                happens()

        made.multi = multi  # type: ignore[method-assign]
        read = made.zmscore

        def zmscore(*arguments: Any) -> Any:
            self.asked = True
            return read(*arguments)

        made.zmscore = zmscore  # type: ignore[method-assign]
        return made

    asked = False


@pytest.fixture
def interleaved(store: Store) -> Iterator[Interleaved]:
    with contextlib.closing(Interleaved.from_url(url_of(store))) as connection:
        yield connection


@pytest.mark.parametrize("decision", AssessmentDecision)
def test_a_match_that_is_settled_while_people_decide_is_decided_by_them_too(
    store: Store,
    interleaved: Interleaved,
    events_file: Path,
    use_list: Callable[..., None],
    decision: AssessmentDecision,
) -> None:
    met(store, seen_at("a"))
    add_batch(store, seen_at("b"))

    def people_decide() -> None:
        assessing.assess(store, str(cases(store)["a"].case_id), Decision(decision, "x", ANNA), needs_two=False)
        assessed_cases.apply(store, SHA256)

    interleaved.happens = people_decide
    work(interleaved)
    assert interleaved.happens is None
    work(store)
    assert states(store) == ({"a": "open", "b": "open"} if decision is RELEASED else {"a": "withdrawn"})


def test_cases_of_an_older_release_are_found_by_their_file(
    store: Store, events_file: Path, use_list: Callable[..., None]
) -> None:
    met(store, *(seen_at(f"h{number}") for number in range(3)))
    store.delete(keys.case_files())
    assert len(list(case_store.case_ids_of_file(store, SHA256))) == 3
    assert list(case_store.case_ids_of_file(store, "0" * 64)) == []
    decide(store, "h1", RELEASED)
    assert set(states(store).values()) == {"open"}


def test_nothing_is_done_where_nobody_decided(store: Store) -> None:
    assert assessed_cases.apply(store, SHA256) is None
    assert assessed_cases.apply_due(store) == 0
