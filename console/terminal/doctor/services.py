"""Checks what the settings name: matching services, networks, sinks, and databases of addresses."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from orbweaver.console.terminal.doctor.checks import Check
from orbweaver.console.terminal.doctor.stored import KnownInStore
from orbweaver.console.text import count
from orbweaver.crawler.fetching.connecting.nat64 import parse_prefixes
from orbweaver.crawler.rules.address_rules import parse_networks
from orbweaver.matcher_client.errors import MatcherError
from orbweaver.matcher_client.gate import health_gate, service_health
from orbweaver.matcher_client.protocol import MatchingService
from orbweaver.matcher_client.services.local_list import HashListService
from orbweaver.matcher_client.several_services import open_services, rules_of
from orbweaver.model import now
from orbweaver.settings import Settings
from orbweaver.takedown.delivery.sinks.opening import open_sinks
from orbweaver.takedown.delivery.standing import SinkStanding, SinkWord
from orbweaver.takedown.errors import TakedownError
from orbweaver.takedown.hosting.locating import locator_of


def service_checks(settings: Settings, in_store: KnownInStore) -> Iterator[Check]:
    """Yield a check for each matching service, and one for the files that wait for them."""
    if not settings.matcher_urls:
        yield Check("matcher", "warn", "MATCHER_URL is not set: give --hashes or --matcher to each command")
        return
    try:
        services = open_services(settings.matcher_urls)
    except MatcherError as error:
        yield Check("matcher", "fail", str(error))
        return
    for service in services:
        try:
            yield _matcher(service, in_store.known.get(service.name, service_health.KnownService()), settings)
        finally:
            service.close()
    if in_store.waiting:
        waiting = f"{in_store.waiting} batches of files wait; they are asked about when a matching service is healthy"
        yield Check("matcher", "warn", waiting)


def _matcher(service: MatchingService, known: service_health.KnownService, settings: Settings) -> Check:
    health = health_gate.check(service, known, rules_of(settings))
    if not health.is_healthy:
        return Check("matcher", "fail", health.complaint)
    version = (health.list_version or "none")[:12]
    entries = "number of entries unknown" if health.entries is None else f"{health.entries} entries"
    facts = f"{service.name}: {entries}, list version {version}"
    if service.canary is None and not isinstance(service, HashListService):
        return Check("matcher", "warn", f"{facts}; no canary: nothing proves that the service has loaded its lists")
    return Check("matcher", "ok", facts)


def egress_checks(settings: Settings) -> Iterator[Check]:
    """Yield the checks of the networks that the settings open."""
    try:
        parse_networks(settings.allow_addresses)
    except ValueError as error:
        yield Check("egress", "fail", f"ALLOW_ADDRESSES: {error}")
    else:
        if settings.allow_addresses:
            opened = ", ".join(settings.allow_addresses)
            yield Check("egress", "warn", f"ALLOW_ADDRESSES opens {opened}: for tests and demos only")
        else:
            yield Check("egress", "ok", "only globally routable addresses are fetched")
    try:
        parse_prefixes(settings.nat64_prefixes)
    except ValueError as error:
        yield Check("egress", "fail", f"NAT64_PREFIXES: {error}")


def sink_checks(settings: Settings) -> Iterator[Check]:
    """Yield a check for each sink: whether it can take events now. None is sent."""
    try:
        sinks = open_sinks(settings.takedown_sinks)
    except TakedownError as error:
        yield Check("sinks", "fail", str(error))
        return
    if not sinks:
        yield Check("sinks", "ok", "jsonl in --out, else in the state directory")
    for sink in sinks:
        with contextlib.closing(sink):
            wrong = sink.complaint()
        if wrong is None:
            can = "written" if sink.name.startswith("jsonl:") else "reached; no event was sent"
            yield Check("sinks", "ok", f"{sink.name} can be {can}")
        else:
            yield Check("sinks", "fail" if wrong[0] else "warn", f"{sink.name}: {wrong[1]}")


def hosting_checks(settings: Settings) -> Iterator[Check]:
    """Yield a check for each database that says where files are hosted."""
    yield from (Check("hosting", state, finding) for state, finding in locator_of(settings).examine(now()))


def delivery_checks(sinks: Sequence[SinkStanding]) -> Iterator[Check]:
    """Yield a check for each sink that events of this store go to: whether they arrive there."""
    for one in sinks:
        more = "`orbweaver deliveries list` says more"
        if one.parked:
            finding = f"{count(one.parked, 'event')} parked: {more}, `orbweaver deliveries retry` has them tried"
            yield Check("deliveries", "fail", f"{one.sink}: {finding}")
        elif one.word is SinkWord.GONE:
            finding = f"says that it is gone for good, {count(one.waiting, 'event')} to deliver"
            mend = "remove it from TAKEDOWN_SINKS, or mend it and run `orbweaver deliveries retry`"
            yield Check("deliveries", "fail", f"{one.sink} {finding}: {mend}")
        elif one.word is not SinkWord.WELL:
            word = "is down" if one.word is SinkWord.DOWN else "did not take an event"
            yield Check("deliveries", "warn", f"{one.sink} {word}, {count(one.waiting, 'event')} to deliver: {more}")
        else:
            yield Check("deliveries", "ok", f"{one.sink}: {count(one.waiting, 'event')} to deliver")
