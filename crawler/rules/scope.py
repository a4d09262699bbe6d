"""Decides from a URL alone whether a recrawl may fetch it; the scope of a recrawl is a host, a site or a path."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote

from orbweaver.crawler.rules.urls import host_of, hostname_of, is_canonical, path_of, port_of
from orbweaver.model import Embeds, Limits, Scope, ScopeKind
from tldextract import TLDExtract

WEB_PORTS: Final = (80, 443)
# A path that is still escaped after this many rounds is made to be misread.
MOST_UNESCAPINGS = 4
_IPV4 = re.compile(r"[0-9.]+")


class ScopeRefusal(NamedTuple):
    """Why a URL is not in scope: the rule that it failed, and the reason without the URL."""

    rule: str
    reason: str


def refusal_of(scope: Scope, url: str) -> ScopeRefusal | None:
    """Return why a canonical URL is not in scope: its port, host, site or path; None when it is in scope.

    >>> scope = scope_for(ScopeKind.HOST, "http://www.example.com/a", Limits())
    >>> refusal_of(scope, "https://example.com/a")
    ScopeRefusal(rule='host', reason='example.com is not www.example.com')
    """
    if scope.kind is ScopeKind.SITE:
        return _site_refusal(scope, url)
    host = host_of(url)
    if host != scope.name:
        if hostname_of(url) == hostname_of(f"http://{scope.name}/"):
            return ScopeRefusal("port", f"port {port_of(url)} is not that of {scope.name}")
        return ScopeRefusal("host", f"{host} is not {scope.name}")
    return _path_refusal(scope, url) if scope.kind is ScopeKind.PATH else None


def _site_refusal(scope: Scope, url: str) -> ScopeRefusal | None:
    port = port_of(url)
    if port not in scope.ports:
        return ScopeRefusal("port", f"port {port} was not reported for {scope.name}")
    site = site_of(hostname_of(url))
    return None if site == scope.name else ScopeRefusal("site", f"site {site} is not {scope.name}")


def _hides_parent(path: str) -> bool:
    """Whether a server that unescapes twice, or loosely, could read a parent directory in the path."""
    if "%" not in path and ".." not in path:
        return False  # nearly every path
    for _ in range(MOST_UNESCAPINGS):
        segments = re.split(r"[/\\\uff0f]", path)
        if "%C0%AE" in path.upper() or any(re.split(r"[;\0]", segment)[0] == ".." for segment in segments):
            return True
        plain = unquote(path)
        if plain == path:
            return False
        path = plain
    return True


def _path_refusal(scope: Scope, url: str) -> ScopeRefusal | None:
    path = path_of(url)
    if _hides_parent(path):
        return ScopeRefusal("path", "path hides a parent directory")
    for prefix in map(path_of, scope.prefixes):
        if path == prefix or path.startswith(prefix if prefix.endswith("/") else prefix + "/"):
            return None
    return ScopeRefusal("path", "not below a reported path")


def embed_refusal_of(scope: Scope, url: str, referrer: str | None) -> ScopeRefusal | None:
    """Return why a file on another host, shown by the page at `referrer`, may not be fetched; None when it may.

    One step only: the page must be in scope itself, or a file of another host could bring in a third.
    """
    if scope.embeds is Embeds.OFF:
        return ScopeRefusal("off", "files that pages show from other hosts are not fetched in this scope")
    if referrer is None or refusal_of(scope, referrer) is not None:
        return ScopeRefusal("referrer", "no page in scope shows it")
    if port_of(url) not in WEB_PORTS:
        # The sandbox opens few ports, and any other one is more likely an internal service than a file host.
        return ScopeRefusal("port", f"port {port_of(url)} is not a web port: {', '.join(map(str, WEB_PORTS))}")
    if scope.embeds is Embeds.SAME_SITE:
        own, other = site_of(hostname_of(f"http://{scope.name}/")), site_of(hostname_of(url))
        if own != other:
            return ScopeRefusal("site", f"site {other} is not {own}")
    return None


def is_host_of(scope: Scope, host: str) -> bool:
    """Whether a host, with its port, is one that a recrawl of `scope` is for; a page's files elsewhere are not."""
    if scope.kind is not ScopeKind.SITE:
        return host == scope.name
    roots = [f"{scheme}://{host}/" for scheme in ("http", "https")]
    return any(is_canonical(root) and refusal_of(scope, root) is None for root in roots)


def is_own_site(scope: Scope, url: str) -> bool:
    """Whether a canonical URL is on the site that a scope is, or is a part of."""
    return site_of(hostname_of(url)) == site_of(hostname_of(f"http://{scope.name}/"))


def ports_of(scope: Scope) -> tuple[int, ...]:
    """Return the TCP ports that a recrawl of this scope connects to, for the sandbox to open."""
    if scope.embeds is Embeds.OFF:
        return scope.ports
    return tuple(sorted({*scope.ports, *WEB_PORTS}))


def scope_for(kind: ScopeKind, url: str, limits: Limits) -> Scope:
    """Return the scope of one reported canonical URL; for `path` that is the directory it is in."""
    port = port_of(url)
    if kind is ScopeKind.SITE:
        return Scope(kind=kind, name=site_of(hostname_of(url)), ports=tuple(sorted({*WEB_PORTS, port})), limits=limits)
    name = host_of(url)
    ports = WEB_PORTS if name == hostname_of(url) else (port,)
    prefixes: tuple[str, ...] = ()
    if kind is ScopeKind.PATH:
        path = path_of(url)
        prefixes = (url[: url.index("/") + 2] + name + path[: path.rindex("/") + 1],)
    return Scope(kind=kind, name=name, prefixes=prefixes, ports=ports, limits=limits)


def merge(scopes: Iterable[Scope]) -> Scope:
    """Return the union of scopes that have the same kind, name, authority and access.

    It has the smallest of each limit, the first expiry and the fewest embeds. Raises ValueError when the scopes do not
    have the same kind, name, authority and access.
    """
    first, *others = scopes
    if any((other.kind, other.name) != (first.kind, first.name) for other in others):
        raise ValueError("only scopes of the same kind and name can be merged")
    if any((other.authority, other.access) != (first.authority, first.access) for other in others):
        raise ValueError("only scopes with the same authority and access can be merged")
    if not others:
        return first
    every = [first, *others]
    smallest = {name: min(getattr(scope.limits, name) for scope in every) for name in Limits.model_fields}
    expiries = [scope.expires_at for scope in every if scope.expires_at is not None]
    return Scope(
        kind=first.kind,
        name=first.name,
        prefixes=tuple(sorted({prefix for scope in every for prefix in scope.prefixes})),
        ports=tuple(sorted({port for scope in every for port in scope.ports})),
        limits=Limits.model_validate(smallest),
        embeds=min((scope.embeds for scope in every), key=list(Embeds).index),
        authority=first.authority,
        expires_at=min(expiries, default=None),
        access=first.access,
    )


# Bounded, because a hostile page can link to a new host in every line.
@lru_cache(maxsize=8192)
def site_of(hostname: str) -> str:
    """Return the registrable domain of a canonical host name.

    An address, a single label and a public suffix are their own site. Private suffixes count: every customer
    of a shared host is a site, or one report would admit them all.

    >>> site_of("www.a.github.io")
    'a.github.io'
    """
    if hostname.startswith("[") or "." not in hostname or _IPV4.fullmatch(hostname):
        return hostname
    return _suffix_list()(hostname).top_domain_under_public_suffix or hostname


@cache
def _suffix_list() -> TLDExtract:
    """Return the list that comes with the package: nothing is fetched and nothing written."""
    return TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)
