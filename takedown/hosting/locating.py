"""Says where an address is: the databases, the known CDNs and the routes together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from orbweaver.model import Hosting
from orbweaver.setting_values import read_route
from orbweaver.settings import Settings
from orbweaver.takedown.hosting.addresses import plain_address, translators_of
from orbweaver.takedown.hosting.cdns import cdn_of
from orbweaver.takedown.hosting.databases import AddressDatabase
from orbweaver.takedown.hosting.record_fields import country_in, network_in

OTHERS = "*"


class Locator:
    """Finds the hosting of addresses, with the databases and routes of the settings; reads files, connects nowhere."""

    def __init__(
        self,
        country_path: Path | None,
        network_path: Path | None,
        routes: Mapping[str, str],
        nat64_prefixes: tuple[str, ...],
    ) -> None:
        self._countries = AddressDatabase("GEO_COUNTRY_DB", country_path, country_in) if country_path else None
        self._networks = AddressDatabase("GEO_ASN_DB", network_path, network_in) if network_path else None
        self._routes = routes
        self._translators = translators_of(nat64_prefixes)

    def locate(self, ip: str | None) -> Hosting:
        """Return what is known of an address; without one (behind a proxy) only the route of all others is."""
        address = plain_address(ip, self._translators)
        if address is None:
            return Hosting(route=route_for(None, self._routes))
        country = country_in(self._countries.look_up(address)) if self._countries else None
        network = network_in(self._networks.look_up(address)) if self._networks else None
        cdn = cdn_of(address, network.asn if network else None)
        asked = ((self._countries, country), (self._networks, network))
        return Hosting(
            country=country,
            asn=network.asn if network else None,
            provider=(network.provider if network else None) or cdn,
            is_cdn=cdn is not None,
            route=route_for(None if cdn else country, self._routes),
            sources=tuple(database.source for database, fact in asked if database and fact and database.source),
        )

    def examine(self, now: datetime) -> list[tuple[str, str]]:
        """Return what `orbweaver doctor` says of databases and routes: "ok", "warn" or "fail", and the finding."""
        databases = [database for database in (self._countries, self._networks) if database]
        findings = [database.examine(now) for database in databases]
        if not databases:
            findings.append(("ok", "GEO_COUNTRY_DB and GEO_ASN_DB are not set: cases have no country and no provider"))
        if self._countries is None and set(self._routes) - {OTHERS}:
            findings.append(("warn", "ROUTES needs GEO_COUNTRY_DB: without it every case has the route of *"))
        if self._routes and OTHERS not in self._routes:
            findings.append(("warn", "ROUTES has no * for all other countries: cases there have no route"))
        return findings


def route_for(country: str | None, routes: Mapping[str, str]) -> str | None:
    """Return the route of a country, else that of all others; None when there is neither."""
    return routes.get(country or OTHERS, routes.get(OTHERS))


def locator_of(settings: Settings) -> Locator:
    """Return the locator of these settings; a process keeps it, so that databases are read once."""
    return _locator(settings.geo_country_db, settings.geo_asn_db, settings.routes, settings.nat64_prefixes)


@lru_cache(maxsize=2)
def _locator(
    country_path: Path | None, network_path: Path | None, routes: tuple[str, ...], nat64_prefixes: tuple[str, ...]
) -> Locator:
    return Locator(country_path, network_path, dict(map(read_route, routes)), nat64_prefixes)
