"""Every form in which an IPv6 address carries an IPv4 address, written from the RFCs and not from our own code."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import NamedTuple


class Form(NamedTuple):
    """A form: its prefix, how `number`, an IPv4 address, stands in it, and the mask of the bits that this fixes."""

    name: str
    prefix: str
    place: Callable[[int], int]
    mask: int

    def carrying(self, address: IPv4Address, other_bits: int = 0) -> IPv6Address:
        """Return an address of this form; bits that the form leaves free are those of `other_bits`."""
        network = IPv6Network(self.prefix)
        fixed = int(network.netmask) | self.mask
        return IPv6Address(int(network.network_address) | self.place(int(address)) | other_bits & ~fixed & 2**128 - 1)


def _shifted(name: str, prefix: str, shift: int) -> Form:
    return Form(name, prefix, lambda number: number << shift, 0xFFFFFFFF << shift)


def _local_nat64(length: int) -> Form:
    """RFC 6052, 2.2, drawn there as a table of octets: the ninth (bits 64 to 71) is skipped."""

    def place(number: int) -> int:
        octets = bytearray(16)
        position = length // 8
        for octet in number.to_bytes(4, "big"):
            if position == 8:
                position += 1
            octets[position] = octet
            position += 1
        return int.from_bytes(octets, "big")

    return Form(f"local NAT64 /{length}", "64:ff9b:1::/48", place, place(0xFFFFFFFF))


FORMS = (
    _shifted("IPv4-mapped", "::ffff:0:0/96", 0),
    _shifted("NAT64", "64:ff9b::/96", 0),
    _shifted("NAT64 of this network", "2a00:64:64::/96", 0),
    *(_local_nat64(length) for length in (48, 56, 64, 96)),
    _shifted("6to4", "2002::/16", 80),
    _shifted("Teredo server", "2001::/32", 64),
    Form("Teredo client", "2001::/32", lambda number: number ^ 0xFFFFFFFF, 0xFFFFFFFF),
    *(
        Form(
            f"ISATAP in {prefix}, {group:x}",
            prefix,
            lambda number, group=group: group << 32 | number,  # type: ignore[misc]
            2**64 - 1,
        )
        for prefix in ("fe80::/64", "2a00:1:2:3::/64", "2002:5db8:d822::/48")
        for group in (0x5EFE, 0x02005EFE)
    ),
    _shifted("IPv4-translated", "::ffff:0:0:0/96", 0),
    _shifted("IPv4-compatible", "::/96", 0),
)
