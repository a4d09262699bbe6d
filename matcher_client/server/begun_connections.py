"""Ends connections on which no request comes: without that a hundred silent clients would keep out all others."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

# For the head of a request, however it comes. uvicorn has a time for the wait between two requests alone.
HEAD_SECONDS = 10.0


class BegunConnection(H11Protocol):
    """A connection that is closed when no new request has begun on it for HEAD_SECONDS, and none is being answered."""

    _known: object = None
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to look at a connection."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEAD_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Look at it no more."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if not is_answering and self.cycle is self._known:
            self.transport.close()
            return
        self._known = self.cycle
        self._timer = self.loop.call_later(HEAD_SECONDS, self._look)
