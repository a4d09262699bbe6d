"""`orbweaver users token`: the tokens of programs that use the API."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from datetime import datetime

from orbweaver.console import access
from orbweaver.console.evidence_wording import minute
from orbweaver.console.terminal.people import user_of_system
from orbweaver.console.text import count, report_console
from orbweaver.console.web.accounts import api_tokens
from orbweaver.console.web.accounts.account import Right
from orbweaver.model import format_time
from orbweaver.settings import Settings
from orbweaver.store.opening import open_existing, open_store


def add(settings: Settings, name: str, program: str, rights: Collection[Right], expires_at: datetime) -> None:
    """Make a token and print it, alone on standard output. Raises TokenRefused, StoreError."""
    with open_store(settings, settings.state_dir) as (store, _):
        token = api_tokens.add(store, name, program, rights, expires_at)
        until = minute(expires_at)
        access.note(store, user_of_system(), f"users token add {name} ({_words(rights)}, until {until})")
    print(token)
    may = f"{program.strip()} may {_words(rights)}, until {until}"
    print(f"This is the token {name}: it is shown this once. With it {may}.", file=sys.stderr)


def revoke(settings: Settings, name: str) -> None:
    """Take a token away. Raises TokenRefused, StoreError (NoStore among them)."""
    with open_existing(settings) as store:
        known = api_tokens.revoke(store, name)
        access.note(store, user_of_system(), f"users token revoke {name}")
    print(f"the token {name} of {known.program} is revoked")


def show_all(settings: Settings, *, is_json: bool) -> None:
    """Print what is known of the tokens, not the tokens. Raises StoreError (NoStore among them)."""
    with open_existing(settings) as store:
        known = list(api_tokens.all_tokens(store))
    if is_json:
        for one in known:
            said = {
                "name": one.name,
                "program": one.program,
                "rights": sorted(one.rights),
                "made_at": format_time(one.made_at),
                "expires_at": format_time(one.expires_at),
                "is_over": one.is_over,
            }
            sys.stdout.write(json.dumps(said) + "\n")
        return
    console = report_console(markup=False)
    for one in known:
        end = "expired" if one.is_over else "until"
        console.print(f"{one.name}: {one.program} may {_words(one.rights)}, {end} {minute(one.expires_at)}")
    console.print(count(len(known), "token"))


def _words(rights: Collection[Right]) -> str:
    return ", ".join(sorted(rights))
