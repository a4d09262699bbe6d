"""`orbweaver console`, and the console of `orbweaver run`: pages for people, and an API for programs."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from orbweaver.console.web.accounts import account_store
from orbweaver.console.web.serving import ConsoleServer
from orbweaver.matcher_client.errors import ServerRefused
from orbweaver.settings import Settings
from orbweaver.store.connection import Store, without_password
from orbweaver.store.opening import open_store

OFF = "off"
FIRST_ACCOUNT = "nobody can sign in yet: orbweaver users add NAME --role admin --role analyst"


def serve(settings: Settings, *, listen: str | None, certificate: Path | None, key: Path | None) -> None:
    """Serve until SIGINT or SIGTERM; raises ServerRefused and StoreError, or OSError when the port is taken."""
    if listen is None and settings.console_listen == OFF:
        raise ServerRefused("CONSOLE_LISTEN is off: give --listen HOST:PORT")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    with open_store(settings, settings.state_dir) as (store, place):
        where = settings.console_listen if listen is None else listen
        server = ConsoleServer(store, settings, listen=where, certificate=certificate, key=key)
        print(f"the console is at {server.url}", flush=True)
        print(f"it shows the store {without_password(place)}", file=sys.stderr)
        if not account_store.are_there(store):
            print(FIRST_ACCOUNT, file=sys.stderr)
        server.run()


@contextlib.contextmanager
def beside(store: Store, settings: Settings, say: Callable[[str], None]) -> Iterator[None]:
    """Serve the console in a thread, while a service runs; what hinders the console does not hinder the service."""
    try:
        server = (
            None
            if settings.console_listen == OFF
            else ConsoleServer(store, settings, listen=settings.console_listen, certificate=None, key=None)
        )
    except (ServerRefused, OSError) as error:
        why = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
        say(f"there is no console at {settings.console_listen} ({why}): set CONSOLE_LISTEN to HOST:PORT, or to off")
        server = None
    if server is None:
        yield
        return
    say(f"the console is at {server.url}")
    if not account_store.are_there(store):
        say(FIRST_ACCOUNT)
    thread = threading.Thread(target=server.run, name="console")
    thread.start()
    try:
        yield
    finally:
        server.stop()
        thread.join()
