"""Where events go: one sink per address, `jsonl:DIR` so far."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from orbweaver.model import Event
from orbweaver.takedown.errors import NotDelivered, SinkRefused

EVENTS_FILE = "events.jsonl"


class Sink(Protocol):
    """Takes events, each at least once; `name` marks in the store what it has taken."""

    name: str

    def deliver(self, event: Event) -> None:
        """Hand over one event; when it returns, the event is safe there. Raises NotDelivered."""


class JsonLinesSink:
    """Appends each event as one line to DIR/events.jsonl, on disk before it counts as delivered."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.name = f"jsonl:{directory}"

    def deliver(self, event: Event) -> None:
        """Append one line and sync it. Raises NotDelivered when the disk refuses."""
        line = event.model_dump_json().encode() + b"\n"
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(
                self._directory / EVENTS_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
            )
            try:
                written = os.write(descriptor, line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise NotDelivered(f"{self._directory / EVENTS_FILE}: {error.strerror}") from error
        if written != len(line):
            raise NotDelivered(f"{self._directory / EVENTS_FILE}: the disk took only part of an event")


def open_sinks(addresses: Sequence[str]) -> list[Sink]:
    """Return a sink per address; raises SinkRefused for an unknown scheme or an empty path."""
    return [_open(address) for address in addresses]


def _open(address: str) -> Sink:
    scheme, _, rest = address.partition(":")
    if scheme != "jsonl" or not rest:
        raise SinkRefused(f"TAKEDOWN_SINKS {address!r}: known sinks are jsonl:DIR")
    return JsonLinesSink(Path(rest).absolute())
