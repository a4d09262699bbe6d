"""The accounts in the store: a person's name, roles and password hash."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from orbweaver.console.errors import AccountRefused
from orbweaver.console.web.accounts import passwords
from orbweaver.console.web.accounts.account import Account, is_name
from orbweaver.model import Role, now
from orbweaver.store import keys
from orbweaver.store.connection import Store
from pydantic import ValidationError
from redis.exceptions import WatchError

if TYPE_CHECKING:
    from redis.client import Pipeline


def read(store: Store | Pipeline, name: str) -> Account | None:
    """Return the account of this name; None when there is none, or it cannot be read. Raises RedisError."""
    stored = store.hget(keys.accounts(), name) if is_name(name) else None
    return None if stored is None else parse(stored)


def parse(stored: bytes | str) -> Account | None:
    """Return the account that is stored in these bytes; None when they are none: then nobody signs in with it."""
    try:
        return Account.model_validate_json(stored)
    except ValidationError:
        return None


def all_accounts(store: Store) -> Iterator[Account]:
    """Yield the accounts by name. Raises RedisError."""
    for _, stored in sorted(store.hgetall(keys.accounts()).items()):
        account = parse(stored)
        if account is not None:
            yield account


def are_there(store: Store) -> bool:
    """Return whether there is any account. Raises RedisError."""
    return store.exists(keys.accounts()) == 1


def add(store: Store, name: str, roles: Collection[Role], password: str) -> Account:
    """Write a new account.

    Raises AccountRefused for a name that is taken or unusable, or a password that is too easy; RedisError.
    """
    if not is_name(name):
        raise AccountRefused("a name has small letters a to z, digits, and . _ - between them, at most 64 characters")
    if not roles:
        raise AccountRefused(f"an account needs a role: {', '.join(Role)}")
    account = Account(
        name=name,
        roles=frozenset(roles),
        password_hash=passwords.hashed(password, name=name),
        changed_at=now(),
        changes=0,
    )
    if not store.hsetnx(keys.accounts(), name, account.model_dump_json()):
        raise AccountRefused(f"there is an account {name} already: see orbweaver users list")
    return account


def change_password(store: Store, name: str, password: str) -> None:
    """Give an account another password, and end its sessions. Raises AccountRefused, RedisError."""
    _change(store, name, {"password_hash": passwords.hashed(password, name=name)})


def change_roles(store: Store, name: str, roles: Collection[Role]) -> None:
    """Give an account other roles, and end its sessions. Raises AccountRefused, RedisError."""
    if not roles:
        raise AccountRefused(f"an account needs a role: {', '.join(Role)}")
    _change(store, name, {"roles": frozenset(roles)})


def disable(store: Store, name: str, *, is_disabled: bool) -> None:
    """Let nobody sign in with an account, and end its sessions; or let people again.

    Raises AccountRefused, RedisError.
    """
    _change(store, name, {"is_disabled": is_disabled})


def end_sessions(store: Store, name: str) -> None:
    """End the sessions of an account, whose password, roles and state stay. Raises AccountRefused, RedisError."""
    _change(store, name, {})


def existing(store: Store | Pipeline, name: str) -> Account:
    """Return the account of this name; raises AccountRefused where there is none, RedisError."""
    account = read(store, name)
    if account is None:
        raise AccountRefused(f"there is no account {name[:64]!r}: see orbweaver users list")
    return account


def _change(store: Store, name: str, changed: Mapping[str, object]) -> None:
    with store.pipeline(transaction=True) as pipe:
        while True:
            pipe.watch(keys.accounts())
            account = existing(pipe, name)
            after = account.model_copy(update={**changed, "changed_at": now(), "changes": account.changes + 1})
            pipe.multi()
            pipe.hset(keys.accounts(), name, after.model_dump_json())
            try:
                pipe.execute()
            except WatchError:
                continue
            return
