"""Reads the proxy of an access profile, and refuses the targets that may not be handed to one.

A proxy resolves names and connects in our stead, where the egress guard cannot see. So each target is judged before,
as far as it can be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote

from orbweaver.crawler.errors import AccessRefused, EgressRefused, UrlRefused
from orbweaver.crawler.rules.address_rules import AddressDecision
from orbweaver.crawler.rules.embedded_addresses import Address
from orbweaver.crawler.rules.hostnames import canonicalise_host

# Says that the proxy's URL is in an environment variable: then the store never holds its password.
FROM_ENVIRONMENT: Final = "env:"

# Names with a meaning inside a network only (RFC 6761, 6762, 8375, 9476; ICANN 2024 for .internal; the rest are names
# that people give their own networks). A proxy inside one would take us there.
LOCAL_DOMAINS: Final = frozenset(
    {"alt", "arpa", "corp", "example", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain"}
    | {"localhost", "private", "test"}
)
_ONION: Final = "onion"
_I2P: Final = "i2p"
_PROXY_URL = re.compile(
    r"(?P<scheme>[a-z0-9]+)://(?:(?P<user>[^:@/?#]*)(?::(?P<password>[^@/?#]*))?@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:@/?#\[\]]+):(?P<port>[0-9]{1,5})/?",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST_CREDENTIAL_BYTES: Final = 255  # RFC 1929


class ProxyKind(StrEnum):
    """The protocol of a proxy."""

    HTTP = "http"
    HTTPS = "https"
    SOCKS5 = "socks5"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy as an operator wrote it; its text form leaves name and password out."""

    kind: ProxyKind
    host: str
    port: int
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.kind}://{host}:{self.port}"


def parse_proxy(text: str | None, environment: Mapping[str, str]) -> Proxy | None:
    """Return the proxy that an access profile names, None for none; raises AccessRefused.

    The text is a URL such as `socks5://user:password@127.0.0.1:9050`, or `env:NAME` for a variable that holds one.
    """
    if text is None:
        return None
    if text.startswith(FROM_ENVIRONMENT):
        name = text.removeprefix(FROM_ENVIRONMENT)
        if not _VARIABLE.fullmatch(name):
            raise AccessRefused("env: must be followed by the name of a variable")
        if not environment.get(name):
            raise AccessRefused(f"the variable {name} is not set")
        text = environment[name]
    parts = _PROXY_URL.fullmatch(text.strip())
    if parts is None:
        raise AccessRefused("not a URL with scheme, host and port, such as socks5://127.0.0.1:9050")
    # curl's name for a proxy that resolves the names, which is always so here.
    scheme = parts["scheme"].lower().replace("socks5h", "socks5")
    if scheme not in set(ProxyKind):
        raise AccessRefused(f"there are {', '.join(ProxyKind)} proxies, and no others")
    port = int(parts["port"])
    if not 0 < port <= 0xFFFF:
        raise AccessRefused("port is not between 1 and 65535")
    if (parts["user"] is None) != (parts["password"] is None):
        raise AccessRefused("a user name needs a password")
    user, password = _credential(parts["user"]), _credential(parts["password"])
    return Proxy(ProxyKind(scheme), _host(parts["host"]), port, user, password)


def _host(text: str) -> str:
    if "%" in text:
        raise AccessRefused("host: it has escapes")
    try:
        return canonicalise_host(text).strip("[]")
    except UrlRefused as error:
        raise AccessRefused(f"host: {error.reason}") from None


def _credential(text: str | None) -> str | None:
    if text is None:
        return None
    plain = unquote(text, errors="replace")
    if not 0 < len(plain.encode()) <= _MOST_CREDENTIAL_BYTES or not plain.isprintable() or "\ufffd" in plain:
        raise AccessRefused(f"user name and password have 1 to {_MOST_CREDENTIAL_BYTES} printable characters")
    return plain


def judge_target(hostname: str, proxy: Proxy | None, judge: Callable[[Address], AddressDecision]) -> None:
    """Refuse a canonical host name that may not be asked for by this way; raises EgressRefused.

    Without a proxy the egress guard judges, where the socket is made; only `.onion` and `.i2p` are refused here: asking
    DNS for them would tell others (RFC 7686). Through a proxy, addresses are judged by the guard too (`judge` is its
    method), and names that have a meaning inside a network only are refused.
    """
    labels = hostname.strip("[]").rstrip(".").split(".")
    if labels[-1] == _ONION:
        if proxy is None or proxy.kind is not ProxyKind.SOCKS5:
            raise EgressRefused(hostname, "an .onion name needs a SOCKS proxy")
        return
    if proxy is None:
        if labels[-1] == _I2P:
            raise EgressRefused(hostname, "an .i2p name needs the proxy of an I2P router")
        return
    try:
        address = ip_address(hostname.strip("[]"))
    except ValueError:
        if len(labels) == 1:
            raise EgressRefused(hostname, "single label, given to a proxy") from None
        if labels[-1] in LOCAL_DOMAINS:
            raise EgressRefused(hostname, f"local name (.{labels[-1]}), given to a proxy") from None
        return
    decision = judge(address)
    if not decision.is_allowed:
        raise EgressRefused(str(address), decision.rule)
