"""Egress, the whole table: every special range in every spelling, by every way that leads from a URL to a socket.

`egress_vectors/ranges.tsv` has the ranges, `traps.tsv` the URLs that parsers read differently. The ways need a network
in which every address would answer (`isolated_network`): nothing may arrive there but what the operator allowed.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import aiohttp
import isolated_network
import pytest
from contained import crawl_here, order, run
from orbweaver.crawler import recrawl
from orbweaver.crawler.containment import sandbox
from orbweaver.crawler.errors import EgressRefused, UrlRefused
from orbweaver.crawler.fetching.connecting.egress_guard import Guard
from orbweaver.crawler.fetching.connecting.nat64 import Translators
from orbweaver.crawler.fetching.connecting.proxies import Proxy, ProxyKind, judge_target
from orbweaver.crawler.handler import HashingDownloadHandler
from orbweaver.crawler.rules.address_rules import AddressDecision, judge, judge_route, parse_networks
from orbweaver.crawler.rules.urls import canonicalise, hostname_of
from orbweaver.crawler.spider import RecrawlSpider
from orbweaver.model import ScopeKind
from orbweaver.settings import Settings
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.settings import Settings as ScrapySettings
from synthetic_host import Resource, SyntheticHost

VECTORS = Path(__file__).parent / "egress_vectors"
Address = IPv4Address | IPv6Address

# The one host that may be reached in the isolated network; there it is one of the machine's own, so it must be allowed.
PUBLIC = "93.184.216.34"
PNG = b"\x89PNG\r\n\x1a\n" + os.urandom(100)


def read_table(name: str) -> list[list[str]]:
    rows = [line.split("\t") for line in (VECTORS / name).read_text().splitlines() if not line.startswith("#")]
    return [[re.sub(r"\\u(....)", lambda found: chr(int(found[1], 16)), cell) for cell in row] for row in rows]


RANGES = read_table("ranges.tsv")
TRAPS = read_table("traps.tsv")


class Row(NamedTuple):
    """An address that the table names, and what judge() must say of it."""

    address: Address
    rule: str


def rows_of(network: str, first: str, last: str, before: str, after: str) -> Iterator[Row]:
    low, high = ip_network(network)[0], ip_network(network)[-1]
    yield Row(low, first)
    yield Row(high, last)
    if before != "-":
        yield Row(low - 1, before)
    if after != "-":
        yield Row(high + 1, after)


ROWS = sorted({row for _, network, _, _, *rules in RANGES for row in rows_of(network, *rules)}, key=str)
REFUSED = [row for row in ROWS if row.rule != "global"]


class Spelling(NamedTuple):
    """A way to write an address in a URL; `rule` is judge()'s for it, None if it must be refused as a URL."""

    form: str
    host: str
    rule: str | None


def spellings_of(row: Row) -> Iterator[Spelling]:
    return _of_ipv4(row.address, row.rule) if isinstance(row.address, IPv4Address) else _of_ipv6(row.address, row.rule)


