"""NAT64 prefixes: which ones the known name shows, and which an operator may write.

How they are asked for is in test_address_table.py, with a DNS server.
"""

from ipaddress import IPv6Address, IPv6Network

import pytest
from orbweaver.crawler.fetching.connecting.nat64 import Translators, parse_prefixes, prefixes_shown_by


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("64:ff9b::192.0.0.170", "64:ff9b::/96"),
        ("2001:db8:64::192.0.0.171", "2001:db8:64::/96"),
        ("2001:db8:c000:aa::", "2001:db8::/32"),
        ("2001:db8:1c0:0:aa::", "2001:db8:100::/40"),
        ("2001:db8:122:c000:0:aa00::", "2001:db8:122::/48"),
        ("2001:db8:122:3c0:0:aa::", "2001:db8:122:300::/56"),
        ("2001:db8:122:344:c0:0:aa00::", "2001:db8:122:344::/64"),
    ],
)
def test_the_prefix_before_a_known_address_is_found(address: str, prefix: str) -> None:
    assert prefixes_shown_by([IPv6Address(address)]) == (IPv6Network(prefix),)


def test_an_answer_without_a_known_address_shows_nothing() -> None:
    assert prefixes_shown_by([IPv6Address("2001:db8::1"), IPv6Address("2001:db8:64::192.0.0.172")]) == ()


def test_of_several_prefixes_each_is_kept_once() -> None:
    shown = [IPv6Address(f"{prefix}192.0.0.{last}") for prefix in ("2a00::", "64:ff9b::") for last in (170, 171)]
    assert prefixes_shown_by(shown) == (IPv6Network("64:ff9b::/96"), IPv6Network("2a00::/96"))


def test_set_prefixes_are_known_without_asking() -> None:
    prefixes = parse_prefixes(["2001:db8:64::/96", "64:ff9b:1::/48"])
    assert Translators(prefixes, asks_dns=True).prefixes == prefixes
    assert Translators(asks_dns=True).prefixes is None
    assert Translators().prefixes == ()


@pytest.mark.parametrize(
    "text", ["", "2001:db8::1/96", "2001:db8::/95", "10.0.0.0/8", "2001:db8:64::", "ipv4only.arpa"]
)
def test_a_prefix_that_no_translator_can_have_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"^NAT64 prefix .* is not understood: "):
        parse_prefixes([text])
