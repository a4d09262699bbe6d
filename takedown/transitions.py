"""What a match means for its case: pure functions from the case so far to the case after, and its event."""

from __future__ import annotations

from dataclasses import dataclass

from orbweaver.model import (
    Case,
    CaseState,
    CaseVerdict,
    Event,
    EventType,
    Sighting,
    Verdict,
    case_id_for,
    event_id_for,
)


@dataclass(frozen=True)
class Standing:
    """A case as stored: the case and the sequence number of its last event."""

    case: Case
    sequence: int


@dataclass(frozen=True)
class Change:
    """What a match does to its case: the case after, and the event it causes, if any."""

    after: Standing
    event: Event | None

    @property
    def is_new(self) -> bool:
        """Whether the case did not exist before."""
        return self.event is not None and self.event.sequence == 1


def change_by_match(sighting: Sighting, verdict: Verdict, before: Standing | None) -> Change:
    """Return what a match does: open a case, or move on `last_seen` of the one there is.

    A held case is opened when stronger evidence comes; an open one is never held again.
    """
    digests = sighting.digests
    if digests.is_degenerate:
        raise ValueError("a degenerate digest never makes a case")
    state = CaseState.HELD if verdict.held_because else CaseState.OPEN
    evidence = _evidence(verdict)
    if before is not None and before.case.state is CaseState.OPEN and state is CaseState.HELD:
        state, evidence = CaseState.OPEN, before.case.verdict  # weaker evidence takes nothing back
    case_id = case_id_for(sighting.url, digests.sha256)
    first_seen, last_seen = sighting.seen_at, sighting.seen_at
    report_ids = set(sighting.report_ids)
    if before is not None:
        first_seen = min(before.case.first_seen, first_seen)
        last_seen = max(before.case.last_seen, last_seen)
        report_ids |= set(before.case.report_ids)
    case = Case(
        case_id=case_id,
        state=state,
        url=sighting.url,
        final_url=sighting.final_url,
        host=sighting.host,
        ip=sighting.ip,
        referrer=sighting.referrer,
        report_ids=tuple(sorted(report_ids)),
        md5=digests.md5,
        sha1=digests.sha1,
        sha256=digests.sha256,
        size=digests.size,
        content_type=sighting.content_type,
        sniffed_type=sighting.sniffed_type,
        verdict=evidence,
        first_seen=first_seen,
        last_seen=last_seen,
        http=sighting.http,
    )
    if before is not None and before.case.state is state:
        return Change(Standing(case, before.sequence), event=None)
    sequence = 1 if before is None else before.sequence + 1
    event = Event(
        event_id=event_id_for(case_id, sequence),
        case_id=case_id,
        sequence=sequence,
        type=EventType.OPENED if state is CaseState.OPEN else EventType.HELD,
        at=sighting.seen_at,
        case=case,
    )
    return Change(Standing(case, sequence), event)


def _evidence(verdict: Verdict) -> CaseVerdict:
    leading = verdict.listings[0]
    algorithms = leading.algorithms
    return CaseVerdict(
        result=verdict.result,
        algorithm=algorithms[0],
        algorithms=algorithms,
        strength=verdict.strength,
        held_because=verdict.held_because,
        list=leading.list,
        entry_id=leading.entry_id,
        category=leading.category,
        scheme=leading.scheme,
        status=leading.status,
        list_version=leading.list_version,
        built_to=leading.built_to,
        service=leading.service,
        asked_at=verdict.asked_at,
        listings=verdict.listings,
    )
