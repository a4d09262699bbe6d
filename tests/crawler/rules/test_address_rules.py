"""Addresses that may be connected to, and addresses that may not: the promises of judge() for any address.

Every range in every spelling by every way is in test_address_table.py.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network

import pytest
from carrying_forms import FORMS, Form
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.rules.address_ranges import SPECIAL_IPV4, SPECIAL_IPV6
from orbweaver.crawler.rules.address_rules import AddressDecision, judge, parse_networks

LOOPBACK = parse_networks(["127.0.0.0/8", "::1"])


# Well-known hosts on the internet; the ends of every range are in test_address_table.py.
GLOBAL = """
8.8.8.8 168.63.129.15 168.63.129.17 2001:4860:4860::8888 2606:4700:4700::1111 2a00:1450:4001::1
::ffff:8.8.8.8 ::FFFF:808:808 64:ff9b::8.8.8.8 64:ff9b::808:808
"""

REFUSED = [
    # cloud metadata, also where the address itself is public
    ("169.254.169.254", "cloud metadata"),
    ("169.254.170.2", "cloud metadata"),
    ("100.100.100.200", "cloud metadata"),
    ("168.63.129.16", "cloud metadata"),
    ("192.0.0.192", "cloud metadata"),
    ("fd00:ec2::254", "cloud metadata"),
    ("fd20:ce::254", "cloud metadata"),
    ("fe80::a9fe:a9fe", "cloud metadata"),
    # zone identifiers, as getaddrinfo() returns them
    ("fe80::1%eth0", "link-local"),
    ("::1%lo", "loopback"),
    ("64:ff9b::10.0.0.1%eth0", "NAT64 private"),
    # what is no address
    ("", "not an address"),
    ("localhost", "not an address"),
    ("127.1", "not an address"),
    ("0177.0.0.1", "not an address"),
    ("2130706433", "not an address"),
    ("[::1]", "not an address"),
    ("127.0.0.1 ", "not an address"),
]


@pytest.mark.parametrize("address", GLOBAL.split())
def test_a_host_on_the_internet_is_allowed(address: str) -> None:
    assert judge(address) == AddressDecision(is_allowed=True, rule="global")


@pytest.mark.parametrize(("address", "rule"), REFUSED)
def test_everything_else_is_refused_by_name(address: str, rule: str) -> None:
    assert judge(address) == AddressDecision(is_allowed=False, rule=rule)


@pytest.mark.parametrize("entry", SPECIAL_IPV4 + SPECIAL_IPV6, ids=lambda entry: entry[0])
def test_both_ends_of_every_range_are_refused(entry: tuple[str, str]) -> None:
    network = ip_network(entry[0])
    assert not judge(network[0]).is_allowed
    assert not judge(network[-1]).is_allowed


@given(st.ip_addresses())
def test_what_the_standard_library_calls_special_is_never_allowed(address: IPv4Address | IPv6Address) -> None:
    mapped = getattr(address, "ipv4_mapped", None) or address
    if judge(address).is_allowed:
        assert mapped.is_global
        assert not mapped.is_multicast


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_judged_like_the_one_inside(address: IPv4Address) -> None:
    for carrier in (f"::ffff:{address}", f"64:ff9b::{address}"):
        assert judge(carrier).is_allowed == judge(address).is_allowed


@given(st.ip_addresses(v=4), st.sampled_from([LOOPBACK, ()]))
def test_the_deprecated_carriers_are_never_allowed(address: IPv4Address, allowed: tuple[IPv4Address, ...]) -> None:
    number = int(address)
    for carrier in (0x2002 << 112 | number << 80, 0x20010000 << 96 | number << 64, number | 1 << 32):
        assert not judge(IPv6Address(carrier), LOOPBACK if allowed else ()).is_allowed


EVERYTHING = parse_networks(["::/0"])
TRANSLATOR = IPv6Network("2a00:64:64::/96")
PUBLIC = IPv4Address("93.184.216.34")


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@given(address=st.ip_addresses(v=4), other_bits=st.integers(0, 2**128 - 1))
def test_what_an_allowed_form_carries_must_be_allowed_itself(form: Form, address: IPv4Address, other_bits: int) -> None:
    """The operator allows all of IPv6: then what is inside decides, in whatever form and beside whatever other form."""
    carrier = form.carrying(address, other_bits)
    if not judge(address).is_allowed and carrier not in {IPv6Address("::"), IPv6Address("::1")}:
        assert not judge(carrier, EVERYTHING, translators=[TRANSLATOR]).is_allowed


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@given(other_bits=st.integers(0, 2**128 - 1))
def test_the_machines_own_address_is_refused_in_every_form(form: Form, other_bits: int) -> None:
    carrier = form.carrying(PUBLIC, other_bits)

    def refused(allowed: Sequence[str]) -> bool:
        networks = parse_networks(allowed)
        return not judge(carrier, networks, translators=[TRANSLATOR], is_own=lambda one: one == PUBLIC).is_allowed

    assert refused([])
    assert refused(["::/0"])


def test_the_machines_own_address_behind_nat64_is_refused_and_another_is_not() -> None:
    def rule(address: str, *allowed: str) -> str:
        return judge(address, parse_networks(allowed), translators=[TRANSLATOR], is_own=lambda one: one == PUBLIC).rule

    assert rule(f"64:ff9b::{PUBLIC}") == "NAT64 this machine"
    assert rule(f"2a00:64:64::{PUBLIC}") == "NAT64 this machine"
    assert rule(f"::ffff:{PUBLIC}") == "IPv4-mapped this machine"
    assert rule("64:ff9b::93.184.216.35") == "global"
    assert rule("2a00:64:64::93.184.216.35") == "global"
    assert rule("2a00:64:64::10.0.0.1") == "NAT64 private"
    # Who allows the machine's own address allows every way to it.
    assert rule(f"64:ff9b::{PUBLIC}", f"{PUBLIC}") == "allowed"


@pytest.mark.parametrize(
    ("allowed", "address", "expected"),
    [
        (["127.0.0.0/8"], "127.0.0.1", "allowed"),
        (["127.0.0.0/8"], "::ffff:127.0.0.1", "allowed"),
        # Inside a translated address, loopback and the link are those of the translator.
        (["127.0.0.0/8"], "64:ff9b::7f00:1", "NAT64 loopback"),
        (["169.254.0.0/16"], "64:ff9b::a9fe:a9fe", "NAT64 cloud metadata"),
        (["10.0.0.0/8"], "64:ff9b::a00:1", "allowed"),
        (["127.0.0.0/8"], "::1", "loopback"),
        (["127.0.0.0/8"], "10.0.0.1", "private"),
        (["127.0.0.0/8"], "2002:7f00:1::", "6to4"),
        (["127.0.0.0/8"], "::7f00:1", "IPv4-compatible"),
        (["::1"], "::1", "allowed"),
        (["fd00::/8"], "fd12::1", "allowed"),
        (["fd00::/8"], "fc12::1", "private"),
        (["10.1.2.3"], "10.1.2.3", "allowed"),
        (["10.1.2.3"], "10.1.2.4", "private"),
        # A form that carries addresses is allowed, and what it carries is not.
        (["2002::/16"], "2002:808:808::", "allowed"),
        (["2002::/16"], "2002:7f00:1::", "6to4 loopback"),
        (["2002::/16", "127.0.0.0/8"], "2002:7f00:1::", "6to4 loopback"),
        (["2002::/16"], "2002:a00:1::", "6to4 private"),
        (["2002::/16", "10.0.0.0/8"], "2002:a00:1::", "allowed"),
        (["2001::/32"], "2001:0:a00:1::f7f7:f7f7", "Teredo server private"),
        (["2001::/32"], "2001:0:808:808::f5ff:fffe", "Teredo client private"),
        (["64:ff9b::/96"], "64:ff9b::a00:1", "NAT64 private"),
        (["64:ff9b:1::/48"], "64:ff9b:1:808:8:800::", "NAT64 this network"),
        (["::/96"], "::a00:1", "IPv4-compatible private"),
        (["::/96"], "::1", "allowed"),
        (["::ffff:0:0:0/96"], "::ffff:0:a00:1", "IPv4-translated private"),
        (["fe80::/10"], "fe80::5efe:a00:1", "ISATAP private"),
        (["::/0"], "::ffff:10.0.0.1", "IPv4-mapped private"),
        (["::/0"], "::ffff:8.8.8.8", "global"),
        (["::ffff:10.0.0.0/104"], "10.0.0.1", "allowed"),
        (["::ffff:10.0.0.0/104"], "::ffff:10.0.0.1", "allowed"),
        (["0.0.0.0/0", "::/0"], "64:ff9b:1::a00:1", "allowed"),
    ],
)
def test_an_operator_allows_networks_by_name(allowed: list[str], address: str, expected: str) -> None:
    is_allowed = expected in {"allowed", "global"}
    assert judge(address, parse_networks(allowed)) == AddressDecision(is_allowed, expected)


@pytest.mark.parametrize("text", ["", "localhost", "10.0.0.1/8", "10.0.0.0/33", "127.1", "::1/200"])
def test_a_network_that_is_not_understood_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"^allowed network .* is not understood: .*; write an address"):
        parse_networks([text])
