"""The server of the console: opens its port, refuses unsafe options, and ends in order."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import uvicorn
from orbweaver.console.web.accounts.throttling import Throttle
from orbweaver.console.web.app import create_app
from orbweaver.console.web.console import Console
from orbweaver.console.web.rendering import Templates
from orbweaver.matcher_client.errors import ServerRefused
from orbweaver.matcher_client.server.listening import read_listen, tls_context
from orbweaver.matcher_client.transport.service_address import is_loopback
from orbweaver.settings import Settings
from orbweaver.store.connection import Store

MOST_CONNECTIONS: Final = 200
LAST_SECONDS: Final = 5


class ConsoleServer:
    """A console that already listens, at `url`; call `run` once.

    `listen` is HOST:PORT (port 0: any free one). Without a certificate it listens on this machine only, unless the
    setting CONSOLE_URL names the https address of a proxy in front of it.
    Raises ServerRefused, or OSError when the port is taken.
    """

    def __init__(
        self, store: Store, settings: Settings, *, listen: str, certificate: Path | None, key: Path | None
    ) -> None:
        host, port = read_listen(listen)
        behind = None if settings.console_url is None else urlsplit(settings.console_url)
        if certificate is None and key is not None:
            raise ServerRefused("--key is given without --certificate")
        if not is_loopback(host) and certificate is None and (behind is None or behind.scheme != "https"):
            raise ServerRefused(
                f"{listen} is open to other machines: give --certificate, or listen on 127.0.0.1, or set CONSOLE_URL "
                "to the https address of the proxy in front of it"
            )
        context = None if certificate is None else tls_context(certificate, key)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=MOST_CONNECTIONS)
        shown_host = f"[{host}]" if ":" in host else host
        own_url = f"{'https' if context else 'http'}://{shown_host}:{self._socket.getsockname()[1]}"
        self.url = own_url if settings.console_url is None else settings.console_url
        is_encrypted = context is not None or (behind is not None and behind.scheme == "https")
        console = Console(store, settings, Templates(), Throttle(store), is_encrypted)
        hosts = _LOCAL | {shown_host} | ({behind.hostname} if behind is not None and behind.hostname else set())
        self._server = uvicorn.Server(
            uvicorn.Config(
                create_app(console, hosts=hosts),
                access_log=False,
                log_config=None,
                server_header=False,
                limit_concurrency=MOST_CONNECTIONS,
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


_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
