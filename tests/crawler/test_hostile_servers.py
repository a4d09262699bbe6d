"""Each hostile act against a contained recrawl: the outcome, the time, the memory, and the honest file after it."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from pathlib import Path

import contained
import pytest
from hostile import trial
from hostile.act import ACTS, PAGE
from hostile.expectations import EXPECTED
from hostile.trial import Trial
from hostile_server import MANY_FILES, HostileServer
from orbweaver.crawler.errors import CrawlError
from orbweaver.model import Limits, Outcome, ScopeKind


@pytest.fixture(scope="module")
def trials(request: pytest.FixtureRequest) -> Mapping[str, Trial]:
    """The trials of the rows that were selected, several at once."""
    selected = {
        item.callspec.params["name"]  # type: ignore[attr-defined]
        for item in request.session.items
        if item.name.startswith(test_a_hostile_server_does_no_harm.__name__)
    }
    names = {name: EXPECTED[name].terms for name in ACTS if name in selected}
    found = trial.attempt_all(names, lambda one: EXPECTED[one.name].objections(one))
    return {one.name: one for one in found}


def test_every_act_has_a_row() -> None:
    assert set(EXPECTED) == set(ACTS)
    assert len(ACTS) >= 45


@pytest.mark.parametrize("name", EXPECTED)
def test_a_hostile_server_does_no_harm(trials: Mapping[str, Trial], name: str) -> None:
    assert EXPECTED[name].objections(trials[name]) == []


@pytest.mark.parametrize("kind", [ScopeKind.HOST, ScopeKind.SITE])
@pytest.mark.parametrize("connections", [1, 2, 8])
def test_a_host_sees_no_more_connections_than_it_may(kind: ScopeKind, connections: int) -> None:
    """Counted at the server, for files and pages together, with connections that are kept."""
    with HostileServer("connection_counter") as server:
        crawled = contained.crawl(server.url, server.url + PAGE[1:], kind=kind, host_connections=connections)
    assert len(crawled.sightings) == MANY_FILES
    assert crawled.tally.pages == MANY_FILES + 2
    assert server.max_connections_seen == connections
    assert server.connections_seen == connections, "connections were not kept"


def recrawl_with_little_memory(order: contained.Order, spare_bytes: int) -> contained.Crawled:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + spare_bytes, used + spare_bytes))
    return trial.recrawl_here(order).crawled


@pytest.mark.parametrize("name", ["endless_page", "vast_page"])
def test_a_url_for_which_there_is_not_enough_memory_is_a_failure_and_the_next_one_is_checked(name: str) -> None:
    unlimited = {"html_bytes": 2**30, "file_bytes": 2**30}
    with HostileServer(name) as server:
        order = contained.order(server.url + PAGE[1:], server.url + "after", **{**trial.PATIENT, **unlimited})
        crawled = contained.run(recrawl_with_little_memory, order, 150 * 2**20)
        skip = crawled.skip_of(server.url + PAGE[1:])
        assert crawled.urls == [server.url + "honest.bin"]
    assert skip.outcome is Outcome.OUT_OF_MEMORY
    assert skip.is_failure
    assert "memory" in skip.reason
    assert crawled.tally.failures == 1


@pytest.mark.parametrize("megabytes", [1, 4, 8, 12, 16])  # with 24 it runs out after some seconds, with 48 never
def test_nothing_is_called_checked_when_memory_runs_out_anywhere(megabytes: int) -> None:
    """Where nothing at all can be allocated any more Python aborts, or waits for what never comes until it is killed.

    A dead crawl process is a failed recrawl.
    """
    with HostileServer("link_flood") as server:
        reported = [server.url + PAGE[1:], server.url + "after"]
        order = contained.order(*reported, limits=Limits(max_pages=5, max_seconds=1), **trial.SETTINGS)
        try:
            child = contained.start(recrawl_with_little_memory, order, megabytes * 2**20)
            crawled = child.wait(15)
        except (MemoryError, CrawlError, OSError, RuntimeError):
            return
        except contained.Died:
            return
    failed = {one.url for one in crawled.skips if one.is_failure}
    for url in reported:
        assert url.removeprefix(server.url[:-1]) in server.requests or url in failed or crawled.stopped_by
