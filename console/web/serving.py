"""The server of the console: whom it may listen for, and by which names it is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from orbweaver.console.web.accounts.throttling import Throttle
from orbweaver.console.web.app import create_app
from orbweaver.console.web.console import Console
from orbweaver.console.web.counted_cases import CountedCases
from orbweaver.console.web.rendering import Templates
from orbweaver.matcher_client.server.listening import ListeningServer, read_listen
from orbweaver.settings import Settings
from orbweaver.store.connection import Store

MOST_CONNECTIONS: Final = 200
KEEP_ALIVE_SECONDS: Final = 60
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


class ConsoleServer(ListeningServer):
    """A console that already listens; raises ServerRefused, or OSError when the port is taken.

    Without a certificate it listens on this machine only, unless the setting CONSOLE_URL names the https address of a
    proxy in front of it.
    """

    def __init__(
        self, store: Store, settings: Settings, *, listen: str, certificate: Path | None, key: Path | None
    ) -> None:
        host, _ = read_listen(listen)
        proxy = urlsplit(settings.console_url or "")
        is_encrypted = certificate is not None or proxy.scheme == "https"
        names = {f"[{host}]" if ":" in host else host, *([proxy.hostname] if proxy.hostname else [])}
        console = Console(store, settings, Templates(), Throttle(store), CountedCases(store), is_encrypted)
        super().__init__(
            create_app(console, hosts=_LOCAL | names),
            listen=listen,
            needed_for_others=None
            if is_encrypted
            else "give --certificate, or set CONSOLE_URL to the https address of the proxy in front of it",
            certificate=certificate,
            key=key,
            most_connections=MOST_CONNECTIONS,
            keep_alive_seconds=KEEP_ALIVE_SECONDS,
            is_behind_proxy=settings.console_url is not None,
        )
        if settings.console_url is not None:
            self.url = settings.console_url
