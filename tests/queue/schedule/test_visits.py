"""A visit changes some of what is known of its host, and leaves the rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from orbweaver.queue.schedule.policy import SchedulePolicy
from orbweaver.queue.schedule.rates import NO_EVIDENCE, RateEvidence, faded, learned
from orbweaver.queue.schedule.scheduled_host import ScheduledHost
from orbweaver.queue.schedule.visits import HostVisit, Seen, after_visit

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = SchedulePolicy(budget=10)
DAY = timedelta(days=1)
HOST = ScheduledHost(
    "a.example", RateEvidence(3, 50), visits=7, cost=8, last_visit=AT - DAY, last_evidence=AT - 4 * DAY, last_case=None
)


def visited(host: ScheduledHost, seen: Seen, ended_at: datetime = AT, cost: float = 8) -> ScheduledHost:
    return after_visit(host, HostVisit(ended_at - timedelta(hours=1), ended_at, seen, cost), POLICY)


@pytest.mark.parametrize(("seen", "is_hit"), [(Seen.NEW, True), (Seen.NOTHING_NEW, False)])
def test_a_visit_that_saw_the_host_is_evidence_since_the_last_such_visit(seen: Seen, is_hit: bool) -> None:
    known = visited(replace(HOST, failures=3), seen)

    assert known.evidence == learned(HOST.evidence, HOST.prior, 4, POLICY.half_life_days, is_hit=is_hit)
    assert (known.visits, known.failures) == (8, 0)
    assert known.last_visit == known.last_evidence == AT
    assert known.last_case == (AT if is_hit else None)


@pytest.mark.parametrize(("seen", "failures"), [(Seen.PART, 0), (Seen.NOTHING, 4)])
def test_a_visit_that_failed_or_saw_a_part_is_no_evidence(seen: Seen, failures: int) -> None:
    known = visited(replace(HOST, failures=3), seen)

    assert known.evidence == HOST.evidence
    assert known.last_evidence == HOST.last_evidence
    assert known.last_visit == AT
    assert known.failures == failures


@pytest.mark.parametrize(("seen", "last_case"), [(Seen.NEW, AT), (Seen.NOTHING_NEW, None)])
def test_the_first_visit_is_no_evidence_and_may_be_a_case(seen: Seen, last_case: datetime | None) -> None:
    known = visited(ScheduledHost("a.example"), seen)

    assert known.evidence == NO_EVIDENCE
    assert known.last_evidence == AT
    assert known.last_case == last_case


def test_a_failed_visit_in_between_leaves_the_time_to_the_next_one_that_succeeds() -> None:
    direct = visited(HOST, Seen.NOTHING_NEW)
    failed = visited(visited(HOST, Seen.NOTHING, AT - 2 * DAY), Seen.NOTHING_NEW)

    assert failed.evidence == direct.evidence == RateEvidence(*_faded_by(4, 4))


def _faded_by(days: float, quiet: float) -> tuple[float, float]:
    kept = faded(HOST.evidence, days, POLICY.half_life_days)
    return kept.hits, kept.days + quiet


def test_a_clock_that_jumped_back_takes_nothing_away() -> None:
    known = visited(HOST, Seen.NOTHING_NEW, AT - 900 * DAY)

    assert known.evidence == HOST.evidence
    assert known.last_visit == AT - 900 * DAY


@pytest.mark.parametrize(
    ("asked_at", "kept"),
    [
        (AT - timedelta(hours=2), False),
        (AT - timedelta(hours=1), False),
        (AT - timedelta(minutes=30), True),
        (AT + DAY, True),
    ],
)
@pytest.mark.parametrize("seen", Seen)
def test_a_visit_answers_what_was_asked_for_before_it_began(seen: Seen, asked_at: datetime, kept: bool) -> None:
    assert visited(replace(HOST, asked_at=asked_at), seen).asked_at == (asked_at if kept else None)


def test_what_a_visit_costs_is_learned_and_not_from_one_that_failed() -> None:
    assert visited(HOST, Seen.NOTHING_NEW, cost=40).cost == 16
    assert visited(HOST, Seen.PART, cost=0).cost == pytest.approx(6)
    assert visited(HOST, Seen.NOTHING, cost=1).cost == 8
    assert visited(ScheduledHost("new.example"), Seen.NEW, cost=40).cost == 40
    assert visited(ScheduledHost("new.example"), Seen.NEW, cost=0).cost > 0
