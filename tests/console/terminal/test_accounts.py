"""`orbweaver users` makes and changes accounts, and says what is wrong with a name, a role or a password."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from console_site import PASSWORD
from orbweaver.console.errors import AccountRefused
from orbweaver.console.web.accounts import account_store, passwords
from orbweaver.store.connection import Store
from orbweaver.takedown.audit import audit_log
from orbweaver_command import Workplace

Run = Callable[..., str]


@pytest.fixture
def place(tmp_path: Path) -> str:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    return f"file:{tmp_path / 'password'}"


def test_an_account_is_made_changed_disabled_and_enabled(run: Run, store: Store, place: str) -> None:
    said = run("users", "add", "anna", "--role", "analyst", "--role", "operator", "--password", place)
    assert said == "anna may sign in as analyst, operator\n"
    account = account_store.existing(store, "anna")
    assert passwords.is_right(PASSWORD, account.password_hash)
    assert not passwords.is_right(PASSWORD + " ", account.password_hash)
    assert "argon2id" in account.password_hash
    assert "argon2id" not in repr(account)
    with pytest.raises(AccountRefused, match="there is an account anna already"):
        run("users", "add", "anna", "--role", "admin", "--password", place)
    run("users", "roles", "anna", "--role", "auditor")
    run("users", "disable", "anna")
    [line] = run("users", "list", "--json").splitlines()
    told = json.loads(line)
    assert (told["name"], told["roles"], told["is_disabled"]) == ("anna", ["auditor"], True)
    assert "anna: auditor, disabled" in run("users", "list")
    run("users", "enable", "anna")
    assert run("users", "codes", "anna").startswith("otpauth://totp/Orbweaver:anna?secret=")
    assert account_store.existing(store, "anna").changes == 4  # so what began without a code is over
    assert "anna: auditor, with codes" in run("users", "list")
    assert run("users", "codes", "anna", "--off") == "anna signs in without a code\n"
    run("users", "passwd", "anna", "--password", place)
    assert account_store.existing(store, "anna").changes == 5
    audit_log.seal(store)
    noted = [json.loads(one.entry)["record"]["what"] for one in audit_log.entries(store)]
    assert noted == [
        "users add anna (analyst, operator)",
        "users roles anna (auditor)",
        "users disable anna",
        "users enable anna",
        "users codes anna",
        "users codes anna --off",
        "users passwd anna",
    ]


def test_names_and_passwords_that_cannot_be_used_are_refused(
    run: Run, store: Store, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("Anna", "anna lind", "-anna", "anna.", "", "a" * 65, "änna", "anna\n", "a/b", "anna@example.org"):
        with pytest.raises(AccountRefused, match="a name has small letters"):
            run("users", "add", "--role", "analyst", "--password", place, "--", name)
    for password in ("short", "a" * 40, "annaannaannaanna", "x" * 257):
        monkeypatch.setenv("NEW", password)
        with pytest.raises(AccountRefused, match="password"):
            run("users", "add", "anna", "--role", "analyst", "--password", "env:NEW")
    with pytest.raises(AccountRefused, match="no terminal"):
        run("users", "add", "anna", "--role", "analyst")
    for command in ("passwd", "disable", "enable"):
        with pytest.raises(AccountRefused, match="no account 'berit'"):
            run("users", command, "berit")
    assert not account_store.are_there(store)


def test_the_same_password_typed_on_another_keyboard_is_the_same() -> None:
    composed, decomposed = "fem långa ord räcker", "fem la\u030anga ord ra\u0308cker"
    assert passwords.is_right(decomposed, passwords.hashed(composed, name="anna"))


def test_a_password_is_typed_twice_on_the_terminal_and_not_shown(short_dir: Path, real_starts: None) -> None:
    place = Workplace(short_dir)
    said = typed(place, [PASSWORD, "something else"])
    assert "the two passwords differ: nothing was changed" in said
    said = typed(place, [PASSWORD, PASSWORD])
    assert "anna may sign in as analyst" in said
    assert PASSWORD not in said


def typed(place: Workplace, lines: list[str]) -> str:
    """Run `users add` on a terminal of its own, and answer each of its prompts; returns all that it shows."""
    terminal, inner = pty.openpty()
    command = [sys.executable, "-P", "-m", "orbweaver.cli", "users", "add", "anna", "--role", "analyst"]
    streams = {"stdin": inner, "stdout": inner, "stderr": inner}
    environment = place.environment({})
    with subprocess.Popen(command, env=environment, cwd=place.working, start_new_session=True, **streams):
        os.close(inner)
        shown = b""
        for prompt, line in zip((b"or more): ", b"again: "), lines, strict=True):
            while prompt not in shown:  # what is typed before it is thrown away
                more = read(terminal)
                assert more, shown.decode()
                shown += more
            os.write(terminal, line.encode() + b"\n")
        while more := read(terminal):
            shown += more
    os.close(terminal)
    return shown.decode()


def read(terminal: int) -> bytes:
    """Return what was written to a terminal, empty at its end."""
    try:
        return os.read(terminal, 4096)
    except OSError:  # as Linux says that the other end is closed
        return b""
