"""Which texts name a proxy, what is shown of one, and which targets may be handed to it."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.errors import AccessRefused, EgressRefused
from orbweaver.crawler.fetching.connecting.egress_guard import Guard
from orbweaver.crawler.fetching.connecting.proxies import LOCAL_DOMAINS, Proxy, ProxyKind, judge_target, parse_proxy
from orbweaver.crawler.rules.address_rules import parse_networks

TOR = Proxy(ProxyKind.SOCKS5, "127.0.0.1", 9050)
HTTP = Proxy(ProxyKind.HTTP, "proxy.example", 3128)
SECRET = "hunter2"


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        (None, None),
        ("socks5://127.0.0.1:9050", TOR),
        ("SOCKS5H://127.0.0.1:9050/", TOR),
        ("http://proxy.example:3128", HTTP),
        ("https://proxy.example:443/", Proxy(ProxyKind.HTTPS, "proxy.example", 443)),
        ("socks5://[::1]:1080", Proxy(ProxyKind.SOCKS5, "::1", 1080)),
        ("socks5://user:p%40ss@h.example:1", Proxy(ProxyKind.SOCKS5, "h.example", 1, "user", "p@ss")),
        ("env:PROXY", Proxy(ProxyKind.SOCKS5, "h.example", 1080, "user", SECRET)),
    ],
)
def test_a_proxy_is_read(text: str | None, proxy: Proxy | None) -> None:
    assert parse_proxy(text, {"PROXY": f"socks5://user:{SECRET}@h.example:1080"}) == proxy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1:9050",
        "socks5://127.0.0.1",
        "socks5://127.0.0.1:0",
        "socks5://127.0.0.1:65536",
        "socks5://:9050",
        "socks5://h.example:1/path",
        "socks5://h.example:1?x",
        "socks5://h.example:1#x",
        "socks5://h.exa mple:1",
        "socks5://a@b@h.example:1",
        "socks5://user@h.example:1",
        "socks5://:secret@h.example:1",
        "socks5://user:@h.example:1",
        "socks5://user:a%00b@h.example:1",
        "socks5://user:a%0D%0Ab@h.example:1",
        "socks5://user:%ff@h.example:1",
        f"socks5://user:{'x' * 256}@h.example:1",
        "socks5://%31:1",
        "socks4://127.0.0.1:9050",
        "ftp://127.0.0.1:9050",
        "env:",
        "env:NOT SET",
        "env:NOT_SET",
        "env:EMPTY",
        "env:RECURSIVE",
    ],
)
def test_what_names_no_proxy_is_refused(text: str) -> None:
    with pytest.raises(AccessRefused):
        parse_proxy(text, {"EMPTY": "", "RECURSIVE": "env:PROXY", "PROXY": "socks5://127.0.0.1:1"})


@pytest.mark.parametrize("text", [f"nonsense {SECRET}", f"socks5://{SECRET}@h.example:1", f"{SECRET}://h.example:1"])
def test_a_reason_never_has_the_text_in_it(text: str) -> None:
    with pytest.raises(AccessRefused) as refused:
        parse_proxy(text, {})
    assert SECRET not in str(refused.value)


@given(st.one_of(st.text(), st.from_regex(r"(socks5|https?)://([^/]*@)?[^/]*(:[0-9]*)?/?")))
def test_no_text_breaks_the_reading(text: str) -> None:
    with contextlib.suppress(AccessRefused):
        assert parse_proxy(text, {}) is not None


def test_the_password_is_never_shown() -> None:
    proxy = parse_proxy(f"socks5://user:{SECRET}@[::1]:1080", {})

    assert SECRET not in f"{proxy!r} {proxy}"
    assert "user" not in f"{proxy!r} {proxy}"
    assert str(proxy) == "socks5://[::1]:1080"


# --- targets ---


def is_refused(hostname: str, proxy: Proxy | None, *allowed: str) -> bool:
    try:
        judge_target(hostname, proxy, Guard(parse_networks(allowed)).judge)
    except EgressRefused:
        return True
    return False


@pytest.mark.parametrize("proxy", [TOR, HTTP])
@pytest.mark.parametrize(
    "hostname",
    [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[fd00:ec2::254]",
        "localhost",
        "intranet",
        "metadata.google.internal",
        "printer.local",
        "router.home.arpa",
        "1.0.0.127.in-addr.arpa",
        *(f"a.{domain}" for domain in sorted(LOCAL_DOMAINS)),
    ],
)
def test_what_is_inside_a_network_is_not_handed_to_a_proxy(hostname: str, proxy: Proxy) -> None:
    assert is_refused(hostname, proxy)


@pytest.mark.parametrize("proxy", [TOR, HTTP])
@pytest.mark.parametrize("hostname", ["www.site.com", "93.184.215.14", "[2606:2800:21f:cb07::1]", "localhost.com"])
def test_what_is_on_the_internet_is(hostname: str, proxy: Proxy) -> None:
    assert not is_refused(hostname, proxy)


def test_an_address_that_the_operator_allowed_may_be_handed_to_a_proxy() -> None:
    assert not is_refused("127.0.0.1", TOR, "127.0.0.0/8")
    assert is_refused("127.0.0.1", TOR, "10.0.0.0/8")


@pytest.mark.parametrize("proxy", [None, HTTP, Proxy(ProxyKind.HTTPS, "proxy.example", 443)])
def test_an_onion_name_is_asked_for_by_socks_alone(proxy: Proxy | None) -> None:
    assert is_refused("expyuzz4wqqyqhjn.onion", proxy)
    assert is_refused("www.expyuzz4wqqyqhjn.onion", proxy)
    assert not is_refused("expyuzz4wqqyqhjn.onion", TOR)


def test_an_i2p_name_is_asked_for_by_a_proxy_alone() -> None:
    assert is_refused("stats.i2p", None)
    assert not is_refused("stats.i2p", HTTP)


@pytest.mark.parametrize("hostname", ["localhost", "127.0.0.1", "[::1]", "printer.local", "www.site.com"])
def test_without_a_proxy_the_egress_guard_judges_where_the_socket_is_made(hostname: str) -> None:
    assert not is_refused(hostname, None)
