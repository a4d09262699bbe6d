"""Which addresses may be connected to, judged where the socket is made: no second DNS answer slips past."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final

from orbweaver.crawler.address_ranges import IPV4_MAPPED, NAT64, SPECIAL_IPV4, SPECIAL_IPV6
from orbweaver.crawler.errors import EgressRefused, NetworkRefused

if TYPE_CHECKING:
    from aiohttp import AddrInfoType

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether an address may be connected to; `rule` names the range or permission that decided."""

    is_allowed: bool
    rule: str


# Refusals of the current request, if its owner set a list: a connector that tries several addresses folds
# their errors into one plain OSError, and tasks it starts share the list because they copy the context.
REFUSALS: ContextVar[list[EgressRefused] | None] = ContextVar("REFUSALS", default=None)

# The two forms by which an IPv4 host is really reached; what each does to the name of the rule inside.
_CARRIERS: Final = ((IPv6Network(IPV4_MAPPED), "IPv4-mapped"), (IPv6Network(NAT64), "NAT64"))


def _by_longest_prefix(ranges: Iterable[tuple[str, str]]) -> tuple[tuple[Network, str], ...]:
    networks = [(ip_network(text), rule) for text, rule in ranges]
    return tuple(sorted(networks, key=lambda entry: -entry[0].prefixlen))


_SPECIAL: Final = {4: _by_longest_prefix(SPECIAL_IPV4), 6: _by_longest_prefix(SPECIAL_IPV6)}


def judge(address: str | Address, allowed: Sequence[Network] = ()) -> Judgement:
    """Say whether `address` is a host on the internet, or in a network that the operator allowed.

    An IPv4 address inside an IPv4-mapped or NAT64 one is judged in its stead. The deprecated forms that carry
    one (IPv4-compatible, 6to4, Teredo) and local NAT64 are refused whatever is inside: no site is served
    there, and a relay would deliver where the attacker likes. Zone identifiers make no difference.

    >>> judge("64:ff9b::10.0.0.1")
    Judgement(is_allowed=False, rule='NAT64 private')
    """
    if isinstance(address, str):
        try:
            address = ip_address(address)
        except ValueError:
            return Judgement(is_allowed=False, rule="not an address")
    if _is_in(address, allowed):
        return Judgement(is_allowed=True, rule="allowed")
    if isinstance(address, IPv6Address):
        for carrier, form in _CARRIERS:
            if address in carrier:
                inner = judge(IPv4Address(int(address) & 0xFFFFFFFF), allowed)
                return inner if inner.is_allowed else Judgement(is_allowed=False, rule=f"{form} {inner.rule}")
    for network, rule in _SPECIAL[address.version]:
        if address in network:
            return Judgement(is_allowed=False, rule=rule)
    # The table is the rule; the standard library may know a range that was registered after it was written.
    if not address.is_global or address.is_multicast or address.is_reserved:
        return Judgement(is_allowed=False, rule="not global")
    return Judgement(is_allowed=True, rule="global")


def judge_route(destination: Address, source: Address) -> Judgement:
    """Say whether packets from `source` to `destination` leave this machine.

    The kernel sends from the destination itself, or from loopback, only to its own addresses. Behind one of
    these may be a service that a firewall keeps from everybody else.
    """
    if destination == source or source.is_loopback:
        return Judgement(is_allowed=False, rule="this machine")
    return Judgement(is_allowed=True, rule="global")


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return the networks that an operator allows, such as "127.0.0.0/8" or an address; raises NetworkRefused."""
    networks: list[Network] = []
    for text in texts:
        try:
            networks.append(ip_network(text.strip()))
        except ValueError as error:
            raise NetworkRefused(
                f"allowed network {text!r} is not understood: {error}; "
                'write an address or a network such as "192.0.2.0/24" or "fd00::/8"'
            ) from None
    return tuple(networks)


class Guard:
    """Makes the sockets of an HTTP client, for no address that judge() refuses.

    `aiohttp.TCPConnector(socket_factory=Guard(allowed).socket_factory)` calls it once for each address it is
    about to connect to, after DNS, for literals and redirects too, and dials exactly that address. A proxy hides the
    target from it: crawler.proxies judges what is handed to one, and no other may be used (`trust_env=False`).
    `allowed` are the networks that the operator allowed.
    """

    def __init__(self, allowed: Iterable[Network] = ()) -> None:
        self.allowed = tuple(allowed)

    def socket_factory(self, addr_info: AddrInfoType) -> socket.socket:
        """Return a non-blocking socket for one result of getaddrinfo(); raises EgressRefused."""
        family, kind, protocol, _, destination = addr_info
        address = str(destination[0])
        judgement = judge(address, self.allowed)
        if judgement.rule == "global":
            judgement = _judge_route_to(family, destination)
        if not judgement.is_allowed:
            refusal = EgressRefused(address, judgement.rule)
            refusals = REFUSALS.get()
            if refusals is not None:
                refusals.append(refusal)
            raise refusal
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made


def _judge_route_to(family: int, destination: tuple[Any, ...]) -> Judgement:
    """Ask the kernel for the source address; connecting a UDP socket sends nothing."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(destination)
        except OSError:
            # No route, or a firewall's: the TCP connection will say so in its own words.
            return Judgement(is_allowed=True, rule="global")
        source = probe.getsockname()[0]
    return judge_route(_plain(destination[0]), _plain(source))


def _plain(text: str) -> Address:
    """Return an address as the network sees it: without its zone, and IPv4 where IPv6 only maps it."""
    address = ip_address(text.partition("%")[0])
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address
