"""Chooses the hosts that a command is for: by their names, or by a filter, after their number was shown."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass

from orbweaver.console.errors import NothingToDo
from orbweaver.console.terminal import confirmation
from orbweaver.console.text import for_people
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.rules import urls
from orbweaver.queue.hosts import changes, host_store
from orbweaver.queue.hosts.host_store import KnownHost
from orbweaver.queue.hosts.shown import situation
from orbweaver.queue.hosts.shown.situation import HostState, Situation
from orbweaver.settings import Settings
from orbweaver.store.connection import Store


@dataclass(frozen=True)
class Filter:
    """Which hosts a command is for: those that are named, or all that match the filter."""

    names: tuple[str, ...] = ()
    glob: str | None = None
    state: HostState | None = None
    is_all: bool = False

    @property
    def is_filter(self) -> bool:
        """Whether hosts are chosen by something else than their names."""
        return self.glob is not None or self.state is not None or self.is_all


def hosts(store: Store, settings: Settings, chosen: Filter) -> Iterator[tuple[KnownHost, Situation]]:
    """Yield the chosen hosts with their situations, by name; without names and filter, all."""
    look = situation.look(store, settings)
    names = [name_of(text) for text in chosen.names] or host_store.names(store)
    if chosen.glob is not None:
        names = fnmatch.filter(names, chosen.glob)
    for start in range(0, len(names), host_store.READ_AT_ONCE):
        known = host_store.read_hosts(store, names[start : start + host_store.READ_AT_ONCE])
        for host, told in zip(known, look.situations(known), strict=True):
            if chosen.state in {None, told.state}:
                yield host, told


def names_to_change(store: Store, settings: Settings, chosen: Filter, *, is_yes: bool, done: str) -> list[str]:
    """Return the names of the chosen hosts; those of a filter are counted and asked about first.

    Raises HostUnknown, and NothingToDo without a choice or a yes.
    """
    if chosen.is_filter:
        names = [host.name for host, _ in hosts(store, settings, chosen)]
        confirmation.require_yes(len(names), "host", done, names[0] if names else "", is_yes=is_yes)
        return names
    names = list(dict.fromkeys(name_of(text) for text in chosen.names))
    if not names:
        raise NothingToDo("give host names, or choose hosts with --match, --host-state or --all")
    changes.require_known(store, names)
    return names


def name_of(text: str) -> str:
    """Return the name of a host that is written as a name or as a URL; raises NothingToDo."""
    return urls.host_of(url_of(text))


def url_of(text: str) -> str:
    """Return the URL that a name or a URL stands for, the root of the host for a name; raises NothingToDo."""
    try:
        return urls.canonicalise(urls.refang(text if "://" in text else f"http://{text}/"))
    except UrlRefused as error:
        raise NothingToDo(f"{for_people(text)}: {error.reason}: give host names or URLs") from None