def _of_ipv4(address: IPv4Address, rule: str) -> Iterator[Spelling]:
    number = int(address)
    a, b, c, d = address.packed
    wide = str.maketrans("0123456789.", "０１２３４５６７８９。")
    for form, host in {
        "dotted": f"{address}",
        "trailing dot": f"{address}.",
        "decimal": f"{number}",
        "hex": f"{number:#x}",
        "upper hex": f"0X{number:08X}",
        "octal": f"0{number:o}",
        "padded octal": f"{number:016o}",
        "dotted hex": f"{a:#x}.{b:#x}.{c:#x}.{d:#x}",
        "dotted octal": f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        "padded dotted octal": f"{a:06o}.{b:06o}.{c:06o}.{d:06o}",
        "mixed": f"{a:#x}.0{b:o}.{c << 8 | d}",
        "two parts": f"{a}.{number & 0xFFFFFF}",
        "two parts, hex": f"{a:#x}.{number & 0xFFFFFF:#x}",
        "three parts": f"{a}.{b}.{c << 8 | d}",
        "full width": f"{address}".translate(wide),
        "full width decimal": f"{number}".translate(wide),
        "soft hyphen": f"{a}.\u00ad{b}.{c}.{d}",
        "userinfo": f"8.8.8.8:80@{address}",
        "port": f"{address}:80",
        "percent escape": "".join(f"%{ord(character):02x}" for character in f"{address}"),
        "percent escaped dot": f"{address}".replace(".", "%2e"),
    }.items():
        yield Spelling(form, host, rule)
    for form, host in {
        "backslash": rf"{address}\@8.8.8.8",
        "in brackets": f"[{address}]",
        "five parts": f"{address}.1",
        "overflow": f"{number + 2**32}",
        "space": f"{address} ",
    }.items():
        yield Spelling(form, host, None)
    high, low = number >> 16, number & 0xFFFF
    inverted = number ^ 0xFFFFFFFF
    mapped = "IPv4-mapped " + rule if rule != "global" else rule
    translated = "NAT64 " + rule if rule != "global" else rule
    for form, host, expected in (
        ("mapped", f"[::ffff:{address}]", mapped),
        ("mapped, hex", f"[::ffff:{high:x}:{low:x}]", mapped),
        ("mapped, upper", f"[::FFFF:{high:X}:{low:X}]", mapped),
        ("mapped, in full", f"[0000:0000:0000:0000:0000:ffff:{high:04x}:{low:04x}]", mapped),
        ("NAT64", f"[64:ff9b::{address}]", translated),
        ("NAT64, hex", f"[64:FF9B:0:0:0:0:{high:X}:{low:X}]", translated),
        ("local NAT64", f"[64:ff9b:1::{address}]", "local NAT64"),
        ("local NAT64, /48", f"[64:ff9b:1:{high:x}:{low >> 8:x}:{(low & 0xFF) << 8:x}::]", "local NAT64"),
        ("6to4", f"[2002:{high:x}:{low:x}::1]", "6to4"),
        ("Teredo server", f"[2001:0:{high:x}:{low:x}::1]", "Teredo"),
        ("Teredo client", f"[2001:0:808:808:0:0:{inverted >> 16:x}:{inverted & 0xFFFF:x}]", "Teredo"),
        ("translated", f"[::ffff:0:{address}]", "IPv4-translated"),
        ("ISATAP", f"[fe80::5efe:{address}]", "link-local"),
    ):
        yield Spelling(form, host, expected)
    compatible = {0: "unspecified", 1: "loopback"}.get(number, "IPv4-compatible")
    yield Spelling("compatible", f"[::{address}]", compatible)


def _of_ipv6(address: IPv6Address, rule: str) -> Iterator[Spelling]:
    # Not from `exploded`: since Python 3.13 it has a dotted quad at the end of an IPv4-mapped address.
    groups = [address.packed[at : at + 2].hex() for at in range(0, 16, 2)]
    tail = IPv4Address(int(address) & 0xFFFFFFFF)
    for form, host in {
        "compressed": f"[{address}]",
        "in full": f"[{address.exploded}]",
        "upper": f"[{address.exploded.upper()}]",
        "no leading zeros": f"[{':'.join(group.lstrip('0') or '0' for group in groups)}]",
        "dotted tail": f"[{':'.join(groups[:6])}:{tail}]",
        "userinfo": f"8.8.8.8:80@[{address}]",
        "port": f"[{address}]:80",
    }.items():
        yield Spelling(form, host, rule)
    for form, host in {
        "zone": f"[{address}%lo]",
        "escaped zone": f"[{address}%25lo]",
        "empty zone": f"[{address}%]",
        "no brackets": f"{address}",
        "full width": f"[{address}]".translate(str.maketrans("0123456789", "０１２３４５６７８９")),
        "dot after": f"[{address}].",
    }.items():
        if host.isascii() and form == "full width":
            continue  # this one has no digits to widen
        yield Spelling(form, host, None)


