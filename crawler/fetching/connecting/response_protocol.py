"""Reads the answers of one connection, and ends it when too much comes that is part of none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiohttp.client_proto import ResponseHandler
from orbweaver.crawler.fetching.connecting.response_heads import (
    BLANKS_BEFORE,
    END_BEGUN_BYTES,
    END_OF_HEAD,
    START_BYTES,
    Framing,
    Head,
    check_beginning,
    read_head,
)
from orbweaver.crawler.transfer_errors import BadResponse

if TYPE_CHECKING:
    import asyncio

MOST_BYTES_BEFORE_ANSWER: Final = 2**20


class ResponseProtocol(ResponseHandler):
    """aiohttp's own, which is given heads in strict form, and of a body no more than its length.

    The parser is stricter than browsers about status lines and headers (3.14.5): response_heads reads them first. The
    surplus after a body of known length is dropped, and the connection serves no other request.

    What comes before an answer is complete up to its body, and after its end, is bounded: blank lines and 1xx answers
    would be work without end for one request. Beyond MOST_BYTES_BEFORE_ANSWER the connection is closed, and who waits
    for an answer gets BadResponse. `replaces` is another protocol of the same connection, which is kept: the one that
    aiohttp_socks makes holds a StreamWriter, and the connection would end with it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, replaces: ResponseHandler | None = None) -> None:
        super().__init__(loop)
        self._replaced = replaces
        self._held = bytearray()  # of a head that is not complete
        self._searched = 0  # no head ends in `_held` before this place
        self._bytes_outside = 0
        self._body: Framing = "none"
        self._body_left = 0  # of a body of known length

    @property
    def should_close(self) -> bool:
        """Whether the connection can serve no other request: something came that belongs to no answer."""
        return bool(super().should_close or self._held)

    def set_response_params(self, **params: Any) -> None:
        """Begin to wait for the answer to a request."""
        self._bytes_outside = 0
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Take what came. Without data the parser goes on with what it has; without a parser all is kept for it."""
        if not data or self._parser is None or self._upgraded:
            super().data_received(data)
            return
        if self._body == "chunked" and (self._payload is None or self._payload.is_eof()):
            self._body = "none"
        if self._body == "none":
            self._read_heads(data)
        else:
            self._read_body(data)

    def _read_heads(self, data: bytes) -> None:
        if self._exception is not None:
            return
        self._bytes_outside += len(data)
        # Most heads come whole: then nothing has to be put together.
        received: bytes | bytearray = data
        if self._held:
            self._held += data
            received = self._held
        place = 0
        try:
            while True:
                blanks = BLANKS_BEFORE.match(received, place)
                place = blanks.end() if blanks else place
                check_beginning(received[place : place + START_BYTES])
                end = END_OF_HEAD.search(received, max(place, self._searched))
                if end is None:
                    break
                head = read_head(bytes(received[place : end.end()]))
                place = end.end()
                if head.is_final:
                    rest = bytes(received[place:])
                    self._held.clear()
                    self._searched = self._bytes_outside = 0
                    self._begin_body(head, rest)
                    return
        except BadResponse as error:
            self._give_up(error)
            return
        if received is data:
            self._held += data[place:]
        else:
            del self._held[:place]
        self._searched = max(0, len(self._held) - END_BEGUN_BYTES)
        if self._bytes_outside > MOST_BYTES_BEFORE_ANSWER:
            self._give_up(BadResponse(f"{self._bytes_outside} bytes came, and none of them was of an answer"))

    def _begin_body(self, head: Head, rest: bytes) -> None:
        self._body = "none" if self._skip_payload else head.framing
        self._body_left = head.length
        if self._body == "none":
            self._drop(rest)  # before who waits for the answer gives the connection back
        if self._body == "switched":
            super().data_received(head.text + rest)
            return
        super().data_received(head.text)
        if rest and self._body != "none":
            self._read_body(rest)

    def _read_body(self, data: bytes) -> None:
        if self._body == "length":
            if len(data) > self._body_left:
                self._drop(data[self._body_left :])
                data = data[: self._body_left]
            self._body_left -= len(data)
            if not self._body_left:
                self._body = "none"
        payload = self._payload
        if data:
            super().data_received(data)
        if self._exception is not None and payload is not None and not payload.is_eof() and payload.exception() is None:
            payload.set_exception(self._exception)  # aiohttp tells it only to who waits for a head (3.14.5)

    def _drop(self, surplus: bytes) -> None:
        """Forget what comes after an answer; blank lines do no harm to the next one, anything else could."""
        if surplus.strip(b"\r\n"):
            self._should_close = True

    def _give_up(self, error: BadResponse) -> None:
        self._held.clear()
        if self.transport is not None:
            self.transport.close()
        self.set_exception(error)
