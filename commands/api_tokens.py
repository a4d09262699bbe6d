"""`orbweaver users token`: which programs may use the API, for what and until when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from orbweaver.commands.options import AsJson, StateDir, read_moment, read_settings

app = typer.Typer(help="The tokens of programs that use the API.", no_args_is_help=True)
_RIGHTS = (
    "see-overview, see-hosts, change-hosts, send-reports, see-cases, decide-cases, see-fleet, change-fleet, "
    "acknowledge or see-audit"
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits, and . _ - between them.")]
Program = Annotated[str, typer.Option("--for", metavar="PROGRAM", help="Which program has it: events name it so.")]
Rights = Annotated[
    list[str], typer.Option("--right", metavar="RIGHT", help=f"What it may do, of {_RIGHTS}; may be repeated.")
]
ExpiresAt = Annotated[
    datetime,
    typer.Option("--expires", metavar="TIME", parser=read_moment, help="RFC 3339 time, at most 400 days away."),
]
_STATUS = "Exit status: 0 done; 1 the store failed; 2 bad usage, no such token, or there is no store."


@app.command(
    epilog="Example:\n\n  orbweaver users token add form --for 'our report form' --right send-reports "
    f"--expires 2027-01-01\n\n{_STATUS}"
)
def add(name: Name, program: Program, right: Rights, expires: ExpiresAt, state: StateDir = None) -> None:
    """Make a token and print it once: it is stored hashed, and nothing can show it again."""
    from orbweaver.console.terminal import api_tokens
    from orbweaver.console.web.accounts.account import Right

    try:
        rights = {Right(one.replace("-", " ")) for one in right}
    except ValueError:
        raise typer.BadParameter(f"--right: one of {_RIGHTS}") from None
    api_tokens.add(read_settings(state), name, program, rights, expires)


@app.command("list", epilog="Exit status: 0 shown; 1 the store failed; 2 bad usage, or there is no store.")
def list_tokens(is_json: AsJson = False, state: StateDir = None) -> None:
    """Show the tokens by name: program, rights, expiry."""
    from orbweaver.console.terminal import api_tokens

    api_tokens.show_all(read_settings(state), is_json=is_json)


@app.command(epilog=f"Example:\n\n  orbweaver users token revoke form\n\n{_STATUS}")
def revoke(name: Name, state: StateDir = None) -> None:
    """Take a token away: the next request with it is refused."""
    from orbweaver.console.terminal import api_tokens

    api_tokens.revoke(read_settings(state), name)
