"""Asks again about every case when a list has changed: it corrects a case, or opens one that was held."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from orbweaver import settings as orbweaver_settings
from orbweaver.model import Case, DigestSet, EventType, Verdict, VerdictResult
from orbweaver.queue.matching import settlement
from orbweaver.queue.matching.answer_changes import changes_of_case
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import in_force, list_versions, runs, sweeps
from orbweaver.queue.records.sweeps import Slice, SliceBudget, SliceResult, SweepName
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import CaseChange
from redis.exceptions import WatchError

if TYPE_CHECKING:
    from redis.client import Pipeline

# Cases that are asked about, and written, at once.
ASKED_AT_ONCE = 200


def mark_all(pipe: Pipeline) -> None:
    """Queue that every case is due."""
    pipe.zunionstore(keys.sweep_due(SweepName.RECALL), {keys.cases(): 0})


def work(
    store: Store,
    token: str,
    ask: Callable[[Sequence[DigestSet]], list[Verdict]],
    *,
    budget: SliceBudget = sweeps.USUAL_BUDGET,
) -> None:
    """Do one slice of the recall: `ask` gives a verdict for each digest set, in order."""

    def do(ours: Slice, case_ids: list[str]) -> int | None:
        # Of a pseudonymised case there is no digest to ask about.
        cases = [one for one in case_store.read_many(store, case_ids) if one.pseudonymised is None]
        verdicts = ask([_digests_of(case) for case in cases]) if cases else []
        answers = {
            str(case.case_id): verdict
            for case, verdict in zip(cases, verdicts, strict=True)
            if verdict.result is not VerdictResult.UNKNOWN
        }
        unanswered = [str(case.case_id) for case in cases if str(case.case_id) not in answers]
        done = [case_id for case_id in case_ids if case_id not in unanswered]
        while not _try_to_write(store, ours, answers, done, unanswered):
            pass
        return None if cases and not answers else len(cases)

    sweeps.work(store, SweepName.RECALL, token, do, most=ASKED_AT_ONCE, budget=budget)


def _try_to_write(
    store: Store, ours: Slice, answers: Mapping[str, Verdict], done: Sequence[str], unanswered: Sequence[str]
) -> bool:
    """Write what the answers do to their cases, as one transaction; False when one of them changed meanwhile.

    Nothing is written when an answer is of another list than the one that is wanted by now, or when other services are
    in force: all of it stays due.
    """
    stamp = case_store.stamp(store)
    with store.pipeline(transaction=True) as pipe:
        pipe.watch(ours.key, *(keys.case(one) for one in answers), keys.list_versions(), keys.in_force())
        if not ours.is_open(pipe) or in_force.differing(pipe, orbweaver_settings.load(), [QueueName.MATCH]):
            return True
        versions = list_versions.read(pipe)
        if any(list_versions.unwanted_of(versions, one) for one in answers.values()):
            return True
        changes: list[CaseChange] = []
        found = {case_id: case_store.record_of(pipe, case_id) for case_id in answers}
        records = {case_id: record for case_id, record in found.items() if record is not None}
        assessments = settlement.watched_assessments(pipe, [one.case.sha256 for one in records.values()])
        for case_id, before in records.items():
            assessment = assessments.get(before.case.sha256)
            changes += changes_of_case(answers[case_id], before, assessment, stamp)
        pipe.multi()
        events = [change.event for change in changes if change.event is not None]
        settlement.write_changes(store, pipe, ours.run_id, changes)
        runs.note_answers(
            pipe,
            ours.run_id,
            matched_case_ids=[str(event.case_id) for event in events],
            new_case_ids=[],
            unknown=[],
            answered=[],
        )
        counts = {
            "asked": len(answers) + len(unanswered),
            "unknown": len(unanswered),
            "corrected": sum(event.type is EventType.CORRECTED for event in events),
            "opened": sum(event.type is EventType.OPENED for event in events),
        }
        SliceResult(ours, done, unanswered, counts).end(pipe)
        try:
            pipe.execute()
        except WatchError:
            return False
    return True


def _digests_of(case: Case) -> DigestSet:
    return DigestSet(md5=case.md5, sha1=case.sha1, sha256=case.sha256, size=case.size)
