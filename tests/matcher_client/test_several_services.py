"""MATCHER_URL opens several services together."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import build_list, digests_of
from orbweaver.matcher_client.errors import UnknownService
from orbweaver.matcher_client.several_services import open_gated, open_services
from orbweaver.queue.matching import asking
from orbweaver.settings import Settings
from orbweaver.store.connection import Store


def test_no_service_or_one_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownService, match="no matching service: set MATCHER_URL"):
        open_services([])
    with pytest.raises(UnknownService, match="hashlist:/a is named 2 times"):
        open_services(["hashlist:/a", "hashlist:/b", "hashlist:/a"])


def test_every_list_that_has_a_file_is_named(store: Store, tmp_path: Path) -> None:
    known = digests_of(b"known")
    urls = [build_list(tmp_path / f"{name}.hashes", [known.sha256]) for name in ("one", "two")]
    services = open_gated(store, Settings(matcher_url="\n".join(urls)))
    for gated in services.gated:
        assert asking.check(store, gated).is_healthy
    [answer] = services.ask([known]).answers
    assert [listing.list for listing in answer.verdict.listings] == ["one", "two"]
    versions = [gated.check()[1].list_version for gated in services.gated]
    assert [(one.service, one.list_version) for one in answer.verdict.sources] == list(zip(urls, versions, strict=True))
    assert None not in versions
    assert services.ask([]).answers == ()
    assert store.keys("orbweaver:verdict:*") == []  # a local list is not cached
    services.close()
