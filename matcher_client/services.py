"""Which matching service a matcher URL means: the one place that knows them all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from orbweaver.matcher_client import eokm_service, tcap_service
from orbweaver.matcher_client.batch_service import BatchService
from orbweaver.matcher_client.eokm_service import EokmService
from orbweaver.matcher_client.errors import UnknownService
from orbweaver.matcher_client.hashlist import HashListService
from orbweaver.matcher_client.hma_service import HmaService
from orbweaver.matcher_client.protocol import MatchingService
from orbweaver.matcher_client.service_address import ServiceAddress, read_address, refuse_unknown_options
from orbweaver.matcher_client.tcap_service import TcapService


def _open_hash_list(url: str) -> MatchingService:
    path = url.partition(":")[2]
    if not path:
        raise UnknownService("matcher URL hashlist: has no path: write hashlist:/path/to/list.hashes")
    return HashListService(Path(path))


def _network(
    service: Callable[[ServiceAddress], MatchingService], options: frozenset[str]
) -> Callable[[str], MatchingService]:
    def open_it(url: str) -> MatchingService:
        address = read_address(url)
        refuse_unknown_options(address, options)
        return service(address)

    return open_it


_EOKM = _network(EokmService, eokm_service.OPTIONS)
_TCAP = _network(TcapService, tcap_service.OPTIONS)
# Scheme -> what opens it, given the whole URL. Plain http is for this machine itself, and not offered in messages.
_SERVICES: dict[str, Callable[[str], MatchingService]] = {
    "hashlist": _open_hash_list,
    "https": lambda url: BatchService(read_address(url)),
    "http": lambda url: BatchService(read_address(url)),
    "hma+https": lambda url: HmaService(read_address(url)),
    "hma+http": lambda url: HmaService(read_address(url)),
    "eokm+https": _EOKM,
    "eokm+http": _EOKM,
    "tcap+https": _TCAP,
    "tcap+http": _TCAP,
}


def open_service(url: str) -> MatchingService:
    """Return the service that a matcher URL names, without asking it anything yet.

    `hashlist:/path/list.hashes` is a built list; a path without a leading slash is relative to the working
    directory, and a list that is missing or damaged is reported by the first `lookup` or `health`, not here.
    `https://host/path?token=file:/path&canary=sha256:HEX` is a server of Orbweaver's own batch protocol
    (batch_service); `hma+https:`, `eokm+https:` and `tcap+https:` are others' (service_address, and the module of
    each).

    Raises UnknownService. The message names the scheme only, because a URL may hold a password.
    """
    url = url.strip()
    scheme, colon, _ = url.partition(":")
    open_it = _SERVICES.get(scheme.lower()) if colon else None
    if open_it is None:
        known = ", ".join(f"{name}:" for name in _SERVICES if not name.endswith("http"))
        given = f"has the unknown scheme {scheme!r}" if colon else "has no scheme"
        raise UnknownService(f"the matcher URL {given}: use one of {known} (for example hashlist:/path/list.hashes)")
    return open_it(url)
