"""Retention on a real store: what is due changes and nothing else does, and what was interrupted is completed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from builders import NOON, STAMP, transaction, url_of
from old_cases import DAY, LATER, LIMITS, PERSON, TO_CLOSED, TO_WITHDRAWN, add, faults, run, secrets_in
from orbweaver.model import EventType
from orbweaver.settings import Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.audit import audit_log, records
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.changes import PROGRAM, Stamp, change_by_event
from orbweaver.takedown.delivery import redelivery
from orbweaver.takedown.removal import returns, siblings
from orbweaver.takedown.removal.returns import ReturnKind
from orbweaver.takedown.retention import pseudonym_keys, pseudonymising, rounds
from orbweaver.takedown.retention.pseudonymising import WhyLeft
from orbweaver.takedown.statistics import reading
from orbweaver.takedown.statistics.grouping import GroupedBy, grouped
from orbweaver.takedown.statistics.summary import summarise
from redis import Redis
from redis.client import Pipeline


def everything(store: Store) -> dict[str, Any]:
    """All that the store has, by key, but for the audit log."""
    found: dict[str, Any] = {}
    for key in map(text, store.scan_iter("orbweaver:*")):
        if ":audit:" in key or key in {keys.retention(), keys.pseudonym_keys()}:
            continue
        kind = text(store.type(key))
        reads: dict[str, Callable[[], Any]] = {
            "hash": lambda key=key: store.hgetall(key),
            "list": lambda key=key: store.lrange(key, 0, -1),
            "zset": lambda key=key: store.zrange(key, 0, -1, withscores=True),
            "set": lambda key=key: store.smembers(key),
            "string": lambda key=key: store.get(key),
        }
        found[key] = reads[kind]()
    return found


def test_what_is_due_is_pseudonymised_and_nothing_else_changes(store: Store) -> None:
    due = [add(store, 1, *TO_CLOSED), add(store, 2, *TO_WITHDRAWN)]
    waiting = add(store, 3, *TO_CLOSED, body=b"parked")
    kept = [
        add(store, 4),
        add(store, 5, EventType.REMOVED),
        add(store, 6, EventType.CORRECTED),
        add(store, 7, *TO_CLOSED, days=790),
    ]
    store.hset(keys.undelivered(), text(store.lindex(keys.case_events(waiting), 1)), "run-1")
    assert faults(store) == []
    before = everything(store)
    done = run(store)
    after = everything(store)
    assert done.counts["cases"] == 2
    assert done.counts[WhyLeft.WAITS_FOR_DELIVERY] == 1
    assert [secrets_in(store, case_id) for case_id in due] == [set(), set()]
    assert all(len(secrets_in(store, case_id)) > 1 for case_id in (*kept, waiting))
    changed = {key for key in before | after if before.get(key) != after.get(key)}
    events = {keys.event(text(one)) for case_id in due for one in store.lrange(keys.case_events(case_id), 0, -1)}
    hosts = {key for key in changed if key.startswith(keys.case_shelf("host/"))}
    assert all(key.endswith((".invalid", "secret-host.test", "203.0.113.77")) for key in hosts)
    assert changed - hosts == {*map(keys.case, due), *events, keys.case_files(), keys.case_texts()}
    assert store.zcard(keys.case_files()) == store.zcard(keys.cases())
    assert faults(store) == []
    assert run(store).counts["cases"] == 0
    assert everything(store) == after
    case = case_store.record_of(store, due[0])
    assert case is not None
    assert case.case.pseudonymised is not None
    assert case.case.pseudonymised.reason == "closed, and its last event was on 2026-03-01: CASE_RETENTION is 730 days"


def test_statistics_and_siblings_are_as_before(store: Store) -> None:
    for number in range(12):
        add(store, number, *(TO_CLOSED if number % 3 else TO_WITHDRAWN), host=f"secret-{number % 4}.test")
    returned = add(store, 20, EventType.REMOVED, EventType.REOPENED, *TO_CLOSED, host="secret-0.test", body=b"other")

    def tables() -> dict[str, Any]:
        found = list(reading.read_clocks(store))
        made: dict[str, Any] = {"all": summarise(found)}
        for by in GroupedBy:
            groups = {name: summarise(cases) for name, cases in grouped(found, by).items()}
            made[by] = groups if by is not GroupedBy.HOST else sorted(map(repr, groups.values()))
        return made

    def related() -> list[tuple[int, int, int]]:
        cases = list(case_store.all_cases(store))
        found = [siblings.of_case(store, case) for case in sorted(cases, key=lambda one: str(one.case_id))]
        return [(one.count, len(one.same_host), len(one.hosts)) for one in found]

    before, linked = tables(), related()
    assert run(store).counts["cases"] == 13
    assert (tables(), related()) == (before, linked)
    record = case_store.record_of(store, returned)
    assert record is not None
    assert returns.counts(store, ReturnKind.HOST, [record.case.host, "secret-0.test"]) == [1, 0]
    assert returns.counts(store, ReturnKind.DIGEST, [record.case.sha256]) == [1]
    assert store.hlen(keys.returns(ReturnKind.HOST)) == store.hlen(keys.returns(ReturnKind.DIGEST)) == 1


class Interrupted(Redis):
    """A store whose client ends at its n-th command; a transaction is one."""

    left = 0

    def step(self) -> None:
        type(self).left -= 1
        if type(self).left < 0:
            raise KeyboardInterrupt

    def execute_command(self, *arguments: Any, **options: Any) -> Any:
        self.step()
        return super().execute_command(*arguments, **options)

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:
        pipe = super().pipeline(transaction, shard_hint)
        run_it, at_once = pipe.execute, pipe.immediate_execute_command

        def execute(*arguments: Any, **options: Any) -> Any:
            self.step()
            return run_it(*arguments, **options)

        def immediately(*arguments: Any, **options: Any) -> Any:
            self.step()
            return at_once(*arguments, **options)

        pipe.execute = execute
        pipe.immediate_execute_command = immediately
        return pipe


def test_an_end_after_any_command_leaves_what_the_next_round_completes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pseudonymising, "EVENTS_AT_ONCE", 2)
    case_id = add(store, 1, EventType.REMOVED, EventType.REOPENED, *TO_CLOSED)
    for number in range(2):
        with transaction(store) as pipe:
            audit_log.note(pipe, records.of_access(PERSON, NOON, "cases show", [f"case {number}"]))
    add(store, 2)
    audit_log.seal(store)
    ends = 0
    with contextlib.closing(Interrupted.from_url(url_of(store))) as client:
        while True:
            Interrupted.left = ends
            ends += 1
            try:
                rounds.run(client, LIMITS, LATER, PERSON)
            except KeyboardInterrupt:
                Interrupted.left = 1_000
                client.connection_pool.disconnect()
                assert faults(store) == []
                continue
            break
    assert ends >= 15
    assert secrets_in(store, case_id) == set()
    assert store.zcard(keys.case_files()) == 2
    assert faults(store) == []
    assert sum(b'"access"' in entry for _, entry in audit_log.entries(store)) == 0


def test_the_upkeep_does_a_step_at_a_look_and_a_round_a_day(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "CASES_AT_ONCE", 2)
    due = [add(store, number, *TO_CLOSED) for number in range(3)]
    left = []
    for _ in range(6):
        rounds.look(store, Settings(), LATER)
        left.append(sum(bool(secrets_in(store, case_id)) for case_id in due))
    assert left == [1, 0, 0, 0, 0, 0]
    add(store, 9, *TO_CLOSED, body=b"later")
    rounds.look(store, Settings(), LATER + DAY - timedelta(seconds=1))
    late = [one for one in case_store.all_cases(store) if one.pseudonymised is None]
    assert len(late) == 1
    for _ in range(2):
        rounds.look(store, Settings(), LATER + DAY)
    assert [one for one in case_store.all_cases(store) if one.pseudonymised is None] == []


def test_a_round_that_is_very_late_waits_a_day_because_the_clock_may_be_wrong(store: Store) -> None:
    case_id = add(store, 1, *TO_CLOSED)
    rounds.look(store, Settings(), NOON)
    rounds.look(store, Settings(), NOON)
    for at in (LATER, LATER, NOON + DAY):  # a clock that was wrong for a moment
        for _ in range(2):
            rounds.look(store, Settings(), at)
        assert secrets_in(store, case_id)
    for at in (LATER, LATER + DAY):
        assert secrets_in(store, case_id)
        for _ in range(2):
            rounds.look(store, Settings(), at)
    assert not secrets_in(store, case_id)


def test_the_key_of_a_year_is_thrown_away_when_nothing_of_it_is_left(store: Store) -> None:
    add(store, 1, *TO_CLOSED)
    open_case = add(store, 2)
    run(store)
    assert pseudonym_keys.years(store) == [2026]
    record = case_store.record_of(store, open_case)
    assert record is not None
    for kind in TO_CLOSED:
        change = change_by_event(record, kind, Stamp(STAMP.source, NOON + 2 * DAY), actor=PROGRAM)
        record = change.after
        with transaction(store) as pipe:
            case_store.write(pipe, change)
    assert run(store).counts["cases"] == 1
    assert pseudonym_keys.years(store) == []


def test_a_pseudonymised_event_is_never_sent_again(store: Store) -> None:
    case_id = add(store, 1, *TO_CLOSED)
    assert redelivery.send_again(store, "jsonl:/x", case_id, is_all=True) == 3
    for event_id in store.hkeys(keys.undelivered()):
        store.hdel(keys.undelivered(), event_id)
    run(store)
    assert redelivery.send_again(store, "jsonl:/x", case_id, is_all=True) == 0
    assert list(redelivery.cases_with_missing(store, "jsonl:/x")) == []


def test_an_unreadable_case_is_left_and_holds_up_nothing(store: Store) -> None:
    broken, sound = add(store, 1, *TO_CLOSED), add(store, 2, *TO_CLOSED)
    store.hset(keys.event(text(store.lindex(keys.case_events(broken), 1))), "json", "{}")
    done = run(store)
    assert (done.counts[WhyLeft.UNREADABLE], done.counts["cases"]) == (1, 1)
    assert secrets_in(store, sound) == set()


def test_a_case_with_many_events_takes_several_steps_and_each_is_bounded(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pseudonymising, "EVENTS_AT_ONCE", 4)
    monkeypatch.setattr(pseudonymising, "MOST_EVENTS", 8)
    case_id = add(store, 1, *TO_CLOSED, reminders=20)
    other = add(store, 2, *TO_CLOSED)
    current = rounds.RetentionRound(LATER)
    done = []
    while current.step == rounds.CASES:
        current = rounds.next_step(store, current, LIMITS, LATER, PERSON)
        done.append((current.counts["events"], current.place))
    assert done == [(8, 0), (16, 0), (26, 2), (26, 0)]
    assert current.counts["cases"] == 2
    assert secrets_in(store, case_id) | secrets_in(store, other) == set()
    assert store.xlen(keys.audit_waiting()) == 23 + 3 + 6 + 1, "a record for each transaction"
    assert faults(store) == []
