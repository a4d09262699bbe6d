"""Databases of addresses in the MaxMind DB format, for tests: made here, of addresses for documentation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from mmdb_writer import MMDBWriter
from netaddr import IPSet


def write_database(
    path: Path, records: Mapping[str, Any], *, kind: str = "Test-Country", ip_version: Literal[4, 6] = 6
) -> Path:
    """Write a record for each network, and return the path."""
    writer = MMDBWriter(ip_version=ip_version, ipv4_compatible=ip_version == 6, database_type=kind, int_type="u32")
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path


COUNTRIES = {
    "192.0.2.0/24": {"country": {"iso_code": "SE"}},
    "198.51.100.0/24": {"country": {"iso_code": "NL"}},
    "203.0.113.0/24": {"country": {"iso_code": "NL"}},
    "104.16.0.0/13": {"country": {"iso_code": "SE"}},
    "2001:db8::/32": {"country": {"iso_code": "SE"}},
}
NETWORKS = {
    "192.0.2.0/24": {"autonomous_system_number": 64496, "autonomous_system_organization": "Example Hosting"},
    "198.51.100.0/24": {"autonomous_system_number": 64497, "autonomous_system_organization": "Other Hosting"},
    "203.0.113.0/24": {"autonomous_system_number": 64496, "autonomous_system_organization": "Example Hosting"},
    "104.16.0.0/13": {"autonomous_system_number": 13335, "autonomous_system_organization": "CLOUDFLARENET"},
}
