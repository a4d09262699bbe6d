"""The page of the fleet tells who works on what, and what failed and why; a reason from elsewhere is only text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from builders import RUN, an_order, transaction
from console_site import Browser, an_account, serving
from host_fleet import add_worker, park_job, take_job
from orbweaver.model import Role
from orbweaver.queue import queues
from orbweaver.queue.fleet.shown import failures, job_list
from orbweaver.queue.fleet.shown.job_list import JobState
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import recrawls
from orbweaver.store.connection import Store
from orbweaver.takedown.audit import audit_log
from orbweaver.takedown.delivery import lanes, sink_states

PAYLOAD = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
SINK = "stream+redis://engine.example/events"


@pytest.fixture
def browser(store: Store) -> Iterator[Browser]:
    an_account(store, Role.OPERATOR)
    with serving(store) as url, Browser(url) as browser:
        browser.sign_in("anna")
        yield browser


def enqueue(store: Store, name: str) -> None:
    queues.enqueue_recrawl(store, name, recrawls.create(store, RUN, an_order(name)), 60)


def fail(store: Store, event_id: str, reason: str, *, is_parked: bool) -> None:
    failing = lanes.Failing(tries=7, since=1.7e9, at=1.8e9, reason=reason, is_parked=is_parked)
    with transaction(store) as pipe:
        lanes.note_failure(pipe, SINK, event_id, failing, lanes.NEVER if is_parked else 4e9)


def test_workers_jobs_and_failures_by_reason_are_shown(store: Store, browser: Browser) -> None:
    for number in range(4):
        enqueue(store, f"h{number}.test")
    add_worker(store, places=3)
    store.hset("rq:worker:worker", "hostname", PAYLOAD)
    take_job(store, "h0.test")
    recrawls.begin(store, str(queues.queue_for(store, QueueName.RECRAWL).fetch_job("recrawl-h0_2e_test").args[0]))  # type: ignore[union-attr]
    for number in (1, 2):
        park_job(store, f"h{number}.test", f"ValueError: it died at http://h.test/ {PAYLOAD}")
    page = browser.get("/fleet")
    assert browser.status == 200
    assert not page.css("script, img, [onerror]")
    assert [one.attributes["href"] for one in page.css('a[href^="/host?"]')] == ["/host?name=h0.test"]
    for words in ("working", "hxxp://h[.]test/", "a worker ends its recrawl as failed", "no scheduler"):
        assert words in browser.text
    [group] = failures.look(store).jobs
    assert (group.count, group.is_ours, failures.look(store, most=1).are_all) == (2, True, False)
    jobs = [[cell.text(strip=True) for cell in row.css("td, th")] for row in page.css("table")[1].css("tbody tr")]
    assert ["recrawl", "1", "0", "1", "0", "2"] in jobs


def test_parked_deliveries_are_grouped_and_tried_again(store: Store, browser: Browser) -> None:
    sink_states.note_sinks(store, [SINK], 1)
    for number in range(3):
        fail(store, f"event-{number}", f"it said {PAYLOAD}", is_parked=True)
    fail(store, "event-9", "no answer", is_parked=False)
    assert [(one.count, one.is_parked) for one in failures.look(store).deliveries] == [(3, True), (1, False)]
    page = browser.get("/fleet")
    assert not page.css("script, img, [onerror]")
    browser.send("/fleet/deliveries/retry")
    assert "4 deliveries are tried now." in browser.text
    assert failures.look(store).deliveries == ()
    assert store.zcount(lanes.waiting_key(SINK), "-inf", 4e9) == 4
    page = browser.get("/fleet?done=" + PAYLOAD + "&number=3")
    assert not page.css("script, img, .done")
    token = str(page.css_first('input[name="form_token"]').attributes["value"])  # type: ignore[union-attr]
    answer = browser.session.post(
        browser.url + "/fleet/deliveries/retry", data={"sink": "jsonl:/elsewhere", "form_token": token}, timeout=60
    )
    assert answer.status_code == 404
    audit_log.seal(store)
    said = [entry.entry for entry in audit_log.entries(store) if b"/fleet/deliveries/retry" in entry.entry]
    assert [SINK.encode() in one for one in said] == [True]


def test_parked_jobs_of_nobody_are_removed_after_their_number_was_shown_and_no_others(
    store: Store, browser: Browser
) -> None:
    enqueue(store, "h.test")
    park_job(store, "h.test", "ValueError: it broke")
    registry = queues.queue_for(store, QueueName.RECRAWL).failed_job_registry.key
    for job_id in ("planted", "later"):
        store.hset(queues.job_key(job_id), mapping={"status": "failed", "data": b"[1]", "origin": "recrawl"})
    store.zadd(registry, {"planted": 4e9})
    browser.get("/fleet")
    assert "Nothing: none of ours." in browser.text
    browser.get("/fleet/jobs/discard")
    assert "1 parked job is none that Orbweaver enqueued" in browser.text
    store.zadd(registry, {"later": 4e9})
    browser.send("/fleet/jobs/discard")
    assert "1 job was removed." in browser.text
    left = [one.job_id for one in job_list.jobs(store, list(QueueName), [JobState.FAILED])]
    assert sorted(left) == ["later", "recrawl-h_2e_test"]
