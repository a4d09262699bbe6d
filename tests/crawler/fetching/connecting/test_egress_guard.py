"""The egress guard: a real client against real loopback servers reaches no address that the rules refuse."""

import errno
import socket
from asyncio import run
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from loopback_ports import closed_port
from orbweaver.crawler.errors import EgressRefused
from orbweaver.crawler.fetching.connecting.egress_guard import Guard, noted_refusals
from orbweaver.crawler.rules.address_rules import parse_networks

HAS_IPV6 = socket.has_ipv6
LOOPBACK = parse_networks(["127.0.0.0/8", "::1"])


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
    async def scenario(port: int) -> None:
        with pytest.raises(aiohttp.ClientConnectorError) as failed:
            await fetch(f"http://www.example.com:{port}/", Guard(parse_networks(["127.0.0.1"])), Answers(TWO_ADDRESSES))
        assert not isinstance(failed.value.os_error, EgressRefused)

    with closed_port() as port, noted_refusals() as refusals:
        run(scenario(port))
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
