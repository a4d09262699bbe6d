"""From an address to country, provider, CDN and route."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from address_databases import COUNTRIES, NETWORKS, write_database
from orbweaver import cdn_networks
from orbweaver.settings import Settings
from orbweaver.takedown.hosting.cdns import cdn_of
from orbweaver.takedown.hosting.locating import Locator, locator_of, route_for

ROUTES = {"SE": "police", "*": "inhope"}


@pytest.fixture
def locator(tmp_path: Path) -> Locator:
    countries = write_database(tmp_path / "c.mmdb", COUNTRIES)
    networks = write_database(tmp_path / "a.mmdb", NETWORKS, kind="Test-ASN")
    return Locator(countries, networks, ROUTES, ("2001:db8:64::/96",))


@pytest.mark.parametrize(
    ("ip", "country", "asn", "provider", "is_cdn", "route"),
    [
        ("192.0.2.1", "SE", 64496, "Example Hosting", False, "police"),
        ("::ffff:192.0.2.1", "SE", 64496, "Example Hosting", False, "police"),
        ("64:ff9b::198.51.100.7", "NL", 64497, "Other Hosting", False, "inhope"),
        ("2001:db8:64::198.51.100.7", "NL", 64497, "Other Hosting", False, "inhope"),
        ("2001:db8::1", "SE", None, None, False, "police"),
        # The address of a CDN in Sweden does not say that the file is in Sweden.
        ("104.16.0.1", "SE", 13335, "CLOUDFLARENET", True, "inhope"),
        ("151.101.0.1", None, None, "Fastly", True, "inhope"),
        ("8.8.8.8", None, None, None, False, "inhope"),
        ("127.0.0.1", None, None, None, False, "inhope"),
        (None, None, None, None, False, "inhope"),
    ],
)
def test_what_is_known_of_an_address(
    locator: Locator,
    ip: str | None,
    country: str | None,
    asn: int | None,
    provider: str | None,
    is_cdn: bool,
    route: str,
) -> None:
    found = locator.locate(ip)
    assert (found.country, found.asn, found.provider, found.is_cdn, found.route) == (
        country,
        asn,
        provider,
        is_cdn,
        route,
    )
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert found.sources == (f"Test-Country {today}",) * (country is not None) + (f"Test-ASN {today}",) * bool(asn)


def test_without_databases_a_case_has_the_route_of_all_others() -> None:
    locator = Locator(None, None, ROUTES, ())
    assert locator.locate("192.0.2.1").route == "inhope"
    assert [finding for _, finding in locator.examine(datetime.now(UTC))] == [
        "GEO_COUNTRY_DB and GEO_ASN_DB are not set: cases have no country and no provider",
        "ROUTES needs GEO_COUNTRY_DB: without it every case has the route of *",
    ]


def test_a_broken_database_takes_only_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "c.mmdb").write_bytes(b"no database")
    networks = write_database(tmp_path / "a.mmdb", NETWORKS, kind="Test-ASN")
    found = Locator(tmp_path / "c.mmdb", networks, ROUTES, ()).locate("192.0.2.1")
    assert (found.country, found.asn, found.route) == (None, 64496, "inhope")


@pytest.mark.parametrize(
    ("country", "routes", "route"),
    [("SE", ROUTES, "police"), ("NL", ROUTES, "inhope"), (None, ROUTES, "inhope"), ("NL", {"SE": "police"}, None)],
)
def test_the_route_of_a_country(country: str | None, routes: dict[str, str], route: str | None) -> None:
    assert route_for(country, routes) == route


def test_routes_without_one_for_all_others_are_said() -> None:
    findings = Locator(None, None, {"SE": "police"}, ()).examine(datetime.now(UTC))
    assert ("warn", "ROUTES has no * for all other countries: cases there have no route") in findings


def test_a_process_reads_the_databases_once() -> None:
    settings = Settings(routes=("SE=police", "*=inhope"))
    assert locator_of(settings) is locator_of(settings.model_copy())
    assert locator_of(settings).locate(None).route == "inhope"


def test_a_system_of_a_cdn_is_known_outside_its_published_networks() -> None:
    assert cdn_of(ip_address("198.51.100.1"), 20940) == "Akamai"
    assert cdn_of(ip_address("198.51.100.1"), 64496) is None
    assert cdn_of(ip_address(cdn_networks.BY_NAME["Fastly"][0].partition("/")[0]), None) == "Fastly"
