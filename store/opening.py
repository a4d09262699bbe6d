"""Opens the store that the settings name, or the embedded one, if it keeps what it is given."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from orbweaver.settings import Settings
from orbweaver.store import connection, durability, embedded
from orbweaver.store.connection import Store
from orbweaver.store.errors import NoStore, RefusedForNow, StoreUnfit


@contextlib.contextmanager
def open_existing(settings: Settings) -> Iterator[Store]:
    """Yield the store for somebody who only reads it, and make none: NoStore when there is none; else StoreError."""
    require_store(settings)
    reading = settings.model_copy(update={"store_replicas": 0})  # nothing is promised by reading
    with open_store(reading, settings.state_dir) as (store, _):
        yield store


def require_store(settings: Settings) -> None:
    """Raise NoStore when the state directory has no store and STORE_URL names none."""
    if settings.store_url is None and not embedded.has_store(settings.state_dir):
        raise NoStore(
            f"there is no store in {settings.state_dir.expanduser().absolute()}: nothing was verified or added "
            "there yet, or your store is in another state directory (STATE_DIR or --state names it)"
        )


@contextlib.contextmanager
def open_store(settings: Settings, state_dir: Path, *, is_restoring: bool = False) -> Iterator[tuple[Store, str]]:
    """Yield the store and its URL: STORE_URL's, else the embedded one.

    One that has a half of a backup is for who restores a whole one (`is_restoring`). Raises StoreError.
    """
    if settings.store_url is not None:
        store = connection.connect(settings.store_url)
        try:
            with _as_unfit(connection.without_password(settings.store_url)):
                durability.require(store, settings.store_replicas, is_restoring=is_restoring)
                yield store, settings.store_url
        finally:
            store.close()
        return
    with embedded.running(state_dir) as store, _as_unfit(f"in {state_dir}"):
        durability.require(store, settings.store_replicas, is_restoring=is_restoring)
        yield store, embedded.url_for(state_dir)


@contextlib.contextmanager
def _as_unfit(place: str) -> Iterator[None]:
    """Name the store that accepts no writes, which the client has waited for."""
    try:
        yield
    except RefusedForNow as error:
        raise StoreUnfit(f"the store {place}: {error}") from error
