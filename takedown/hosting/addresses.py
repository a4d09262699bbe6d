"""Finds the address that a translator or the kernel wrote inside another one: databases know only the inner one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address

_MAPPED: Final = IPv6Network("::ffff:0:0/96")
# RFC 6052, 2.1: the prefix that every network may use.
_WELL_KNOWN: Final = IPv6Network("64:ff9b::/96")
# RFC 6052, 2.2: a translator's prefix has one of these lengths.
_LENGTHS: Final = frozenset({32, 40, 48, 56, 64, 96})


def plain_address(text: str | None, translators: Sequence[IPv6Network] = ()) -> Address | None:
    """Return the address that a database knows, None for what is no address.

    An IPv4-mapped address, and one behind a NAT64 prefix (the well-known one, or one of `translators`), stands for the
    IPv4 address inside it. A zone identifier is left out.
    """
    try:
        address = ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    if address in _MAPPED or address in _WELL_KNOWN:
        return _carried(address, 96)
    inside = [network for network in translators if address in network]
    return _carried(address, max(network.prefixlen for network in inside)) if inside else address


def translators_of(prefixes: Iterable[str]) -> tuple[IPv6Network, ...]:
    """Return the NAT64 prefixes of a setting. One that is none is left out: `doctor` and recrawls refuse it."""
    networks = []
    for text in prefixes:
        try:
            network = ip_network(text)
        except ValueError:
            continue
        if isinstance(network, IPv6Network) and network.prefixlen in _LENGTHS:
            networks.append(network)
    return tuple(networks)


def _carried(address: IPv6Address, length: int) -> IPv4Address:
    """Return the IPv4 address after a prefix of so many bits (RFC 6052, 2.2): bits 64 to 71 are no part of it."""
    bits = int(address)
    if length == 96:
        return IPv4Address(bits & 0xFFFFFFFF)
    without_gap = bits >> 64 << 56 | bits & (1 << 56) - 1
    return IPv4Address(without_gap >> 120 - length - 32 & 0xFFFFFFFF)
