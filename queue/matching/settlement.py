"""Writes what answers mean for everything that waits on them: cases, events, deliveries, what is kept; one transaction.

`settle` is for sightings, whether a recrawl has just found them or they were retained. A case that is asked about again
has no sighting to keep, so recall ends its slices itself; which answers count, and what is written of a changed case
with its event and its delivery, it leaves to `believed` and `write_changes`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from orbweaver import settings as orbweaver_settings
from orbweaver.model import Assessment, Hosting, Sighting, Verdict, VerdictResult, now
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, deliveries, in_force, list_versions, retained, runs
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.assessments import assessment_store
from orbweaver.takedown.assessments.applying import changes_by_assessment, found_again, new_case
from orbweaver.takedown.cases import case_places, case_store
from orbweaver.takedown.cases.changes import CaseChange, CaseRecord, Stamp
from orbweaver.takedown.cases.reminders import reminding
from orbweaver.takedown.cases.transitions import change_by_answer
from orbweaver.takedown.hosting.locating import locator_of
from orbweaver.takedown.removal import recheck_times, returns
from redis.exceptions import WatchError

if TYPE_CHECKING:
    from redis.client import Pipeline

AnsweredSighting = tuple[Sighting, Verdict]


class AnswerTarget(Protocol):
    """The question that answers are written to: they end it, and answers to a question that has ended are dropped."""

    @property
    def key(self) -> str:
        """The key that changes when the question is over."""
        ...

    @property
    def staying(self) -> Collection[str]:
        """The ids of the sightings without an answer that the question itself keeps."""
        ...

    def as_it_stands(self, pipe: Pipeline) -> AnswerTarget | None:
        """Return the question as it is to end now, None when its answers are not wanted any more.

        The pipeline watches `key`, and from then on the other keys that this depends on.
        """
        ...

    def asked_again(self, sighting_ids: Collection[str]) -> AnswerTarget:
        """Return the question as one that goes on with these sightings, whose answers are refused."""
        ...

    def end(self, pipe: Pipeline) -> None:
        """Queue the end of the question on the transaction of its answers."""
        ...


def settle(
    store: Store,
    run_id: str,
    target: AnswerTarget,
    answers: Sequence[AnsweredSighting],
    *,
    retention: timedelta,
) -> None:
    """Write what the answers mean, as one transaction; decided again when a case changed meanwhile.

    A match makes or changes its case, as far as people who assessed its file let it. `no_match` about the file of a
    case may correct it; another file is retained for `retention` (none when it is 0), and so is a match that opened no
    case because people rejected its file. `unknown` is kept, to be asked again. An answer from another list version
    than the wanted one is not used, a match neither: the question is asked again at once. When the services or settings
    of this worker are not in force any more, all its questions are asked again.
    """
    while not _try_to_settle(store, run_id, target, answers, retention):
        pass


def _try_to_settle(
    store: Store,
    run_id: str,
    target: AnswerTarget,
    answers: Sequence[AnsweredSighting],
    retention: timedelta,
) -> bool:
    with store.pipeline(transaction=True) as pipe:
        pipe.watch(target.key, keys.list_versions(), keys.in_force())
        current = target.as_it_stands(pipe)
        if current is None:
            return True  # settled by an earlier attempt at this job, or by another worker
        is_ours = is_in_force(pipe)
        counting = believed(pipe, [verdict for _, verdict in answers], is_ours=is_ours)
        refused = {one.sighting_id for (one, _), counts in zip(answers, counting, strict=True) if not counts}
        if refused or not is_ours:
            current = current.asked_again(refused)
        answers = [one for one, counts in zip(answers, counting, strict=True) if counts]
        return _try_to_write(store, pipe, run_id, current, answers, retention)


def believed(pipe: Pipeline, verdicts: Sequence[Verdict], *, is_ours: bool) -> list[bool]:
    """Return whether each verdict counts: it is of the list that is wanted, and `is_ours`, as `is_in_force` says.

    The pipeline must be watching `keys.list_versions()`.
    """
    versions = list_versions.read(pipe)
    return [is_ours and not list_versions.unwanted_of(versions, verdict) for verdict in verdicts]


def is_in_force(pipe: Pipeline) -> bool:
    """Whether the services and settings of this worker are those in force. The pipeline must be watching them."""
    return not in_force.differing(pipe, orbweaver_settings.load(), [QueueName.MATCH])


def write_changes(store: Store, pipe: Pipeline, run_id: str, changes: Sequence[CaseChange]) -> None:
    """Queue the cases as they are now, their events, and the deliveries of those that the takedown engine gets."""
    at, recheck_every = now(), orbweaver_settings.load().recheck_every
    for change in changes:
        case_store.write(pipe, change)
        recheck_times.follow(pipe, change, at, recheck_every)
        returns.follow(pipe, change)
        if change.event is not None and change.is_for_engine:
            deliveries.note_event(store, pipe, run_id, str(change.event.event_id))


def _try_to_write(
    store: Store,
    pipe: Pipeline,
    run_id: str,
    target: AnswerTarget,
    answers: Sequence[AnsweredSighting],
    retention: timedelta,
) -> bool:
    known = [(one, verdict) for one, verdict in answers if verdict.result is not VerdictResult.UNKNOWN]
    unknown = [
        (one, verdict.reason or "no reason given")
        for one, verdict in answers
        if verdict.result is VerdictResult.UNKNOWN
    ]
    telling = [answer for answer in known if not answer[0].digests.is_degenerate]
    clean = [one for one, verdict in telling if verdict.result is VerdictResult.NO_MATCH]
    case_ids = case_places.case_ids(store, [one for one, _ in telling])
    having_cases = case_store.existing(store, [case_ids[one.sighting_id] for one in clean])
    about_cases = [
        (one, verdict)
        for one, verdict in telling
        if verdict.result is VerdictResult.MATCH or case_ids[one.sighting_id] in having_cases
    ]
    oldest = retained.oldest_kept(retention)
    if about_cases:
        pipe.watch(*(keys.case(case_ids[one.sighting_id]) for one, _ in about_cases))
    of_cases = [(case_ids[one.sighting_id], one, verdict) for one, verdict in about_cases]
    assessments = watched_assessments(pipe, [one.digests.sha256 for one, _ in about_cases])
    decided = _decide(pipe, of_cases, assessments, case_store.stamp(store))
    changes = decided.changes
    refused = {one.sighting_id for one in decided.not_raised}
    pipe.multi()
    write_changes(store, pipe, run_id, changes)
    for one in decided.not_raised:
        assessment_store.note_not_raised(pipe, one.digests.sha256, one.seen_at)
    batches.keep_unanswered(pipe, [one for one, _ in unknown if one.sighting_id not in target.staying])
    batches.drop_answered(pipe, [one for one, _ in known])
    # What opened no case stays: the assessment may be revised, and a rematch asks about it again.
    kept = [one for one in clean if case_ids[one.sighting_id] not in having_cases]
    kept += decided.not_raised + decided.clean
    retained.keep(pipe, [one for one in kept if one.seen_at > oldest])
    kept_as_clean = {one.sighting_id for one in decided.clean}
    raised = [(one, verdict) for one, verdict in about_cases if one.sighting_id not in refused | kept_as_clean]
    retained.drop(pipe, [one for one, _ in raised])
    matched = {case_ids[one.sighting_id] for one, verdict in raised if verdict.result is VerdictResult.MATCH}
    changed = {str(one.after.case.case_id) for one in changes if one.event is not None}
    runs.note_answers(
        pipe,
        run_id,
        matched_case_ids=sorted(matched | changed),
        new_case_ids=[str(one.after.case.case_id) for one in changes if one.is_new],
        unknown=unknown,
        answered=[one for one, _ in known],
        not_raised=len(decided.not_raised),
    )
    target.end(pipe)
    try:
        pipe.execute()
    except WatchError:
        return False
    return True


def watched_assessments(pipe: Pipeline, digests: Collection[str]) -> dict[str, Assessment]:
    """Watch and return the assessments of files, by SHA-256: one that comes meanwhile has all of it decided again."""
    if not digests:
        return {}
    pipe.watch(*(keys.assessment(one) for one in sorted(set(digests))))
    return assessment_store.read_many(pipe, digests)


@dataclass(frozen=True)
class _Decided:
    """The changes of cases that answers make, in order.

    `not_raised` are sightings that opened no case because people rejected their files. `clean` are sightings without a
    match whose case was pseudonymised: they are kept as if there were none.
    """

    changes: list[CaseChange]
    not_raised: list[Sighting]
    clean: list[Sighting]


def _decide(
    pipe: Pipeline,
    answers: Sequence[tuple[str, Sighting, Verdict]],
    assessments: Mapping[str, Assessment],
    stamp: Stamp,
) -> _Decided:
    """Return how answers, each with the id of its case, change the cases, in order: several may be about one."""
    before: dict[str, CaseRecord | None] = {}
    decided = _Decided([], [], [])
    settings = orbweaver_settings.load()
    locator = locator_of(settings)
    for case_id, sighting, verdict in answers:
        located = locator.locate(sighting.ip)
        if case_id not in before:
            before[case_id] = case_store.record_of(pipe, case_id)
        record, assessment = before[case_id], assessments.get(sighting.digests.sha256)
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
        changes[-1] = reminding(changes[-1], sighting, stamp, settings.remind_every)
        before[case_id] = changes[-1].after
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