# --- what is judged ---


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.address))
def test_a_range_is_refused_to_its_very_ends_and_no_further(row: Row) -> None:
    assert judge(row.address) == AddressDecision(row.rule == "global", row.rule)
    assert judge(str(row.address)) == AddressDecision(row.rule == "global", row.rule)
    if isinstance(row.address, IPv6Address):
        assert judge(f"{row.address}%eth0") == AddressDecision(row.rule == "global", row.rule)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.address))
def test_no_spelling_of_an_address_changes_the_judgement(row: Row) -> None:
    wrong = []
    for form, host, rule in spellings_of(row):
        try:
            found = judge(hostname_of(canonicalise(f"http://{host}/")).strip("[]")).rule
        except UrlRefused:
            found = None
        if found != rule:
            wrong.append((form, host, found, rule))
    assert wrong == []


@pytest.mark.parametrize(("url", "canonical", "rule"), TRAPS, ids=[ascii(row[0]) for row in TRAPS])
def test_a_trap_is_read_in_one_way_or_not_at_all(url: str, canonical: str, rule: str) -> None:
    if canonical == "-":
        with pytest.raises(UrlRefused) as refused:
            canonicalise(url)
        assert refused.value.reason == rule
    else:
        assert canonicalise(url) == canonical
        found = judge(hostname_of(canonical).strip("[]")).rule
        assert found == ("not an address" if rule == "a name" else rule)


def test_the_table_of_ranges_is_whole() -> None:
    """The registries' sizes: an entry that is lost, here or there, is seen."""
    registries = [registry for registry, *_ in RANGES]
    assert (registries.count("iana-ipv4"), registries.count("iana-ipv6")) == (26, 25)
    assert registries.count("iana-multicast") == 2


@pytest.mark.parametrize(
    ("destination", "source", "rule"),
    [
        ("93.184.216.34", "93.184.216.34", "this machine"),
        ("93.184.216.34", "127.0.0.1", "this machine"),
        ("2606:2800::1", "2606:2800::1", "this machine"),
        ("2606:2800::1", "::1", "this machine"),
        ("93.184.216.34", "192.168.1.7", "global"),
        ("93.184.216.34", "93.184.216.35", "global"),
        ("2606:2800::1", "fd00::7", "global"),
    ],
)
def test_the_machines_own_public_address_is_not_the_internet(destination: str, source: str, rule: str) -> None:
    assert judge_route(ip_address(destination), ip_address(source)).rule == rule


def test_asking_for_the_route_sends_nothing_and_lets_a_public_address_pass() -> None:
    for family, address in ((socket.AF_INET, "8.8.8.8"), (socket.AF_INET6, "2001:4860:4860::8888")):
        Guard().socket_factory((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, 80))).close()


# --- what is dialled ---


@pytest.fixture(scope="module")
def isolated() -> None:
    """Skips where this machine gives a process no network of its own."""
    reason = run(isolated_network.why_not)
    if reason is not None:
        pytest.skip(reason)


def make_handler(allowed: tuple[str, ...]) -> HashingDownloadHandler:
    scrapy_settings = ScrapySettings()
    scrapy_settings.setmodule("orbweaver.settings", priority="project")
    recrawl.apply_settings(Settings(allow_addresses=allowed, connect_timeout=5), scrapy_settings)
    return HashingDownloadHandler.from_crawler(Crawler(RecrawlSpider, scrapy_settings))


async def fetch(urls: Sequence[str], allowed: Sequence[str]) -> list[str]:
    """Return, for each URL, the peer that a new handler reached, or the rule or error that ended the fetch."""
    handler = make_handler(tuple(allowed))
    found = []
    for url in urls:
        try:
            response = await handler.download_request(Request(url, meta={"verbatim_url": True}))
        except EgressRefused as error:
            found.append(error.rule)
        except Exception as error:
            found.append(type(error).__name__)
        else:
            found.append(f"reached {response.ip_address}")
    await handler.close()
    return found


