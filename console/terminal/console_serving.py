"""`orbweaver console`: serves the pages for people and the API for programs."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from orbweaver.console.web.accounts import account_store
from orbweaver.console.web.serving import ConsoleServer
from orbweaver.settings import Settings
from orbweaver.store.opening import open_existing


def serve(settings: Settings, *, listen: str, certificate: Path | None, key: Path | None) -> None:
    """Serve until SIGINT or SIGTERM; raises ServerRefused and StoreError, or OSError when the port is taken."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    with open_existing(settings) as store:
        server = ConsoleServer(store, settings, listen=listen, certificate=certificate, key=key)
        print(f"the console is at {server.url}", flush=True)
        if not account_store.are_there(store):
            print("nobody can sign in yet: orbweaver users add NAME --role admin", file=sys.stderr)
        server.run()
