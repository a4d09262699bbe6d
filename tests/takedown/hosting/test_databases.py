"""A database of addresses may be broken, missing, replaced or another one: that is said, and stops nothing."""

from __future__ import annotations

import os
import random
import tempfile
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from address_databases import COUNTRIES, NETWORKS, write_database
from orbweaver.takedown.hosting import databases
from orbweaver.takedown.hosting.databases import AddressDatabase
from orbweaver.takedown.hosting.record_fields import Network, country_in, network_in

SWEDISH, DUTCH, NOWHERE = map(ip_address, ("192.0.2.9", "198.51.100.9", "8.8.8.8"))
SWEDISH_6 = ip_address("2001:db8::9")


def countries_at(path: Path) -> AddressDatabase:
    return AddressDatabase("GEO_COUNTRY_DB", path, country_in)


def now() -> datetime:
    return datetime.now(UTC)


def test_an_address_has_the_record_of_its_network(tmp_path: Path) -> None:
    database = countries_at(write_database(tmp_path / "c.mmdb", COUNTRIES))
    found = [country_in(database.look_up(address)) for address in (SWEDISH, DUTCH, NOWHERE, SWEDISH_6)]
    assert found == ["SE", "NL", None, "SE"]
    state, finding = database.examine(now())
    assert (state, finding) == ("ok", f"{tmp_path}/c.mmdb: Test-Country {now():%Y-%m-%d}")


def test_a_database_of_ipv4_has_no_address_of_ipv6(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    records = {"192.0.2.0/24": COUNTRIES["192.0.2.0/24"]}
    database = countries_at(write_database(tmp_path / "c.mmdb", records, ip_version=4))
    assert database.look_up(SWEDISH_6) is None
    assert country_in(database.look_up(SWEDISH)) == "SE"
    assert not caplog.messages


def test_a_database_of_ipv6_alone_is_known_by_its_fields(tmp_path: Path) -> None:
    records = {"2001:db8::/32": COUNTRIES["2001:db8::/32"]}
    database = countries_at(write_database(tmp_path / "c.mmdb", records))
    assert country_in(database.look_up(SWEDISH_6)) == "SE"
    assert database.examine(now())[0] == "ok"


def test_an_old_database_is_said(tmp_path: Path) -> None:
    database = countries_at(write_database(tmp_path / "c.mmdb", COUNTRIES))
    state, finding = database.examine(now() + timedelta(days=100))
    assert state == "warn"
    assert "100 days old: fetch a newer one" in finding


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "is no MaxMind DB file"),
        (b"country,network\nSE,192.0.2.0/24\n" * 50, "is no MaxMind DB file"),
        (b"\xab\xcd\xefMaxMind.com", "is no MaxMind DB file"),
        (b"\xab\xcd\xefMaxMind.com\xe1\x41a\x41b", "is no MaxMind DB file"),
    ],
)
def test_a_file_that_is_no_database_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None, said: str
) -> None:
    path = tmp_path / "c.mmdb"
    if content is not None:
        path.write_bytes(content)
    database = countries_at(path)
    assert [database.look_up(SWEDISH) for _ in range(3)] == [None, None, None]
    assert database.source is None
    (message,) = caplog.messages
    assert message.startswith(f"GEO_COUNTRY_DB {path} {said}")
    assert "\n" not in message
    state, finding = database.examine(now())
    assert state == "fail"
    assert finding == f"{message}: cases stay without what it says"


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        database = countries_at(path)
        assert database.look_up(SWEDISH) is None
        assert database.examine(now())[0] == "fail"


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "c.mmdb"
    with path.open("wb") as file:
        file.truncate(databases.LARGEST_BYTES + 1)
    database = countries_at(path)
    assert database.look_up(SWEDISH) is None
    assert "has more than 256 MiB" in database.examine(now())[1]


def test_a_database_with_other_fields_is_said(tmp_path: Path) -> None:
    database = countries_at(write_database(tmp_path / "a.mmdb", NETWORKS, kind="Test-ASN"))
    assert country_in(database.look_up(SWEDISH)) is None
    state, finding = database.examine(now())
    assert state == "fail"
    assert "(Test-ASN) has no field that is known: give another database" in finding


