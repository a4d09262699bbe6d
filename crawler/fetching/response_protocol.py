"""Reads the answers of one connection, and ends it when too much comes that is part of none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiohttp.client_proto import ResponseHandler
from orbweaver.crawler.transfer_errors import BadResponse

if TYPE_CHECKING:
    import asyncio

    from aiohttp import StreamReader
    from aiohttp.http import RawResponseMessage

# As much as the parser takes for status line and headers: 128 lines of 8,190 bytes (aiohttp's defaults).
MOST_BYTES_BEFORE_ANSWER: Final = 2**20
_SWITCHING_PROTOCOLS: Final = 101


class ResponseProtocol(ResponseHandler):
    """aiohttp's own, with a bound on what comes before an answer is complete up to its body, and after its end.

    The parser skips blank lines without counting them, and aiohttp reads 1xx answers as long as they come (3.14.5):
    both are work without end for one request. Beyond MOST_BYTES_BEFORE_ANSWER the connection is closed, and who waits
    for an answer gets BadResponse. `replaces` is another protocol of the same connection, which is kept: the one that
    aiohttp_socks makes holds a StreamWriter, and the connection would end with it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, replaces: ResponseHandler | None = None) -> None:
        super().__init__(loop)
        self._replaced = replaces
        self._bytes_outside = 0
        self._is_answered = False

    def set_response_params(self, **params: Any) -> None:
        """Begin to wait for the answer to a request."""
        self._bytes_outside = 0
        super().set_response_params(**params)

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """Take the head of an answer from the parser."""
        code = data[0].code
        self._is_answered = code >= 200 or code == _SWITCHING_PROTOCOLS
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        """Take what came; only a chunk with neither a head nor a body's bytes in it counts."""
        payload = self._payload
        if payload is not None and not payload.is_eof():
            super().data_received(data)
            return
        self._is_answered = False
        super().data_received(data)
        if self._is_answered:
            self._bytes_outside = 0
            return
        self._bytes_outside += len(data)
        if self._bytes_outside > MOST_BYTES_BEFORE_ANSWER and self._exception is None:
            if self.transport is not None:
                self.transport.close()
            self.set_exception(BadResponse(f"{self._bytes_outside} bytes came, and none of them was of an answer"))
