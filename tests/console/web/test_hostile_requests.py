"""Somebody without an account holds up nobody's page, counts as one, and chooses nothing of how a request is read."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from api_site import a_program, add_case
from console_site import PATIENCE, Browser, an_account, serving
from orbweaver import settings
from orbweaver.console.errors import RequestTooSlow
from orbweaver.console.web import forms, protection
from orbweaver.console.web.accounts import passwords
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.accounts.throttling import OF_NAME_AND_ADDRESS, Throttle
from orbweaver.console.web.api.application import create_api
from orbweaver.console.web.api.token_guard import TokenGuard
from orbweaver.console.web.console import Console
from orbweaver.console.web.counted_cases import CountedCases
from orbweaver.console.web.protection import Protection
from orbweaver.console.web.rendering import Templates
from orbweaver.model import Role
from orbweaver.store import keys
from orbweaver.store.connection import Store
from starlette.types import Message, Receive, Scope, Send


@pytest.fixture
def url(store: Store) -> Iterator[str]:
    an_account(store, *Role)
    with serving(store) as url:
        yield url


def head_alone(url: str, path: str, *lines: str) -> bytes:
    """Send the head of a request whose body never comes; returns the first line of the answer."""
    where = urlsplit(url)
    head = [f"POST {path} HTTP/1.1", f"Host: {where.hostname}", "Content-Length: 100", *lines, "", ""]
    with socket.create_connection((str(where.hostname), int(where.port or 0)), timeout=PATIENCE) as connection:
        connection.sendall("\r\n".join(head).encode())
        return connection.makefile("rb").readline()


def test_a_form_of_nobody_is_small_and_its_sender_chooses_no_codec(url: str) -> None:
    small = "application/x-www-form-urlencoded"
    for path in ("/sign-in", "/language"):
        for data in (b"name=" + b"x" * forms.SMALL_BYTES, b"a&" * forms.SMALL_BYTES, iter([b"x" * 9_000] * 4)):
            answer = requests.post(url + path, data=data, headers={"Content-Type": small}, timeout=PATIENCE)
            assert (path, answer.status_code) in {(path, 413), (path, 400)}
    with Browser(url) as browser:
        browser.sign_in_by_form("anna")
        for path in ("/sign-in", "/language", "/sign-out"):
            for charset in ("punycode", "undefined", "utf-7", '"idna"'):
                kind = f"multipart/form-data; boundary=b; charset={charset}"
                body = b'--b\r\nContent-Disposition: form-data; name="form_token"\r\n\r\n+2AA-\r\n--b--\r\n'
                answer = browser.session.post(
                    url + path, data=body, headers={"Content-Type": kind}, allow_redirects=False, timeout=PATIENCE
                )
                assert (path, charset, answer.status_code) == (path, charset, 400)


def test_who_sends_no_body_is_not_waited_for(store: Store, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protection, "BODY_SECONDS", 0.2)
    assert head_alone(url, "/sign-in", "Content-Type: application/x-www-form-urlencoded").split()[1] == b"408"
    with a_program(store, url, Right.SEND_REPORTS) as program:
        shown = f"Authorization: {program.session.headers['Authorization']!s}"
        assert head_alone(url, "/api/v1/reports", "Content-Type: application/json", shown).split()[1] == b"408"


def test_a_connection_that_has_sent_its_request_may_be_open_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protection, "BODY_SECONDS", 0.0)
    heard: list[str] = []

    async def listens(_scope: Scope, receive: Receive, _send: Send) -> None:
        heard.extend([(await receive())["type"], (await receive())["type"]])

    async def connection(*messages: Message) -> None:
        coming = iter(messages)

        async def receive() -> Message:
            message = next(coming)
            if message["type"] == "http.disconnect":
                await asyncio.sleep(0.01)  # it comes after the time for a body is over
            return message

        async def send(_message: Message) -> None:
            pass

        scope: Scope = {"type": "http", "headers": [(b"host", b"localhost")]}
        await Protection(listens, hosts={"localhost"}, is_encrypted=False)(scope, receive, send)

    asyncio.run(connection({"type": "http.request"}, {"type": "http.disconnect"}))
    assert heard == ["http.request", "http.disconnect"]
    with pytest.raises(RequestTooSlow):
        asyncio.run(connection({"type": "http.request", "more_body": True}, {"type": "http.disconnect"}))


def test_an_answer_that_breaks_off_is_logged_without_the_words_of_its_fault(caplog: pytest.LogCaptureFixture) -> None:
    words = "http://secret.test/"

    async def breaks_off(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        raise ValueError(words)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None:
        pass

    scope: Scope = {"type": "http", "headers": [(b"host", b"localhost")]}
    asyncio.run(Protection(breaks_off, hosts={"localhost"}, is_encrypted=False)(scope, receive, send))
    assert "an answer broke off: ValueError" in caplog.text
    assert "secret.test" not in caplog.text


def test_pages_are_served_while_many_guess_passwords(url: str) -> None:
    answers: list[int] = []

    def guess() -> None:
        with Browser(url) as guessing:
            guessing.sign_in_by_form("anna", "a guess")
            answers.append(guessing.status)

    # More than the pages have threads.
    threads = [threading.Thread(target=guess) for _ in range(60)]
    try:
        with passwords.TURNS, passwords.TURNS:  # nobody's password is checked until this is over
            for thread in threads:
                thread.start()
            while len(answers) < 40 and any(thread.is_alive() for thread in threads):  # twenty are at work, or wait
                assert requests.get(f"{url}/sign-in", timeout=PATIENCE).status_code == 200
            assert (len(answers), set(answers)) == (40, {503})
    finally:
        for thread in threads:
            thread.join()
    assert len(answers) == 60


def test_failures_are_counted_for_who_sends_them_whatever_the_request_says(store: Store, url: str) -> None:
    throttle = Throttle(store)
    for number in range(OF_NAME_AND_ADDRESS.amount):
        throttle.note_failure("anna", "127.0.0.1")
        throttle.note_failure("anna", f"2001:db8::{number:x}")
    assert not throttle.is_open("anna", "2001:db8::ffff")
    assert throttle.is_open("anna", "2001:db8:0:1::1")
    with Browser(url) as browser:
        browser.session.headers["X-Forwarded-For"] = "203.0.113.9"
        browser.sign_in_by_form("anna")
        assert browser.status == 429


def test_the_page_of_a_fault_is_protected_as_every_other_and_the_log_quotes_no_case(
    store: Store, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    event = add_case(store, "http://h.test/a.jpg")
    store.hset(keys.case(str(event.case_id)), "json", '{"url": "http://secret.test/"}')
    with Browser(url) as browser:
        browser.sign_in_by_form("anna")
        browser.get(f"/cases/{event.case_id}")
        assert (browser.status, "A fault of Orbweaver's own" in browser.text) == (500, True)
        assert browser.answer is not None
        assert browser.answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in browser.answer.headers["Content-Security-Policy"]
    assert "failed: ValidationError" in caplog.text
    assert "case_store.py" in caplog.text
    assert "secret.test" not in caplog.text


def test_a_page_that_asks_by_itself_keeps_no_session_alive(store: Store, url: str) -> None:
    with Browser(url) as browser:
        browser.sign_in_by_form("anna")
        [key] = store.keys("orbweaver:session:*")
        store.expire(key, 900)
        with browser.session.get(f"{url}/recrawls/live", stream=True, timeout=PATIENCE) as stream:
            assert next(stream.iter_lines(chunk_size=1))
            assert store.ttl(key) <= 900
        browser.get("/recrawls")
        assert store.ttl(key) > 900


def test_the_description_of_the_api_is_made_once(store: Store) -> None:
    console = Console(store, settings.load(), Templates(), Throttle(store), CountedCases(store), False)
    api = create_api(console, TokenGuard(store))
    assert api.openapi() is api.openapi()
