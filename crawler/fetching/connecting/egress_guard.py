"""Makes the sockets of the HTTP client, each for an address that is judged at that moment.

So no second DNS answer slips past.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from orbweaver.crawler.errors import EgressRefused
from orbweaver.crawler.fetching.connecting.nat64 import Translators
from orbweaver.crawler.rules.address_rules import AddressDecision, Network, judge, judge_route
from orbweaver.crawler.rules.embedded_addresses import MAPPED_NETWORK, Address

if TYPE_CHECKING:
    from aiohttp import AddrInfoType

# Refusals of the current request: tasks that a connector starts share the list because they copy the context.
_REFUSALS: ContextVar[list[EgressRefused] | None] = ContextVar("_REFUSALS", default=None)


@contextmanager
def noted_refusals() -> Iterator[list[EgressRefused]]:
    """Collect what a Guard refuses in this block: a connector that tries several addresses raises one plain OSError."""
    refusals: list[EgressRefused] = []
    token = _REFUSALS.set(refusals)
    try:
        yield refusals
    finally:
        _REFUSALS.reset(token)


class Guard:
    """Makes the sockets of an HTTP client, for no address that judge() refuses.

    `aiohttp.TCPConnector(socket_factory=Guard(allowed).socket_factory)` calls it once for each address it is
    about to connect to, after DNS, for literals and redirects too, and dials exactly that address. A proxy hides the
    target from it: crawler.fetching.connecting.proxies judges what is handed to one, and no other may be used
    (`trust_env=False`).
    `allowed` are the networks that the operator allowed. While the prefixes of `translators` are not known, no IPv6
    address but loopback passes: `prepare` learns them.
    """

    def __init__(self, allowed: Iterable[Network] = (), translators: Translators | None = None) -> None:
        self._allowed = tuple(allowed)
        self._translators = translators or Translators()

    def judge(self, address: str | Address) -> AddressDecision:
        """Judge an address by every rule, the kernel's routes among them."""
        decision = self._judge(address, is_own=_is_own)
        if decision.is_allowed and self._translators.prefixes is None and _may_be_translated(address):
            return AddressDecision(is_allowed=False, rule="NAT64 prefix of this network not known")
        return decision

    async def prepare(self, address: str) -> None:
        """Learn the prefixes that must be known to judge `address`; nothing if it is refused anyway, or a name."""
        # Only IPv6 addresses have a colon: for all others there is nothing to learn.
        if ":" in address and self._judge(address).is_allowed and _may_be_translated(address):
            await self._translators.learn()

    def socket_factory(self, addr_info: AddrInfoType) -> socket.socket:
        """Return a non-blocking socket for one result of getaddrinfo(); raises EgressRefused."""
        family, kind, protocol, _, destination = addr_info
        address = str(destination[0])
        decision = self.judge(address)
        if not decision.is_allowed:
            refusal = EgressRefused(address, decision.rule)
            refusals = _REFUSALS.get()
            if refusals is not None:
                refusals.append(refusal)
            raise refusal
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made

    def _judge(self, address: str | Address, is_own: Callable[[Address], bool] = lambda _: False) -> AddressDecision:
        return judge(address, self._allowed, translators=self._translators.prefixes or (), is_own=is_own)


def _may_be_translated(address: str | Address) -> bool:
    """Whether an address of this network's translator could look like this one, which judge() allows."""
    parsed = ip_address(address) if isinstance(address, str) else address
    return isinstance(parsed, IPv6Address) and not parsed.is_loopback and parsed not in MAPPED_NETWORK


def _is_own(address: Address) -> bool:
    """Ask the kernel for the source address of packets to `address`; connecting a UDP socket sends nothing."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), 80))
        except OSError:
            # No route, or a firewall's: the TCP connection will say so in its own words.
            return False
        source = ip_address(probe.getsockname()[0].partition("%")[0])
    return not judge_route(ip_address(str(address).partition("%")[0]), source).is_allowed
