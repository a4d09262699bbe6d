"""People sign in with an account, and out; who guesses, or brings another's form or cookie, gets nowhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pyotp
import pytest
import requests
from console_site import PASSWORD, Browser, an_account, serving
from orbweaver.console.web import rendering
from orbweaver.console.web.accounts import account_store, one_time_codes, sessions
from orbweaver.console.web.pages.signing_in import own_path
from orbweaver.model import Role
from orbweaver.store.connection import Store
from orbweaver.takedown.audit import audit_log


@pytest.fixture
def url(store: Store) -> Iterator[str]:
    with serving(store) as url:
        yield url


@pytest.fixture
def browser(url: str) -> Iterator[Browser]:
    with Browser(url) as browser:
        yield browser


def test_a_person_signs_in_sees_a_page_and_signs_out(store: Store, browser: Browser) -> None:
    browser.get("/")
    assert browser.path == "/sign-in"
    assert "orbweaver users add NAME --role admin" in browser.text
    an_account(store, Role.ANALYST)
    browser.sign_in_by_form("Anna ")
    assert (browser.path, browser.status) == ("/", 200)
    assert "anna" in browser.text
    assert not any(PASSWORD.encode() in value for value in store.hgetall("orbweaver:accounts").values())
    browser.send("/sign-out")
    assert browser.path == "/sign-in"
    browser.get("/")
    assert browser.path == "/sign-in"
    audit_log.seal(store)
    said = [entry.entry for entry in audit_log.entries(store)]
    assert [b"signed in" in said[0], b"signed out" in said[1], b"anna" in said[0]] == [True, True, True]


def test_who_signs_in_comes_to_the_page_that_was_asked_for_and_to_no_other_site(store: Store, browser: Browser) -> None:
    an_account(store, Role.ANALYST)
    browser.get("/?since=yesterday")
    assert browser.path == "/sign-in?next=%2F%3Fsince%3Dyesterday"
    browser.send("", name="anna", password=PASSWORD)
    assert browser.path == "/?since=yesterday"
    assert [own_path(path) for path in ("/hosts?state=paused", "/cases/4ca89230-1", "/?a=/b")] == [
        "/hosts?state=paused",
        "/cases/4ca89230-1",
        "/?a=/b",
    ]
    elsewhere = [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/\t/evil.example",
        "/a\r\nSet-Cookie: x=y",
    ]
    assert [own_path(path) for path in [*elsewhere, "", "javascript:alert(1)", "/ /evil.example", None]] == ["/"] * 9


def test_a_wrong_password_an_unknown_name_and_a_disabled_account_are_refused_alike(
    store: Store, browser: Browser
) -> None:
    an_account(store, Role.ANALYST)
    an_account(store, Role.ANALYST, name="berit")
    account_store.disable(store, "berit", is_disabled=True)
    said = set()
    for name, password in (
        ("anna", "wrong"),
        ("nobody", PASSWORD),
        ("berit", PASSWORD),
        ("", ""),
        ("a" * 9999, "b" * 9999),
    ):
        browser.sign_in_by_form(name, password)
        said.add((browser.status, browser.text))
        assert browser.path == "/sign-in"
    assert len(said) == 1
    assert "do not belong together" in next(iter(said))[1]


def test_an_account_with_codes_needs_one_and_each_counts_once(store: Store, browser: Browser) -> None:
    an_account(store, Role.ANALYST)
    codes = pyotp.parse_uri(one_time_codes.begin(store, "anna"))
    assert isinstance(codes, pyotp.TOTP)
    browser.sign_in_by_form("anna")
    assert browser.status == 401
    code = codes.at(time.time() + one_time_codes.STEP_SECONDS)  # of an app whose clock is early: it counts for a minute
    browser.send("", name="anna", password=PASSWORD, code=f"{code[:3]} {code[3:]}")
    assert browser.path == "/"
    browser.send("/sign-out")
    browser.send("", name="anna", password=PASSWORD, code=code)
    assert browser.status == 401
    at = 1_800_000_000.0
    for late, counts in ((-61, False), (-30, True), (0, True), (30, True), (61, False)):
        store.hset("orbweaver:one-time-codes", "anna", f"{codes.secret} 0")
        assert (late, one_time_codes.take(store, "anna", codes.at(int(at)), at + late)) == (late, counts)
    assert not any(one_time_codes.take(store, "anna", wrong, at) for wrong in ("", "000000 0", "ü", "١٢٣٤٥٦"))
    one_time_codes.end(store, "anna")
    assert one_time_codes.take(store, "anna", "", at)


def test_guesses_are_slowed_down_for_the_name_and_another_person_can_still_sign_in(
    store: Store, browser: Browser
) -> None:
    an_account(store, Role.ANALYST)
    an_account(store, Role.ANALYST, name="berit")
    for _ in range(10):
        browser.sign_in_by_form("anna", "a guess")
        assert browser.status == 401
    browser.sign_in_by_form("anna")
    assert (browser.status, "Wait a quarter of an hour" in browser.text) == (429, True)
    browser.sign_in_by_form("berit")
    assert browser.path == "/"


def test_a_form_without_the_token_of_its_session_changes_nothing(store: Store, url: str, browser: Browser) -> None:
    an_account(store, Role.ANALYST)
    an_account(store, Role.ANALYST, name="berit")
    browser.sign_in_by_form("anna")
    with Browser(url) as other:
        page = other.sign_in_by_form("berit")
        [token] = {one.attributes["value"] for one in page.css('input[name="form_token"]')}
    for shown in ({}, {"form_token": ""}, {"form_token": str(token)}, {"form_token": "ü" * 43}):
        answer = browser.session.post(f"{url}/sign-out", data=shown, timeout=60)
        assert (answer.status_code, "of another session" in answer.text) == (403, True)
    answer = browser.session.post(f"{url}/sign-out", files={"form_token": ("name", b"bytes")}, timeout=60)
    assert answer.status_code in {400, 403}
    browser.get("/")
    assert browser.path == "/"
    with requests.Session() as fresh:  # a login that another site sends
        answer = fresh.post(f"{url}/sign-in", data={"name": "anna", "password": PASSWORD}, timeout=60)
        assert (answer.status_code, fresh.cookies.get("orbweaver-session")) == (403, None)


def test_signing_in_gives_a_new_cookie_and_a_planted_one_is_worth_nothing(
    store: Store, url: str, browser: Browser
) -> None:
    an_account(store, Role.ANALYST)
    planted = "p" * 43
    browser.session.cookies.set("orbweaver-session", planted, domain="127.0.0.1", path="/")
    browser.sign_in_by_form("anna")
    shown = {cookie.value for cookie in browser.session.cookies if cookie.name == "orbweaver-session"}
    assert shown != {planted}
    with Browser(url) as attacker:
        attacker.session.cookies.set("orbweaver-session", planted)
        attacker.get("/")
        assert attacker.path == "/sign-in"


def test_a_session_ends_with_a_change_of_its_account_and_by_time(store: Store) -> None:
    for change in (
        lambda: account_store.change_password(store, "anna", PASSWORD + "!"),
        lambda: account_store.change_roles(store, "anna", {Role.AUDITOR}),
        lambda: account_store.disable(store, "anna", is_disabled=True),
    ):
        store.delete("orbweaver:accounts")
        an_account(store, Role.ANALYST)
        token = sessions.begin(store, account_store.existing(store, "anna"))
        found = sessions.find(store, token)
        assert found is not None
        assert found.account.name == "anna"
        change()
        assert sessions.find(store, token) is None
    store.delete("orbweaver:accounts")
    an_account(store, Role.ANALYST)
    token = sessions.begin(store, account_store.existing(store, "anna"))
    [key] = store.keys("orbweaver:session:*")
    assert token.encode() not in key
    assert 0 < store.ttl(key) <= sessions.IDLE.total_seconds()
    old = sessions.LONGEST - timedelta(minutes=1)
    began = sessions.find(store, token)
    assert began is not None
    store.hset(key, "began_at", (began.began_at - old).isoformat())
    assert sessions.find(store, token) is not None
    assert store.ttl(key) <= 60
    store.hset(key, "began_at", (began.began_at - sessions.LONGEST).isoformat())
    assert sessions.find(store, token) is None
    assert [sessions.find(store, one) for one in (None, "", "x" * 43, "ü" * 43)] == [None] * 4


def test_each_answer_forbids_what_no_page_of_ours_needs(store: Store, url: str, browser: Browser) -> None:
    an_account(store, Role.ANALYST)
    answers = [browser.session.get(url + path, timeout=60) for path in ("/sign-in", "/static/console.css", "/no", "/")]
    browser.sign_in_by_form("anna")
    answers += [browser.session.get(url + path, timeout=60) for path in ("/", "/no")]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "server" not in {name.lower() for name in answer.headers}
        assert "<script" not in answer.text
    assert [answer.headers["Cache-Control"] for answer in answers[-2:]] == ["no-store"] * 2
    [cookie] = [one for one in browser.session.cookies if one.name == "orbweaver-session"]
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "strict"


def test_another_name_for_our_address_and_a_huge_body_are_refused(url: str) -> None:
    for host in ("evil.example", "evil.example:80", "localhost.evil.example", "", "[::1].evil.example"):
        answer = requests.get(f"{url}/sign-in", headers={"Host": host}, timeout=60)
        assert (host, answer.status_code) == (host, 421)
    answer = requests.get(f"{url}/sign-in", headers={"Host": "localhost:9"}, timeout=60)
    assert answer.status_code == 200
    answer = requests.post(f"{url}/sign-in", headers={"Content-Length": str(10**12)}, data=b"", timeout=60)
    assert answer.status_code in {400, 403, 413}


def test_a_text_that_somebody_else_wrote_is_escaped_also_where_it_could_be_translated() -> None:
    for code in ("en", "sv"):
        template = rendering._environment(code).from_string("{{ _(text) }} {{ _('%(it)s', it=text) }} {{ _('') }}")
        assert template.render(text="<b>100 %(x)s</b>") == "&lt;b&gt;100 %(x)s&lt;/b&gt; " * 2


def test_pages_are_in_the_language_of_the_browser_or_the_one_that_was_chosen(store: Store, browser: Browser) -> None:
    browser.session.headers["Accept-Language"] = "sv-SE,sv;q=0.9,en;q=0.5"
    browser.get("/sign-in")
    assert "Logga in" in browser.text
    browser.send("/language", button="en")
    browser.get("/sign-in")
    assert "Sign in" in browser.text
