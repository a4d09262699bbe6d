"""Egress: every range and every spelling one row each, then a real client against real loopback servers."""

import errno
import socket
from asyncio import run
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from ipaddress import IPv4Address, IPv6Address, ip_network

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.address_ranges import SPECIAL_IPV4, SPECIAL_IPV6
from orbweaver.crawler.egress import REFUSALS, Guard, Judgement, judge, parse_networks
from orbweaver.crawler.errors import EgressRefused

HAS_IPV6 = socket.has_ipv6
LOOPBACK = parse_networks(["127.0.0.0/8", "::1"])


# Addresses of hosts on the internet: the first and last around each refused range, and well-known ones.
GLOBAL = """
1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0
172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255
192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
168.63.129.15 8.8.8.8 2001:200:: 2001:4860:4860::8888 2001:db7:ffff:: 2001:db9:: 2003:: 2606:4700:4700::1111
2620:4f:7fff:: 2620:4f:8001:: 3fff:1000:: 2a00:1450:4001::1
::ffff:8.8.8.8 ::FFFF:808:808 64:ff9b::8.8.8.8 64:ff9b::808:808
"""

REFUSED = [
    # IANA IPv4 special-purpose registry, first and last address of each range
    ("0.0.0.0", "this network"),
    ("0.255.255.255", "this network"),
    ("10.0.0.0", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.0", "shared (CGNAT)"),
    ("100.127.255.255", "shared (CGNAT)"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.255", "loopback"),
    ("169.254.0.0", "link-local"),
    ("169.254.255.255", "link-local"),
    ("172.16.0.0", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.0", "DS-Lite"),
    ("192.0.0.8", "dummy address"),
    ("192.0.0.9", "PCP anycast"),
    ("192.0.0.10", "TURN anycast"),
    ("192.0.0.11", "IETF protocol assignment"),
    ("192.0.0.170", "NAT64 discovery"),
    ("192.0.0.171", "NAT64 discovery"),
    ("192.0.0.255", "IETF protocol assignment"),
    ("192.0.2.1", "documentation"),
    ("192.31.196.1", "AS112"),
    ("192.52.193.1", "AMT"),
    ("192.88.99.1", "6to4 relay"),
    ("192.88.99.2", "6to4 relay"),
    ("192.168.0.0", "private"),
    ("192.168.255.255", "private"),
    ("192.175.48.1", "AS112"),
    ("198.18.0.0", "benchmarking"),
    ("198.19.255.255", "benchmarking"),
    ("198.51.100.1", "documentation"),
    ("203.0.113.1", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.255", "multicast"),
    ("240.0.0.0", "reserved"),
    ("255.255.255.254", "reserved"),
    ("255.255.255.255", "broadcast"),
    # cloud metadata, also where the address itself is public
    ("169.254.169.254", "cloud metadata"),
    ("169.254.170.2", "cloud metadata"),
    ("100.100.100.200", "cloud metadata"),
    ("168.63.129.16", "cloud metadata"),
    ("192.0.0.192", "cloud metadata"),
    ("fd00:ec2::254", "cloud metadata"),
    ("fd20:ce::254", "cloud metadata"),
    ("fe80::a9fe:a9fe", "cloud metadata"),
    # IANA IPv6 special-purpose registry and RFC 4291
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("0:0:0:0:0:0:0:1", "loopback"),
    ("64:ff9b:1::", "local NAT64"),
    ("64:ff9b:1::808:808", "local NAT64"),
    ("64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "local NAT64"),
    ("64:ff9b:2::", "reserved"),
    ("100::1", "discard"),
    ("100:0:0:1::1", "dummy address"),
    ("100:0:0:2::1", "reserved"),
    ("2001::1", "Teredo"),
    ("2001:1::", "IETF protocol assignment"),
    ("2001:1::1", "PCP anycast"),
    ("2001:1::2", "TURN anycast"),
    ("2001:1::3", "DNS-SD anycast"),
    ("2001:2::1", "benchmarking"),
    ("2001:3::1", "AMT"),
    ("2001:4:112::1", "AS112"),
    ("2001:10::1", "ORCHID"),
    ("2001:20::1", "ORCHID"),
    ("2001:30::1", "drone remote ID"),
    ("2001:1ff:ffff::", "IETF protocol assignment"),
    ("2001:db8::1", "documentation"),
    ("2002:808:808::1", "6to4"),
    ("2620:4f:8000::1", "AS112"),
    ("3ffe::1", "reserved"),
    ("3fff::1", "documentation"),
    ("3fff:fff:ffff::", "documentation"),
    ("4000::1", "reserved"),
    ("5f00::1", "segment routing"),
    ("8000::1", "reserved"),
    ("fc00::1", "private"),
    ("fdff:ffff::1", "private"),
    ("fe00::1", "reserved"),
    ("fe80::1", "link-local"),
    ("febf:ffff::1", "link-local"),
    ("fec0::1", "site-local"),
    ("feff:ffff::1", "site-local"),
    ("ff02::1", "multicast"),
    ("ff0e::1", "multicast"),
    # IPv4 inside IPv6: judged like the IPv4 address
    ("::ffff:127.0.0.1", "IPv4-mapped loopback"),
    ("::ffff:7f00:1", "IPv4-mapped loopback"),
    ("::ffff:100.64.0.1", "IPv4-mapped shared (CGNAT)"),
    ("::ffff:169.254.169.254", "IPv4-mapped cloud metadata"),
    ("::ffff:224.0.0.1", "IPv4-mapped multicast"),
    ("::ffff:0.0.0.0", "IPv4-mapped this network"),
    ("64:ff9b::7f00:1", "NAT64 loopback"),
    ("64:ff9b::10.0.0.1", "NAT64 private"),
    ("64:ff9b::a9fe:a9fe", "NAT64 cloud metadata"),
    # IPv4 inside IPv6: deprecated forms, refused whatever is inside
    ("::7f00:1", "IPv4-compatible"),
    ("::8.8.8.8", "IPv4-compatible"),
    ("::ffff:0:127.0.0.1", "IPv4-translated"),
    ("::ffff:0:8.8.8.8", "IPv4-translated"),
    ("2002:7f00:1::", "6to4"),
    ("2002:a9fe:a9fe::1", "6to4"),
    ("2001:0:7f00:1::1", "Teredo"),  # server inside
    ("2001:0:808:808:0:0:80ff:fffe", "Teredo"),  # client 127.0.0.1, obfuscated
    # zone identifiers, as getaddrinfo() returns them
    ("fe80::1%eth0", "link-local"),
    ("::1%lo", "loopback"),
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
    assert judge(address) == Judgement(is_allowed=True, rule="global")


@pytest.mark.parametrize(("address", "rule"), REFUSED)
def test_everything_else_is_refused_by_name(address: str, rule: str) -> None:
    assert judge(address) == Judgement(is_allowed=False, rule=rule)


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


@pytest.mark.parametrize(
    ("allowed", "address", "expected"),
    [
        (["127.0.0.0/8"], "127.0.0.1", "allowed"),
        (["127.0.0.0/8"], "::ffff:127.0.0.1", "allowed"),
        (["127.0.0.0/8"], "64:ff9b::7f00:1", "allowed"),
        (["127.0.0.0/8"], "::1", "loopback"),
        (["127.0.0.0/8"], "10.0.0.1", "private"),
        (["127.0.0.0/8"], "2002:7f00:1::", "6to4"),
        (["127.0.0.0/8"], "::7f00:1", "IPv4-compatible"),
        (["::1"], "::1", "allowed"),
        (["fd00::/8"], "fd12::1", "allowed"),
        (["fd00::/8"], "fc12::1", "private"),
        (["10.1.2.3"], "10.1.2.3", "allowed"),
        (["10.1.2.3"], "10.1.2.4", "private"),
        (["2002::/16"], "2002:7f00:1::", "allowed"),
    ],
)
def test_an_operator_allows_networks_by_name(allowed: list[str], address: str, expected: str) -> None:
    assert judge(address, parse_networks(allowed)) == Judgement(expected == "allowed", expected)


@pytest.mark.parametrize("text", ["", "localhost", "10.0.0.1/8", "10.0.0.0/33", "127.1", "::1/200"])
def test_a_network_that_is_not_understood_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"^allowed network .* is not understood: .*; write an address"):
        parse_networks([text])


def test_a_refusal_is_an_error_that_connectors_handle() -> None:
    refusal = EgressRefused("10.0.0.1", "private")
    assert isinstance(refusal, OSError)
    assert refusal.errno == errno.EACCES
    assert (refusal.address, refusal.rule) == ("10.0.0.1", "private")
    assert "address 10.0.0.1 refused: private" in str(refusal)


def test_an_allowed_address_gets_a_non_blocking_socket() -> None:
    info = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 80))
    with Guard(LOOPBACK).socket_factory(info) as made:
        assert made.family is socket.AF_INET
        assert not made.getblocking()


@contextmanager
def noted_refusals() -> Iterator[list[EgressRefused]]:
    refusals: list[EgressRefused] = []
    token = REFUSALS.set(refusals)
    try:
        yield refusals
    finally:
        REFUSALS.reset(token)


@asynccontextmanager
async def loopback_server(address: str) -> AsyncIterator[int]:
    async def answer(request: web.Request) -> web.Response:
        if "to" in request.query:
            return web.Response(status=302, headers={"Location": request.query["to"]})
        return web.Response(text="answer")

    application = web.Application()
    application.router.add_get("/", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, address, 0)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def fetch(url: str, guard: Guard, resolver: aiohttp.abc.AbstractResolver | None = None) -> str:
    connector = aiohttp.TCPConnector(socket_factory=guard.socket_factory, resolver=resolver)
    async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as response:
        return await response.text()


class TwoAddresses(aiohttp.abc.AbstractResolver):
    """Answers every name with 127.0.0.2 and 127.0.0.1, in this order."""

    async def resolve(self, host, port=0, family=socket.AF_INET):  # type: ignore[no-untyped-def]
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in ("127.0.0.2", "127.0.0.1")
        ]

    async def close(self) -> None:
        pass


SERVERS = [
    pytest.param("127.0.0.1", "127.0.0.1", id="IPv4 literal"),
    pytest.param("127.0.0.1", "localhost", id="localhost"),
    pytest.param("::1", "[::1]", id="IPv6 literal", marks=pytest.mark.skipif(not HAS_IPV6, reason="no IPv6 here")),
    pytest.param(
        "127.0.0.1",
        "[::ffff:7f00:1]",
        id="mapped",
        marks=pytest.mark.skipif(not HAS_IPV6, reason="no IPv6 here"),
    ),
]


@pytest.mark.parametrize(("address", "host"), SERVERS)
def test_a_client_reaches_what_is_allowed(address: str, host: str) -> None:
    async def scenario() -> str:
        async with loopback_server(address) as port:
            return await fetch(f"http://{host}:{port}/", Guard(LOOPBACK))

    assert run(scenario()) == "answer"


@pytest.mark.parametrize(("address", "host"), SERVERS)
def test_a_client_never_reaches_what_is_refused(address: str, host: str) -> None:
    async def scenario() -> None:
        async with loopback_server(address) as port:
            with pytest.raises(aiohttp.ClientConnectorError):
                await fetch(f"http://{host}:{port}/", Guard())

    with noted_refusals() as refusals:
        run(scenario())
    assert {refusal.rule for refusal in refusals} <= {"loopback", "IPv4-mapped loopback"}
    assert refusals


def test_a_redirect_is_judged_too() -> None:
    async def scenario() -> None:
        async with loopback_server("127.0.0.1") as port, loopback_server("127.0.0.2") as other:
            with pytest.raises(aiohttp.ClientConnectorError) as failed:
                await fetch(
                    f"http://127.0.0.1:{port}/?to=http://127.0.0.2:{other}/",
                    Guard(parse_networks(["127.0.0.1"])),
                )
            assert isinstance(failed.value.os_error, EgressRefused)

    run(scenario())


def test_of_several_addresses_only_the_allowed_one_is_dialled() -> None:
    async def scenario() -> str:
        async with loopback_server("127.0.0.1") as port:
            return await fetch(f"http://www.example.com:{port}/", Guard(parse_networks(["127.0.0.1"])), TwoAddresses())

    with noted_refusals() as refusals:
        assert run(scenario()) == "answer"
    assert [refusal.address for refusal in refusals] == ["127.0.0.2"]


def test_refusals_are_noted_where_the_connector_keeps_only_its_last_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    async def scenario() -> None:
        with pytest.raises(aiohttp.ClientConnectorError) as failed:
            await fetch(f"http://www.example.com:{port}/", Guard(parse_networks(["127.0.0.1"])), TwoAddresses())
        assert not isinstance(failed.value.os_error, EgressRefused)

    with noted_refusals() as refusals:
        run(scenario())
    assert {(refusal.address, refusal.rule) for refusal in refusals} == {("127.0.0.2", "loopback")}


def test_nothing_is_dialled_when_every_address_is_refused() -> None:
    async def scenario() -> None:
        async with loopback_server("127.0.0.1") as port:
            with pytest.raises(aiohttp.ClientConnectorError):
                await fetch(f"http://www.example.com:{port}/", Guard(), TwoAddresses())

    with noted_refusals() as refusals:
        run(scenario())
    assert {refusal.address for refusal in refusals} == {"127.0.0.1", "127.0.0.2"}
