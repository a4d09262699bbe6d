"""Lets nobody see a page or send a form who may not: each page asks for one right, and gets who is there with it."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Depends, Request
from fastapi.responses import Response
from orbweaver.console.errors import FormNotOurs, NotAllowed, NotSignedIn
from orbweaver.console.web import forms
from orbweaver.console.web.accounts import sessions
from orbweaver.console.web.accounts.account import Account, Right
from orbweaver.console.web.accounts.sessions import Session
from orbweaver.console.web.console import Console
from orbweaver.model import Actor
from starlette.datastructures import FormData, UploadFile

READING: Final = frozenset({"GET", "HEAD"})
FORM_TOKEN: Final = "form_token"  # noqa: S105 - the name of a field


@dataclass(frozen=True)
class Caller:
    """One request of a person who may make it; `form` is None where the page is only read."""

    session: Session
    form: FormData | None

    @property
    def account(self) -> Account:
        """The account of the person."""
        return self.session.account

    @property
    def actor(self) -> Actor:
        """The person, as events and the audit log name them."""
        return self.session.account.actor

    def upload(self, name: str) -> bytes:
        """Return a file of the form; empty where there is none."""
        value = None if self.form is None else self.form.get(name)
        return value.file.read() if isinstance(value, UploadFile) else b""

    def field(self, name: str) -> str:
        """Return a text field of the form, without blanks around it; empty where it is not there."""
        value = None if self.form is None else self.form.get(name)
        return value.strip() if isinstance(value, str) else ""


class AccessGuard:
    """Makes the dependencies of the pages: `caller: Caller = guard.may(Right.SEE_HOSTS)`."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @property
    def cookie(self) -> str:
        """The name of the cookie. Browsers take the longer one only by https, from this host, for all its paths."""
        return "__Host-orbweaver" if self._console.is_encrypted else "orbweaver-session"

    def token_of(self, request: Request) -> str | None:
        """Return the token of the session that a browser shows, if any."""
        return request.cookies.get(self.cookie)

    def give(self, response: Response, token: str) -> None:
        """Have the browser keep the token of a session until it is closed."""
        response.set_cookie(self.cookie, token, secure=self._console.is_encrypted, httponly=True, samesite="strict")

    def take(self, response: Response) -> None:
        """Have the browser forget its session."""
        response.delete_cookie(self.cookie, secure=self._console.is_encrypted, httponly=True, samesite="strict")

    def session_of(self, request: Request, *, is_of_person: bool = True) -> Session | None:
        """Return the session of a browser; None when nobody has signed in. Raises RedisError."""
        return sessions.find(self._console.store, self.token_of(request), is_of_person=is_of_person)

    def may(self, right: Right, *, is_of_person: bool = True) -> Any:
        """Return a dependency that gives the caller, a person with this right.

        `is_of_person` is false for what a page asks for by itself: no session lasts longer for it.
        It raises NotSignedIn, NotAllowed, FormNotOurs and RedisError. A form is read after the person is known.
        """

        def session_with_right(request: Request) -> Session:
            session = self.session_of(request, is_of_person=is_of_person)
            if session is None:
                raise NotSignedIn("sign in")
            if not session.account.may(right):
                raise NotAllowed(f"your account may not {right.value}")
            return session

        async def form_of(
            request: Request, _session: Session = Depends(session_with_right)
        ) -> AsyncIterator[FormData | None]:
            if request.method in READING:
                yield None
                return
            form = await forms.read(request)
            try:
                yield form
            finally:
                await form.close()

        def caller(
            session: Session = Depends(session_with_right),
            form: FormData | None = Depends(form_of),
        ) -> Caller:
            if form is not None:
                shown = form.get(FORM_TOKEN)
                if not isinstance(shown, str) or not hmac.compare_digest(shown.encode(), session.form_token.encode()):
                    raise FormNotOurs("this form is of another session: load the page again, then send it")
            return Caller(session, form)

        caller.__dict__["right"] = right  # what a test reads of each route
        return Depends(caller)
