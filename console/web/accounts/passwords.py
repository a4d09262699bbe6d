"""Hashes passwords and checks them, with Argon2id; few at once, because each takes 64 MiB and half a second of CPU."""

from __future__ import annotations

import threading
import unicodedata
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from orbweaver.console.errors import AccountRefused

# NIST SP 800-63B-4, 3.1.1.2: length protects, rules of composition do not. The most is a limit on work.
LEAST_CHARACTERS: Final = 15
MOST_CHARACTERS: Final = 256
# So many passwords are hashed or checked at once.
TURNS: Final = threading.BoundedSemaphore(2)


def hashed(password: str, *, name: str) -> str:
    """Return the hash of a new password of the account `name`; raises AccountRefused for one that is too easy."""
    if not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
        raise AccountRefused(
            f"a password has {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters: several words will do"
        )
    if len(set(password.lower().replace(name, ""))) < 6:
        raise AccountRefused("the password is a few characters many times, or the name of the account: choose another")
    with TURNS:
        return _hasher().hash(_normal(password))


def is_right(password: str, password_hash: str | None) -> bool:
    """Return whether a password is the one of this hash. Without a hash it is not, and that takes as long to say."""
    if len(password) > MOST_CHARACTERS:
        return False
    with TURNS:
        try:
            found = _hasher().verify(_hash_of_nobody() if password_hash is None else password_hash, _normal(password))
        except (VerificationError, InvalidHashError):
            return False
    return found and password_hash is not None


def _normal(password: str) -> str:
    """The same password typed on another keyboard may have other code points: RFC 8265, OpaqueString."""
    return unicodedata.normalize("NFC", password)


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()  # RFC 9106, its second recommendation: 64 MiB, 3 passes, 4 lanes


@cache
def _hash_of_nobody() -> str:
    return _hasher().hash("nobody has this password")
