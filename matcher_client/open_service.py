"""Opens the matching service that a matcher URL names: the only file that knows all services."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from orbweaver.matcher_client.errors import UnknownService
from orbweaver.matcher_client.protocol import MatchingService
from orbweaver.matcher_client.services.eokm import EokmService
from orbweaver.matcher_client.services.hma import HmaService
from orbweaver.matcher_client.services.local_list import HashListService
from orbweaver.matcher_client.services.orbweaver_batch import BatchService
from orbweaver.matcher_client.services.tcap import TcapService
from orbweaver.matcher_client.transport.service_address import ServiceAddress, list_and_name, read_address

# By the prefix before `https:` (or `http:`, on this machine only). Each service refuses options that it does not know.
_NETWORK: dict[str, Callable[[ServiceAddress], MatchingService]] = {
    "": BatchService,
    "hma+": HmaService,
    "eokm+": EokmService,
    "tcap+": TcapService,
}


def open_service(url: str) -> MatchingService:
    """Return the service that a matcher URL names, without asking it anything yet.

    `hashlist:/path/list.hashes` is a built list. A path without a leading slash is relative to the working directory.
    The first `lookup` or `health` reports a list that is missing or damaged, not this function. The list is called by
    its path, or with `?name=NAME` (percent-encoded) by that name.
    `https://host/path?token=file:/path&canary=sha256:HEX` is a server of Orbweaver's own batch protocol.
    `hma+https:`, `eokm+https:` and `tcap+https:` are services of others (see the module of each, and service_address).

    Raises UnknownService. The message names the scheme only, because a URL may hold a password.
    """
    url = url.strip()
    scheme, colon, rest = url.partition(":")
    if colon and scheme.lower() == "hashlist":
        path, name = list_and_name(rest)
        if not path:
            raise UnknownService("matcher URL hashlist: has no path: write hashlist:/path/to/list.hashes")
        return HashListService(Path(path), name)
    kind, plus, transport = scheme.lower().rpartition("+")
    open_it = _NETWORK.get(kind + plus) if colon and transport in {"http", "https"} else None
    if open_it is None:
        known = ", ".join(("hashlist:", *(f"{prefix}https:" for prefix in _NETWORK)))
        given = f"has the unknown scheme {scheme!r}" if colon else "has no scheme"
        raise UnknownService(f"the matcher URL {given}: use one of {known} (for example hashlist:/path/list.hashes)")
    return open_it(read_address(url))
