"""Wraps the application: whom it answers, how much it reads, and what each answer forbids the browser.

No page loads anything from elsewhere, runs a script that stands in it, can be framed, or tells another site that it was
visited. What is shown is not kept by the browser.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from traceback import format_tb
from typing import Final

from orbweaver.console.errors import RequestTooLarge, RequestTooSlow
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("orbweaver.console")
# A file of reports; all other forms are small.
MOST_BODY_BYTES: Final = 16 * 1024 * 1024
# For the whole of a body: that file by 2 Mbit/s. Who sends slower, or nothing, keeps a connection from others.
BODY_SECONDS: Final = 60.0
CONTENT_SECURITY_POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_A_YEAR: Final = "max-age=31536000"


class Protection:
    """Answers only requests that name one of `hosts`: a site that gives its name our address is refused."""

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], is_encrypted: bool) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._is_encrypted = is_encrypted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection, as ASGI asks for."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        has_begun = has_ended = False

        async def send_protected(message: Message) -> None:
            nonlocal has_begun, has_ended
            has_ended = has_begun and not message.get("more_body", False)
            if message["type"] == "http.response.start":
                has_begun = True
                self._protect(MutableHeaders(scope=message))
            await send(message)

        headers = Headers(scope=scope)
        if self._host_of(headers) not in self._hosts:
            refusal = PlainTextResponse("This is not the address of this console.\n", 421)
            await refusal(scope, receive, send_protected)
            return
        try:
            await self._app(scope, _bounded(headers, receive), send_protected)
        except Exception as error:
            # The application has logged what it answered. The server would log the words, which may quote a case.
            if not has_begun:
                raise
            if not has_ended:
                log.error("an answer broke off: %s\n%s", type(error).__name__, "".join(format_tb(error.__traceback__)))

    def _host_of(self, headers: Headers) -> str:
        host = headers.get("host", "").lower()
        name, colon, port = host.rpartition(":")
        return name if colon and port.isdigit() and not host.endswith("]") else host

    def _protect(self, headers: MutableHeaders) -> None:
        for name, value in _HEADERS.items():
            headers[name] = value
        headers.setdefault("Cache-Control", "no-store")
        if self._is_encrypted:
            headers["Strict-Transport-Security"] = _A_YEAR


def _bounded(headers: Headers, receive: Receive) -> Receive:
    """Return a `receive` that ends with RequestTooLarge or RequestTooSlow where a body is larger or later than ours."""
    announced = headers.get("content-length", "0")
    counted, is_over = 0, False
    ends_at = asyncio.get_running_loop().time() + BODY_SECONDS

    async def receive_bounded() -> Message:
        nonlocal counted, is_over
        if is_over:  # what comes now is that the connection has ended, and that may take long
            return await receive()
        try:
            async with asyncio.timeout_at(ends_at):
                message = await receive()
        except TimeoutError:
            raise RequestTooSlow(f"a request is sent within {BODY_SECONDS:g} seconds") from None
        is_over = not message.get("more_body", False)
        counted += len(message.get("body", b""))
        if counted > MOST_BODY_BYTES or not announced.isdecimal() or int(announced[:20]) > MOST_BODY_BYTES:
            raise RequestTooLarge(f"a request has at most {MOST_BODY_BYTES // 1024 // 1024} MiB")
        return message

    return receive_bounded
