"""The prefixes by which this machine's network reaches IPv4 hosts over IPv6 (NAT64): set, or learned from DNS.

RFC 7050: the name ipv4only.arpa has two known IPv4 addresses and no IPv6 address, so one that comes all the same was
made by the network's DNS64, and shows its prefix. The question names no host of a scope and goes where every question
goes, to this machine's resolver. It is asked only when an IPv6 address is about to be dialled, once a recrawl.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Final

from orbweaver.crawler.errors import NetworkRefused
from orbweaver.crawler.rules.embedded_addresses import TRANSLATOR_LENGTHS, carried_by

NAME: Final = "ipv4only.arpa"
_KNOWN: Final = frozenset({IPv4Address("192.0.0.170"), IPv4Address("192.0.0.171")})
# After a failure, so that a resolver that never answers costs a wait now and then, and not one a connection.
ASK_AGAIN_SECONDS: Final = 60

# getaddrinfo(3): the name does not exist, or has no IPv6 address. Every other failure leaves the question open.
_NO_ADDRESS: Final = frozenset({socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_ADDRFAMILY})


class Translators:
    """The NAT64 prefixes of this machine's network, besides the two that are known everywhere.

    `prefixes` is None while they are not known. `known` are set by the operator, and then DNS is not asked.
    """

    def __init__(self, known: Iterable[IPv6Network] = (), *, asks_dns: bool = False) -> None:
        given = tuple(known)
        self.prefixes: tuple[IPv6Network, ...] | None = given if given or not asks_dns else None
        self._asking: asyncio.Task[None] | None = None
        self._ask_again_at = 0.0

    async def learn(self) -> None:
        """Ask DNS, unless the prefixes are known or it failed to answer a moment ago."""
        if self.prefixes is not None:
            return
        now = asyncio.get_running_loop().time()
        if self._asking is None or (self._asking.done() and now >= self._ask_again_at):
            self._asking = asyncio.create_task(self._ask())
        # One question for all who wait; when one of them has to give up, the others still get the answer.
        await asyncio.shield(self._asking)

    async def _ask(self) -> None:
        self.prefixes = await _ask_dns()
        self._ask_again_at = asyncio.get_running_loop().time() + ASK_AGAIN_SECONDS


async def _ask_dns() -> tuple[IPv6Network, ...] | None:
    """Return the prefixes that DNS names, None when it says nothing."""
    try:
        results = await asyncio.get_running_loop().getaddrinfo(
            NAME, None, family=socket.AF_INET6, type=socket.SOCK_STREAM
        )
    except socket.gaierror as error:
        return () if error.errno in _NO_ADDRESS else None
    return prefixes_shown_by(IPv6Address(str(address[0]).partition("%")[0]) for *_, address in results)


def prefixes_shown_by(addresses: Iterable[IPv6Address]) -> tuple[IPv6Network, ...]:
    """Return every prefix behind which one of the name's two IPv4 addresses stands (RFC 7050, 3).

    >>> prefixes_shown_by([IPv6Address("2001:db8:64::c000:aa")])
    (IPv6Network('2001:db8:64::/96'),)
    """
    prefixes = {
        IPv6Network((int(address), length), strict=False)
        for address in addresses
        for length in TRANSLATOR_LENGTHS
        if carried_by(address, length) in _KNOWN
    }
    return tuple(sorted(prefixes))


def parse_prefixes(texts: Iterable[str]) -> tuple[IPv6Network, ...]:
    """Return the NAT64 prefixes that an operator wrote, such as "2001:db8:64::/96"; raises NetworkRefused."""
    prefixes: list[IPv6Network] = []
    for text in texts:
        try:
            prefix = IPv6Network(text.strip())
        except ValueError as error:
            raise NetworkRefused(f"NAT64 prefix {text!r} is not understood: {error}") from None
        if prefix.prefixlen not in TRANSLATOR_LENGTHS:
            lengths = ", ".join(str(length) for length in TRANSLATOR_LENGTHS)
            raise NetworkRefused(f"NAT64 prefix {text!r} is not understood: its length must be one of {lengths}")
        prefixes.append(prefix)
    return tuple(prefixes)
