"""The protocol of a sink: what delivery asks of each kind."""

from __future__ import annotations

from typing import Protocol

from orbweaver.model import Event


class Sink(Protocol):
    """Takes events, each at least once; `name` marks in the store what it has taken."""

    name: str

    def deliver(self, event: Event) -> None:
        """Hand over one event once; when it returns, the engine's side has it. Raises NotDelivered."""

    def complaint(self) -> tuple[bool, str] | None:
        """Say whether it could take no event now, and what is wrong with it; None for nothing. Leaves nothing.

        A sink over the network is connected to, and gets no event.
        """

    def close(self) -> None:
        """Close what is open; the sink can still be used, and opens it again."""
