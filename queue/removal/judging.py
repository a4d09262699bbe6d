"""Writes what a re-check means for its cases: checks, events, deliveries and the next due times, in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from orbweaver import settings as orbweaver_settings
from orbweaver.model import EventType, Evidence, Sighting
from orbweaver.queue.matching import settlement
from orbweaver.queue.records import in_force
from orbweaver.queue.removal import under_way
from orbweaver.queue.removal.observations import RecheckRecords
from orbweaver.queue.removal.under_way import RecheckUnderWay
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import PROGRAM, CaseChange, CaseRecord, Stamp, change_by_event
from orbweaver.takedown.cases.sighting_facts import evidence_of_sighting, facts_of_sighting
from orbweaver.takedown.hosting.locating import Locator, locator_of
from orbweaver.takedown.hosting.moves import facts_before
from orbweaver.takedown.removal import recheck_times
from orbweaver.takedown.removal.course import CHECKED_STATES, Cadence, Turn, after_check
from orbweaver.takedown.removal.judgement import Judgement
from orbweaver.takedown.removal.observation import History, Observation
from orbweaver.takedown.removal.rules import judge_removal
from redis.exceptions import WatchError

log = logging.getLogger("orbweaver.removal")


@dataclass(frozen=True)
class _CaseLook:
    """The look for the file of one case: the observation, and the sighting of the file, if it was seen.

    `is_other_known` says whether a list knows one of the files that came in its place; None where nobody could say.
    """

    observation: Observation
    sighting: Sighting | None = None
    is_other_known: bool | None = False


def judge_recheck(
    store: Store,
    recheck: RecheckUnderWay,
    records: RecheckRecords,
    cadence: Cadence,
    *,
    known_urls: Collection[str],
    unanswered_urls: Collection[str],
) -> list[CaseChange]:
    """Judge the cases of a re-check that is over; nothing when another process has done so.

    `known_urls` gave other files than those of the cases that a list knows, `unanswered_urls` such of which nobody
    could say. Returns the changes that were written.
    """

    def look(case_id: str, record: CaseRecord) -> _CaseLook:
        url = records.plan.cases[case_id]
        sighting = records.sighting_of(case_id, record.case.sha256)
        observation = records.observation_of(case_id)
        if sighting is None and record.case.newest_url != url:
            reason = "the file was seen at another URL of its place while the one before was asked for"
            observation = Observation(records.ended_at, None, why_not=reason)
        is_other_known = True if url in known_urls else None if url in unanswered_urls else False
        return _CaseLook(observation, sighting, is_other_known)

    return _write(store, recheck.host, recheck.case_ids, look, cadence, recheck)


def judge_unasked(
    store: Store, host: str, case_ids: Sequence[str], cadence: Cadence, at: datetime, reason: str
) -> list[CaseChange]:
    """Write for cases that nobody may look for now that nobody has, and why."""

    nobody_looked = _CaseLook(Observation(at, None, why_not=reason))
    return _write(store, host, case_ids, lambda _, __: nobody_looked, cadence, None)


def _write(
    store: Store,
    host: str,
    case_ids: Sequence[str],
    look: Callable[[str, CaseRecord], _CaseLook],
    cadence: Cadence,
    recheck: RecheckUnderWay | None,
) -> list[CaseChange]:
    """Write what was seen of cases of a host; a `recheck` is over by that, and nothing is written if it was before."""
    locator = _locator(store)
    while True:
        with store.pipeline(transaction=True) as pipe:
            pipe.watch(keys.recheck(host), *(keys.case(case_id) for case_id in case_ids))
            if recheck is not None and not under_way.is_same(pipe, recheck):
                return []
            stamp = case_store.stamp(store)
            changes: list[CaseChange] = []
            due_at: dict[str, datetime | None] = {}
            for case_id in case_ids:
                record = case_store.record_of(pipe, case_id)
                if record is None or record.case.state not in CHECKED_STATES:
                    due_at[case_id] = None
                    continue
                seen = look(case_id, record)
                judgement = _judgement(record, seen, locator)
                turn = after_check(
                    record.case.state,
                    record.case.removal,
                    judgement,
                    seen.observation.at,
                    cadence,
                    told_at=record.told_at,
                )
                changes.append(_change(record, judgement, turn, seen.sighting, stamp, locator))
                due_at[case_id] = turn.due_at
            pipe.multi()
            settlement.write_changes(store, pipe, "" if recheck is None else recheck.run_id, changes)
            # After what follows from the events alone.
            recheck_times.set_due(pipe, host, due_at)
            if recheck is not None:
                under_way.forget(pipe, host)
            try:
                pipe.execute()
            except WatchError:
                continue  # a case changed meanwhile, or the re-check was judged
            return changes


def _locator(store: Store) -> Locator | None:
    """Return what says where an address is; None in a process that is not told it as the match workers are.

    A scheduler without the databases would otherwise take country and route away from the cases that it judges.
    """
    settings = orbweaver_settings.load()
    others = in_force.differing_hosting(store, settings)
    if others:
        _say_once(
            f"other values of {', '.join(others)} are in force on this store: re-checks that are judged here leave "
            "where a file is hosted as it was, and find no move to another provider"
        )
        return None
    return locator_of(settings)


@lru_cache(maxsize=8)
def _say_once(warning: str) -> None:
    log.warning("%s", warning)


def _judgement(record: CaseRecord, seen: _CaseLook, locator: Locator | None) -> Judgement:
    address = None if seen.observation.answer is None else seen.observation.answer.address
    located = None if address is None or locator is None else locator.locate(address)
    return judge_removal(seen.observation, History(record.case, located, seen.is_other_known))


def _change(
    record: CaseRecord,
    judgement: Judgement,
    turn: Turn,
    sighting: Sighting | None,
    stamp: Stamp,
    locator: Locator | None,
) -> CaseChange:
    facts: dict[str, Any] = {}
    if sighting is not None:
        located = None if locator is None else locator.locate(sighting.ip)
        facts = facts_of_sighting(sighting, record.case, located)
    facts["removal"] = turn.removal
    if turn.kind is None:
        return CaseChange(replace(record, case=record.case.model_copy(update=facts)), event=None)
    return change_by_event(
        record,
        turn.kind,
        stamp,
        actor=PROGRAM,
        reason=_reason(judgement, turn),
        evidence=_evidence(record, judgement, turn, sighting),
        facts=facts,
        at=turn.removal.checked_at,
    )


def _reason(judgement: Judgement, turn: Turn) -> str:
    since = turn.removal.unseen_since
    if since is not None and not judgement.is_absent:
        return f"nobody could see whether the file is there since {since:%Y-%m-%d %H:%M} UTC: {judgement.reason}"
    return judgement.reason


def _evidence(record: CaseRecord, judgement: Judgement, turn: Turn, sighting: Sighting | None) -> Evidence:
    is_move = turn.kind is EventType.MOVED
    facts: Mapping[str, str] = {
        "rule": judgement.rule,
        "presence": judgement.presence.value,
        "confirmations": str(turn.removal.confirmations),
        **(facts_before(record.case) | {"final_url_before": record.case.final_url} if is_move else {}),
    }
    seen = None if sighting is None else evidence_of_sighting(sighting).sighting
    return Evidence(sighting=seen, facts=dict(facts))
