"""The recrawls under way are shown once by a page, and again and again to a browser that can take it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from builders import RUN, an_order
from console_site import Browser, an_account, serving
from host_fleet import add_worker, take_job
from orbweaver.console.web.pages.fleet import recrawls as page_of_recrawls
from orbweaver.model import Role, Tally, WaitsFor
from orbweaver.queue import queues
from orbweaver.queue.records import recrawl_fence, recrawls
from orbweaver.queue.records.recrawl_fence import Attempt
from orbweaver.store.connection import Store


@pytest.fixture
def recrawl(store: Store) -> tuple[str, Attempt]:
    add_worker(store, places=3)
    recrawl_id = recrawls.create(store, RUN, an_order("h.test"))
    queues.enqueue_recrawl(store, "h.test", recrawl_id, 60)
    take_job(store)
    attempt = recrawls.begin(store, recrawl_id)
    assert attempt is not None
    return recrawl_id, attempt


@pytest.fixture
def browser(store: Store) -> Iterator[Browser]:
    an_account(store, Role.ANALYST)
    with serving(store) as url, Browser(url) as browser:
        browser.sign_in("anna")
        yield browser


def test_recrawls_are_shown_by_a_page_and_by_events_until_the_session_ends(
    store: Store, browser: Browser, recrawl: tuple[str, Attempt], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_of_recrawls, "LOOK_SECONDS", 0.01)
    recrawl_id, attempt = recrawl
    tally = Tally(pages=12, files=34, bytes_read=5_000_000, queued=56, failures=7, waits_for=WaitsFor.CRAWL_DELAY)
    write = recrawls.found(store, recrawl_id, RUN, (), (), tally)
    recrawl_fence.write_under_fence(store, recrawl_id, attempt, [write])
    page = browser.get("/recrawls")
    cells = [one.text(strip=True) for one in page.css("tbody td")]
    assert cells[:3] == ["12", "34", "5.0 MB"]
    assert cells[5:8] == ["56", "7", "crawl-delay"]
    assert [one.attributes["src"] for one in page.css("script")] == ["/static/live_recrawls.js"]
    assert not page.css('a[href="/recrawls/new"]')
    with monkeypatch.context() as patch:
        patch.setattr(page_of_recrawls, "MOST_WATCHING", 0)
        many = browser.session.get(browser.url + "/recrawls/live", timeout=60).text
        assert ("event: over" in many, "event: table" in many) == (True, False)
    with browser.session.get(browser.url + "/recrawls/live", stream=True, timeout=60) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        lines = stream.iter_lines(chunk_size=1)
        seen = next(line for line in lines if b"crawl-delay" in line)
        assert seen.startswith(b"data: ")
        for key in store.keys("orbweaver:session:*"):
            store.delete(key)
        assert b"event: over" in lines
