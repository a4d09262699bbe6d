"""`orbweaver engine`: what a takedown engine can begin with."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Annotated

import typer

LARGEST_PORT = 65_535

app = typer.Typer(help="What a takedown engine can begin with.", no_args_is_help=True)


@app.callback()
def engine() -> None:
    """Keep `example` a command of a group, also while it is the only one."""


@app.command(
    epilog="Examples:\n\n"
    "  orbweaver engine example > engine.py\n\n"
    "  ENGINE_SECRETS=whsec_... orbweaver engine example --listen 127.0.0.1:8080 --database engine.sqlite\n\n"
    "Then TAKEDOWN_SINKS=webhook+http://127.0.0.1:8080/ and SINK_SECRETS with the same secret deliver to it.",
)
def example(
    listen: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Run it here. Without this option its source is printed.")
    ] = None,
    database: Annotated[Path, typer.Option(metavar="FILE", help="Where it keeps the events.")] = Path("engine.sqlite"),
) -> None:
    """Print, or run, an engine that takes events by webhook: verified, each once, the newest of each case kept."""
    from orbweaver.takedown.delivery import engine_example
    from standardwebhooks.webhooks import Webhook

    if listen is None:
        print(Path(engine_example.__file__).read_text(), end="")
        return
    secrets = os.environ.get("ENGINE_SECRETS", "").split()
    if not secrets:
        raise typer.BadParameter(
            "set ENGINE_SECRETS to the secret of the webhook: echo whsec_$(openssl rand -base64 32)"
        )
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > LARGEST_PORT:
        raise typer.BadParameter("write --listen HOST:PORT, such as 127.0.0.1:8080")
    try:
        for secret in secrets:
            Webhook(secret)
    except ValueError:
        raise typer.BadParameter(
            "ENGINE_SECRETS: a secret is whsec_ and base64: echo whsec_$(openssl rand -base64 32)"
        ) from None
    try:
        engine_example.serve(listen, str(database), secrets)
    except sqlite3.Error as error:
        raise typer.BadParameter(f"--database {database}: {error}") from None
