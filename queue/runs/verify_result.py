"""The progress and the result of a verification, as they are read from the store for people and for output files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from orbweaver.matcher_client.gate import service_health
from orbweaver.matcher_client.gate.service_health import ServiceHealth
from orbweaver.model import Case, Reported, Skip, Tally, now
from orbweaver.queue.hosts import visit_outcome
from orbweaver.queue.hosts.visit_outcome import VisitEnding
from orbweaver.queue.matching import rematch_result
from orbweaver.queue.matching.rematch_result import RematchResult
from orbweaver.queue.records import recrawls, report_outcomes, runs
from orbweaver.queue.records.recrawl_progress import RecrawlStatus
from orbweaver.queue.records.recrawls import ENDED, RecrawlRecord, RecrawlState
from orbweaver.queue.records.report_outcomes import ReportResult
from orbweaver.queue.records.runs import Unknown
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.delivery import outbox


@dataclass(frozen=True)
class HostProgress:
    """The progress of the recrawl of one host (or site)."""

    name: str
    state: RecrawlState
    tally: Tally
    slices: int = 0


@dataclass(frozen=True)
class VerifyProgress:
    """The state of a run for a person who watches it; `each` has a value for each host, in the order of the reports."""

    hosts: int
    hosts_done: int
    tally: Tally
    matches: int
    unknown: int
    waiting: int
    unhealthy: tuple[ServiceHealth, ...] = ()
    is_rematching: bool = False
    each: tuple[HostProgress, ...] = ()


@dataclass(frozen=True)
class VerifyResult:
    """A run's end: what was found, what was not fetched, what stayed unknown or undelivered.

    `unhealthy` are the matching services whose answers did not count at the end; `rematched` is what was asked again
    because a list has changed, None for nothing. `reports` is what came of each report, in the order of their lines.
    `endings` has the outcome of each recrawl. `unconfirmed` says why the store's disks did not confirm at the end that
    they have all of it; None when they did.
    """

    run_id: str
    began_at: datetime
    ended_at: datetime
    recrawls: tuple[RecrawlRecord, ...]
    cases: tuple[Case, ...]
    new_case_ids: frozenset[str]
    unknown: tuple[runs.Unknown, ...]
    skips_of: Mapping[str, Sequence[Skip]]
    undelivered: int
    is_interrupted: bool
    unhealthy: tuple[ServiceHealth, ...] = ()
    rematched: RematchResult | None = None
    reports: tuple[ReportResult, ...] = ()
    unconfirmed: str | None = None
    endings: Mapping[str, VisitEnding] = field(default_factory=dict)
    not_raised: int = 0

    @property
    def skips(self) -> tuple[Skip, ...]:
        """Everything that gave no digest, recrawl by recrawl."""
        return tuple(skip for record in self.recrawls for skip in self.skips_of[record.recrawl_id])

    @property
    def tally(self) -> Tally:
        """The sum over all recrawls."""
        return _sum(record.tally for record in self.recrawls)


def progress_of(
    store: Store, run_id: str, names: Sequence[str], began_at: datetime, statuses: Sequence[RecrawlStatus]
) -> VerifyProgress:
    """Read how far a run is; `names` and `statuses` are of its recrawls, in their order."""
    return VerifyProgress(
        hosts=len(statuses),
        hosts_done=sum(one.state in ENDED for one in statuses),
        tally=_sum(one.tally for one in statuses),
        matches=runs.case_count(store, run_id),
        unknown=runs.unknown_count(store, run_id),
        waiting=sum(runs.waiting(store, run_id)),
        unhealthy=unhealthy_since(store, began_at),
        is_rematching=rematch_result.is_under_way(store),
        each=tuple(HostProgress(name, *one) for name, one in zip(names, statuses, strict=True)),
    )


def result_of(
    store: Store,
    run_id: str,
    began_at: datetime,
    asked_before: rematch_result.Mark,
    unconfirmed: str | None,
    *,
    is_interrupted: bool,
) -> VerifyResult:
    """Read the result of a run that has ended."""
    records = records_of(store, run_id)
    cases = case_store.read_many(store, runs.case_ids(store, run_id))
    unknown = runs.unknown(store, run_id)
    reported = {record.recrawl_id: recrawls.reported(store, record.recrawl_id) for record in records}
    return VerifyResult(
        run_id=run_id,
        began_at=began_at,
        ended_at=now(),
        recrawls=records,
        cases=tuple(cases),
        new_case_ids=runs.new_case_ids(store, run_id),
        unknown=tuple(unknown),
        skips_of={record.recrawl_id: recrawls.skips(store, record.recrawl_id) for record in records},
        undelivered=runs.waiting(store, run_id)[1],
        is_interrupted=is_interrupted,
        unhealthy=unhealthy_since(store, began_at),
        rematched=rematch_result.since(store, asked_before),
        reports=_reports(store, run_id, records, reported, cases, unknown),
        unconfirmed=unconfirmed,
        endings={
            record.recrawl_id: visit_outcome.ending_of(record, reported[record.recrawl_id].values())
            for record in records
        },
        not_raised=runs.not_raised(store, run_id),
    )


def reports_of(store: Store, run_id: str) -> tuple[ReportResult, ...]:
    """Read the result of every report of a run that has ended; empty when its recrawls are forgotten."""
    records = records_of(store, run_id)
    reported = {record.recrawl_id: recrawls.reported(store, record.recrawl_id) for record in records}
    cases = case_store.read_many(store, runs.case_ids(store, run_id))
    return _reports(store, run_id, records, reported, cases, runs.unknown(store, run_id))


def _reports(
    store: Store,
    run_id: str,
    records: Sequence[RecrawlRecord],
    reported: Mapping[str, Mapping[str, Reported]],
    cases: Sequence[Case],
    unknown: Sequence[Unknown],
) -> tuple[ReportResult, ...]:
    return report_outcomes.results(
        records,
        reported,
        cases,
        unknown={one.url: one.reason for one in unknown},
        undelivered=case_store.case_ids_of_events(store, outbox.event_ids_of(store, run_id)),
    )


def records_of(store: Store, run_id: str) -> tuple[RecrawlRecord, ...]:
    """Read the recrawls of a run that have a record, in the order of its reports."""
    records = (recrawls.read(store, recrawl_id) for recrawl_id in runs.recrawl_ids(store, run_id))
    return tuple(record for record in records if record is not None)


def unhealthy_since(store: Store, began_at: datetime) -> tuple[ServiceHealth, ...]:
    """Return the services that are unhealthy; one that nobody has checked since `began_at` is not this run's."""
    known = service_health.read_all(store).values()
    return tuple(one for one in known if not one.is_healthy and one.checked_at >= began_at)


def _sum(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.pages += tally.pages
        total.files += tally.files
        total.unchanged += tally.unchanged
        total.error_bodies += tally.error_bodies
        total.bytes_read += tally.bytes_read
        total.failures += tally.failures
        total.skipped += tally.skipped
        total.queued += tally.queued
    return total
