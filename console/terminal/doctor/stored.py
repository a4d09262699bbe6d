"""Checks the store, and reads what it knows of matching services and sinks."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from orbweaver.console.terminal.doctor.checks import Check
from orbweaver.crawler.rules.scope import WEB_PORTS
from orbweaver.matcher_client.gate import service_health
from orbweaver.queue.records import batches, deliveries
from orbweaver.settings import Settings
from orbweaver.store import durability, embedded
from orbweaver.store.connection import Store, tcp_ports
from orbweaver.store.errors import StoreError
from orbweaver.store.opening import open_existing
from orbweaver.takedown.delivery import standing
from orbweaver.takedown.delivery.standing import SinkStanding


@dataclass
class KnownInStore:
    """Matching services and sinks as the store knows them, if it could be read; `waiting` counts batches of files."""

    known: dict[str, service_health.KnownService] = field(default_factory=dict)
    waiting: int = 0
    deliveries: list[SinkStanding] = field(default_factory=list)


def store_checks(settings: Settings, in_store: KnownInStore) -> Iterator[Check]:
    """Yield the checks of the store, and fill in what it knows."""
    try:
        ports = frozenset[int]()
        if settings.store_url is None and not embedded.has_store(settings.state_dir):
            yield _place_for_a_store(settings.state_dir.expanduser().absolute())
            # The doctor makes no store: before the first verify it tries the server in a temporary directory.
            with tempfile.TemporaryDirectory(prefix="ow-doctor-") as folder, embedded.running(Path(folder)) as store:
                findings = [*durability.inspect(store, settings.store_replicas), durability.prove(store)]
        elif settings.store_url is None:
            with embedded.running(settings.state_dir) as store:
                findings = [*durability.inspect(store, settings.store_replicas), durability.prove(store)]
                _look(store, in_store)
        else:
            with open_existing(settings) as store:
                findings = [*durability.inspect(store, settings.store_replicas)]
                findings.append(durability.prove(store, settings.store_replicas))
                _look(store, in_store)
                ports = tcp_ports(store)
    except StoreError as error:
        yield Check("store", "fail", str(error))
        return
    for finding in findings:
        result = finding.found if finding.is_kept else f"{finding.found}: {finding.mend}"
        yield Check(f"store {finding.what}", "ok" if finding.is_kept else "fail", result)
    yield _rights(settings, ports)


def _place_for_a_store(state_dir: Path) -> Check:
    """Say whether a store can be made in a directory that has none yet. Raises StateDirUnusable."""
    embedded.refuse_path(state_dir)
    nearest = next(folder for folder in (state_dir, *state_dir.parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        problem = f"none in {state_dir}, and {nearest} cannot be written: choose another directory with --state DIR"
        return Check("store", "fail", problem)
    return Check("store", "ok", f"none in {state_dir} yet: `verify`, `run`, `reports import` and `hosts add` make it")


def _rights(settings: Settings, ports: frozenset[int]) -> Check:
    """Say what a crawl process could do to the store after a host took it over."""
    subject = "store rights"
    if settings.sandbox == "off":
        return Check(subject, "warn", "SANDBOX=off: a crawl process that is taken over can connect to the store")
    if on_the_web := sorted(ports.intersection(WEB_PORTS)):
        return Check(
            subject, "fail", f"port {on_the_web[0]} is a web port, so recrawls are refused: give the store another"
        )
    return Check(subject, "ok", "crawl processes hold no connection to the store and can make none")


def _look(store: Store, in_store: KnownInStore) -> None:
    names = list(service_health.read_all(store))
    in_store.known = dict(zip(names, service_health.read(store, names), strict=True))
    in_store.waiting = batches.waiting_count(store)
    in_store.deliveries = standing.sinks(store, deliveries.sinks_of(store))
