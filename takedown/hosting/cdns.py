"""Knows the networks of CDNs: what is fetched from their addresses is hosted elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from types import MappingProxyType
from typing import Final

from orbweaver import cdn_networks
from orbweaver.takedown.hosting.addresses import Address

# Systems that serve the sites of others and host none themselves, by their numbers in the routing registries. Companies
# that sell servers, too (Amazon, Google, Microsoft, OVH), are left out: there most addresses are origins.
CDN_SYSTEMS: Final[Mapping[int, str]] = MappingProxyType(
    {
        13335: "Cloudflare",
        16625: "Akamai",
        19551: "Imperva",
        20940: "Akamai",
        30148: "Sucuri",
        54113: "Fastly",
        209242: "Cloudflare",
    }
)


def cdn_of(address: Address, asn: int | None) -> str | None:
    """Return the name of the CDN that an address belongs to, by its network or its system; None for no known one."""
    for network, name in _networks():
        if address.version == network.version and address in network:
            return name
    return None if asn is None else CDN_SYSTEMS.get(asn)


@cache
def _networks() -> tuple[tuple[IPv4Network | IPv6Network, str], ...]:
    return tuple((ip_network(text), name) for name, texts in cdn_networks.BY_NAME.items() for text in texts)