Found = tuple[list[str], isolated_network.Seen]


def fetch_in_isolation(urls: list[str], names: isolated_network.Names, allowed: Sequence[str], rounds: int) -> Found:
    isolated_network.enter()
    found = []
    with isolated_network.served(names) as seen:
        sandbox.enter(tcp_ports=(80,), memory_bytes=2**32, cpu_seconds=120)
        for _ in range(rounds):
            found += asyncio.run(fetch(urls, allowed))
    return found, seen


def fetch_all(
    urls: list[str],
    names: isolated_network.Names | None = None,
    *,
    allowed: Sequence[str] = (f"{PUBLIC}/32",),
    rounds: int = 1,
) -> Found:
    """Fetch by the crawl's handler, in its sandbox; each round begins with an empty cache of names."""
    return run(fetch_in_isolation, urls, names or {}, allowed, rounds)


def test_in_the_isolated_network_everything_would_answer(isolated: None) -> None:
    """The tests below need this: without the guard, each way leads to the server."""
    everything = ("0.0.0.0/0", "::/0")
    urls = ["http://10.0.0.1/", "http://[fd00::1]/", "http://[64:ff9b:1::1]/", "http://a.example/", "http://0x7f.1/"]
    found, seen = fetch_all(urls, {"a.example": [["169.254.169.254"]]}, allowed=everything)
    assert all(one.startswith("reached") for one in found)
    assert seen.addresses == {"10.0.0.1", "fd00::1", "64:ff9b:1::1", "169.254.169.254", "127.0.0.1"}
    found, seen = fetch_all(["http://8.8.8.8/", "http://[2606:4700:4700::1111]/"])
    assert (found, seen.addresses) == (["this machine"] * 2, set())


def test_no_literal_is_dialled_in_any_spelling(isolated: None) -> None:
    wanted = [(f"http://{one.host}/", one.rule or "") for row in REFUSED for one in spellings_of(row)]
    wanted += [(url, "" if canonical == "-" else rule) for url, canonical, rule in TRAPS]
    expected: dict[str, str] = {}
    for url, rule in wanted:
        try:
            canonical = canonicalise(url)
            own = "IPv4-mapped this machine" if "::ffff:" in canonical else "this machine"
            expected[canonical] = {"global": own, "a name": "CannotResolveHostError"}.get(rule, rule)
        except UrlRefused:
            assert not rule, url
    found, seen = fetch_all(list(expected))
    found = [one.replace("NoSuchName", "CannotResolveHostError") for one in found]  # a kind of it
    assert found == list(expected.values())
    assert seen.addresses == set()


NETWORK_PREFIX = "2a00:64:64::"


def test_the_networks_own_nat64_prefix_is_learned_and_what_is_behind_it_judged(isolated: None) -> None:
    """The prefix is allowed, so only what is inside can refuse; a name's addresses and literals alike."""
    hidden = ("10.0.0.1", "169.254.169.254", "8.8.8.8")
    urls = [f"http://[{NETWORK_PREFIX}{address}]/" for address in (PUBLIC, *hidden)]
    names = {f"n{number}.example": [[f"{NETWORK_PREFIX}{address}"]] for number, address in enumerate(hidden)}
    named = [f"http://{name}/" for name in names]
    # RFC 7050: an IPv6 address of this name shows the prefix.
    discovery = {"ipv4only.arpa": [[f"{NETWORK_PREFIX}192.0.0.170", f"{NETWORK_PREFIX}192.0.0.171"]]}
    rules = ["NAT64 private", "NAT64 cloud metadata", "NAT64 this machine"]
    found, seen = fetch_all(urls + named, names | discovery, allowed=(PUBLIC, f"{NETWORK_PREFIX}/96"))
    inside = str(ip_address(f"{NETWORK_PREFIX}{PUBLIC}"))
    assert found == [f"reached {inside}", *rules, *rules]
    assert seen.addresses == {inside}
    assert seen.questions["ipv4only.arpa", isolated_network.TYPE_AAAA] == 1


