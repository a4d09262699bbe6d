"""The addresses at which the files of some cases were seen: a host that moves between providers shows it here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from orbweaver.model import Case


@dataclass(frozen=True)
class AddressSeen:
    """An address that gave files: of how many cases, and when it was first and last seen to do so.

    `country`, `asn` and `provider` are of the newest case that says them; None where only other addresses are known.
    """

    address: str
    cases: int
    first_at: datetime
    last_at: datetime
    country: str | None = None
    asn: int | None = None
    provider: str | None = None


def of_cases(cases: Iterable[Case]) -> list[AddressSeen]:
    """Return the addresses of cases, the one that was seen last first. Pure."""
    times: dict[str, list[datetime]] = {}
    of_address: dict[str, Case] = {}
    for case in cases:
        hosting = case.hosting
        seen = dict(hosting.also_at) if hosting is not None else {}
        if case.ip is not None:
            seen[case.ip] = case.last_seen
            if case.ip not in of_address or of_address[case.ip].last_seen < case.last_seen:
                of_address[case.ip] = case
        for address, at in seen.items():
            times.setdefault(address, []).append(at)
    found = []
    for address, moments in times.items():
        known = of_address.get(address)
        hosting = None if known is None else known.hosting
        named = () if hosting is None else (hosting.country, hosting.asn, hosting.provider)
        found.append(AddressSeen(address, len(moments), min(moments), max(moments), *named))
    return sorted(found, key=lambda one: one.last_at, reverse=True)
