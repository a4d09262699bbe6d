"""Addresses inside others are found: databases know only the inner one."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.takedown.hosting.addresses import plain_address, translators_of


@pytest.mark.parametrize(
    ("written", "prefixes", "plain"),
    [
        ("192.0.2.1", (), "192.0.2.1"),
        ("2001:db8::1", (), "2001:db8::1"),
        ("fe80::1%eth0", (), "fe80::1"),
        # The kernel writes an IPv4 peer so on a socket of both families.
        ("::ffff:192.0.2.1", (), "192.0.2.1"),
        ("64:ff9b::192.0.2.1", (), "192.0.2.1"),
        # RFC 6052, 2.4: the same address behind a prefix of each length.
        ("2001:db8:c000:221::", ("2001:db8::/32",), "192.0.2.33"),
        ("2001:db8:1c0:2:21::", ("2001:db8:100::/40",), "192.0.2.33"),
        ("2001:db8:122:c000:2:2100::", ("2001:db8:122::/48",), "192.0.2.33"),
        ("2001:db8:122:3c0:0:221::", ("2001:db8:122:300::/56",), "192.0.2.33"),
        ("2001:db8:122:344:c0:2:2100::", ("2001:db8:122:344::/64",), "192.0.2.33"),
        ("2001:db8:122:344::192.0.2.33", ("2001:db8:122:344::/96",), "192.0.2.33"),
        # The longer prefix is the more exact one.
        ("2001:db8:122:344::192.0.2.33", ("2001:db8::/32", "2001:db8:122:344::/96"), "192.0.2.33"),
        # Settings that are no prefixes of a translator change nothing.
        ("2001:db8::1", ("2001:db8::/33", "192.0.2.0/24", "soon"), "2001:db8::1"),
    ],
)
def test_the_address_that_a_database_knows(written: str, prefixes: tuple[str, ...], plain: str) -> None:
    assert plain_address(written, translators_of(prefixes)) == ipaddress.ip_address(plain)


@pytest.mark.parametrize("written", [None, "", "h.test", "192.0.2.1:80", "1", "192.0.2.256", "%eth0"])
def test_what_is_no_address_has_none(written: str | None) -> None:
    assert plain_address(written) is None


@given(st.text())
def test_whatever_is_written_is_an_address_or_none(written: str) -> None:
    plain_address(written, translators_of([written]))
