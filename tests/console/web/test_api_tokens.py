"""A token is shown once, stored as a digest, named as a program, and over when it is revoked or has expired."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from orbweaver import settings
from orbweaver.commands import api_tokens as options
from orbweaver.console.errors import TokenRefused
from orbweaver.console.terminal import api_tokens as command
from orbweaver.console.web.accounts import api_tokens
from orbweaver.console.web.accounts.account import Right
from orbweaver.console.web.accounts.api_tokens import ApiToken
from orbweaver.model import ActorKind, format_time, now
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.audit import audit_log

TOMORROW = now() + timedelta(days=1)


def test_a_token_is_found_by_itself_and_the_store_cannot_show_it(store: Store) -> None:
    token = api_tokens.add(store, "form", " our report form ", {Right.SEND_REPORTS}, TOMORROW)

    known = api_tokens.find(store, token)
    assert known is not None
    assert (known.actor.kind, known.actor.name) == (ActorKind.PROGRAM, "our report form (token form)")
    assert [right for right in Right if known.may(right)] == [Right.SEND_REPORTS]
    assert not any(token.encode() in part for pair in store.hgetall(keys.api_tokens()).items() for part in pair)
    others = ("", "orbweaver_", token[:-1], token + "x", token.lower(), token.removeprefix("orbweaver_"), "\udcff" * 53)
    assert [api_tokens.find(store, other) for other in others] == [None] * 7


def test_a_token_is_over_when_it_is_revoked_or_has_expired(store: Store) -> None:
    token = api_tokens.add(store, "form", "form", {Right.SEND_REPORTS}, TOMORROW)
    api_tokens.revoke(store, "form")
    assert api_tokens.find(store, token) is None
    with pytest.raises(TokenRefused, match="no token 'form'"):
        api_tokens.revoke(store, "form")

    old = api_tokens.add(store, "form", "form", {Right.SEND_REPORTS}, TOMORROW)
    [(digest, stored)] = store.hgetall(keys.api_tokens()).items()
    expired = ApiToken.model_validate_json(stored).model_copy(update={"expires_at": now()})
    store.hset(keys.api_tokens(), digest, expired.model_dump_json())
    assert api_tokens.find(store, old) is None
    store.hset(keys.api_tokens(), digest, b'{"name": "of a later release"}')
    assert api_tokens.find(store, old) is None


def test_a_token_that_says_too_little_or_lasts_too_long_is_refused(store: Store) -> None:
    api_tokens.add(store, "form", "form", {Right.SEND_REPORTS}, TOMORROW)
    for name, program, rights, until, said in (
        ("form", "form", {Right.SEND_REPORTS}, TOMORROW, "there is a token form already"),
        ("Form!", "form", {Right.SEND_REPORTS}, TOMORROW, "a name has small letters"),
        ("other", "  ", {Right.SEND_REPORTS}, TOMORROW, "which program"),
        ("other", "a\nb", {Right.SEND_REPORTS}, TOMORROW, "which program"),
        ("other", "form", set(), TOMORROW, "needs a right"),
        ("other", "form", {Right.SEND_REPORTS}, now(), "expires after now"),
        ("other", "form", {Right.SEND_REPORTS}, now() + timedelta(days=401), "at most 400 days"),
    ):
        with pytest.raises(TokenRefused, match=said):
            api_tokens.add(store, name, program, rights, until)
    assert [one.name for one in api_tokens.all_tokens(store)] == ["form"]


def test_the_command_prints_a_token_once_and_the_audit_log_says_who_made_it(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STORE_URL", f"unix://{store.connection_pool.connection_kwargs['path']}")
    loaded = settings.load().model_copy(update={"state_dir": tmp_path})

    command.add(loaded, "engine", "our engine", {Right.ACKNOWLEDGE, Right.SEE_CASES}, TOMORROW)
    printed = capsys.readouterr()
    token = printed.out.strip()
    assert api_tokens.find(store, token) is not None
    assert token not in printed.err
    command.show_all(loaded, is_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["rights"], told["expires_at"]) == (["acknowledge", "see cases"], format_time(TOMORROW))
    command.revoke(loaded, "engine")
    command.show_all(loaded, is_json=False)
    assert capsys.readouterr().out.splitlines()[-1] == "0 tokens"

    audit_log.seal(store)
    said = b"".join(entry.entry for entry in audit_log.entries(store))
    assert b"users token add engine (acknowledge, see cases" in said
    assert b"users token revoke engine" in said
    assert token.encode() not in said


def test_every_right_can_be_given_on_the_terminal() -> None:
    named = [right.replace(" ", "-") for right in Right]
    assert ", ".join(named[:-1]) + f" or {named[-1]}" == options._RIGHTS
