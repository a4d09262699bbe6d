"""The API tells of hosts, recrawls and the health of the fleet, and what a program may do with a host."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from api_site import Program, a_program
from builders import RUN, an_order
from console_site import serving
from orbweaver import settings
from orbweaver.console.web.accounts.account import Right
from orbweaver.matcher_client.gate import service_health
from orbweaver.matcher_client.gate.service_health import ServiceHealth
from orbweaver.model import Report, format_time, now
from orbweaver.queue.hosts import changes, counting, host_store
from orbweaver.queue.hosts.host_store import VisitRecord
from orbweaver.queue.records import recrawls
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.audit import audit_log


@pytest.fixture(scope="module")
def url(_server: Store) -> Iterator[str]:
    with serving(_server) as url:
        yield url


@pytest.fixture
def program(store: Store, url: str) -> Iterator[Program]:
    with a_program(store, url, *Right) as program:
        yield program


def enter(store: Store, *names: str) -> None:
    orders = [
        an_order(name).model_copy(update={"reports": (Report(url=f"http://{name}/", cookies="secret=1"),)})
        for name in names
    ]
    changes.enter_all(store, counting.plan_of(settings.load()), orders, is_now=False)


def test_hosts_come_by_page_and_by_filter(store: Store, program: Program) -> None:
    names = [f"h{number}.example" for number in range(5)] + ["other.test:8080"]
    enter(store, *names)
    assert [one["host"] for one in program.all_of("/hosts", limit=2)] == names
    assert [one["host"] for one in program.all_of("/hosts", match="*.EXAMPLE", limit=2)] == names[:5]
    program.send("/hosts/h3.example/pause", json={"reason": "asked by the police"})
    assert [one["host"] for one in program.all_of("/hosts", state="paused")] == ["h3.example"]
    assert program.ask("/hosts?state=expired")["items"] == []


def test_one_host_is_told_with_its_visits_and_without_its_cookies(store: Store, program: Program) -> None:
    enter(store, "other.test:8080")
    visit = VisitRecord(ended_at=now(), outcome="complete", pages=3)
    store.rpush(keys.host_visits("other.test:8080"), visit.model_dump_json())
    told = program.ask("/hosts/other.test:8080")
    assert (told["host"], told["state"], told["terms"]["kind"]) == ("other.test:8080", "ready", "host")
    assert [(one["url"], one["cookies"]) for one in told["reports"]] == [("http://other.test:8080/", None)]
    assert [one["pages"] for one in told["last_visits"]] == [3]
    audit_log.seal(store)
    noted = [one.entry for one in audit_log.entries(store)]  # the exact URLs of its reports were shown
    assert [(b'"api host"' in one, b"other.test:8080" in one) for one in noted] == [(True, True)]
    for path in ("/hosts/none.test", "/hosts/%00", "/hosts/a%2Fb", "/hosts/a%0Ab"):
        program.ask(path, 404)


def test_a_host_is_paused_resumed_and_visited_as_by_the_commands(store: Store, program: Program) -> None:
    enter(store, "h.test")
    paused = program.send("/hosts/h.test/pause", json={"reason": "under investigation"})
    assert (paused["state"], paused["terms"]["pause"]) == ("paused", "under investigation")
    assert "under investigation" in program.send("/hosts/h.test/visit", 409)["detail"]
    assert program.send("/hosts/h.test/resume")["state"] == "ready"
    later = format_time(now() + timedelta(hours=1))
    assert program.send("/hosts/h.test/visit", json={"at": later})["at"] == later
    assert program.send("/hosts/h.test/visit")["replaced"][:19] == later[:19]
    clock = host_store.read_clock(store, "h.test")
    assert clock.asked_at is not None
    for act, body in (("pause", {"reason": "x"}), ("resume", None), ("visit", None)):
        program.send(f"/hosts/none.test/{act}", 404, json=body)
    program.send("/hosts/h.test/pause", 422, json={"reason": " "})
    program.send("/hosts/h.test/visit", 422, json={"at": "soon"})


def test_a_recrawl_is_told_while_it_is_kept(store: Store, program: Program) -> None:
    recrawl_id = recrawls.create(store, RUN, an_order())
    told = program.ask(f"/recrawls/{recrawl_id}")
    assert (told["host"], told["state"], told["reports"]) == ("h.test", "queued", 1)
    program.ask("/recrawls/none", 404)
    assert program.ask("/recrawls")["items"] == []


def test_health_names_what_is_not_well(store: Store, program: Program) -> None:
    service_health.write(store, ServiceHealth(service="hashlist:a", checked_at=now(), entries=3))
    failed = ServiceHealth(service="hashlist:b", checked_at=now()).failed("does not answer", now())
    service_health.write(store, failed)
    told = program.ask("/health")
    assert (told["is_well"], told["workers"]) == (False, 0)
    assert "no scheduler" in told["no_scheduler"]
    assert {one["service"]: one["reason"] for one in told["matching_services"]} == {
        "hashlist:a": None,
        "hashlist:b": "does not answer",
    }
