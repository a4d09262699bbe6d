"""An address names one sink; what is no address of a sink is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from orbweaver.takedown.delivery.sinks.opening import open_sinks
from orbweaver.takedown.errors import SinkRefused


@pytest.mark.parametrize("address", ["", "jsonl", "jsonl:", "webhook:https://x", "/path"])
def test_an_address_of_no_sink_is_refused_by_name(address: str) -> None:
    with pytest.raises(SinkRefused, match="known sinks are jsonl:DIR"):
        open_sinks([address])


def test_a_sink_keeps_its_name_wherever_the_process_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [sink] = open_sinks(["jsonl:events"])
    assert sink.name == f"jsonl:{tmp_path}/events"
