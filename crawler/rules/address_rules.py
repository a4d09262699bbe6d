"""Decides which addresses may be connected to; crawler.fetching.connecting.egress_guard asks when it makes a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from orbweaver.crawler.errors import NetworkRefused
from orbweaver.crawler.rules.address_ranges import SPECIAL_IPV4, SPECIAL_IPV6
from orbweaver.crawler.rules.embedded_addresses import (
    MAPPED_NETWORK,
    NAT64_NETWORK,
    Address,
    ReachedAddress,
    addresses_reached,
    carried_by,
)

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class AddressDecision:
    """Whether an address may be connected to; `rule` names the range or permission that decided."""

    is_allowed: bool
    rule: str


def _by_longest_prefix(ranges: Iterable[tuple[str, str]]) -> tuple[tuple[Network, str], ...]:
    networks = [(ip_network(text), rule) for text, rule in ranges]
    return tuple(sorted(networks, key=lambda entry: -entry[0].prefixlen))


_SPECIAL: Final = {4: _by_longest_prefix(SPECIAL_IPV4), 6: _by_longest_prefix(SPECIAL_IPV6)}


def judge(
    address: str | Address,
    allowed: Sequence[Network] = (),
    *,
    translators: Sequence[IPv6Network] = (),
    is_own: Callable[[Address], bool] = lambda _: False,
) -> AddressDecision:
    """Say whether `address` is a host on the internet, or in a network that the operator allowed.

    Every address that it leads to (embedded_addresses; `translators` are the network's NAT64 prefixes) must pass the
    same rules: it is in an allowed network, or the table of ranges does not refuse it and it is not one of this
    machine's own by `is_own`. So an allowed network of addresses that carry others does not allow the addresses inside.
    The deprecated forms (6to4, Teredo, ...) are refused whatever is inside, because no site is served there. A zone
    identifier makes no difference.

    >>> judge("64:ff9b::10.0.0.1")
    AddressDecision(is_allowed=False, rule='NAT64 private')
    """
    if isinstance(address, str):
        try:
            address = ip_address(address)
        except ValueError:
            return AddressDecision(is_allowed=False, rule="not an address")
    reached = addresses_reached(address, translators)
    decisions = [_judge_alone(target, allowed) for target in reached]
    for target, decision in zip(reached, decisions, strict=True):
        if not decision.is_allowed:
            return _refused(target, decision.rule)
    for target, decision in zip(reached, decisions, strict=True):
        if decision.rule == "global" and is_own(target.address):
            return _refused(target, "this machine")
    return next((decision for decision in decisions if decision.rule == "allowed"), decisions[0])


def _refused(reached: ReachedAddress, rule: str) -> AddressDecision:
    return AddressDecision(is_allowed=False, rule=f"{reached.form} {rule}".lstrip())


def _judge_alone(reached: ReachedAddress, allowed: Sequence[Network]) -> AddressDecision:
    address, form = reached
    if any(address in network for network in allowed) and not _is_elsewhere(address, form):
        return AddressDecision(is_allowed=True, rule="allowed")
    if address in NAT64_NETWORK:
        return AddressDecision(is_allowed=True, rule="global")  # it holds every IPv4 host; the address inside decides
    for network, rule in _SPECIAL[address.version]:
        if address in network:
            return AddressDecision(is_allowed=False, rule=rule)
    # The table is the rule; the standard library may know a range that was registered after it was written.
    if not address.is_global or address.is_multicast or address.is_reserved:
        return AddressDecision(is_allowed=False, rule="not global")
    return AddressDecision(is_allowed=True, rule="global")


def _is_elsewhere(address: Address, form: str) -> bool:
    """Whether a loopback or link-local address stands inside another address.

    A translator or tunnel would send to its own loopback or link. An operator who allows 127.0.0.0/8 means the one of
    this machine.
    """
    return form not in {"", "IPv4-mapped"} and (address.is_loopback or address.is_link_local)


def judge_route(destination: Address, source: Address) -> AddressDecision:
    """Say whether packets from `source` to `destination` leave this machine.

    The kernel sends from the destination itself, or from loopback, only to its own addresses. There may be a service
    that a firewall hides from everybody else.
    """
    if destination == source or source.is_loopback:
        return AddressDecision(is_allowed=False, rule="this machine")
    return AddressDecision(is_allowed=True, rule="global")


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return the networks that an operator allows, such as "127.0.0.0/8" or an address; raises NetworkRefused.

    An IPv4-mapped network is read as the IPv4 network that it maps.
    """
    networks: list[Network] = []
    for text in texts:
        try:
            networks.append(_plain(ip_network(text.strip())))
        except ValueError as error:
            raise NetworkRefused(
                f"allowed network {text!r} is not understood: {error}; "
                'write an address or a network such as "192.0.2.0/24" or "fd00::/8"'
            ) from None
    return tuple(networks)


def _plain(network: Network) -> Network:
    if isinstance(network, IPv6Network) and network.subnet_of(MAPPED_NETWORK):
        return IPv4Network((carried_by(network.network_address, 96), network.prefixlen - 96))
    return network
