"""One-time codes (TOTP, RFC 6238), for accounts that want more than a password: six digits, new every half minute."""

from __future__ import annotations

import hmac
import time
from typing import Final

import pyotp
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from redis.exceptions import WatchError

STEP_SECONDS: Final = 30
# A clock that is half a minute late or early still shows a code that counts.
_STEPS_AROUND: Final = (-1, 0, 1)
_ISSUER: Final = "Orbweaver"


def begin(store: Store, name: str) -> str:
    """Have an account need codes from now on; returns the otpauth URI of the secret, for an app. Raises RedisError.

    The secret is shown once. An earlier one counts no more.
    """
    secret = pyotp.random_base32()
    store.hset(keys.one_time_codes(), name, f"{secret} 0")
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=_ISSUER)


def end(store: Store, name: str) -> None:
    """Have an account need codes no longer. Raises RedisError."""
    store.hdel(keys.one_time_codes(), name)


def are_needed(store: Store, name: str) -> bool:
    """Return whether an account needs a code. Raises RedisError."""
    return bool(store.hexists(keys.one_time_codes(), name))


def take(store: Store, name: str, code: str, at: float | None = None) -> bool:
    """Return whether a code is right at a time (seconds since 1970; none: now), or none is needed. Raises RedisError.

    A code counts once: who has seen it typed cannot use it again.
    """
    step_now = int(time.time() if at is None else at) // STEP_SECONDS
    shown = code.replace(" ", "").encode("utf-8", "surrogateescape")
    with store.pipeline(transaction=True) as pipe:
        while True:
            pipe.watch(keys.one_time_codes())
            stored = pipe.hget(keys.one_time_codes(), name)
            if stored is None:
                return True
            secret, _, last = text(stored).partition(" ")
            codes = pyotp.TOTP(secret)
            steps = [step_now + around for around in _STEPS_AROUND if step_now + around > int(last)]
            right = [one for one in steps if hmac.compare_digest(codes.at(one * STEP_SECONDS).encode(), shown)]
            if not right:
                return False
            pipe.multi()
            pipe.hset(keys.one_time_codes(), name, f"{secret} {right[0]}")
            try:
                pipe.execute()
            except WatchError:
                continue
            return True
