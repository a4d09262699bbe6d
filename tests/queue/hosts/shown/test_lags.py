"""How late the fleet is: hosts past their deadline, and the visit that has gone on for longest."""

from __future__ import annotations

import math
from datetime import timedelta

from builders import an_order
from orbweaver import settings
from orbweaver.queue.hosts import changes, counting, day_totals, due
from orbweaver.queue.hosts.shown import lags
from orbweaver.queue.hosts.visit_outcome import VisitOutcome
from orbweaver.store import keys
from orbweaver.store.connection import Store


def test_hosts_are_counted_by_how_long_they_are_past_their_deadline(store: Store) -> None:
    at = due.server_time(store)
    now = at.timestamp()
    late = {"soon.test": now + 50, "a.test": now - 10, "b.test": now - 400, "c.test": now - 90_000, "asked.test": -1e10}
    store.zadd(keys.ready(), late)
    assert lags.past_deadline(store, (0.0, 300.0, 3600.0, math.inf), at) == [1, 2, 3, 4]


def test_the_longest_visit_is_that_of_the_first_claim(store: Store) -> None:
    assert lags.longest_lease(store, due.server_time(store)) is None
    plan = counting.plan_of(settings.load())
    changes.enter_all(store, plan, [an_order("a.test"), an_order("b.test")], is_now=False)
    assert len(due.claim(store, 2)) == 2
    longest = lags.longest_lease(store, due.server_time(store) + timedelta(hours=1))
    assert longest is not None
    assert 3600 <= longest < 7200


def test_the_totals_of_a_day_are_those_that_the_ends_of_visits_have_counted(store: Store) -> None:
    day = due.server_time(store).date()
    assert sum(day_totals.read(store, day).visits.values()) == 0
    counted = {"finished": "2", "blocked": "1", "cost": "3.5", "requests": "40", "bytes": "1e+06", "new_cases": "1"}
    store.hset(keys.visits_of_day(f"{day:%Y-%m-%d}"), mapping=counted)
    totals = day_totals.read(store, day)
    assert {outcome: count for outcome, count in totals.visits.items() if count} == {
        VisitOutcome.FINISHED: 2,
        VisitOutcome.BLOCKED: 1,
    }
    assert (totals.cost, totals.requests, totals.bytes_read, totals.new_cases) == (3.5, 40, 1_000_000, 1)
