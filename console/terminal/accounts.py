"""`orbweaver users`: the people who may sign in at the console."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Collection

from orbweaver.console import access
from orbweaver.console.errors import AccountRefused
from orbweaver.console.evidence_wording import minute
from orbweaver.console.terminal.people import user_of_system
from orbweaver.console.text import count, report_console
from orbweaver.console.web.accounts import account_store, one_time_codes
from orbweaver.console.web.accounts.account import Account
from orbweaver.matcher_client.transport.service_address import read_secret
from orbweaver.model import Role, format_time
from orbweaver.settings import Settings
from orbweaver.store.opening import open_existing, open_store


def add(settings: Settings, name: str, roles: Collection[Role], password_place: str | None) -> None:
    """Make an account, with a password that is read twice from the terminal. Raises AccountRefused, StoreError."""
    with open_store(settings, settings.state_dir) as (store, _):
        if account_store.read(store, name) is not None:
            raise AccountRefused(f"there is an account {name} already: see orbweaver users list")
        made = account_store.add(store, name, roles, _new_password(password_place))
        access.note(store, user_of_system(), f"users add {made.name} ({_roles(made)})")
    print(f"{made.name} may sign in as {_roles(made)}")


def change_password(settings: Settings, name: str, password_place: str | None) -> None:
    """Give an account another password. Raises AccountRefused, StoreError (NoStore among them)."""
    with open_existing(settings) as store:
        account_store.existing(store, name)
        account_store.change_password(store, name, _new_password(password_place))
        access.note(store, user_of_system(), f"users passwd {name}")
    print(f"{name} has another password, and has to sign in again")


def change_roles(settings: Settings, name: str, roles: Collection[Role]) -> None:
    """Give an account other roles. Raises AccountRefused, StoreError (NoStore among them)."""
    with open_existing(settings) as store:
        account_store.change_roles(store, name, roles)
        account = account_store.existing(store, name)
        access.note(store, user_of_system(), f"users roles {name} ({_roles(account)})")
    print(f"{name} is {_roles(account)} from now on, and has to sign in again")


def disable(settings: Settings, name: str, *, is_disabled: bool) -> None:
    """Let nobody sign in with an account, or let people again.

    Raises AccountRefused, StoreError (NoStore among them).
    """
    with open_existing(settings) as store:
        account_store.disable(store, name, is_disabled=is_disabled)
        access.note(store, user_of_system(), f"users {'disable' if is_disabled else 'enable'} {name}")
    print(f"{name} {'cannot sign in any more, and its sessions are over' if is_disabled else 'may sign in again'}")


def change_codes(settings: Settings, name: str, *, is_off: bool) -> None:
    """Have an account need one-time codes, or none. Raises AccountRefused, StoreError (NoStore among them)."""
    with open_existing(settings) as store:
        account_store.existing(store, name)
        access.note(store, user_of_system(), f"users codes {name}{' --off' if is_off else ''}")
        if is_off:
            one_time_codes.end(store, name)
            print(f"{name} signs in without a code")
        else:
            print(one_time_codes.begin(store, name))
            account_store.end_sessions(store, name)  # they began without a code
            print(f"{name} gives this to an app for one-time codes; it is not shown again", file=sys.stderr)


def show_all(settings: Settings, *, is_json: bool) -> None:
    """Print the accounts. Raises StoreError (NoStore among them)."""
    with open_existing(settings) as store:
        accounts = list(account_store.all_accounts(store))
        needing = {one.name for one in accounts if one_time_codes.are_needed(store, one.name)}
    if is_json:
        for one in accounts:
            said = {
                "name": one.name,
                "roles": sorted(one.roles),
                "is_disabled": one.is_disabled,
                "needs_codes": one.name in needing,
                "changed_at": format_time(one.changed_at),
            }
            sys.stdout.write(json.dumps(said) + "\n")
        return
    console = report_console(markup=False)
    for one in accounts:
        state = (", with codes" if one.name in needing else "") + (", disabled" if one.is_disabled else "")
        console.print(f"{one.name}: {_roles(one)}{state}, since {minute(one.changed_at)}")
    console.print(count(len(accounts), "account"))


def _roles(account: Account) -> str:
    return ", ".join(sorted(account.roles))


def _new_password(place: str | None) -> str:
    """Return a password from a named place, or as a person types it twice; raises AccountRefused, UnknownService."""
    named = read_secret("--password", place)
    if named is not None:
        return named
    if not sys.stdin.isatty():
        raise AccountRefused("there is no terminal to type a password: give --password env:NAME or file:PATH")
    first = getpass.getpass("Password (15 characters or more): ")
    if getpass.getpass("The same again: ") != first:
        raise AccountRefused("the two passwords differ: nothing was changed")
    return first
