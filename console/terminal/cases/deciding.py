"""`orbweaver cases release|reject|withdraw|note`: what a person decides or writes about cases, and what follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from orbweaver.console import case_finding
from orbweaver.console.errors import NothingToDo
from orbweaver.console.terminal.people import NAME_CHARACTERS
from orbweaver.console.text import count, for_people, report_console, safe
from orbweaver.model import Actor, Assessment, AssessmentDecision, Classification, Proposal
from orbweaver.queue.matching import assessed_cases, assessing, deciding, one_case
from orbweaver.queue.matching.assessed_cases import Applied
from orbweaver.queue.matching.assessing import Decision
from orbweaver.settings import Settings
from orbweaver.store import durability
from orbweaver.store.opening import open_existing
from orbweaver.takedown.assessments import assessment_store

if TYPE_CHECKING:
    from orbweaver.store.connection import Store

STAYING_SHOWN = 20


def decide(settings: Settings, asked: str, decision: Decision) -> None:
    """Write a decision about the file of a held case, bring it to all cases of the file, and say what it did.

    Raises NothingToDo, DecisionRefused and StoreError (NoStore among them).
    """

    def write(store: Store) -> Assessment | Proposal:
        case = case_finding.find_one(store, asked)
        return assessing.assess(store, str(case.case_id), decision, needs_two=settings.assessors > 1)

    _decide(settings, write)


def revise(settings: Settings, asked: str, decision: Decision) -> None:
    """Write another decision about a file that was assessed, and correct what the one before decided.

    Raises NothingToDo, DecisionRefused and StoreError (NoStore among them).
    """

    def write(store: Store) -> Assessment | Proposal:
        found = assessment_named(store, asked)
        return assessing.revise(store, found.digests.sha256, decision, needs_two=settings.assessors > 1)

    _decide(settings, write)


def _decide(settings: Settings, write: Callable[[Store], Assessment | Proposal]) -> None:
    console = report_console()
    with open_existing(settings) as store:
        decided = deciding.decide(store, settings.store_replicas, write)
    if isinstance(decided.made, Proposal):
        console.print(
            f"{safe(decided.made.proposed_by.name)} proposes that the file is {decided.made.decision.value}. A second "
            "person has to agree (ASSESSORS): the same command with another --as. Nothing else has changed.",
            highlight=False,
            markup=False,
        )
    if decided.applied is not None:
        for line in lines_of(decided.applied):
            console.print(line, highlight=False, markup=False)


def lines_of(applied: Applied) -> list[str]:
    """Return what an assessment did, in lines for people."""
    made = applied.assessment
    lines = [f"assessment {str(made.assessment_id)[:8]}, revision {made.revision}: {made.decision.value}"]
    lines += [f"{count(number, 'case')} now {state.value}" for state, number in sorted(applied.changed.items())]
    if made.decision is AssessmentDecision.RELEASED:
        lines.append("the same file opens a case wherever it is found, and nobody is asked")
    else:
        lines.append("the same file opens no case, unless stronger or other evidence comes: then a case is held")
    if applied.for_engine:
        told = count(applied.for_engine, "event")
        lines.append(f"{told} for the takedown engine: orbweaver deliveries list says whether it has them")
    for case in applied.staying[:STAYING_SHOWN]:
        why = assessed_cases.why_undecided(case, made)
        lines.append(f"not decided: case {str(case.case_id)[:8]} at {for_people(case.newest_url)}: {safe(why)}")
    if len(applied.staying) > STAYING_SHOWN:
        lines.append(f"not decided: {len(applied.staying) - STAYING_SHOWN} more")
    return lines


def withdraw(settings: Settings, asked: str, person: Actor, reason: str) -> None:
    """Withdraw one case. Raises NothingToDo, DecisionRefused and StoreError (NoStore among them)."""
    with open_existing(settings) as store, durability.kept(store, settings.store_replicas):
        case = case_finding.find_one(store, asked)
        changes = one_case.withdraw(store, str(case.case_id), person=person, reason=reason)
    told = (
        "the takedown engine is told to stop" if any(one.is_for_engine for one in changes) else "nobody was told of it"
    )
    report_console().print(f"case {str(case.case_id)[:8]} is withdrawn: {told}", highlight=False, markup=False)


def note(settings: Settings, asked: str, person: Actor, words: str) -> None:
    """Write a note about one case. Raises NothingToDo, DecisionRefused and StoreError (NoStore among them)."""
    with open_existing(settings) as store, durability.kept(store, settings.store_replicas):
        case = case_finding.find_one(store, asked)
        one_case.note(store, str(case.case_id), person=person, words=words)
    report_console().print(f"noted in case {str(case.case_id)[:8]}", highlight=False, markup=False)


def assessment_named(store: Store, asked: str) -> Assessment:
    """Return the assessment that is meant: its id or the beginning, a SHA-256, or anything that means a case.

    Raises NothingToDo.
    """
    lower = asked.strip().lower()
    exact = assessment_store.read(store, lower)
    if exact is not None:
        return exact
    if len(lower) >= case_finding.SHORTEST_ID:
        found = [one for one in assessment_store.all_assessments(store) if str(one.assessment_id).startswith(lower)]
        if len(found) == 1:
            return found[0]
    digests = {case.sha256 for case in case_finding.find(store, asked)}
    read = [assessment_store.read(store, sha256) for sha256 in sorted(digests)]
    assessed = [one for one in read if one is not None]
    if len(assessed) != 1:
        many = "means several assessments" if assessed else "means no file that was assessed"
        raise NothingToDo(f"{safe(asked[:80])!r} {many}: see orbweaver assessments list")
    return assessed[0]


def classification_of(text: str | None) -> Classification | None:
    """Read `SCHEME:CATEGORY`; raises NothingToDo."""
    if text is None:
        return None
    scheme, colon, category = text.partition(":")
    scheme, category = scheme.strip(), category.strip()
    if not colon or not scheme or not category or not text.isprintable() or len(text) > NAME_CHARACTERS:
        raise NothingToDo("--classification: give SCHEME:CATEGORY, such as iwf:A")
    return Classification(scheme=scheme, category=category)