def test_a_code_that_stands_for_no_country_is_none_and_another_spelling_is_the_same_country() -> None:
    """Codes of DB-IP (hexpm 1638), of registries (geoacumen-country 8) and of geofeeds (ip-location-db 36 and 41)."""
    none = ("ZZ", "zz", "EU", "AP", "XX", "XZ", "AA", "QM", "QZ", "XA")
    assert [country_in({"country": {"iso_code": code}}) for code in none] == [None] * len(none)
    assert [country_in({"country_code": code}) for code in ("UK", "el", "XK", "QA", "SE")] == [
        *("GB", "GR", "XK", "QA", "SE")
    ]
    registered = {"country": {"iso_code": "EU"}, "registered_country": {"iso_code": "NL"}}
    assert country_in(registered) == "NL"


def test_a_database_that_is_replaced_is_read_anew(tmp_path: Path) -> None:
    path = write_database(tmp_path / "c.mmdb", COUNTRIES)
    database = countries_at(path)
    assert country_in(database.look_up(SWEDISH)) == "SE"
    write_database(tmp_path / "new.mmdb", {"192.0.2.0/24": {"country": {"iso_code": "FI"}}}).replace(path)
    assert country_in(database.look_up(SWEDISH)) == "FI"


def test_the_old_database_goes_on_while_the_new_one_cannot_be_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_database(tmp_path / "c.mmdb", COUNTRIES)
    whole = path.read_bytes()
    database = countries_at(path)
    assert country_in(database.look_up(SWEDISH)) == "SE"

    path.write_bytes(whole[:50])  # written over in place: a mapped file would end the process here
    assert country_in(database.look_up(SWEDISH)) == "SE"
    state, finding = database.examine(now())
    assert state == "warn"
    assert finding.endswith("; what was read before is used")
    path.unlink()
    assert country_in(database.look_up(SWEDISH)) == "SE"
    assert "cannot be read" in database.examine(now())[1]
    assert len(caplog.messages) == 2

    path.write_bytes(whole)
    assert country_in(database.look_up(SWEDISH)) == "SE"
    assert database.examine(now())[0] == "ok"


def test_no_damage_stops_a_look_up() -> None:
    draw = random.Random(13)
    with tempfile.TemporaryDirectory() as folder:
        path = write_database(Path(folder) / "c.mmdb", COUNTRIES)
        whole = path.read_bytes()
        for turn in range(120):
            damaged = bytearray(whole)
            # Half of them in the description of the file, which is at its end.
            first = 0 if turn % 2 else len(whole) - 300
            for _ in range(draw.randrange(1, 6)):
                damaged[draw.randrange(first, len(whole))] = draw.randrange(256)
            if turn % 5 == 0:
                del damaged[draw.randrange(len(damaged)) :]
            path.write_bytes(damaged)
            database = countries_at(path)
            for address in (SWEDISH, DUTCH, NOWHERE, SWEDISH_6):
                country_in(database.look_up(address))
            assert database.examine(now())[0] in {"ok", "warn", "fail"}


@pytest.mark.parametrize(
    ("record", "country"),
    [
        ({"country": {"iso_code": "SE"}, "registered_country": {"iso_code": "US"}}, "SE"),
        ({"registered_country": {"iso_code": "US"}}, "US"),
        ({"country_code": "se"}, "SE"),
        ({"country": "Sweden", "country_code": "SE"}, "SE"),
        ({"country": "SE"}, "SE"),
        ({"country": {"iso_code": "SWE"}}, None),
        ({"country": {"iso_code": 7}, "country_code": None}, None),
        ({}, None),
        (["SE"], None),
        ("SE", None),
        (None, None),
    ],
)
def test_the_country_of_a_record(record: object, country: str | None) -> None:
    assert country_in(record) == country


@pytest.mark.parametrize(
    ("record", "network"),
    [
        ({"autonomous_system_number": 64496, "autonomous_system_organization": "Ex"}, Network(64496, "Ex")),
        ({"autonomous_system_number": 64496}, Network(64496, None)),
        ({"asn": "AS64496", "as_name": "Ex", "as_domain": "e.test"}, Network(64496, "Ex")),
        ({"asn": "64496", "name": "Ex"}, Network(64496, "Ex")),
        ({"asn": "AS64496", "name": "a\x1b[31m\n b" + "c" * 300}, Network(64496, ("a [31m b" + "c" * 300)[:200])),
        ({"asn": 0, "name": "nobody"}, None),
        ({"asn": 2**32}, None),
        ({"asn": True}, None),
        ({"asn": "soon"}, None),
        ({"name": "Ex"}, None),
        (None, None),
    ],
)
def test_the_network_of_a_record(record: object, network: Network | None) -> None:
    assert network_in(record) == network
