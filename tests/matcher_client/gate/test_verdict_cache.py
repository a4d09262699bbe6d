"""The cache tells lists apart, also at a service whose answers depend on the options of its URL, and is not read when
answers must be new. The gate's own tests (test_health_gate.py) show when a kept verdict counts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from builders import digests_of
from orbweaver.matcher_client.gate import service_health
from orbweaver.matcher_client.gate.health_gate import GatedService
from orbweaver.matcher_client.gate.health_rules import HealthRules
from orbweaver.matcher_client.gate.verdict_cache import VerdictCache
from orbweaver.matcher_client.open_service import open_service
from orbweaver.model import VerdictResult
from orbweaver.store.connection import Store
from stand_ins import hma

LISTED, CANARY = digests_of(b"listed"), digests_of(b"canary")
LONG_LOADED = 1_700_000_000


@pytest.fixture
def server() -> Iterator[hma.HmaServer]:
    """The file is in one bank, the canary in both; the index is old enough to be loaded everywhere."""
    with hma.serving() as server:
        server.state.now = lambda: LONG_LOADED
        server.state.banks["OTHER_BANK"] = 1.0
        server.state.add("sha256", CANARY.sha256)
        server.state.add("sha256", CANARY.sha256, "OTHER_BANK")
        yield server


def ask(store: Store, server: hma.HmaServer, options: str = "", *, is_anew: bool = False) -> VerdictResult:
    """Check HMA and ask it about the file, as a worker does that was started with this address."""
    url = f"hma+http://127.0.0.1:{server.port}?sha256=sha256&canary=sha256:{CANARY.sha256}{options}"
    gated = GatedService(open_service(url), store, HealthRules(), VerdictCache(store, timedelta(hours=1)))
    try:
        before, after = gated.check()
        service_health.renew(store, before, after)
        [answer] = gated.ask([LISTED], is_anew=is_anew).answers
    finally:
        gated.close()
    return answer.verdict.result


def test_what_one_bank_does_not_list_is_not_taken_for_the_answer_of_another(
    store: Store, server: hma.HmaServer
) -> None:
    server.state.add("sha256", LISTED.sha256)
    assert ask(store, server, "&banks=OTHER_BANK") == "no_match"
    assert ask(store, server, f"&banks={hma.BANK}") == "match"
    assert ask(store, server) == "match"
    assert ask(store, server, "&banks=OTHER_BANK") == "no_match"


def test_who_asks_anew_gets_nothing_from_the_cache_and_leaves_the_new_answer_there(
    store: Store, server: hma.HmaServer
) -> None:
    content = server.state.contents[server.state.add("sha256", LISTED.sha256)]
    content.is_enabled = False
    assert ask(store, server) == "no_match"
    content.is_enabled = True  # which no list version shows
    assert ask(store, server) == "no_match"
    assert ask(store, server, is_anew=True) == "match"
    assert ask(store, server) == "match"