def test_no_ipv6_address_is_dialled_while_dns_does_not_say_whether_there_is_a_translator(isolated: None) -> None:
    names = {"ipv4only.arpa": [[isolated_network.SERVFAIL]], "both.example": [["2a00::1", PUBLIC]]}
    urls = ["http://[2a00::1]/", "http://[::1]/", "http://both.example/"]
    found, seen = fetch_all(urls, names, allowed=(PUBLIC, "2a00::/16", "::1"))
    assert found == ["NAT64 prefix of this network not known", "reached ::1", f"reached {PUBLIC}"]
    assert seen.addresses == {"::1", PUBLIC}


def give_up_and_learn() -> tuple[object, isolated_network.Seen]:
    isolated_network.enter()
    with isolated_network.served({"ipv4only.arpa": [[f"{NETWORK_PREFIX}192.0.0.170"]]}) as seen:

        async def learn() -> object:
            translators = Translators(asks_dns=True)
            waiters = [asyncio.create_task(translators.learn()) for _ in range(3)]
            await asyncio.sleep(0)
            waiters[0].cancel()
            await asyncio.gather(*waiters, return_exceptions=True)
            return translators.prefixes

        prefixes = asyncio.run(learn())
    return prefixes, seen


def test_who_gives_up_waiting_for_the_prefix_leaves_the_answer_to_the_others(isolated: None) -> None:
    prefixes, seen = run(give_up_and_learn)
    assert prefixes == (ip_network(f"{NETWORK_PREFIX}/96"),)
    assert seen.questions == {("ipv4only.arpa", isolated_network.TYPE_AAAA): 1}


def test_dns_is_not_asked_for_a_translator_when_nothing_needs_it(isolated: None) -> None:
    urls = [f"http://{PUBLIC}/", f"http://[::ffff:{PUBLIC}]/", "http://[::1]/", "http://[fd00::1]/", "http://10.0.0.1/"]
    found, seen = fetch_all(urls, allowed=(PUBLIC, "::1"))
    assert found[2:] == ["reached ::1", "private", "private"]
    assert not seen.questions


def dial_without_ipv6(addresses: list[str]) -> list[str]:
    """Return what the guard says of each, on a machine that has every IPv4 address and no route to any IPv6 one."""
    isolated_network.enter(has_local_ipv6=False)
    found = []
    for address in addresses:
        try:
            Guard().socket_factory((socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, 80))).close()
        except EgressRefused as error:
            found.append(error.rule)
        else:
            found.append("dialled")
    return found


def test_the_machines_own_address_is_not_dialled_inside_another_one(isolated: None) -> None:
    found = run(dial_without_ipv6, [f"64:ff9b::{PUBLIC}", f"::ffff:{PUBLIC}", "2a00:1::5efe:5db8:d822", "2a00:1::1"])
    assert found == ["NAT64 this machine", "IPv4-mapped this machine", "ISATAP this machine", "dialled"]


def rule_through_a_proxy(hostname: str) -> str | None:
    isolated_network.enter(has_local_ipv6=False)
    try:
        judge_target(hostname, Proxy(ProxyKind.HTTP, "proxy.example", isolated_network.PROXY_PORT), Guard().judge)
    except EgressRefused as error:
        return error.rule
    return None


@pytest.mark.parametrize("address", [PUBLIC, f"64:ff9b::{PUBLIC}"])
def test_the_machines_own_address_is_not_handed_to_a_proxy(isolated: None, address: str) -> None:
    assert (run(rule_through_a_proxy, address) or "").endswith("this machine")


