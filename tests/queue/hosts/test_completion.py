"""A recrawl that has ended becomes a visit under the fence; what goes on keeps its lease; what is lost is said."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Any

import pytest
from builders import a_sighting, add_batch, url_of
from host_fleet import add_host, add_worker, drop_job, end_recrawl, jobs, take_job
from orbweaver.model import Outcome, Reported, Tally
from orbweaver.queue import queues
from orbweaver.queue.hosts import completion, counting, dispatch, due, host_store
from orbweaver.queue.hosts.completion import Completed
from orbweaver.queue.hosts.counting import BudgetPlan
from orbweaver.queue.hosts.due import HostClaim
from orbweaver.queue.hosts.host_clock import HostClock
from orbweaver.queue.records import recrawl_fence, recrawl_progress, recrawls, runs
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.queue.schedule.policy import SchedulePolicy
from orbweaver.store import keys
from orbweaver.store.connection import Store
from redis import Redis
from redis.client import Pipeline

PLAN = BudgetPlan(SchedulePolicy(budget=1, jitter=0))
DAY = 86_400.0


def completed(store: Store, plan: BudgetPlan = PLAN, *, later: timedelta = timedelta(0)) -> Completed:
    shares = counting.provisional(plan.policy, 1)
    return completion.complete(store, plan, shares, due.server_time(store) + later)


def started(store: Store, **changes: object) -> str:
    """Dispatch one host; returns the id of its recrawl."""
    add_host(store, **changes)
    add_worker(store)
    shares = counting.provisional(PLAN.policy, 1)
    [recrawl_id] = dispatch.dispatch(store, PLAN, shares, due.server_time(store)).started.values()
    return recrawl_id


def test_a_finished_recrawl_becomes_a_visit(store: Store) -> None:
    recrawl_id = started(store)
    run_id = end_recrawl(store, tally=Tally(pages=3, files=2, bytes_read=100))
    assert completed(store).outcomes == {"h.test": "finished"}
    [visit] = host_store.visits(store, "h.test")
    assert (visit.outcome, visit.pages, visit.files, visit.bytes_read) == ("finished", 3, 2, 100)
    assert (visit.recrawl_id, visit.run_id, visit.new_cases) == (recrawl_id, run_id, 0)
    clock = host_store.read_clock(store, "h.test")
    assert (clock.visits, clock.failures, clock.outcome) == (1, 0, "finished")
    [again] = due.due_times(store, ["h.test"])
    assert again is not None
    assert again - due.server_time(store).timestamp() == pytest.approx(DAY, rel=0.01)  # 1 host, 1 visit a day
    assert clock.slack == pytest.approx(DAY, rel=0.01)
    day = f"{due.server_time(store):%Y-%m-%d}"
    assert store.hgetall(keys.visits_of_day(day))[b"finished"] == b"1"
    assert completed(store) == Completed()


def test_what_found_nothing_new_is_forgotten_sooner(store: Store) -> None:
    recrawl_id = started(store)
    end_recrawl(store)
    completed(store)
    assert 0 < store.ttl(keys.recrawl(recrawl_id)) <= completion.UNREMARKABLE_KEPT_SECONDS
    assert recrawls.read(store, recrawl_id) is not None


def test_a_new_case_is_a_hit_and_its_recrawl_is_kept(store: Store) -> None:
    recrawl_id = started(store, hits=1.0, days=10.0, visits=3, last_visit=0.0, last_evidence=0.0)
    run_id = end_recrawl(store)
    with store.pipeline() as pipe:
        runs.note_answers(pipe, run_id, matched_case_ids=["a", "b"], new_case_ids=["a"], unknown=[], answered=[])
        pipe.execute()
    completed(store)
    [visit] = host_store.visits(store, "h.test")
    clock = host_store.read_clock(store, "h.test")
    assert (visit.cases, visit.new_cases) == (2, 1)
    assert clock.last_case == pytest.approx(due.server_time(store).timestamp(), abs=60)
    assert clock.hits > 0.9  # what was known has faded, and 1 was added
    assert store.ttl(keys.recrawl(recrawl_id)) > completion.UNREMARKABLE_KEPT_SECONDS


def test_a_failed_visit_is_no_evidence_and_backs_off(store: Store) -> None:
    at = due.server_time(store).timestamp()
    evidence = {"hits": 2.0, "days": 30.0, "visits": 4, "last_visit": at - 5 * DAY, "last_evidence": at - 5 * DAY}
    started(store, **evidence)
    end_recrawl(store, tally=Tally(), reported=(Reported(url="http://h.test/", outcome=Outcome.TIMEOUT),))
    assert completed(store).outcomes == {"h.test": "unreachable"}
    clock = host_store.read_clock(store, "h.test")
    assert (clock.hits, clock.days, clock.failures) == (2.0, 30.0, 1)
    assert clock.last_evidence == pytest.approx(at - 5 * DAY, abs=1)
    assert clock.last_visit == pytest.approx(at, abs=60)
    [visit] = host_store.visits(store, "h.test")
    assert visit.reason == "1 of 1 reported URLs: timeout"


def test_a_visit_waits_for_the_answers_about_its_files_but_not_for_ever(store: Store) -> None:
    started(store)
    run_id = end_recrawl(store)
    add_batch(store, a_sighting(), run_id=run_id)
    assert completed(store) == Completed(under_way=1)
    assert completed(store, later=completion.ANSWERS_WAITED_FOR + timedelta(minutes=1)).outcomes == {
        "h.test": "finished"
    }
    assert host_store.visits(store, "h.test")[0].unknown == 1


def test_a_lease_is_renewed_while_its_job_waits_or_is_worked_on(store: Store) -> None:
    started(store)
    before = due.leases(store)[0].ends_at
    assert completed(store).under_way == 1
    take_job(store)
    assert completed(store).under_way == 1
    assert due.leases(store)[0].ends_at >= before


def test_a_visit_waits_for_all_its_slices(store: Store) -> None:
    recrawl_id = started(store)
    for _ in range(2):
        take_job(store)
        attempt = recrawls.begin(store, recrawl_id)
        assert attempt is not None
        recrawl_fence.write_under_fence(store, recrawl_id, attempt, [recrawls.sliced(recrawl_id)])
        drop_job(store)  # as somebody withdraws it while it waits for its next slice
        done = completed(store)
        assert (done.outcomes, done.under_way) == ({}, 1)
        assert jobs(store) == [recrawl_id]
    end_recrawl(store)
    assert completed(store).outcomes == {"h.test": "finished"}
    assert host_store.visits(store, "h.test")[0].slices == 1  # it was begun without a checkpoint


def test_a_visit_that_is_not_over_teaches_nothing_and_goes_on(store: Store) -> None:
    started(store)
    before = host_store.read_clock(store, "h.test")
    end_recrawl(store, state=RecrawlState.INTERRUPTED)
    assert completed(store).outcomes == {"h.test": "stopped"}
    after = host_store.read_clock(store, "h.test")
    assert (after.visits, after.failures, after.last_visit) == (before.visits, 0, None)
    [again] = due.due_times(store, ["h.test"])
    assert again is not None
    assert again <= due.server_time(store).timestamp() + 30


def test_a_job_that_is_gone_without_an_end_is_a_crash(store: Store) -> None:
    recrawl_id = started(store)
    take_job(store)
    recrawls.begin(store, recrawl_id)
    drop_job(store)
    assert completed(store).outcomes == {"h.test": "crashed"}
    assert host_store.visits(store, "h.test")[0].reason == "its job is gone"
    assert host_store.read_clock(store, "h.test").failures == 1


def test_a_job_that_is_begun_between_two_looks_of_the_scheduler_is_not_gone(store: Store) -> None:
    recrawl_id = started(store)
    job_id = queues.recrawl_job_id("h.test")
    store.lrem("rq:queue:recrawl", 1, job_id)  # another scheduler is about to put it there

    class Interleaved(Redis):
        looks = 0

        def pipeline(self, *args: Any, **options: Any) -> Pipeline:
            self.looks += 1
            if self.looks == 3:  # after those at the leases and at the jobs
                store.rpush("rq:queue:recrawl", job_id)
                take_job(store)
                recrawls.begin(store, recrawl_id)
            return super().pipeline(*args, **options)

    with contextlib.closing(Interleaved.from_url(url_of(store))) as interleaved:
        assert completed(interleaved) == Completed(under_way=1)
    assert recrawl_progress.statuses(store, [recrawl_id])[0].state is RecrawlState.RUNNING


def test_a_job_that_its_scheduler_never_put_there_is_put_there(store: Store) -> None:
    recrawl_id = started(store)
    drop_job(store)
    assert completed(store) == Completed(under_way=1)
    assert jobs(store) == [recrawl_id]


def test_a_recrawl_that_the_store_has_lost_is_a_crash(store: Store) -> None:
    recrawl_id = started(store)
    drop_job(store)
    store.delete(keys.recrawl(recrawl_id))
    assert completed(store).outcomes == {"h.test": "crashed"}


def test_an_old_fence_completes_nothing(store: Store) -> None:
    started(store)
    end_recrawl(store)
    lease = due.leases(store)[0]
    store.hset(keys.claims(), "h.test", f"{lease.fence + 1} {lease.recrawl_id} {lease.run_id}")
    [other] = due.leases(store)
    assert completion._complete(
        store, lease, recrawl_progress.times(store, [str(lease.recrawl_id)])[0], PLAN,
        counting.provisional(PLAN.policy, 1), due.server_time(store),
    ) is None  # fmt: skip
    assert host_store.visits(store, "h.test") == []
    assert due.leases(store) == [other]


def test_a_lease_of_a_clock_that_has_jumped_back_does_not_last_for_days(store: Store) -> None:
    add_host(store)
    [held] = due.claim(store, 1, seconds=30 * DAY)
    completed(store)
    assert due.leases(store)[0].ends_at < due.server_time(store).timestamp() + 2 * due.LEASE_SECONDS
    assert due.leases(store)[0].claim == HostClaim("h.test", held.fence)


def test_a_host_that_was_paused_during_its_visit_has_no_due_time_after_it(store: Store) -> None:
    started(store)

    def pause(record: object, clock: HostClock) -> tuple[object, HostClock, None]:
        return record.model_copy(update={"pause": "why"}), clock, None  # type: ignore[attr-defined]

    host_store.change(store, "h.test", pause)  # type: ignore[arg-type]
    end_recrawl(store)
    completed(store)
    assert due.counts(store).never == 1


def test_a_wish_that_was_fulfilled_is_a_wish_no_longer(store: Store) -> None:
    asked_at = due.server_time(store).timestamp() - 5
    started(store, asked_at=asked_at, slack=due.ASKED_SLACK)
    end_recrawl(store)
    completed(store)
    clock = host_store.read_clock(store, "h.test")
    assert (clock.asked_at, clock.slack > 0) == (None, True)
    [visit] = host_store.visits(store, "h.test")
    assert visit.asked_at is not None
    assert visit.asked_at.timestamp() == pytest.approx(asked_at, abs=1)


def test_a_budget_of_requests_counts_what_a_visit_took(store: Store) -> None:
    started(store)
    end_recrawl(store, tally=Tally(pages=30, files=20))
    completed(store, BudgetPlan(PLAN.policy, "requests"))
    assert host_store.read_clock(store, "h.test").cost == 50
