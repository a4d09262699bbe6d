"""Which matching service a matcher URL means: the one place that knows them all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from orbweaver.matcher_client.eokm_service import EokmService
from orbweaver.matcher_client.errors import UnknownService
from orbweaver.matcher_client.hashlist import HashListService
from orbweaver.matcher_client.protocol import MatchingService
from orbweaver.matcher_client.service_address import read_address
from orbweaver.matcher_client.tcap_service import TcapService


def _open_hash_list(rest: str) -> MatchingService:
    if not rest:
        raise UnknownService("matcher URL hashlist: has no path: write hashlist:/path/to/list.hashes")
    return HashListService(Path(rest))


# Scheme -> what opens it, given all that follows "scheme:".
_SERVICES: dict[str, Callable[[str], MatchingService]] = {
    "hashlist": _open_hash_list,
    "eokm+http": lambda rest: EokmService(read_address(f"eokm+http:{rest}")),
    "eokm+https": lambda rest: EokmService(read_address(f"eokm+https:{rest}")),
    "tcap+http": lambda rest: TcapService(read_address(f"tcap+http:{rest}")),
    "tcap+https": lambda rest: TcapService(read_address(f"tcap+https:{rest}")),
}


def open_service(url: str) -> MatchingService:
    """Return the service that a matcher URL names, without asking it anything yet.

    `hashlist:/path/list.hashes` is a built list; a path without a leading slash is relative to the working
    directory. A list that is missing or damaged is reported by the first `lookup` or `health`, not here.
    `eokm+https:` is EOKM (eokm_service), `tcap+https:` is TCAP (tcap_service).

    Raises UnknownService. The message names the scheme only, because a URL may hold a password.
    """
    scheme, colon, rest = url.strip().partition(":")
    open_it = _SERVICES.get(scheme.lower()) if colon else None
    if open_it is None:
        known = ", ".join(f"{name}:" for name in sorted(_SERVICES))
        given = f"has the unknown scheme {scheme!r}" if colon else "has no scheme"
        raise UnknownService(f"the matcher URL {given}: use one of {known} (for example hashlist:/path/list.hashes)")
    return open_it(rest)
