"""Slows down who guesses passwords: so many failures for a name, and from an address, within a quarter of an hour."""

from __future__ import annotations

import hashlib
import ipaddress
from typing import Final

from limits import RateLimitItemPerMinute
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from orbweaver.store import keys
from orbweaver.store.connection import Store

# A person mistypes a few times. Ten for a name from one address: another address cannot lock the person out.
OF_NAME_AND_ADDRESS: Final = RateLimitItemPerMinute(10, 15)
OF_ADDRESS: Final = RateLimitItemPerMinute(50, 15)
# From many addresses at once: this many guesses a day find no password of fifteen characters.
OF_NAME: Final = RateLimitItemPerMinute(200, 15)


class Throttle:
    """Counts the failures to sign in, in the store, so that all consoles of a store count together."""

    def __init__(self, store: Store) -> None:
        storage = RedisStorage(
            "redis://", connection_pool=store.connection_pool, key_prefix=keys.failed_sign_ins("").removesuffix(":")
        )
        self._limiter = MovingWindowRateLimiter(storage)

    def is_open(self, name: str, address: str) -> bool:
        """Return whether somebody may try a password now. Raises RedisError."""
        return all(self._limiter.test(limit, *of) for limit, of in self._counted(name, address))

    def note_failure(self, name: str, address: str) -> None:
        """Count a wrong password. Raises RedisError."""
        for limit, of in self._counted(name, address):
            self._limiter.hit(limit, *of)

    def _counted(self, name: str, address: str) -> list[tuple[RateLimitItemPerMinute, tuple[str, ...]]]:
        who, whence = _digest(name), _digest(network_of(address))
        return [
            (OF_NAME_AND_ADDRESS, ("pair", who, whence)),
            (OF_ADDRESS, ("address", whence)),
            (OF_NAME, ("name", who)),
        ]


def network_of(address: str) -> str:
    """Return whose failures are counted together: an IPv4 address, or the /64 that one subscriber gets of IPv6.

    >>> network_of("2001:db8::1") == network_of("2001:db8::ffff"), network_of("::ffff:192.0.2.1")
    (True, '192.0.2.1')
    """
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return f"{ipaddress.IPv6Address(int(known) >> 64 << 64)}/64"


def _digest(text: str) -> str:
    """Return what stands for a name or an address in a key: whoever comes may send any characters."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
