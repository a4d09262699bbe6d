"""A real console on loopback, and a browser without scripts that uses it: cookies, forms, redirects."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import requests
from orbweaver import settings
from orbweaver.console.web.accounts import account_store, passwords, sessions
from orbweaver.console.web.accounts.account import Account
from orbweaver.console.web.serving import ConsoleServer
from orbweaver.model import Role, now
from orbweaver.settings import Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store
from selectolax.lexbor import LexborHTMLParser, LexborNode

PASSWORD = "several words that nobody guesses"
PATIENCE = 60
# The store of each console that is served.
_STORES: dict[str, Store] = {}


@contextmanager
def serving(store: Store, loaded: Settings | None = None) -> Iterator[str]:
    """Yield the URL of a console of this store."""
    server = ConsoleServer(store, loaded or settings.load(), listen="127.0.0.1:0", certificate=None, key=None)
    thread = threading.Thread(target=server.run)
    thread.start()
    _STORES[server.url] = store
    try:
        yield server.url
    finally:
        del _STORES[server.url]
        server.stop()
        thread.join()


class Browser:
    """One browser: it keeps cookies, follows redirects, and sends the forms of the page that it shows."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.answer: requests.Response | None = None

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def get(self, path: str) -> LexborHTMLParser:
        """Show a page."""
        return self._show(self.session.get(self.url + path, timeout=PATIENCE))

    def send(self, action: str, button: str | None = None, **fields: str) -> LexborHTMLParser:
        """Fill the form of the page that goes to `action` and send it, with the button of that value if it has some."""
        form = self._form(action)
        data = {
            str(one.attributes["name"]): one.attributes.get("value") or ""
            for one in form.css("input[name], textarea[name]")
            if one.attributes.get("type") not in {"checkbox", "radio"} or "checked" in one.attributes
        }
        for one in form.css("select[name]"):
            chosen = one.css_first("option[selected]") or one.css_first("option")
            data[str(one.attributes["name"])] = (chosen.attributes.get("value") or "") if chosen else ""
        unknown = set(fields) - {str(one.attributes["name"]) for one in form.css("[name]")}
        assert not unknown, f"the form has no field {unknown}"
        if button is not None:
            pressed = form.css_first(f'button[value="{button}"]')
            assert pressed is not None, f"the form has no button {button}"
            data[str(pressed.attributes["name"])] = button
        target = self.url + (form.attributes.get("action") or self.path)
        return self._show(self.session.post(target, data={**data, **fields}, timeout=PATIENCE))

    def sign_in(self, name: str) -> LexborHTMLParser:
        """Show the first page with a session of this person, as the form gives it, without the time for a password."""
        store = _STORES[self.url]
        token = sessions.begin(store, account_store.existing(store, name))
        self.session.cookies.set("orbweaver-session", token, domain="127.0.0.1", path="/")
        return self.get("/")

    def sign_in_by_form(self, name: str, password: str = PASSWORD) -> LexborHTMLParser:
        """Sign in as people do."""
        self.get("/sign-in")
        return self.send("", name=name, password=password)

    @property
    def path(self) -> str:
        """The path and query of the page that is shown."""
        assert self.answer is not None
        return self.answer.url.removeprefix(self.url)

    @property
    def status(self) -> int:
        """The status of the answer that is shown."""
        assert self.answer is not None
        return self.answer.status_code

    @property
    def text(self) -> str:
        """The words of the page."""
        assert self.answer is not None
        body = LexborHTMLParser(self.answer.text).body
        return "" if body is None else " ".join(body.text(separator=" ").split())

    def _show(self, answer: requests.Response) -> LexborHTMLParser:
        self.answer = answer
        return LexborHTMLParser(answer.text)

    def _form(self, action: str) -> LexborNode:
        assert self.answer is not None
        for form in LexborHTMLParser(self.answer.text).css('form[method="post"]'):
            if (form.attributes.get("action") or "") == action:
                return form
        raise AssertionError(f"{self.path} has no form to {action!r}")


def an_account(store: Store, *roles: Role, name: str = "anna") -> str:
    """Make an account with the password of the tests; returns its name."""
    account = Account(name=name, roles=frozenset(roles), password_hash=_password_hash(), changed_at=now(), changes=0)
    store.hset(keys.accounts(), name, account.model_dump_json())
    return name


@cache
def _password_hash() -> str:
    return passwords.hashed(PASSWORD, name="of the tests")
