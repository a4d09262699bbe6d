"""The tokens of programs that use the API: what each may do and until when. The store has their SHA-256 alone.

A token is 32 random bytes, so its digest needs no salt and no slow hash: nobody can try them all.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from orbweaver.console.errors import TokenRefused
from orbweaver.console.web.accounts.account import Right, is_name
from orbweaver.model import Actor, ActorKind, format_time, now
from orbweaver.store import keys
from orbweaver.store.connection import Store
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from redis.exceptions import WatchError

# So that whoever finds one in a log or a repository knows what it is; scanners look for such beginnings.
BEGINNING: Final = "orbweaver_"
# A token that is forgotten ends by itself.
LONGEST: Final = timedelta(days=400)
PROGRAM_CHARACTERS: Final = 100
_TOKEN_BYTES: Final = 32
_IS_TOKEN: Final = re.compile(rf"{BEGINNING}[A-Za-z0-9_-]{{43}}").fullmatch


class ApiToken(BaseModel):
    """A token as it is known here: its name, the program that has it, what that may do, and until when."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    program: str = Field(min_length=1, max_length=PROGRAM_CHARACTERS)
    rights: frozenset[Right] = Field(min_length=1)
    made_at: datetime
    expires_at: datetime

    def may(self, right: Right) -> bool:
        """Return whether the token gives this right."""
        return right in self.rights

    @property
    def is_over(self) -> bool:
        """Whether it has expired."""
        return self.expires_at <= now()

    @property
    def actor(self) -> Actor:
        """The program, as events and the audit log name it."""
        return Actor(kind=ActorKind.PROGRAM, name=f"{self.program} (token {self.name})")


def add(store: Store, name: str, program: str, rights: Collection[Right], expires_at: datetime) -> str:
    """Make a token and return it: nothing can show it a second time.

    Raises TokenRefused for a name that is taken or unusable, a program without a name, no right, or an expiry that is
    over or too far away; RedisError.
    """
    program, at = program.strip(), now()
    if not is_name(name):
        raise TokenRefused("a name has small letters a to z, digits, and . _ - between them, at most 64 characters")
    if not program or not program.isprintable() or len(program) > PROGRAM_CHARACTERS:
        raise TokenRefused(f"say which program it is for, in 1 to {PROGRAM_CHARACTERS} printable characters")
    if not rights:
        raise TokenRefused(f"a token needs a right: {', '.join(Right)}")
    if not at < expires_at <= at + LONGEST:
        raise TokenRefused(
            f"a token expires after now, and at most {LONGEST.days} days from now: by {format_time(at + LONGEST)}"
        )
    token = BEGINNING + secrets.token_urlsafe(_TOKEN_BYTES)
    made = ApiToken(name=name, program=program, rights=frozenset(rights), made_at=at, expires_at=expires_at)
    with store.pipeline(transaction=True) as pipe:
        while True:
            pipe.watch(keys.api_tokens())
            if any(known.name == name for _, known in _stored(pipe.hgetall(keys.api_tokens()))):
                raise TokenRefused(f"there is a token {name} already: revoke it, or choose another name")
            pipe.multi()
            pipe.hset(keys.api_tokens(), _digest_of(token), made.model_dump_json())
            try:
                pipe.execute()
            except WatchError:
                continue
            return token


def find(store: Store, token: str) -> ApiToken | None:
    """Return what is known of a token; None where there is none, it was revoked, or has expired. Raises RedisError."""
    stored = store.hget(keys.api_tokens(), _digest_of(token)) if _IS_TOKEN(token) else None
    known = None if stored is None else _parsed(stored)
    return None if known is None or known.is_over else known


def all_tokens(store: Store) -> Iterator[ApiToken]:
    """Yield the tokens by name, expired ones too. Raises RedisError."""
    yield from sorted((known for _, known in _stored(store.hgetall(keys.api_tokens()))), key=lambda one: one.name)


def revoke(store: Store, name: str) -> ApiToken:
    """Take a token away: the next request with it is refused. Raises TokenRefused, RedisError."""
    for digest, known in _stored(store.hgetall(keys.api_tokens())):
        if known.name == name and store.hdel(keys.api_tokens(), digest):
            return known
    raise TokenRefused(f"there is no token {name[:64]!r}: see orbweaver users token list")


def _stored(stored: Mapping[bytes | str, bytes | str]) -> Iterator[tuple[bytes | str, ApiToken]]:
    for digest, json in stored.items():
        known = _parsed(json)
        if known is not None:
            yield digest, known


def _parsed(stored: bytes | str) -> ApiToken | None:
    try:
        return ApiToken.model_validate_json(stored)
    except ValidationError:
        return None


def _digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
