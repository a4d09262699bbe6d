"""`orbweaver doctor` says of each sink whether it can be reached, and sends no event."""

from __future__ import annotations

from pathlib import Path

import pytest
from fault_proxy import FaultProxy
from orbweaver.console.terminal.doctor.services import sink_checks
from orbweaver.settings import load
from orbweaver.store import connection
from orbweaver.store.connection import Store


def test_each_sink_is_connected_to_and_gets_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = f"unix://{connection.socket_path(store)}"
    with FaultProxy() as engine:
        webhook = f"webhook+http://127.0.0.1:{engine.port}/"
        names = [f"jsonl:{tmp_path}", webhook, f"stream+{where}?stream=s", f"rq+{where}?function=a.b&queue=q"]
        away = "webhook+http://127.0.0.1:1/"
        monkeypatch.setenv("SECRET", "whsec_" + "c2VjcmV0" * 6)
        monkeypatch.setenv("SINK_SECRETS", f"127.0.0.1:{engine.port}=env:SECRET 127.0.0.1:1=env:SECRET")
        monkeypatch.setenv("TAKEDOWN_SINKS", " ".join([*names, away]))

        *found, last = sink_checks(load())

        assert [one.finding.partition(" can be ")[0] for one in found if one.state != "fail"] == names
        assert (last.state, last.finding) == ("fail", f"{away}: no answer: connection refused")
        assert (engine.requests, store.keys("*"), list(tmp_path.iterdir())) == ([], [], [])


def test_a_sink_without_its_secret_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAKEDOWN_SINKS", "webhook+https://engine.example/")
    [check] = sink_checks(load())
    assert (check.state, "set SINK_SECRETS to engine.example=" in check.finding) == ("fail", True)
