"""Preparing a run: what cannot be used is refused before anything is written, and the workers get what was prepared."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from builders import build_list, digests_of
from orbweaver import settings as orbweaver_settings
from orbweaver.crawler.errors import NetworkRefused
from orbweaver.matcher_client.errors import UnknownService
from orbweaver.queue.runs import preparation
from orbweaver.store.errors import StoreError
from orbweaver.takedown.errors import SinkRefused


@pytest.fixture
def hash_list(tmp_path: Path) -> str:
    return build_list(tmp_path / "list.hashes", [digests_of(b"known").sha256])


def test_the_workers_run_with_what_was_prepared(short_dir: Path, hash_list: str) -> None:
    settings = orbweaver_settings.load({"ALLOW_ADDRESSES": "127.0.0.1/32", "MATCHER_URL": "hashlist:/another"})
    begun = preparation.begin(settings, state_dir=short_dir, allow_addresses=["127.0.0.2/32"])
    with preparation.opened(preparation.with_services(begun, [hash_list]), out=short_dir / "out") as run:
        given = orbweaver_settings.load(run.environment)
        assert run.store.ping()
        assert run.places.sinks == (f"jsonl:{short_dir / 'out'}",)
    assert given.store_url == f"unix://{short_dir}/store.sock"
    assert (given.matcher_url, given.state_dir) == (hash_list, short_dir)
    assert (given.takedown_sinks, given.allow_addresses) == (run.places.sinks, ("127.0.0.1/32", "127.0.0.2/32"))
    assert run.environment["PATH"] == os.environ["PATH"]
    assert run.log_file == short_dir / "workers.log"


def test_without_other_services_those_of_the_settings_are_asked(short_dir: Path, hash_list: str) -> None:
    begun = preparation.begin(orbweaver_settings.load({"MATCHER_URL": hash_list}), state_dir=short_dir)
    assert preparation.with_services(begun, []).settings.matcher_urls == (hash_list,)


def test_what_cannot_be_used_is_refused_before_the_store_is_opened(short_dir: Path, hash_list: str) -> None:
    with pytest.raises(NetworkRefused):
        preparation.begin(orbweaver_settings.load({}), state_dir=short_dir / "new", allow_addresses=["nowhere"])
    assert not (short_dir / "new").exists()
    begun = preparation.begin(orbweaver_settings.load({"TAKEDOWN_SINKS": "pigeon:/x"}), state_dir=short_dir)
    with pytest.raises(UnknownService):
        preparation.with_services(begun, ["nothing:/x"])
    with pytest.raises(SinkRefused):
        preparation.with_services(begun, [hash_list])
    assert not (short_dir / "store.sock").exists()


def test_only_a_run_that_fetches_makes_a_store(short_dir: Path) -> None:
    settings = orbweaver_settings.load({"STATE_DIR": str(short_dir)})
    with pytest.raises(StoreError):
        preparation.begin_on_what_is_there(settings, state_dir=short_dir)
    assert list(short_dir.iterdir()) == []
