"""Finds every address that an address leads to: many forms of IPv6 carry an IPv4 address, and packets may end there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Final, NamedTuple

from orbweaver.crawler.rules.address_ranges import (
    IPV4_COMPATIBLE,
    IPV4_MAPPED,
    IPV4_TRANSLATED,
    LOCAL_NAT64,
    NAT64,
    SIX_TO_FOUR,
    TEREDO,
)

Address = IPv4Address | IPv6Address

# RFC 6052, 2.2: a translator's prefix has one of these lengths.
TRANSLATOR_LENGTHS: Final = (32, 40, 48, 56, 64, 96)

MAPPED_NETWORK: Final = IPv6Network(IPV4_MAPPED)
NAT64_NETWORK: Final = IPv6Network(NAT64)
_LOCAL_NAT64: Final = IPv6Network(LOCAL_NAT64)
_COMPATIBLE: Final = IPv6Network(IPV4_COMPATIBLE)
_TRANSLATED: Final = IPv6Network(IPV4_TRANSLATED)
_SIX_TO_FOUR: Final = IPv6Network(SIX_TO_FOUR)
_TEREDO: Final = IPv6Network(TEREDO)
# RFC 5214, 6.1: the upper half of the interface identifier, with and without the universal bit, in any prefix.
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})


class ReachedAddress(NamedTuple):
    """An address that packets may reach; `form` names the way there, "" for the address itself."""

    address: Address
    form: str


def addresses_reached(address: Address, translators: Sequence[IPv6Network] = ()) -> tuple[ReachedAddress, ...]:
    """Return the address itself and each IPv4 address inside it, in every form in which one may be read.

    `translators` are the NAT64 prefixes of this machine's network (crawler.fetching.connecting.nat64). An
    IPv4-mapped address reaches the address inside and nothing else, because the kernel speaks IPv4 to it. 6rd, MAP and
    4rd are not found: their prefixes belong to a provider, so these addresses look like any other.

    >>> [f"{form} {inner}".strip() for inner, form in addresses_reached(IPv6Address("2002:808:808::5efe:a00:1"))]
    ['2002:808:808::5efe:a00:1', '6to4 8.8.8.8', 'ISATAP 10.0.0.1']
    """
    if isinstance(address, IPv4Address):
        return (ReachedAddress(address, ""),)
    if address in MAPPED_NETWORK:
        return (ReachedAddress(carried_by(address, 96), "IPv4-mapped"),)
    return (ReachedAddress(address, ""), *_carried(address, translators))


def carried_by(address: IPv6Address, length: int) -> IPv4Address:
    """Return the IPv4 address after a prefix of `length` bits (RFC 6052, 2.2); bits 64 to 71 are no part of it."""
    bits = int(address)
    if length == 96:
        return IPv4Address(bits & 0xFFFFFFFF)
    without_gap = bits >> 64 << 56 | bits & (1 << 56) - 1
    return IPv4Address(without_gap >> 120 - length - 32 & 0xFFFFFFFF)


def _carried(address: IPv6Address, translators: Sequence[IPv6Network]) -> Iterator[ReachedAddress]:
    bits = int(address)
    lowest = bits & 0xFFFFFFFF
    lengths = {network.prefixlen for network in translators if address in network}
    if address in NAT64_NETWORK:
        lengths.add(96)
    elif address in _LOCAL_NAT64 and not lengths:
        lengths.update(length for length in TRANSLATOR_LENGTHS if length >= _LOCAL_NAT64.prefixlen)
    for length in sorted(lengths):
        yield ReachedAddress(carried_by(address, length), "NAT64")
    if address in _SIX_TO_FOUR:
        yield ReachedAddress(IPv4Address(bits >> 80 & 0xFFFFFFFF), "6to4")
    if address in _TEREDO:
        yield ReachedAddress(IPv4Address(bits >> 64 & 0xFFFFFFFF), "Teredo server")
        yield ReachedAddress(IPv4Address(lowest ^ 0xFFFFFFFF), "Teredo client")
    if bits >> 32 & 0xFFFFFFFF in _ISATAP:
        yield ReachedAddress(IPv4Address(lowest), "ISATAP")
    if address in _TRANSLATED:
        yield ReachedAddress(IPv4Address(lowest), "IPv4-translated")
    if address in _COMPATIBLE and lowest > 1:  # neither :: nor ::1
        yield ReachedAddress(IPv4Address(lowest), "IPv4-compatible")
