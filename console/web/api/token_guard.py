"""Lets no program do what its token does not say: each endpoint asks for one right. No cookie counts here.

A browser sends its cookies by itself, wherever a page of another site leads it; so what only takes tokens needs no
token of a form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from orbweaver.console.web.accounts import api_tokens
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.accounts.api_tokens import ApiToken
from orbweaver.model import Actor, now
from orbweaver.store import keys
from orbweaver.store.connection import Store
from starlette.exceptions import HTTPException

# Fifty a second: more than a program needs, and no harm to the store.
MOST_A_MINUTE: Final = 3_000
_bearer: Final = HTTPBearer(auto_error=False, description="a token of `orbweaver users token add`")
_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True)
class ApiCaller:
    """One request of a program that may make it."""

    token: ApiToken

    @property
    def actor(self) -> Actor:
        """The program, as events and the audit log name it."""
        return self.token.actor


class TokenGuard:
    """Makes the dependencies of the endpoints: `caller: ApiCaller = guard.may(Right.SEE_HOSTS)`."""

    def __init__(self, store: Store, *, most_a_minute: int = MOST_A_MINUTE) -> None:
        self._store = store
        self._most_a_minute = most_a_minute

    def may(self, right: Right) -> Any:
        """Return a dependency that gives the caller, whom `admit` let in before the body was read."""

        def caller(request: Request, _shown: HTTPAuthorizationCredentials | None = Depends(_bearer)) -> ApiCaller:
            admitted: ApiCaller = request.state.api_caller
            return admitted

        caller.__dict__["right"] = right  # what `admit` is asked for, and what a test reads of each route
        return Depends(caller)

    def admit(self, request: Request, right: Right) -> ApiCaller:
        """Return who sends a request; raises HTTPException with 401, 403 or 429, and RedisError."""
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        token = api_tokens.find(self._store, shown.strip()) if scheme.lower() == "bearer" else None
        if token is None:
            raise HTTPException(401, "show a token that is in force: Authorization: Bearer ...", _CHALLENGE)
        self._count(token)
        if not token.may(right):
            raise HTTPException(403, f"this token does not give the right to {right.value}")
        return ApiCaller(token)

    def _count(self, token: ApiToken) -> None:
        """Count the requests of a token in this minute. Raises HTTPException with 429, RedisError."""
        at = now()
        key = keys.api_requests(token.name, f"{at:%H%M}")
        with self._store.pipeline(transaction=True) as pipe:
            pipe.incr(key)
            pipe.expire(key, 120)
            count, _ = pipe.execute()
        if count > self._most_a_minute:
            again = {"Retry-After": str(60 - at.second)}
            raise HTTPException(429, f"a token makes at most {self._most_a_minute:,} requests a minute", again)


def right_of(dependant: Dependant) -> Right | None:
    """Return the right that a route asks for; None where it asks for none."""
    found: Right | None = getattr(dependant.call, "__dict__", {}).get("right")
    below = (right_of(one) for one in dependant.dependencies)
    return found or next((right for right in below if right is not None), None)
