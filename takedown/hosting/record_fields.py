"""Reads the records of databases that name the same facts differently: MaxMind, DB-IP, IPinfo, iptoasn and others."""

from __future__ import annotations

import re
from typing import NamedTuple

_COUNTRY = re.compile(r"[A-Za-z]{2}")
# What databases write for addresses of which no country is known, or of several: codes that ISO 3166 leaves to users,
# but for Kosovo's, and two regions.
_NO_COUNTRY = (
    frozenset({"AA", "AP", "EU", "ZZ"})
    | {f"Q{one}" for one in "MNOPQRSTUVWXYZ"}
    | {f"X{one}" for one in "ABCDEFGHIJLMNOPQRSTUVWXYZ"}
)
# Databases made of what networks say of themselves have these, too.
_OTHER_SPELLINGS = {"UK": "GB", "EL": "GR"}
_SYSTEM = re.compile(r"(?:AS)?([0-9]{1,10})", re.IGNORECASE)
LONGEST_NAME = 200
_LARGEST_SYSTEM = 2**32 - 1


class Network(NamedTuple):
    """An autonomous system: its number, and the name of its organisation."""

    asn: int
    provider: str | None


def country_in(record: object) -> str | None:
    """Return the country that a record names, as its code in capitals; None when no field that is known has one.

    MaxMind and DB-IP have `country.iso_code`, iptoasn and IPinfo `country_code` or `country`. MaxMind's
    `registered_country` is where the network was registered, so it counts only when there is no other. DB-IP writes
    `ZZ` for an unknown country, and databases made of the registries' files have `EU`: neither is one.
    """
    if not isinstance(record, dict):
        return None
    for name in ("country", "country_code", "registered_country"):
        value = record.get(name)
        code = value.get("iso_code") if isinstance(value, dict) else value
        if isinstance(code, str) and _COUNTRY.fullmatch(code) and code.upper() not in _NO_COUNTRY:
            return _OTHER_SPELLINGS.get(code.upper(), code.upper())
    return None


def network_in(record: object) -> Network | None:
    """Return the autonomous system that a record names; None when no field that is known has a number.

    MaxMind, DB-IP and iptoasn have `autonomous_system_number` and `autonomous_system_organization`, IPinfo `asn`
    ("AS64496") with `as_name` or `name`.
    """
    if not isinstance(record, dict):
        return None
    for name in ("autonomous_system_number", "asn"):
        asn = _system(record.get(name))
        if asn is not None:
            names = ("autonomous_system_organization", "as_name", "name")
            return Network(asn, next((text for key in names if (text := _name(record.get(key)))), None))
    return None


def _system(value: object) -> int | None:
    if isinstance(value, str) and (match := _SYSTEM.fullmatch(value)):
        value = int(match[1])
    is_number = isinstance(value, int) and not isinstance(value, bool)
    # 0 stands in some databases for "announced by nobody" (RFC 7607).
    return value if is_number and 0 < value <= _LARGEST_SYSTEM else None  # type: ignore[operator,return-value]


def _name(value: object) -> str | None:
    """Return a name as one line of printable text: it is shown in terminals."""
    if not isinstance(value, str):
        return None
    return " ".join("".join(one if one.isprintable() else " " for one in value).split())[:LONGEST_NAME] or None
