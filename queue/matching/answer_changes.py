"""Decides what answers change of cases, by what the store has of these cases and of their files. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from orbweaver.model import Assessment, Hosting, Sighting, Verdict, VerdictResult
from orbweaver.takedown.assessments.applying import changes_by_assessment, found_again, new_case
from orbweaver.takedown.cases.changes import CaseChange, CaseRecord, Stamp
from orbweaver.takedown.cases.reminders import reminding
from orbweaver.takedown.cases.transitions import change_by_answer
from orbweaver.takedown.hosting.locating import Locator

AnsweredSighting = tuple[Sighting, Verdict]


@dataclass(frozen=True)
class CasesBefore:
    """The cases that answers are about, by id, and the assessments of their files, by SHA-256.

    `stamp` is that of the changes.
    """

    records: Mapping[str, CaseRecord]
    assessments: Mapping[str, Assessment]
    stamp: Stamp


@dataclass(frozen=True)
class AnswerChanges:
    """The changes of cases that answers make, in order.

    `not_raised` are sightings that opened no case because people rejected their files. `clean` are sightings without a
    match whose case was pseudonymised: they are kept as if there were none.
    """

    changes: list[CaseChange]
    not_raised: list[Sighting]
    clean: list[Sighting]


def changes_of_answers(
    answers: Sequence[tuple[str, Sighting, Verdict]], before: CasesBefore, locator: Locator, remind_every: timedelta
) -> AnswerChanges:
    """Return how answers, each with the id of its case, change the cases, in order: several may be about one."""
    records, stamp = dict(before.records), before.stamp
    decided = AnswerChanges([], [], [])
    for case_id, sighting, verdict in answers:
        located = locator.locate(sighting.ip)
        record, assessment = records.get(case_id), before.assessments.get(sighting.digests.sha256)
        if record is None and verdict.result is not VerdictResult.MATCH:
            continue  # the case was removed meanwhile
        if record is None:
            changes = new_case(sighting, verdict, assessment, stamp, located)
        elif record.case.pseudonymised is not None:
            if verdict.result is not VerdictResult.MATCH:
                decided.clean.append(sighting)
                continue
            changes = found_again(sighting, verdict, assessment, record, stamp, located)
        else:
            changes = changes_of_case(verdict, record, assessment, stamp, sighting, located)
        if not changes:
            decided.not_raised.append(sighting)
            continue
        changes[-1] = reminding(changes[-1], sighting, stamp, remind_every)
        records[case_id] = changes[-1].after
        decided.changes.extend(changes)
    return decided


def changes_of_case(
    verdict: Verdict,
    before: CaseRecord,
    assessment: Assessment | None,
    stamp: Stamp,
    sighting: Sighting | None = None,
    located: Hosting | None = None,
) -> list[CaseChange]:
    """Return what a later answer changes of a case, and the assessment of its file, which may not have reached it."""
    changes = [] if assessment is None else changes_by_assessment(before, assessment, stamp)
    changes.append(change_by_answer(verdict, changes[-1].after if changes else before, stamp, sighting, located))
    if assessment is not None:
        changes += changes_by_assessment(changes[-1].after, assessment, stamp)
    return changes
