"""What one recrawl may fetch: a host, a site or a path, decided from the URL alone before each request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final
from urllib.parse import unquote

from orbweaver.crawler.urls import DEFAULT_PORTS, host_of, hostname_of, path_of, port_of
from orbweaver.model import Limits, Scope, ScopeKind
from tldextract import TLDExtract

_WEB_PORTS: Final = (80, 443)
# A path that is still escaped after this many rounds is made to be misread.
MOST_UNESCAPINGS = 4
_IPV4 = re.compile(r"[0-9.]+")


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a URL is in scope; `rule` is the rule that decided and `reason` says why, without the URL."""

    is_allowed: bool
    rule: str
    reason: str


def decide(scope: Scope, url: str) -> Decision:
    """Say whether a canonical URL is in scope: its scheme, then its port, then what its kind asks.

    >>> scope = scope_for(ScopeKind.HOST, "http://www.example.com/a", Limits())
    >>> decide(scope, "https://example.com/a")
    Decision(is_allowed=False, rule='host', reason='example.com is not www.example.com')
    """
    if url.partition("://")[0] not in DEFAULT_PORTS:
        return Decision(is_allowed=False, rule="scheme", reason="scheme is not http or https")
    if scope.kind is ScopeKind.SITE:
        return _decide_site(scope, url)
    host = host_of(url)
    if host != scope.name:
        if hostname_of(url) == hostname_of(f"http://{scope.name}/"):
            return Decision(is_allowed=False, rule="port", reason=f"port {port_of(url)} is not that of {scope.name}")
        return Decision(is_allowed=False, rule="host", reason=f"{host} is not {scope.name}")
    if scope.kind is ScopeKind.PATH:
        return _decide_path(scope, url)
    return Decision(is_allowed=True, rule="host", reason=f"on {scope.name}")


def _decide_site(scope: Scope, url: str) -> Decision:
    port = port_of(url)
    if port not in scope.ports:
        return Decision(is_allowed=False, rule="port", reason=f"port {port} was not reported for {scope.name}")
    site = site_of(hostname_of(url))
    if site != scope.name:
        return Decision(is_allowed=False, rule="site", reason=f"site {site} is not {scope.name}")
    return Decision(is_allowed=True, rule="site", reason=f"on site {scope.name}")


def _hides_parent(path: str) -> bool:
    """Whether some server could read a parent directory into the path: one that unescapes twice, or loosely."""
    for _ in range(MOST_UNESCAPINGS):
        segments = re.split(r"[/\\\uff0f]", path)
        if "%C0%AE" in path.upper() or any(re.split(r"[;\0]", segment)[0] == ".." for segment in segments):
            return True
        plain = unquote(path)
        if plain == path:
            return False
        path = plain
    return True


def _decide_path(scope: Scope, url: str) -> Decision:
    path = path_of(url)
    if _hides_parent(path):
        return Decision(is_allowed=False, rule="path", reason="path hides a parent directory")
    for prefix in map(path_of, scope.prefixes):
        if path == prefix or path.startswith(prefix if prefix.endswith("/") else prefix + "/"):
            return Decision(is_allowed=True, rule="path", reason=f"below {prefix}")
    return Decision(is_allowed=False, rule="path", reason="below none of the reported paths")


def scope_for(kind: ScopeKind, url: str, limits: Limits) -> Scope:
    """Return the scope of one reported canonical URL; for `path` that is the directory it is in."""
    port = port_of(url)
    if kind is ScopeKind.SITE:
        return Scope(kind=kind, name=site_of(hostname_of(url)), ports=tuple(sorted({*_WEB_PORTS, port})), limits=limits)
    name = host_of(url)
    ports = _WEB_PORTS if name == hostname_of(url) else (port,)
    prefixes: tuple[str, ...] = ()
    if kind is ScopeKind.PATH:
        path = path_of(url)
        prefixes = (url[: url.index("/") + 2] + name + path[: path.rindex("/") + 1],)
    return Scope(kind=kind, name=name, prefixes=prefixes, ports=ports, limits=limits)


def merge(scopes: Iterable[Scope]) -> Scope:
    """Return the union of scopes of one kind and name; of differing limits, each smallest one holds."""
    first, *others = scopes
    if any((scope.kind, scope.name) != (first.kind, first.name) for scope in others):
        raise ValueError("only scopes of the same kind and name can be merged")
    if not others:
        return first
    every = [first, *others]
    smallest = {name: min(getattr(scope.limits, name) for scope in every) for name in Limits.model_fields}
    return Scope(
        kind=first.kind,
        name=first.name,
        prefixes=tuple(sorted({prefix for scope in every for prefix in scope.prefixes})),
        ports=tuple(sorted({port for scope in every for port in scope.ports})),
        limits=Limits.model_validate(smallest),
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
