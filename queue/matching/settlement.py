"""Writes what answers mean for everything that waits on them: cases, events, deliveries, what is kept; one transaction.

`settle` is for sightings, whether a recrawl has just found them or they were retained. A case that is asked about again
has no sighting to keep, so recall ends its slices itself; what is written of a changed case with its event and its
delivery, it leaves to `write_changes`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from orbweaver import settings as orbweaver_settings
from orbweaver.model import Assessment, Sighting, Verdict, VerdictResult, now
from orbweaver.queue.matching.answer_changes import AnsweredSighting, CasesBefore, changes_of_answers
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import batches, deliveries, in_force, list_versions, retained, runs
from orbweaver.settings import Settings
from orbweaver.store import identity, keys, reads
from orbweaver.store.connection import Store
from orbweaver.store.reads import Read
from orbweaver.takedown.assessments import assessment_store
from orbweaver.takedown.cases import case_places, case_store
from orbweaver.takedown.cases.case_places import CasesOfSightings
from orbweaver.takedown.cases.changes import CaseChange, Stamp
from orbweaver.takedown.hosting.locating import locator_of
from orbweaver.takedown.removal import recheck_times, returns
from redis.exceptions import WatchError

if TYPE_CHECKING:
    from redis.client import Pipeline


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
    settings = orbweaver_settings.load()
    about = _about(store, answers)
    with store.pipeline(transaction=True) as pipe:
        pipe.watch(*target.watched, keys.list_versions(), keys.in_force(), *about.watched)
        # The keys are watched, so others may be asked about them, all in one round trip.
        current, others, versions, assessments, records, store_id = reads.together(
            store,
            target.reading(),
            in_force.reading_differing(in_force.described(settings, [QueueName.MATCH])),
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
        before = CasesBefore(records, assessments, stamp)
        meaning = _meaning_of(counted, about, before, settings)
        pipe.multi()
        _queue(store, pipe, run_id, current, meaning, retained.oldest_kept(retention))
        try:
            pipe.execute()
        except WatchError:
            return False
        return True


def write_changes(store: Store, pipe: Pipeline, run_id: str, changes: Sequence[CaseChange]) -> None:
    """Queue the cases as they are now, their events, and the deliveries of those that the takedown engine gets."""
    at, recheck_every = now(), orbweaver_settings.load().recheck_every
    for change in changes:
        case_store.write(pipe, change)
        recheck_times.follow(pipe, change, at, recheck_every)
        returns.follow(pipe, change)
    told = [str(one.event.event_id) for one in changes if one.event is not None and one.is_for_engine]
    deliveries.note_events(store, pipe, run_id, *told)


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
class _Meaning:
    """All that answers mean: the changes of cases, and what becomes of each sighting.

    `raised` are those about cases, `not_raised` matches of files that people rejected, and `kept` those that a later
    list is asked about. `case_ids` are the cases that the run has to tell of.
    """

    changes: Sequence[CaseChange]
    answered: Sequence[Sighting]
    unanswered: Sequence[tuple[Sighting, str]]
    raised: Sequence[Sighting]
    not_raised: Sequence[Sighting]
    kept: Sequence[Sighting]
    case_ids: Sequence[str]


def _meaning_of(
    answers: Sequence[AnsweredSighting], about: _About, before: CasesBefore, settings: Settings
) -> _Meaning:
    known = [(one, verdict) for one, verdict in answers if verdict.result is not VerdictResult.UNKNOWN]
    telling = [answer for answer in known if _is_telling(*answer)]
    about_cases = [answer for answer in telling if about.is_about(*answer)]
    case_ids = about.places.case_ids
    of_cases = [(case_ids[one.sighting_id], one, verdict) for one, verdict in about_cases]
    decided = changes_of_answers(of_cases, before, locator_of(settings), settings.remind_every)
    not_about = {one.sighting_id for one in (*decided.not_raised, *decided.clean)}
    raised = [(one, verdict) for one, verdict in about_cases if one.sighting_id not in not_about]
    matched = {case_ids[one.sighting_id] for one, verdict in raised if verdict.result is VerdictResult.MATCH}
    changed = {str(one.after.case.case_id) for one in decided.changes if one.event is not None}
    # What opened no case stays: the assessment may be revised, and a rematch asks about it again.
    kept = [one for one, verdict in telling if not about.is_about(one, verdict)]
    return _Meaning(
        changes=decided.changes,
        answered=[one for one, _ in known],
        unanswered=[
            (one, verdict.reason or "no reason given")
            for one, verdict in answers
            if verdict.result is VerdictResult.UNKNOWN
        ],
        raised=[one for one, _ in raised],
        not_raised=decided.not_raised,
        kept=[*kept, *decided.not_raised, *decided.clean],
        case_ids=sorted(matched | changed),
    )


def _queue(
    store: Store, pipe: Pipeline, run_id: str, target: AnswerTarget, meaning: _Meaning, oldest_kept: datetime
) -> None:
    """Queue all that answers mean, and the end of their question."""
    write_changes(store, pipe, run_id, meaning.changes)
    for one in meaning.not_raised:
        assessment_store.note_not_raised(pipe, one.digests.sha256, one.seen_at)
    batches.keep_unanswered(pipe, [one for one, _ in meaning.unanswered if one.sighting_id not in target.staying])
    batches.drop_answered(pipe, meaning.answered)
    retained.keep(pipe, [one for one in meaning.kept if one.seen_at > oldest_kept])
    retained.drop(pipe, meaning.raised)
    runs.note_answers(
        pipe,
        run_id,
        matched_case_ids=meaning.case_ids,
        new_case_ids=[str(one.after.case.case_id) for one in meaning.changes if one.is_new],
        unknown=meaning.unanswered,
        answered=meaning.answered,
        not_raised=len(meaning.not_raised),
    )
    target.end(pipe)


def watched_assessments(pipe: Pipeline, digests: Collection[str]) -> dict[str, Assessment]:
    """Watch and return the assessments of files, by SHA-256: one that comes meanwhile has all of it decided again."""
    if not digests:
        return {}
    pipe.watch(*(keys.assessment(one) for one in sorted(set(digests))))
    return assessment_store.read_many(pipe, digests)