def test_no_spelling_slips_through_a_handler_that_is_given_the_raw_text(isolated: None) -> None:
    """Intake canonicalises, but the guard may not rest on that: the client's own parsers see these."""
    urls = [f"http://{one.host}/" for row in REFUSED for one in spellings_of(row)] + [url for url, _, _ in TRAPS]
    found, seen = fetch_all([url for url in urls if url.isascii() and "8.8.8.8" not in url])
    assert not [one for one in found if one.startswith("reached")]
    assert seen.addresses == set()


def test_no_answer_of_dns_is_dialled(isolated: None) -> None:
    names = {f"n{number}.example": [[str(row.address)]] for number, row in enumerate(REFUSED)}
    carriers = {
        hostname_of(canonicalise(f"http://{one.host}/")).strip("[]")
        for row in REFUSED
        for one in spellings_of(row)
        if one.rule is not None
    }
    names |= {f"c{number}.example": [[carrier]] for number, carrier in enumerate(sorted(carriers))}
    found, seen = fetch_all([f"http://{name}/" for name in names], names)
    assert found == [judge(answers[0][0]).rule for answers in names.values()]
    assert found[: len(REFUSED)] == [row.rule for row in REFUSED]
    assert seen.addresses == set()
    assert {name for name, _ in seen.questions} == names.keys()


def test_of_several_answers_only_the_allowed_is_dialled(isolated: None) -> None:
    names = {
        "first.example": [["10.0.0.1", PUBLIC]],
        "last.example": [[PUBLIC, "10.0.0.1"]],
        "both.example": [["fd00::1", PUBLIC, "::1"]],
        "none.example": [["10.0.0.1", "fd00::1", "::ffff:10.0.0.1"]],
    }
    found, seen = fetch_all([f"http://{name}/" for name in names], names)
    assert found[:3] == [f"reached {PUBLIC}"] * 3
    assert found[3] in {"private", "IPv4-mapped private"}
    assert seen.connections == {(PUBLIC, 80): 3}


def test_a_name_that_rebinds_is_judged_by_what_is_dialled(isolated: None) -> None:
    """The first answer is public, the next is not: each fetch dials exactly what it was told and judged."""
    names = {f"n{number}.example": [[PUBLIC], [str(row.address)]] for number, row in enumerate(REFUSED)}
    found, seen = fetch_all([f"http://{name}/" for name in names], names, rounds=2)
    assert found == [f"reached {PUBLIC}"] * len(REFUSED) + [row.rule for row in REFUSED]
    assert seen.connections == {(PUBLIC, 80): len(REFUSED)}


def test_one_fetch_asks_for_a_name_once(isolated: None) -> None:
    names = {"once.example": [[PUBLIC], ["127.0.0.1"]]}
    found, seen = fetch_all(["http://once.example/"], names)
    assert found == [f"reached {PUBLIC}"]
    assert set(seen.questions.values()) == {1}


def redirect_in_isolation(targets: list[str], names: isolated_network.Names) -> isolated_network.Seen:
    """Let aiohttp itself follow the redirects, which the crawl never does: the guard must hold even then."""
    isolated_network.enter()
    with isolated_network.served(names) as seen:

        async def follow_all() -> None:
            connector = aiohttp.TCPConnector(
                socket_factory=Guard(parse_networks([PUBLIC])).socket_factory, force_close=True
            )
            async with aiohttp.ClientSession(connector=connector) as session:
                for target in targets:
                    try:
                        async with session.get(f"http://start.example/to?{quote(target)}"):
                            pass
                    except (aiohttp.ClientError, ValueError, OSError):
                        pass

        asyncio.run(follow_all())
    return seen


