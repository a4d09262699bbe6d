"""Says what a visit would fetch and what not, and why: for reports that are not taken in yet, and for hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from orbweaver.console.text import safe
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.rules import url_rules
from orbweaver.crawler.rules.url_rules import ReachedUrl
from orbweaver.model import Limits, Scope, format_time
from orbweaver.queue.hosts import host_store
from orbweaver.queue.hosts.host_record import strengthened
from orbweaver.queue.hosts.host_store import KnownHost
from orbweaver.queue.hosts.shown import situation
from orbweaver.queue.hosts.shown.situation import HostState, Situation
from orbweaver.queue.intake.orders import Order
from orbweaver.settings import Settings
from orbweaver.store.connection import Store


@dataclass(frozen=True)
class RefusedUrl:
    """A reported URL that would not be fetched: the rule that says so, and its reason."""

    url: str
    rule: str
    reason: str


@dataclass(frozen=True)
class DryRun:
    """A visit of one host that is not made. `state` and `why` say how the host stands; `scope` is None where unread."""

    host: str
    state: str
    why: tuple[str, ...]
    scope: Scope | None
    first: tuple[str, ...]
    refused: tuple[RefusedUrl, ...]


def of_order(
    order: Order, at: datetime, *, state: str, why: Sequence[str] = (), kept_back: str | None = None
) -> DryRun:
    """Return what a recrawl of an order would fetch at a moment; with `kept_back`, a reason, it would fetch nothing."""
    first, refused = [], []
    for url in dict.fromkeys(report.url for report in order.reports):
        decision = url_rules.decide(order.scope, ReachedUrl(url, LinkKind.PAGE, is_reported=True), now=at)
        if not decision.is_allowed:
            refused.append(RefusedUrl(url, decision.rule, decision.reason))
        elif kept_back is not None:
            refused.append(RefusedUrl(url, f"host.{state}", kept_back))
        else:
            first.append(url)
    return DryRun(order.scope.name, state, tuple(why), order.scope, tuple(first), tuple(refused))


def of_unreadable(host: str, state: str, why: Sequence[str]) -> DryRun:
    """Return that nothing can be said of a host whose record cannot be read."""
    return DryRun(host, state, tuple(why), None, (), ())


def of_new_host(order: Order, at: datetime) -> DryRun:
    """Return what the first visit of a host would fetch that is not revisited yet."""
    return of_order(order, at, state="new", why=("it would be added, due at once",))


def of_import(store: Store, settings: Settings, orders: Sequence[Order]) -> list[DryRun]:
    """Return what visits would fetch after reports were taken in, with what the store knows of their hosts.

    Raises RedisError.
    """
    look = situation.look(store, settings)
    known: dict[str, tuple[KnownHost, Situation]] = {}
    names = list(dict.fromkeys(order.scope.name for order in orders))
    for start in range(0, len(names), host_store.READ_AT_ONCE):
        hosts = host_store.read_hosts(store, names[start : start + host_store.READ_AT_ONCE])
        known |= {host.name: (host, told) for host, told in zip(hosts, look.situations(hosts), strict=True)}
    return [_of_import(order, known.get(order.scope.name), look.at) for order in orders]


def _of_import(order: Order, known: tuple[KnownHost, Situation] | None, at: datetime) -> DryRun:
    if known is None:
        return of_new_host(order, at)
    host, told = known
    if host.record is None:
        return of_unreadable(host.name, told.state.value, told.reasons)
    after = strengthened(host.record, order).order
    # A report brings a host back that is retired, and may bring a new authority; a pause stays.
    kept_back = told.reasons[-1] if told.state is HostState.PAUSED else None
    return of_order(after, at, state=told.state.value, why=told.reasons, kept_back=kept_back)


def limits_in_words(limits: Limits) -> str:
    """Return the limits of a recrawl by their names."""
    return ", ".join(f"{name} {getattr(limits, name):,.12g}" for name in Limits.model_fields)


def authority_in_words(scope: Scope) -> str:
    """Return who allowed the recrawl, and until when."""
    expiry = "no expiry" if scope.expires_at is None else f"until {format_time(scope.expires_at)}"
    return f"authority: {safe(scope.authority or 'none')}, {expiry}"
