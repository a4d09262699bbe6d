"""A watch over a store whose list knows two files."""

from __future__ import annotations

from typing import Any

import pytest
from builders import build_list, digests_of
from orbweaver.store.connection import Store
from recheck_watch import (
    KNOWN,
    THIRD,
    Watch,
)


@pytest.fixture
def watch(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Watch:
    monkeypatch.setenv("MATCHER_URL", build_list(tmp_path / "list", [digests_of(one).sha256 for one in (KNOWN, THIRD)]))
    monkeypatch.setenv("TAKEDOWN_SINKS", f"jsonl:{tmp_path}/events.jsonl")
    return Watch(store)
