"""`orbweaver users`: who may sign in at the console, and as what."""

from __future__ import annotations

from typing import Annotated

import typer
from orbweaver.commands import api_tokens
from orbweaver.commands.options import AsJson, StateDir, read_settings
from orbweaver.model import Role

app = typer.Typer(help="Make and change the accounts of people who use the console.", no_args_is_help=True)
app.add_typer(api_tokens.app, name="token")
Name = Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits, and . _ - between them.")]
Roles = Annotated[
    list[Role],
    typer.Option(
        "--role",
        help="operator: hosts and workers; analyst: cases; auditor: sees all, changes nothing; admin: all but deciding "
        "about cases. May be repeated.",
    ),
]
PasswordPlace = Annotated[
    str | None,
    typer.Option("--password", metavar="env:NAME|file:PATH", help="Where the password is (default: type it)."),
]
_STATUS = "Exit status: 0 done; 1 the store failed; 2 bad usage, no such account, or there is no store."


@app.command(epilog=f"Example:\n\n  orbweaver users add anna --role analyst --role operator\n\n{_STATUS}")
def add(name: Name, role: Roles, password: PasswordPlace = None, state: StateDir = None) -> None:
    """Make an account. The password is typed twice, and shown nowhere."""
    from orbweaver.console.terminal import accounts

    accounts.add(read_settings(state), name, role, password)


@app.command(epilog=f"Example:\n\n  orbweaver users passwd anna\n\n{_STATUS}")
def passwd(name: Name, password: PasswordPlace = None, state: StateDir = None) -> None:
    """Give an account another password; its sessions end."""
    from orbweaver.console.terminal import accounts

    accounts.change_password(read_settings(state), name, password)


@app.command(epilog=f"Example:\n\n  orbweaver users roles anna --role auditor\n\n{_STATUS}")
def roles(name: Name, role: Roles, state: StateDir = None) -> None:
    """Give an account other roles, in place of those that it has; its sessions end."""
    from orbweaver.console.terminal import accounts

    accounts.change_roles(read_settings(state), name, role)


@app.command(epilog=f"Example:\n\n  orbweaver users disable anna\n\n{_STATUS}")
def disable(name: Name, state: StateDir = None) -> None:
    """Let nobody sign in with an account; its sessions end."""
    from orbweaver.console.terminal import accounts

    accounts.disable(read_settings(state), name, is_disabled=True)


@app.command(epilog=f"Example:\n\n  orbweaver users enable anna\n\n{_STATUS}")
def enable(name: Name, state: StateDir = None) -> None:
    """Let people sign in again with an account that was disabled."""
    from orbweaver.console.terminal import accounts

    accounts.disable(read_settings(state), name, is_disabled=False)


@app.command(epilog=f"Examples:\n\n  orbweaver users codes anna\n\n  orbweaver users codes anna --off\n\n{_STATUS}")
def codes(
    name: Name,
    is_off: Annotated[bool, typer.Option("--off", help="The account needs no codes any more.")] = False,
    state: StateDir = None,
) -> None:
    """Have an account need one-time codes (TOTP) besides its password; the secret for the app is shown once."""
    from orbweaver.console.terminal import accounts

    accounts.change_codes(read_settings(state), name, is_off=is_off)


@app.command("list", epilog="Exit status: 0 shown; 1 the store failed; 2 bad usage, or there is no store.")
def list_users(is_json: AsJson = False, state: StateDir = None) -> None:
    """Show the accounts with their roles."""
    from orbweaver.console.terminal import accounts

    accounts.show_all(read_settings(state), is_json=is_json)
