"""The first page says how everything stands in a few numbers, also of a store in which nothing was ever done."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import RUN, an_order
from console_site import Browser, an_account, serving
from host_fleet import add_host, add_worker, take_job
from orbweaver import settings
from orbweaver.crawler.containment.sandbox import LAYERS
from orbweaver.matcher_client.gate import service_health
from orbweaver.matcher_client.gate.service_health import ServiceHealth
from orbweaver.model import Role, now
from orbweaver.queue import queues
from orbweaver.queue.fleet.scheduler import Scheduler
from orbweaver.queue.fleet.shown import overview
from orbweaver.queue.hosts import counting, day_totals, due
from orbweaver.queue.hosts.changes import Operator
from orbweaver.queue.hosts.counting import HostCount, plan_of
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import in_force, recrawl_fence, recrawls
from orbweaver.store import keys
from orbweaver.store.connection import Store

PAYLOAD = "<script>alert(1)</script>"


def tiles(browser: Browser) -> dict[str, str]:
    page = browser.get("/")
    assert browser.status == 200
    found = {}
    for tile in page.css(".tile"):
        value = tile.css_first(".value")
        assert value is not None
        found[tile.text().partition(value.text())[0].strip()] = value.text(strip=True)
    return found


def test_an_empty_store_and_one_that_is_at_work_are_told(store: Store) -> None:
    loaded = settings.load()
    an_account(store, Role.OPERATOR)
    with serving(store) as url, Browser(url) as browser:
        browser.sign_in("anna")
        assert tiles(browser)["Due"] == "0"
        assert "Not known: no scheduler has counted the hosts yet" in browser.text
        for name in ("a.test", "b.test", "c.test", "d.test"):
            add_host(store, name, due_in=-60, last_visit=1e9)
        operator = Operator(store, plan_of(loaded))
        operator.pause("c.test", "asked")
        operator.retire("d.test")
        store.zrem(keys.due(), "a.test")
        store.zadd(keys.ready(), {"a.test": 1e9})  # as its scheduler does, with a deadline that is long over
        count = HostCount(plan_of(loaded), None)
        while not count.is_over:
            count.step(store, now())
        at = due.server_time(store)
        for ago, number in ((0, 3), (23, 4), (24, 50), (47, 6), (48, 700)):
            hour = at - timedelta(hours=ago)
            day = keys.visits_of_day(f"{hour:%Y-%m-%d}")
            store.hincrbyfloat(day, day_totals.of_hour(hour, "files"), number)
        for seconds in (60, 3_600, 90_000):
            store.zadd(keys.cases(), {f"case-{seconds}": at.timestamp() - seconds})
        health = ServiceHealth(service="hashlist:test", checked_at=now())
        service_health.write(store, health)
        service_health.write(store, health.model_copy(update={"service": "other"}).failed(PAYLOAD, now()))
        in_force.declare(store, loaded.model_copy(update={"sandbox": "on"}), tuple(QueueName))
        shown = tiles(browser)
    assert {name: shown[name] for name in ("Due", "Overdue", "Under way", "Paused")} == {
        "Due": "2",
        "Overdue": "1",
        "Under way": "0",
        "Paused": "1",
    }
    assert (shown["Files hashed"], shown["New matches"]) == ("7", "2")
    for words in ("1 retired, 0 expired", "the day before: 56", "the day before: 1 ", "unhealthy: <script>", "On."):
        assert words in browser.text
    assert shown["Until an upload is found, on average"]


def test_the_sandbox_of_recrawls_under_way_is_told_layer_by_layer(store: Store) -> None:
    add_worker(store, places=3)
    for name, layers in (("a.test", list(LAYERS)), ("b.test", list(LAYERS)[:-1])):
        recrawl_id = recrawls.create(store, RUN, an_order(name))
        queues.enqueue_recrawl(store, name, recrawl_id, 60)
        take_job(store, name)
        attempt = recrawls.begin(store, recrawl_id)
        assert attempt is not None
        write = recrawls.contained(recrawl_id, {"is_on": True, "layers": layers})
        recrawl_fence.write_under_fence(store, recrawl_id, attempt, [write])
    seen = overview.look(store, settings.load()).containment
    assert (seen.is_on, seen.told, seen.whole) == (None, 2, 1)


def test_the_exposure_is_written_by_the_count_of_all_hosts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEDULE_BUDGET", "10")
    for number in range(20):
        add_host(store, f"h{number}.test", due_in=3_600, last_visit=now().timestamp())
    Scheduler(store, settings.load()).tick()
    counted = counting.last_count(store)
    assert counted is not None
    assert counted.exposure is not None
    # Twenty hosts that are alike and ten visits a day: each is visited every second day.
    assert counted.exposure.mean_days == pytest.approx(1, rel=0.01)
    assert counted.exposure.p95_days == pytest.approx(1.9, rel=0.01)
