"""Which matching service a matcher URL means: the one place that knows them all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from orbweaver.matcher_client.batch_service import BatchService
from orbweaver.matcher_client.errors import UnknownService
from orbweaver.matcher_client.hashlist import HashListService
from orbweaver.matcher_client.hma_service import HmaService
from orbweaver.matcher_client.protocol import MatchingService
from orbweaver.matcher_client.service_address import read_address


def _open_hash_list(rest: str) -> MatchingService:
    if not rest:
        raise UnknownService("matcher URL hashlist: has no path: write hashlist:/path/to/list.hashes")
    return HashListService(Path(rest))


# Scheme -> what opens it, given all that follows "scheme:".
_SERVICES: dict[str, Callable[[str], MatchingService]] = {
    "hashlist": _open_hash_list,
    "http": lambda rest: BatchService(read_address(f"http:{rest}")),
    "https": lambda rest: BatchService(read_address(f"https:{rest}")),
    "hma+http": lambda rest: HmaService(read_address(f"hma+http:{rest}")),
    "hma+https": lambda rest: HmaService(read_address(f"hma+https:{rest}")),
}


def open_service(url: str) -> MatchingService:
    """Return the service that a matcher URL names, without asking it anything yet.

    `hashlist:/path/list.hashes` is a built list; a path without a leading slash is relative to the working
    directory. `https://host/path?token=file:/path&canary=sha256:HEX` is a server of Orbweaver's own batch protocol
    (batch_service, service_address). A list that is missing or damaged is reported by the first `lookup` or `health`,
    not here.
    directory. A list that is missing or damaged is reported by the first `lookup` or `health`, not here.
    `hma+https://host/path?md5=video_md5&canary=md5:HEX` is HMA (hma_service, service_address).

    Raises UnknownService. The message names the scheme only, because a URL may hold a password.
    """
    scheme, colon, rest = url.strip().partition(":")
    open_it = _SERVICES.get(scheme.lower()) if colon else None
    if open_it is None:
        known = ", ".join(f"{name}:" for name in sorted(_SERVICES))
        given = f"has the unknown scheme {scheme!r}" if colon else "has no scheme"
        raise UnknownService(f"the matcher URL {given}: use one of {known} (for example hashlist:/path/list.hashes)")
    return open_it(rest)
