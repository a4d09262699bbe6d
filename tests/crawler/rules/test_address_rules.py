"""Egress: what judge() promises for any address, then a real client against real loopback servers.

Every range in every spelling by every way is in test_egress_table.py.
"""

import errno
import socket
from asyncio import run
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network

import aiohttp
import pytest
from aiohttp import web
from carrying_forms import FORMS, Form
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.errors import EgressRefused
from orbweaver.crawler.rules.address_ranges import SPECIAL_IPV4, SPECIAL_IPV6
from orbweaver.crawler.rules.address_rules import REFUSALS, Guard, Judgement, judge, parse_networks

HAS_IPV6 = socket.has_ipv6
LOOPBACK = parse_networks(["127.0.0.0/8", "::1"])


# Well-known hosts on the internet; the ends of every range are in test_egress_table.py.
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
    assert judge(address, parse_networks(allowed)) == Judgement(is_allowed, expected)


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


class Answers(aiohttp.abc.AbstractResolver):
    """Answers every name with these addresses, one list for each question in turn; the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)

    async def resolve(self, host, port=0, family=socket.AF_INET):  # type: ignore[no-untyped-def]
        addresses = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in addresses
        ]

    async def close(self) -> None:
        pass


TWO_ADDRESSES = ["127.0.0.2", "127.0.0.1"]


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
            return await fetch(
                f"http://www.example.com:{port}/", Guard(parse_networks(["127.0.0.1"])), Answers(TWO_ADDRESSES)
            )

    with noted_refusals() as refusals:
        assert run(scenario()) == "answer"
    assert [refusal.address for refusal in refusals] == ["127.0.0.2"]


def test_refusals_are_noted_where_the_connector_keeps_only_its_last_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    async def scenario() -> None:
        with pytest.raises(aiohttp.ClientConnectorError) as failed:
            await fetch(f"http://www.example.com:{port}/", Guard(parse_networks(["127.0.0.1"])), Answers(TWO_ADDRESSES))
        assert not isinstance(failed.value.os_error, EgressRefused)

    with noted_refusals() as refusals:
        run(scenario())
    assert {(refusal.address, refusal.rule) for refusal in refusals} == {("127.0.0.2", "loopback")}


def test_nothing_is_dialled_when_every_address_is_refused() -> None:
    async def scenario() -> None:
        async with loopback_server("127.0.0.1") as port:
            with pytest.raises(aiohttp.ClientConnectorError):
                await fetch(f"http://www.example.com:{port}/", Guard(), Answers(TWO_ADDRESSES))

    with noted_refusals() as refusals:
        run(scenario())
    assert {refusal.address for refusal in refusals} == {"127.0.0.1", "127.0.0.2"}


def test_a_name_that_rebinds_is_judged_by_its_new_address() -> None:
    guard = Guard(parse_networks(["127.0.0.1"]))

    async def scenario() -> str:
        resolver = Answers(["127.0.0.1"], ["127.0.0.2"])
        async with loopback_server("127.0.0.1") as port, loopback_server("127.0.0.2"):
            first = await fetch(f"http://www.example.com:{port}/", guard, resolver)
            with pytest.raises(aiohttp.ClientConnectorError) as failed:
                await fetch(f"http://www.example.com:{port}/", guard, resolver)
            assert isinstance(failed.value.os_error, EgressRefused)
        return first

    assert run(scenario()) == "answer"
