"""Prepares a run: refuses what cannot be used before anything is written, and opens the store that its workers share.

Every start of a run, on a terminal or elsewhere, has these three steps: `begin`, `with_services`, `opened`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orbweaver.crawler.fetching.connecting.nat64 import parse_prefixes
from orbweaver.crawler.rules.address_rules import parse_networks
from orbweaver.matcher_client.several_services import open_services
from orbweaver.queue.records import event_places
from orbweaver.queue.records.event_places import Places
from orbweaver.settings import Settings
from orbweaver.store import embedded
from orbweaver.store.connection import Store
from orbweaver.store.opening import open_store, require_store
from orbweaver.takedown.delivery.sinks.opening import open_sinks


@dataclass(frozen=True)
class Preparation:
    """The settings and the state directory of a run that has not begun."""

    settings: Settings
    state_dir: Path


@dataclass(frozen=True)
class OpenedRun:
    """The store of a run, where its events go, and what its workers run with; their messages go to `log_file`.

    `embedded_in` is the state directory of a store that is embedded, None for one of STORE_URL.
    """

    store: Store
    places: Places
    environment: Mapping[str, str]
    log_file: Path
    embedded_in: Path | None = None


def begin(settings: Settings, *, state_dir: Path | None, allow_addresses: Sequence[str] = ()) -> Preparation:
    """Check what may be fetched, and make the state directory: the given one, else that of the settings.

    `allow_addresses` are ranges besides those of the settings. Raises NetworkRefused and the errors of the store.
    """
    allowed = (*settings.allow_addresses, *allow_addresses)
    parse_networks(allowed)
    parse_prefixes(settings.nat64_prefixes)
    made = embedded.prepare_state_dir(state_dir or settings.state_dir)
    return Preparation(settings.model_copy(update={"allow_addresses": allowed}), made)


def begin_on_what_is_there(settings: Settings, *, state_dir: Path | None) -> Preparation:
    """Prepare a run that fetches nothing and only asks about what the store has: there must be a store.

    Raises the errors of the store.
    """
    require_store(settings)  # there is nothing to ask about in a new one: the state directory is mistyped
    return Preparation(settings, embedded.prepare_state_dir(state_dir or settings.state_dir))


def with_services(preparation: Preparation, urls: Sequence[str]) -> Preparation:
    """Check the matching services and the sinks; without `urls` the services are those of MATCHER_URL.

    Raises UnknownService and SinkRefused.
    """
    settings = preparation.settings
    settings = settings.model_copy(update={"matcher_url": "\n".join(urls) or settings.matcher_url or ""})
    for service in open_services(settings.matcher_urls):
        service.close()
    open_sinks(settings.takedown_sinks)
    return replace(preparation, settings=settings)


@contextlib.contextmanager
def opened(preparation: Preparation, *, out: Path | None = None) -> Iterator[OpenedRun]:
    """Open the store while the block runs; `out` is the directory for the run's output, if it has one.

    Raises the errors of the store.
    """
    settings, state_dir = preparation.settings, preparation.state_dir
    with open_store(settings, state_dir) as (store, store_url):
        places = event_places.find(store, settings, state_dir, out)
        environment = {
            **os.environ,
            "STORE_URL": store_url,
            "MATCHER_URL": settings.matcher_url or "",
            "TAKEDOWN_SINKS": ",".join(places.sinks),
            "ALLOW_ADDRESSES": ",".join(settings.allow_addresses),
            "STATE_DIR": str(state_dir),
        }
        embedded_in = state_dir if settings.store_url is None else None
        yield OpenedRun(store, places, environment, state_dir / "workers.log", embedded_in)
