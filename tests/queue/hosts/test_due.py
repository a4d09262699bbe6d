"""Claims, fences and leases on a real server, against a model of them; what ends in the middle loses nothing."""

from __future__ import annotations

import math
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from orbweaver.queue.hosts import due
from orbweaver.queue.hosts.due import ASKED_SLACK, NEVER, HostClaim, Setting
from orbweaver.store import embedded, keys
from orbweaver.store.connection import Store

HOUR = 3600.0
NAMES = ("a.test", "b.test", "c.test:8080", "[2001:db8::1]")


def now_of(store: Store) -> float:
    return due.server_time(store).timestamp()


def put(store: Store, name: str, at: float, slack: float = 0.0, fence: int | None = None, wish: str = "") -> bool:
    setting = Setting(due=at, fields={"t": str(round(slack))}, wish=wish)
    return due.set_due(store, due.setting_script(store), name, setting, fence=fence)


def test_a_host_is_claimed_when_it_is_due_and_by_one_only(store: Store) -> None:
    now = now_of(store)
    put(store, "due.test", now - 1)
    put(store, "later.test", now + HOUR)
    put(store, "never.test", NEVER)
    assert [one.name for one in due.claim(store, 10)] == ["due.test"]
    assert due.claim(store, 10) == []
    assert due.counts(store) == (1, 0, 1, 1)


def test_the_most_urgent_goes_first_and_an_operators_wish_before_all(store: Store) -> None:
    now = now_of(store)
    put(store, "seldom.test", now - 60, slack=30 * 24 * HOUR)
    put(store, "often.test", now - 60, slack=HOUR)
    put(store, "long-overdue.test", now - 40 * 24 * HOUR, slack=30 * 24 * HOUR)
    put(store, "asked.test", now - 1, slack=ASKED_SLACK)
    order = ["asked.test", "long-overdue.test", "often.test", "seldom.test"]
    assert [due.claim(store, 1)[0].name for _ in order] == order


def test_without_budget_only_wishes_are_claimed(store: Store) -> None:
    now = now_of(store)
    put(store, "due.test", now - 60)
    put(store, "asked.test", now - 1, slack=ASKED_SLACK)
    assert [one.name for one in due.claim(store, 5, unasked=0)] == ["asked.test"]
    assert due.is_ready(store, "due.test")
    assert [one.name for one in due.claim(store, 5, unasked=1)] == ["due.test"]


def test_an_old_fence_writes_nothing(store: Store) -> None:
    put(store, "h.test", now_of(store) - 1)
    [first] = due.claim(store, 1, seconds=0)  # its lease is over at once
    [second] = due.claim(store, 1)
    assert second.fence > first.fence
    before = due.leases(store)
    assert not put(store, "h.test", NEVER, fence=first.fence)
    assert due.renew(store, [first]) == frozenset()
    assert not due.note_recrawl(store, first, "recrawl", "run")
    assert due.leases(store) == before
    assert due.note_recrawl(store, second, "recrawl", "run")
    assert [(one.recrawl_id, one.run_id, one.fence) for one in due.leases(store)] == [("recrawl", "run", second.fence)]
    assert put(store, "h.test", NEVER, fence=second.fence)
    assert due.counts(store) == (0, 0, 0, 1)


def test_a_fence_is_higher_than_all_before_though_the_store_has_lost_its_last_writes(store: Store) -> None:
    put(store, "h.test", now_of(store) - 1)
    [first] = due.claim(store, 1, seconds=0)
    store.delete(keys.last_fence(), keys.claims(), keys.leases())  # as after a fail-over
    put(store, "h.test", now_of(store) - 1)
    [second] = due.claim(store, 1)
    assert second.fence > first.fence


def test_a_lease_that_is_renewed_lasts(store: Store) -> None:
    put(store, "h.test", now_of(store) - 1)
    [held] = due.claim(store, 1, seconds=0)
    assert due.renew(store, [held], HOUR) == {"h.test"}
    assert due.claim(store, 1) == []


def test_an_operator_does_not_take_a_host_from_who_visits_it(store: Store) -> None:
    put(store, "h.test", now_of(store) - 1)
    [held] = due.claim(store, 1)
    put(store, "h.test", now_of(store) - 1)
    assert due.claim(store, 1) == []
    assert put(store, "h.test", NEVER, fence=held.fence)


def test_a_wish_that_comes_during_a_visit_is_kept(store: Store) -> None:
    now = round(now_of(store))
    put(store, "h.test", now - 5)
    [held] = due.claim(store, 1)
    due.set_due(store, due.setting_script(store), "h.test", Setting(due=now - 1, fields={"a": str(now - 1)}))
    assert put(store, "h.test", now + HOUR, fence=held.fence)  # it has seen no wish
    assert [one.name for one in due.claim(store, 1)] == ["h.test"]


def test_two_schedulers_at_once_never_have_the_same_host(store: Store) -> None:
    now = now_of(store)
    script = due.setting_script(store)
    with store.pipeline() as pipe:
        for number in range(400):
            due.set_due(pipe, script, f"h{number}.test", Setting(due=now - 1, fields={}))
        pipe.execute()
    claimed: list[HostClaim] = []

    def work() -> None:
        while some := due.claim(store, 7):
            claimed.extend(some)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len({one.name for one in claimed}) == len({one.fence for one in claimed}) == len(claimed) == 400


