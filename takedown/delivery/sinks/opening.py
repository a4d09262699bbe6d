"""Makes sinks of the addresses in TAKEDOWN_SINKS."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orbweaver.takedown.delivery.sinks.json_lines import JsonLinesSink
from orbweaver.takedown.delivery.sinks.protocol import Sink
from orbweaver.takedown.errors import SinkRefused


def names_of(addresses: Sequence[str]) -> tuple[str, ...]:
    """Return the sinks' names, which are their addresses with whole paths; raises SinkRefused."""
    return tuple(sink.name for sink in open_sinks(addresses))


def open_sinks(addresses: Sequence[str]) -> list[Sink]:
    """Return a sink per address; raises SinkRefused for an unknown scheme or an empty path."""
    return [_open(address) for address in addresses]


def _open(address: str) -> Sink:
    scheme, _, rest = address.partition(":")
    if scheme != "jsonl" or not rest:
        raise SinkRefused(f"TAKEDOWN_SINKS {address!r}: known sinks are jsonl:DIR")
    return JsonLinesSink(Path(rest).absolute())
