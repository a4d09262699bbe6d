"""Brings a decision about a file to all cases of it, slice by slice.

What is interrupted stays due, and is done by the next command or by the upkeep. To do a slice twice changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING
from uuid import uuid4

from orbweaver.model import Assessment, AssessmentDecision, Case, CaseState
from orbweaver.queue.matching import settlement
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.assessments import assessment_store
from orbweaver.takedown.assessments.applying import changes_by_assessment, why_it_stays_held
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import CaseChange
from redis.exceptions import WatchError

if TYPE_CHECKING:
    from redis.client import Pipeline

# Cases that a decision is brought to in one transaction.
WRITTEN_AT_ONCE = 100


@dataclass
class Applied:
    """The effect of an assessment on the cases of its file: how many came into which state, and which it left.

    `for_engine` counts the events that the takedown engine gets because of it.
    """

    assessment: Assessment
    changed: Counter[CaseState] = field(default_factory=Counter)
    staying: list[Case] = field(default_factory=list)
    for_engine: int = 0


def apply(store: Store, sha256: str, *, at_once: int = WRITTEN_AT_ONCE) -> Applied | None:
    """Bring the assessment of a file to all of its cases, and say what it did; None without an assessment.

    So many cases are written `at_once`, and what is interrupted is still due. A revision that comes meanwhile is
    brought to all cases, too.
    """
    while True:
        assessment = assessment_store.read(store, sha256)
        if assessment is None:
            return None
        applied = Applied(assessment)
        case_ids = case_store.case_ids_of_file(store, sha256)
        while page := list(islice(case_ids, at_once)):
            if not _apply_to(store, applied, page):
                break
        else:
            if _take_out(store, assessment):
                return applied


def apply_due(store: Store) -> int:
    """Bring decisions that are due to their cases; returns how many. Cheap when none is."""
    due = assessment_store.due(store)
    for sha256 in due:
        apply(store, sha256)
    return len(due)


def _apply_to(store: Store, applied: Applied, case_ids: Sequence[str]) -> bool:
    """Bring an assessment to some cases, in one transaction; False when it was revised meanwhile."""
    assessment, stamp = applied.assessment, case_store.stamp(store)
    actor = assessment.decided_by[-1]
    while True:
        with store.pipeline(transaction=True) as pipe:
            pipe.watch(keys.assessment(assessment.digests.sha256), *map(keys.case, case_ids))
            if _is_revised(pipe, assessment):
                return False
            changes: list[CaseChange] = []
            staying: list[Case] = []
            for case_id in case_ids:
                before = case_store.record_of(pipe, case_id)
                if before is None:
                    continue
                of_case = changes_by_assessment(before, assessment, stamp, actor)
                changes += of_case
                if not of_case and _is_undecided(before.case, assessment):
                    staying.append(before.case)
            pipe.multi()
            settlement.write_changes(store, pipe, uuid4().hex, changes)
            try:
                pipe.execute()
            except WatchError:
                continue
        last = {one.after.case.case_id: one.after.case.state for one in changes}
        applied.changed.update(last.values())
        applied.for_engine += sum(one.is_for_engine for one in changes)
        applied.staying += staying
        return True


def _is_undecided(case: Case, assessment: Assessment) -> bool:
    """Whether a case is not where the assessment would have it: it waits for people, or stands by other evidence."""
    if assessment.decision is AssessmentDecision.RELEASED:
        return case.state is CaseState.HELD
    return case.state in {CaseState.HELD, CaseState.OPEN}


def _is_revised(pipe: Pipeline, assessment: Assessment) -> bool:
    current = assessment_store.read(pipe, assessment.digests.sha256)
    return current is None or current.revision != assessment.revision


def _take_out(store: Store, assessment: Assessment) -> bool:
    """Write that an assessment has reached all cases; False when it was revised meanwhile."""
    with store.pipeline(transaction=True) as pipe:
        pipe.watch(keys.assessment(assessment.digests.sha256))
        if _is_revised(pipe, assessment):
            return False
        pipe.multi()
        assessment_store.take_out(pipe, assessment.digests.sha256)
        try:
            pipe.execute()
        except WatchError:
            return False
        return True


def why_undecided(case: Case, assessment: Assessment) -> str:
    """Return why a case did not come to where the assessment of its file would have it."""
    if case.state is CaseState.OPEN:
        return "it is open by what lists say, and not by an assessment: cases withdraw takes it back"
    return why_it_stays_held(case, assessment) or "it changed meanwhile"