def test_a_store_that_restarts_in_the_middle_loses_no_host() -> None:
    with tempfile.TemporaryDirectory() as path:
        with embedded.running(Path(path)) as store:
            for name in NAMES:
                put(store, name, now_of(store) - 1)
            held = due.claim(store, 2, seconds=HOUR)
            pid = store.info("server")["process_id"]
        with embedded.running(Path(path)) as store:
            assert store.info("server")["process_id"] != pid
            assert due.counts(store) == (0, 2, 2, 0)
            assert put(store, held[0].name, NEVER, fence=held[0].fence)
            assert {one.name for one in due.claim(store, 9)} == set(NAMES) - {one.name for one in held}


@dataclass
class Model:
    """The promises of the scripts, in Python: each host in one of three places, and the token of each lease."""

    due: dict[str, float] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)
    leased: dict[str, tuple[float, int]] = field(default_factory=dict)
    slack: dict[str, float] = field(default_factory=dict)
    given_out: list[HostClaim] = field(default_factory=list)

    def claim(self, store: Store, most: int, unasked: int, seconds: float) -> None:
        claimed = due.claim(store, most, unasked=unasked, seconds=seconds)
        now = now_of(store)
        held = {(one.name, one.fence) for one in due.leases(store)}
        for name, (end, fence) in list(self.leased.items()):
            if end <= now and (name, fence) not in held:
                del self.leased[name]
                self.due[name] = end
        for name, at in list(self.due.items()):
            if at <= now:
                del self.due[name]
                self.ready[name] = at + self.slack[name]
        asked = sorted((deadline, name) for name, deadline in self.ready.items() if deadline < 0)[:most]
        rest = sorted((deadline, name) for name, deadline in self.ready.items() if deadline >= 0)
        wanted = [*asked, *rest[: max(0, min(most - len(asked), unasked))]]
        assert [one.name for one in claimed] == [name for _, name in wanted]
        last = max((one.fence for one in self.given_out), default=0)
        assert all(one.fence > last for one in claimed)
        for one in claimed:
            del self.ready[one.name]
            self.leased[one.name] = (float(store.zscore(keys.leases(), one.name)), one.fence)
        self.given_out += claimed

    def put(self, store: Store, name: str, at: float, slack: float, token: int | None) -> None:
        fence = None if token is None or not self.given_out else self.given_out[token % len(self.given_out)].fence
        is_held = name in self.leased
        written = put(store, name, at, slack, fence)
        assert written is (fence is None or (is_held and self.leased[name][1] == fence))
        if written:
            self.slack[name] = round(slack)
        if written and (fence is not None or not is_held):
            self.leased.pop(name, None)
            self.ready.pop(name, None)
            self.due[name] = at

    def renew(self, store: Store, token: int, seconds: float) -> None:
        if self.given_out:
            one = self.given_out[token % len(self.given_out)]
            is_held = one.name in self.leased and self.leased[one.name][1] == one.fence
            assert due.renew(store, [one], seconds) == ({one.name} if is_held else frozenset())
            if is_held:
                self.leased[one.name] = (float(store.zscore(keys.leases(), one.name)), one.fence)

    def check(self, store: Store) -> None:
        places = {key: dict(store.zrange(key, 0, -1, withscores=True)) for key in (keys.due(), keys.ready())}
        assert {name.decode(): score for name, score in places[keys.due()].items()} == pytest.approx(self.due, abs=0.01)
        found = {name.decode(): score for name, score in places[keys.ready()].items()}
        assert found == pytest.approx(self.ready, abs=0.01)
        assert {(one.name, one.fence) for one in due.leases(store)} == {
            (name, fence) for name, (_, fence) in self.leased.items()
        }


HOURS_AWAY = st.sampled_from((-900.0, -30.0, -2.0, -1.0, 1.0, 50.0, math.inf))
TOKENS = st.integers(0, 12)
SECONDS = st.sampled_from((0.0, HOUR))
OPERATIONS = st.one_of(
    st.tuples(st.just("claim"), st.integers(0, 4), st.integers(0, 4), SECONDS),
    st.tuples(
        st.just("put"),
        st.sampled_from(NAMES),
        HOURS_AWAY,
        st.sampled_from((0.0, HOUR, 800 * HOUR, ASKED_SLACK)),
        st.none() | TOKENS,
    ),
    st.tuples(st.just("renew"), TOKENS, SECONDS),
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(OPERATIONS, min_size=5, max_size=25))
def test_whatever_comes_in_whichever_order_each_host_is_in_one_place(
    store: Store, operations: list[tuple[object, ...]]
) -> None:
    store.flushall()
    model, began = Model(), now_of(store)
    for name in NAMES:
        model.put(store, name, began - 1, 0, None)
    act: dict[object, Callable[..., None]] = {"claim": model.claim, "put": model.put, "renew": model.renew}
    for kind, *values in operations:
        if kind == "put":
            values[1] = round(began + values[1] * HOUR, 3)  # type: ignore[operator]
        act[kind](store, *values)
        model.check(store)
