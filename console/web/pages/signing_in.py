"""The page to sign in, signing out, and the choice of a language."""

from __future__ import annotations

import hmac
import re
import secrets
from typing import Final

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from orbweaver.console import access
from orbweaver.console.web import forms, translation
from orbweaver.console.web.accounts import account_store, one_time_codes, passwords, sessions
from orbweaver.console.web.accounts.account import Account, Right
from orbweaver.console.web.console import Console
from orbweaver.console.web.guard import AccessGuard, Caller
from orbweaver.console.web.rendering import LANGUAGE_COOKIE
from orbweaver.console.web.translation import to_translate
from starlette.datastructures import FormData

PATH: Final = "/sign-in"
_LOGIN_COOKIE: Final = "orbweaver-sign-in"
# A path of ours: `//host`, `/\host` and control characters lead elsewhere in some browsers.
_OWN_PATH: Final = re.compile(r"/(?:[A-Za-z0-9_.~!$&'()*+,;=:@%?-][A-Za-z0-9_.~!$&'()*+,;=:@%/?-]*)?")
_TOO_OLD: Final = to_translate("This form is too old. Sign in again.")
_TOO_MANY: Final = to_translate("Too many wrong passwords. Wait a quarter of an hour, then try again.")
_BUSY: Final = to_translate("Too many people sign in at this moment. Try again in a minute.")
# Each takes half a second of CPU (`passwords.py`). They have threads of their own: who guesses holds up no page.
_AT_ONCE: Final = 2
# Together with those who wait for their turn.
_MOST_UNDER_WAY: Final = 20
_WRONG: Final = to_translate("Name, password and code do not belong together, or the account is disabled.")
_YEAR_SECONDS: Final = 365 * 24 * 3600


def pages(console: Console, guard: AccessGuard) -> APIRouter:
    """Return the routes; they are the only ones that nobody has to be signed in for."""
    router = APIRouter()
    turns = CapacityLimiter(_AT_ONCE)
    under_way = 0

    @router.get(PATH)
    def show(request: Request) -> Response:
        if guard.session_of(request) is not None:
            return RedirectResponse(own_path(request.query_params.get("next")), 303)
        return _form(request, None, 200)

    @router.post(PATH)
    async def sign_in(request: Request) -> Response:
        nonlocal under_way
        form = await forms.read_small(request)
        if under_way >= _MOST_UNDER_WAY:
            return await to_thread.run_sync(_form, request, _BUSY, 503)
        under_way += 1
        try:
            return await to_thread.run_sync(_sign_in, request, form, limiter=turns)
        finally:
            under_way -= 1

    @router.post("/sign-out")
    def sign_out(request: Request, caller: Caller = guard.may(Right.SEE_OVERVIEW)) -> Response:
        sessions.end(console.store, guard.token_of(request))
        access.note(console.store, caller.actor, "signed out")
        answer = RedirectResponse(PATH, 303)
        guard.take(answer)
        return answer

    @router.post("/language")
    async def choose_language(request: Request) -> Response:
        form = await forms.read_small(request)
        code, back = form.get("language"), form.get("back")
        answer = RedirectResponse(own_path(back if isinstance(back, str) else None), 303)
        if isinstance(code, str) and code in translation.languages():
            answer.set_cookie(
                LANGUAGE_COOKIE,
                code,
                max_age=_YEAR_SECONDS,
                secure=console.is_encrypted,
                httponly=True,
                samesite="lax",
            )
        return answer

    def _sign_in(request: Request, form: FormData) -> Response:
        name, password, code = (str(form.get(field) or "") for field in ("name", "password", "code"))
        name, address = name.strip().lower(), request.client.host if request.client else "unknown"
        shown, known = str(form.get("sign_in_token") or ""), request.cookies.get(_LOGIN_COOKIE, "")
        if not known or not hmac.compare_digest(shown.encode(), known.encode()):
            return _form(request, _TOO_OLD, 403)
        if not console.throttle.is_open(name, address):
            return _form(request, _TOO_MANY, 429)
        account = _account_of(name, password, code)
        if account is None:
            console.throttle.note_failure(name, address)
            return _form(request, _WRONG, 401)
        sessions.end(console.store, guard.token_of(request))  # whoever had this browser before
        token = sessions.begin(console.store, account)
        access.note(console.store, account.actor, "signed in")
        answer = RedirectResponse(own_path(request.query_params.get("next")), 303)
        guard.give(answer, token)
        answer.delete_cookie(_LOGIN_COOKIE, path=PATH)
        return answer

    def _account_of(name: str, password: str, code: str) -> Account | None:
        account = account_store.read(console.store, name)
        is_right = passwords.is_right(password, None if account is None else account.password_hash)
        if account is None or account.is_disabled or not is_right:
            return None
        return account if one_time_codes.take(console.store, name, code) else None

    def _form(request: Request, refusal: str | None, status: int) -> Response:
        token = secrets.token_urlsafe(32)
        answer = console.templates.page(
            request,
            "sign_in.html",
            None,
            status,
            refusal=refusal,
            sign_in_token=token,
            is_empty=not account_store.are_there(console.store),
        )
        answer.set_cookie(
            _LOGIN_COOKIE, token, path=PATH, secure=console.is_encrypted, httponly=True, samesite="strict", max_age=3600
        )
        return answer

    return router


def own_path(path: str | None) -> str:
    """Return a path of the console that a browser was to see; the first page for anything else.

    >>> own_path("/hosts?state=paused"), own_path("//elsewhere.example/"), own_path(None)
    ('/hosts?state=paused', '/', '/')
    """
    return path if path is not None and _OWN_PATH.fullmatch(path) else "/"
