"""Writes what answers mean for everything that waits on them: cases, events, deliveries, what is kept; one transaction.

`settle` is for sightings, whether a recrawl has just found them or they were retained. A case that is asked about again
has no sighting to keep, so recall ends its slices itself; what is written of a changed case with its event and its
delivery, it leaves to `write_changes`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from orbweaver import settings as orbweaver_settings
from orbweaver.model import Assessment, Hosting, Sighting, Verdict, VerdictResult, now
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, deliveries, in_force, list_versions, retained, runs
from orbweaver.store import identity, keys, reads
from orbweaver.store.connection import Store
from orbweaver.store.reads import Read
from orbweaver.takedown.assessments import assessment_store
from orbweaver.takedown.assessments.applying import changes_by_assessment, found_again, new_case
from orbweaver.takedown.cases import case_places, case_store
from orbweaver.takedown.cases.case_places import CasesOfSightings
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
    def watched(self) -> Sequence[str]:
        """The keys that change when the question is over, or is to end in another way."""
        ...

    @property
    def staying(self) -> Collection[str]:
        """The ids of the sightings without an answer that the question itself keeps."""
        ...

    def reading(self) -> Read[AnswerTarget | None]:
        """Return the read of the question as it is to end now, None when its answers are not wanted any more."""
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
    """Write what the answers mean; False when something that this depends on has changed meanwhile."""
    about = _about(store, answers)
    with store.pipeline(transaction=True) as pipe:
        pipe.watch(*target.watched, keys.list_versions(), keys.in_force(), *about.watched)
        # The keys are watched, so others may be asked about them, all in one round trip.
        current, others, versions, assessments, records, store_id = reads.together(
            store,
            target.reading(),
            in_force.reading_differing(in_force.described(orbweaver_settings.load(), [QueueName.MATCH])),
            list_versions.reading(),
            assessment_store.reading_many(about.digests),
            case_store.reading_records(about.case_ids),
            identity.reading(),
        )
        if current is None:
            return True  # settled by an earlier attempt at this job, or by another worker
        is_ours = not others
        counting = [is_ours and not list_versions.unwanted_of(versions, verdict) for _, verdict in answers]
        refused = {one.sighting_id for (one, _), counts in zip(answers, counting, strict=True) if not counts}
        if refused or not is_ours:
            current = current.asked_again(refused)
        stamp = case_store.stamp(store) if store_id is None else Stamp(store_id, now())
        counted = [one for one, counts in zip(answers, counting, strict=True) if counts]
        read = _Watched(records, assessments, stamp)
        return _try_to_write(store, pipe, run_id, current, counted, about, read, retention)


def write_changes(store: Store, pipe: Pipeline, run_id: str, changes: Sequence[CaseChange]) -> None:
    """Queue the cases as they are now, their events, and the deliveries of those that the takedown engine gets."""
    at, recheck_every = now(), orbweaver_settings.load().recheck_every
    for change in changes:
        case_store.write(pipe, change)
        recheck_times.follow(pipe, change, at, recheck_every)
        returns.follow(pipe, change)
        if change.event is not None and change.is_for_engine:
            deliveries.note_event(store, pipe, run_id, str(change.event.event_id))


@dataclass(frozen=True)
class _About:
    """The cases that answers may be about, and the files of these cases; `places` has the cases of all sightings."""

    places: CasesOfSightings
    case_ids: Sequence[str]
    digests: Sequence[str]

    @property
    def watched(self) -> list[str]:
        return [*map(keys.case, self.case_ids), *map(keys.assessment, self.digests)]

    def is_about(self, sighting: Sighting, verdict: Verdict) -> bool:
        """Whether an answer is about a case, there or to come."""
        is_known = self.places.case_ids[sighting.sighting_id] in self.places.there
        return verdict.result is VerdictResult.MATCH or is_known


def _about(store: Store, answers: Sequence[AnsweredSighting]) -> _About:
    telling = [answer for answer in answers if _is_telling(*answer)]
    places = case_places.find(store, [one for one, _ in telling]) if telling else CasesOfSightings({}, ())
    about = _About(places, (), ())
    some = [one for one, verdict in telling if about.is_about(one, verdict)]
    return replace(
        about,
        case_ids=sorted({places.case_ids[one.sighting_id] for one in some}),
        digests=sorted({one.digests.sha256 for one in some}),
    )


def _is_telling(sighting: Sighting, verdict: Verdict) -> bool:
    return verdict.result is not VerdictResult.UNKNOWN and not sighting.digests.is_degenerate


@dataclass(frozen=True)
class _Watched:
    """What the store has of the cases that answers are about, and of their files, while that is watched."""

    records: Mapping[str, CaseRecord]
    assessments: Mapping[str, Assessment]
    stamp: Stamp


def _try_to_write(
    store: Store,
    pipe: Pipeline,
    run_id: str,
    target: AnswerTarget,
    answers: Sequence[AnsweredSighting],
    about: _About,
    read: _Watched,
    retention: timedelta,
) -> bool:
    known = [(one, verdict) for one, verdict in answers if verdict.result is not VerdictResult.UNKNOWN]
    unknown = [
        (one, verdict.reason or "no reason given")
        for one, verdict in answers
        if verdict.result is VerdictResult.UNKNOWN
    ]
    telling = [answer for answer in known if _is_telling(*answer)]
    about_cases = [answer for answer in telling if about.is_about(*answer)]
    case_ids = about.places.case_ids
    oldest = retained.oldest_kept(retention)
    decided = _decide([(case_ids[one.sighting_id], one, verdict) for one, verdict in about_cases], read)
    changes = decided.changes
    refused = {one.sighting_id for one in decided.not_raised}
    pipe.multi()
    write_changes(store, pipe, run_id, changes)
    for one in decided.not_raised:
        assessment_store.note_not_raised(pipe, one.digests.sha256, one.seen_at)
    batches.keep_unanswered(pipe, [one for one, _ in unknown if one.sighting_id not in target.staying])
    batches.drop_answered(pipe, [one for one, _ in known])
    # What opened no case stays: the assessment may be revised, and a rematch asks about it again.
    kept = [one for one, verdict in telling if not about.is_about(one, verdict)]
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


def _decide(answers: Sequence[tuple[str, Sighting, Verdict]], read: _Watched) -> _Decided:
    """Return how answers, each with the id of its case, change the cases, in order: several may be about one."""
    before, stamp = dict(read.records), read.stamp
    decided = _Decided([], [], [])
    settings = orbweaver_settings.load()
    locator = locator_of(settings)
    for case_id, sighting, verdict in answers:
        located = locator.locate(sighting.ip)
        record, assessment = before.get(case_id), read.assessments.get(sighting.digests.sha256)
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
