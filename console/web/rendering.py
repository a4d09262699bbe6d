"""Fills the templates: whatever is not written in them is escaped, and a URL is shown so that nobody can click it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from babel.dates import format_timedelta
from babel.numbers import format_decimal
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from orbweaver.console.text import for_people, host_for_people, reason_for_people, safe, size
from orbweaver.console.web import translation
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.accounts.sessions import Session
from orbweaver.console.web.translation import to_translate
from orbweaver.model import format_time, now

FOLDER: Final = Path(__file__).parent / "templates"
LANGUAGE_COOKIE: Final = "orbweaver-language"
# Where each page stands in the navigation: its path, its name, and the right that it needs.
PLACES: Final[tuple[tuple[str, str, Right], ...]] = (
    ("/", to_translate("Overview"), Right.SEE_OVERVIEW),
    ("/hosts", to_translate("Hosts"), Right.SEE_HOSTS),
    ("/recrawls", to_translate("Recrawls"), Right.SEE_HOSTS),
    ("/cases", to_translate("Hit reports"), Right.SEE_CASES),
    ("/fleet", to_translate("Jobs and workers"), Right.SEE_FLEET),
    ("/statistics", to_translate("Statistics"), Right.SEE_CASES),
    ("/audit", to_translate("Audit log"), Right.SEE_AUDIT),
    ("/system", to_translate("System"), Right.SEE_AUDIT),
)


class Templates:
    """The templates of the pages, in each language."""

    def __init__(self) -> None:
        self._environments = {code: _environment(code) for code in translation.languages()}

    def words(self, request: Request) -> Callable[[str], str]:
        """Return what gives a text in the language of a browser, for what is not written in a template."""
        texts = translation.languages()[_language_of(request)]
        return lambda text: str(texts.gettext(text)) if text else ""

    def page(
        self, request: Request, name: str, session: Session | None, status: int = 200, **values: object
    ) -> HTMLResponse:
        """Return a filled template as an answer; it knows the person, their navigation and the language besides."""
        code = _language_of(request)
        account = None if session is None else session.account
        known = {
            "account": account,
            "form_token": "" if session is None else session.form_token,
            "places": [] if account is None else [one for one in PLACES if account.may(one[2])],
            "path": request.url.path,
            "language": code,
            "languages": list(self._environments),
            "at": now(),
        }
        text = self._environments[code].get_template(name).render(known | values)
        return HTMLResponse(text, status, {"Content-Language": code, "Vary": "Cookie, Accept-Language"})

    def part(self, request: Request, name: str, **values: object) -> str:
        """Return a filled template that is a part of a page, in the language of the request."""
        code = translation.chosen(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language"))
        return self._environments[code].get_template(name).render({"language": code, "at": now()} | values)


def _language_of(request: Request) -> str:
    return translation.chosen(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language"))


def _environment(code: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(translation.languages()[code], newstyle=True)  # type: ignore[attr-defined]
    environment.globals["_"] = _translated(code)
    environment.filters.update(_filters(code))
    return environment


def _translated(code: str) -> Callable[..., Markup]:
    """Return the `_` of the templates. Jinja's own takes each text for safe, also one that a host has written."""
    texts = translation.languages()[code]

    def translated(text: str, **values: object) -> Markup:
        escaped = Markup.escape(texts.gettext(text) if text else "")
        return escaped % values if values else escaped

    return translated


def _filters(code: str) -> Mapping[str, Any]:
    @pass_context
    def moment(context: Context, at: datetime | None) -> Markup:
        """A time in UTC, and how long ago it was, or how soon it is."""
        if at is None:
            return Markup("")
        ago = format_timedelta(at - context["at"], add_direction=True, locale=code)
        return Markup('<time datetime="{}">{} UTC</time> <small>({})</small>').format(
            format_time(at), at.strftime("%Y-%m-%d %H:%M"), ago
        )

    return {
        "moment": moment,
        "clock": lambda at: f"{at:%H:%M:%S} UTC",
        "defanged": for_people,
        "reason": reason_for_people,
        "defanged_host": host_for_people,
        "safe_text": safe,
        # A text that is no template of ours: `_()` would take a % in it as the place of a value.
        # Of an empty one gettext gives what a file of texts says of itself.
        "translated": lambda text: translation.languages()[code].ugettext(text) if text else "",
        "size": size,
        "number": lambda number: format_decimal(number, locale=code),
    }
