"""Which re-checks are started, by whom and how often; none is lost with its worker, and none is judged twice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from builders import NOON
from host_fleet import add_host, add_worker
from orbweaver.model import (
    CaseState,
)
from orbweaver.queue import queues
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import recrawls
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.queue.recrawling import RecrawlUnderWay
from orbweaver.queue.removal import starting, under_way
from orbweaver.queue.removal.starting import NotChecked
from orbweaver.store import keys
from orbweaver.takedown.removal import recheck_times
from recheck_watch import (
    HOUR,
    MINUTES,
    PATH,
    SETTINGS,
    TurningHost,
    Watch,
)


def test_a_recheck_whose_worker_is_killed_loses_no_check_and_removes_nothing(watch: Watch) -> None:
    with TurningHost({}) as host:
        case_id = watch.open_case(f"{host.url[:-1]}{PATH}")
        watch.at += 4 * HOUR
        [recrawl_id] = watch.look().started.started.values()
        begun = RecrawlUnderWay.begin(watch.store, recrawl_id, SETTINGS)  # and its worker is killed
        assert begun is not None
        begun.close()
        assert watch.look().judged.under_way == 1
        watch.drop_jobs()  # after its last try
        watch.at += MINUTES
        watch.look()
        case = watch.case(case_id)

    assert case.removal is not None
    assert (case.removal.rule, case.state) == ("unknown.not-asked", CaseState.OPEN)
    assert watch.due_in(case_id) == 4 * HOUR
    assert under_way.read_all(watch.store) == []


def test_a_recheck_that_never_got_its_job_gets_it_from_the_next_look(watch: Watch) -> None:
    watch.open_case(f"http://h.test{PATH}")
    watch.at += 4 * HOUR
    [recrawl_id] = watch.look().started.started.values()
    watch.drop_jobs()
    watch.look()

    queue = queues.queue_for(watch.store, QueueName.RECRAWL)
    assert [queue.fetch_job(one).args for one in queue.get_job_ids()] == [[recrawl_id]]


def test_two_that_judge_the_same_recheck_judge_it_once(watch: Watch) -> None:
    watch.open_case(f"http://h.test{PATH}")
    watch.at += 4 * HOUR
    [recrawl_id] = watch.look().started.started.values()
    watch.drop_jobs()
    recrawls.end(watch.store, recrawl_id, RecrawlState.FAILED, reason="a bug")
    first, second = watch.look(), watch.look()

    assert (len(first.judged.changes), len(second.judged.changes)) == (1, 0)


def test_a_host_has_one_recheck_at_a_time_and_a_claim_that_is_lost_comes_back(watch: Watch) -> None:
    case_id = watch.open_case(f"http://h.test{PATH}")
    watch.at += 4 * HOUR
    assert len(watch.look().started.started) == 1
    watch.store.zadd(keys.recheck_cases("h.test"), {case_id: watch.at.timestamp()})
    watch.store.zadd(keys.recheck_hosts(), {"h.test": watch.at.timestamp()})
    assert watch.look().started == starting.Started()

    watch.store.flushall()
    add_worker(watch.store)
    watch.open_case(f"http://h.test{PATH}")
    watch.at += 4 * HOUR
    [claimed] = recheck_times.claim(watch.store, watch.at, 5, 4 * HOUR)  # and its process is killed
    assert claimed.host == "h.test"
    assert recheck_times.claim(watch.store, watch.at, 5, 4 * HOUR) == []
    watch.at += recheck_times.LEASE
    assert recheck_times.claim(watch.store, watch.at, 5, 4 * HOUR) == [claimed]


def test_a_clock_that_was_set_back_leaves_no_case_unwatched(watch: Watch) -> None:
    """Schedulers stood still until the wrong time came (quartz 270, schedule 323)."""
    first, second = (watch.open_case(f"http://{host}{PATH}") for host in ("h.test", "g.test"))
    right = watch.at
    watch.at += timedelta(days=365)
    for case_id, host in ((first, "h.test"), (second, "g.test")):
        watch.store.zadd(keys.recheck_cases(host), {case_id: watch.at.timestamp()})
        watch.store.zadd(keys.recheck_hosts(), {host: watch.at.timestamp()})
    watch.at = right
    claimed = recheck_times.claim(watch.store, watch.at, 5, 4 * HOUR)
    assert {one.host: one.case_ids for one in claimed} == {"h.test": (first,), "g.test": (second,)}
    # What is due at the end of a probation stays so.
    watch.store.zadd(keys.recheck_cases("h.test"), {first: (right + timedelta(days=42)).timestamp()})
    watch.store.zadd(keys.recheck_hosts(), {"h.test": (right + timedelta(days=42)).timestamp()})
    assert recheck_times.claim(watch.store, watch.at, 5, 4 * HOUR) == []


@pytest.mark.parametrize(
    ("fields", "rule", "again"),
    [
        ({"pause": "asked by the police"}, "unknown.not-asked", 4 * HOUR),
        ({"retired_at": NOON}, "unknown.not-asked", 4 * HOUR),
        ({"expires_in": -1}, "unknown.not-asked", 4 * HOUR),
        ({"quiet_hours": "15:00-18:00 UTC"}, None, 2 * HOUR),
    ],
)
def test_a_host_that_may_not_be_asked_is_not(
    watch: Watch, fields: Mapping[str, Any], rule: str | None, again: timedelta
) -> None:
    given = {key: value for key, value in fields.items() if key != "expires_in"}
    if "expires_in" in fields:
        given["expires_at"] = NOON
    add_host(watch.store, **given)
    case_id = watch.open_case(f"http://h.test{PATH}")
    watch.at += 4 * HOUR
    done = watch.look()

    assert done.started.started == {}
    assert done.started.given_back == {"h.test": NotChecked.QUIET if rule is None else NotChecked.REFUSED}
    removal = watch.case(case_id).removal
    assert (None if removal is None else removal.rule) == rule
    assert watch.due_in(case_id) == again


def test_a_host_with_another_recrawl_job_and_a_fleet_without_room_wait(watch: Watch) -> None:
    case_id = watch.open_case(f"http://h.test{PATH}")
    watch.at += 4 * HOUR
    queues.enqueue_recrawl(watch.store, "h.test", "another", 60)
    assert watch.look().started.given_back == {"h.test": NotChecked.BUSY}
    assert watch.due_in(case_id) == starting.BUSY_AGAIN

    watch.at += HOUR
    watch.drop_jobs()
    watch.store.delete("rq:workers:recrawl")
    assert watch.look().started == starting.Started()


def test_a_case_that_cannot_be_read_holds_up_no_other_host(watch: Watch) -> None:
    bad, good = watch.open_case("http://bad.test/a.png"), watch.open_case("http://h.test/a.png")
    watch.look()  # enters them
    watch.at += 4 * HOUR
    json_of_bad = watch.store.hget(keys.case(bad), "json")
    watch.store.hset(keys.case(bad), "json", "{}")
    done = watch.look().started
    assert done.started.keys() == {"h.test"}
    assert done.given_back == {"bad.test": NotChecked.UNREADABLE}

    # And one that cannot be read any more when its re-check is over.
    recrawls.end(watch.store, done.started["h.test"], RecrawlState.FAILED, reason="a bug")
    json_of_good = watch.store.hget(keys.case(good), "json")
    watch.store.hset(keys.case(good), "json", "{}")
    watch.drop_jobs()
    assert watch.look().judged.changes == []
    assert under_way.read_all(watch.store) == []

    for case_id, stored in ((bad, json_of_bad), (good, json_of_good)):
        watch.store.hset(keys.case(case_id), "json", stored)
    watch.at += recheck_times.LEASE
    assert watch.look().started.started.keys() == {"bad.test", "h.test"}


def test_cases_of_an_earlier_release_are_entered_once(watch: Watch) -> None:
    case_id = watch.open_case(f"http://h.test{PATH}")
    watch.store.delete(keys.recheck_hosts(), keys.recheck_cases("h.test"))
    watch.store.delete("rq:workers:recrawl")
    watch.look()
    assert watch.due_in(case_id) == timedelta(0)
    watch.look()
    assert watch.store.get(keys.rechecks_entered()) == b"all"
