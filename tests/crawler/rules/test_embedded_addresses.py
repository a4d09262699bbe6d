"""The addresses that an address leads to: the examples of the RFCs, and every form beside every other bit."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network

import pytest
from carrying_forms import FORMS, Form
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.rules.embedded_addresses import ReachedAddress, addresses_reached, carried_by

TRANSLATOR = IPv6Network("2a00:64:64::/96")


@pytest.mark.parametrize(
    ("address", "length"),
    [
        ("2001:db8:c000:221::", 32),
        ("2001:db8:1c0:2:21::", 40),
        ("2001:db8:122:c000:2:2100::", 48),
        ("2001:db8:122:3c0:0:221::", 56),
        ("2001:db8:122:344:c0:2:2100::", 64),
        ("2001:db8:122:344::192.0.2.33", 96),
    ],
)
def test_the_examples_of_rfc_6052_are_read(address: str, length: int) -> None:
    assert carried_by(IPv6Address(address), length) == IPv4Address("192.0.2.33")


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@given(address=st.ip_addresses(v=4), other_bits=st.integers(0, 2**128 - 1))
def test_whatever_stands_beside_it_the_address_inside_is_seen(
    form: Form, address: IPv4Address, other_bits: int
) -> None:
    carrier = form.carrying(address, other_bits)
    if carrier in {IPv6Address("::"), IPv6Address("::1")}:
        return
    assert address in {one.address for one in addresses_reached(carrier, [TRANSLATOR])}


@given(st.ip_addresses())
def test_an_address_leads_to_itself_first_or_is_ipv4_for_the_kernel(address: IPv4Address | IPv6Address) -> None:
    first = addresses_reached(address)[0]
    assert first == ReachedAddress(address, "") or first.form == "IPv4-mapped"


def test_forms_inside_forms_are_all_seen() -> None:
    tunnels = IPv6Address("2002:808:808::5efe:a00:1")
    assert [f"{form} {one}".strip() for one, form in addresses_reached(tunnels)] == [
        "2002:808:808::5efe:a00:1",
        "6to4 8.8.8.8",
        "ISATAP 10.0.0.1",
    ]
    # A network may have a translator's prefix inside any of these.
    assert ReachedAddress(IPv4Address("10.0.0.1"), "NAT64") in addresses_reached(
        tunnels, [IPv6Network("2002:808:808::5efe:0:0/96")]
    )


def test_a_local_translator_whose_prefix_is_known_is_read_in_one_way() -> None:
    address = IPv6Address("64:ff9b:1::808:808")
    assert [str(one) for one, form in addresses_reached(address, [IPv6Network("64:ff9b:1::/96")]) if form] == [
        "8.8.8.8"
    ]
    assert len(addresses_reached(address)) == 5


def test_ordinary_addresses_lead_to_nothing_else() -> None:
    for text in ("::", "::1", "2606:4700:4700::1111", "fd00::1", "8.8.8.8"):
        address = IPv6Address(text) if ":" in text else IPv4Address(text)
        assert addresses_reached(address, [TRANSLATOR]) == (ReachedAddress(address, ""),)