def test_no_redirect_is_followed_to_a_refused_address(isolated: None) -> None:
    names = {"start.example": [[PUBLIC]]}
    names |= {f"n{number}.example": [[str(row.address)]] for number, row in enumerate(REFUSED)}
    spelt = [f"http://{one.host}/" for row in REFUSED for one in spellings_of(row)]
    # All of them go through the same guard without a redirect, in the tests above.
    targets = spelt[::7] + [url for url, _, _ in TRAPS] + [f"http://{name}/" for name in names][::3]
    targets = [one for one in targets if "\n" not in one]
    seen = run(redirect_in_isolation, targets, names)
    assert seen.addresses == {PUBLIC}
    assert seen.connections[PUBLIC, 80] > len(targets)


def crawl_in_isolation(targets: list[str], names: isolated_network.Names) -> tuple[Any, isolated_network.Seen]:
    isolated_network.enter()
    with isolated_network.served(names) as seen:
        start = "http://start.example.com/links?" + "&".join(quote(target, safe="") for target in targets)
        # The whole crawl: intake, scope, spider, handler, sandbox.
        crawled = crawl_here(order(start, kind=ScopeKind.SITE, allow_addresses=(f"{PUBLIC}/32",), host_connections=4))
    return crawled, seen


def test_a_whole_crawl_follows_no_redirect_to_a_refused_address(isolated: None) -> None:
    names = {"start.example.com": [[PUBLIC]], "good.example.com": [[PUBLIC]]}
    rows = REFUSED[:: len(REFUSED) // 20]
    inner = {f"n{number}.example.com": [[str(row.address)]] for number, row in enumerate(rows)}
    spelt = [f"http://{address}/" for address in ("127.1", "2130706433", "[::ffff:127.0.0.1]", "0xa9fea9fe")]
    targets = [f"http://{name}/" for name in inner] + spelt + ["http://good.example.com/"]
    crawled, seen = run(crawl_in_isolation, targets, names | inner)
    assert seen.addresses == {PUBLIC}
    assert "http://good.example.com/" in [one.url for one in crawled.sightings] + [
        one.final_url for one in crawled.sightings
    ]
    refusals = [skip for skip in crawled.skips if skip.outcome == "refused_address"]
    assert {skip.rule for skip in refusals} == {f"egress.{row.rule}" for row in rows}


# --- a proxy in the environment ---

PROXY_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SOCKS_PROXY", "http_proxy", "https_proxy", "all_proxy")


def fetch_with_each(url: str, ports: Sequence[int], environments: list[dict[str, str]]) -> list[str]:
    sandbox.enter(tcp_ports=ports, memory_bytes=2**32, cpu_seconds=60)
    found = []
    for environment in environments:
        os.environ.update(environment)
        found += asyncio.run(fetch([url], ("127.0.0.0/8",)))
        for name in environment:
            del os.environ[name]
    return found


def test_no_variable_of_the_environment_makes_a_proxy() -> None:
    with SyntheticHost({"/": Resource("image/png", PNG)}) as host, SyntheticHost({}) as proxy:
        environments = [
            {name: f"{scheme}://{proxy.host}"} for name in PROXY_NAMES for scheme in ("http", "https", "socks5")
        ]
        everywhere = dict.fromkeys(PROXY_NAMES, proxy.url)
        environments += [everywhere | {name: value} for name in ("no_proxy", "NO_PROXY") for value in ("", "example")]
        found = run(fetch_with_each, host.url, (host.port, proxy.port), environments)
        assert found == ["reached 127.0.0.1"] * len(environments)
        assert host.connections_seen == len(environments)
        assert proxy.connections_seen == 0


def proxy_in_isolation(url: str) -> Found:
    for name in PROXY_NAMES:
        os.environ[name] = f"http://{PUBLIC}:{isolated_network.PROXY_PORT}"
    return fetch_in_isolation([url], {}, (f"{PUBLIC}/32",), 1)


def test_a_proxy_that_may_be_dialled_does_not_open_what_may_not(isolated: None) -> None:
    found, seen = run(proxy_in_isolation, "http://10.0.0.1/")
    assert (found, seen.addresses) == (["private"], set())
