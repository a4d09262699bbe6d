"""Sessions of people who have signed in: a random token in a cookie, and its SHA-256 as a key of the store.

Who reads the store, or a backup of it, finds no token that a browser could show. A session ends an hour after its last
request, twelve hours after it began, when its person signs out, and when the account is changed or disabled.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from orbweaver.console.web.accounts import account_store
from orbweaver.console.web.accounts.account import Account
from orbweaver.model import format_time, now
from orbweaver.store import keys
from orbweaver.store.connection import Store, text

IDLE: Final = timedelta(hours=1)
LONGEST: Final = timedelta(hours=12)
_TOKEN_BYTES: Final = 32
_TOKEN_CHARACTERS: Final = 43


@dataclass(frozen=True)
class Session:
    """One person in one browser; `form_token` stands in each of their forms, and in no other's."""

    account: Account
    form_token: str
    began_at: datetime


def begin(store: Store, account: Account) -> str:
    """Begin a session and return its token, for the cookie. Raises RedisError."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    key = _key(token)
    with store.pipeline(transaction=True) as pipe:
        pipe.hset(key, "account", account.name)
        pipe.hset(key, "changes", account.changes)
        pipe.hset(key, "form_token", secrets.token_urlsafe(_TOKEN_BYTES))
        pipe.hset(key, "began_at", format_time(now()))
        pipe.expire(key, IDLE)
        pipe.execute()
    return token


def find(store: Store, token: str | None, *, is_of_person: bool = True) -> Session | None:
    """Return the session of a cookie and have it last for another hour; None when there is none. Raises RedisError.

    What a page asks for by itself (`is_of_person` false) makes no session last longer: nobody may be there.
    """
    if token is None or len(token) != _TOKEN_CHARACTERS:
        return None
    key = _key(token)
    name, changes, form_token, began = store.hmget(key, ["account", "changes", "form_token", "began_at"])
    if name is None or changes is None or form_token is None or began is None:
        return None
    account = account_store.read(store, text(name))
    began_at = datetime.fromisoformat(text(began))
    left = began_at + LONGEST - now()
    if account is None or account.is_disabled or account.changes != int(changes) or left <= timedelta(0):
        store.delete(key)
        return None
    if is_of_person:
        store.expire(key, min(IDLE, left))
    return Session(account, text(form_token), began_at)


def end(store: Store, token: str | None) -> None:
    """End the session of a cookie. Raises RedisError."""
    if token is not None:
        store.delete(_key(token))


def _key(token: str) -> str:
    return keys.session(hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest())
