"""Serves an application over HTTP or HTTPS: opens the port, refuses unsafe options, and ends in order."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from pathlib import Path

import uvicorn
from orbweaver.matcher_client.errors import ServerRefused
from orbweaver.matcher_client.server.begun_connections import BegunConnection
from orbweaver.matcher_client.transport.service_address import is_loopback
from starlette.types import ASGIApp

# When the server is told to stop, requests under way may still take so long.
LAST_SECONDS = 10
# The kernel keeps so many connections that are not accepted yet.
BACKLOG = 256


class ListeningServer:
    """A server that already listens, at `url`; call `run` once.

    `listen` is HOST:PORT (port 0: any free one). It listens on this machine only where `needed_for_others` says what
    has to be given before other machines may connect. Connections beyond `most_connections` are answered with 503; one
    without a request is kept for `keep_alive_seconds`. `is_behind_proxy`: a proxy on this machine says in
    X-Forwarded-For who asks; else anybody here could say so. Raises ServerRefused, or OSError when the port is taken.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        listen: str,
        needed_for_others: str | None,
        certificate: Path | None,
        key: Path | None,
        most_connections: int,
        keep_alive_seconds: int,
        is_behind_proxy: bool = False,
    ) -> None:
        host, port = read_listen(listen)
        if needed_for_others is not None and not is_loopback(host):
            raise ServerRefused(f"{listen} is open to other machines: {needed_for_others}, or listen on 127.0.0.1")
        if certificate is None and key is not None:
            raise ServerRefused("--key is given without --certificate")
        context = None if certificate is None else tls_context(certificate, key)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=BACKLOG)
        shown_host = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if context else 'http'}://{shown_host}:{self._socket.getsockname()[1]}"
        self.is_encrypted = context is not None or is_loopback(host)
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=BegunConnection,
                access_log=False,  # an application's own shows no digests
                log_config=None,
                server_header=False,
                proxy_headers=is_behind_proxy,
                forwarded_allow_ips="127.0.0.1,::1",  # also where the environment says otherwise
                limit_concurrency=most_connections,
                timeout_keep_alive=keep_alive_seconds,
                timeout_graceful_shutdown=LAST_SECONDS,
                # uvicorn has no other way to get the context that was made above.
                ssl_certfile=certificate,
                ssl_context_factory=None if context is None else lambda _config, _make: context,
            )
        )

    def run(self) -> None:
        """Serve until SIGINT, SIGTERM or `stop`; requests under way are answered first."""
        with suppress(KeyboardInterrupt):  # uvicorn raises the signal again at its end
            self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Have `run` end, which another thread is in."""
        self._server.should_exit = True


def read_listen(listen: str) -> tuple[str, int]:
    """Read HOST:PORT, an IPv6 address in brackets; raises ServerRefused."""
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ServerRefused(f"{listen!r} is not an address to listen on: write HOST:PORT, like 127.0.0.1:8765")
    return host, int(port)


def tls_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """Return how a server shows this certificate; raises ServerRefused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # With an empty password an encrypted key is an error, not a prompt.
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:  # ssl.SSLError is one
        why = error.strerror or "not a certificate with its key"
        raise ServerRefused(
            f"--certificate {certificate} and --key {key or certificate} cannot be used: {why}"
        ) from None
    return context
