"""`orbweaver run`: the service of a store: it revisits hosts by itself."""

from __future__ import annotations

from typing import Annotated

import typer
from orbweaver.commands.options import MatchingServices, StateDir, read_settings, require_list

app = typer.Typer()


@app.command(
    epilog="Examples:\n\n"
    "  orbweaver run --matcher hashlist:/srv/list.hashes\n\n"
    "  MATCHER_URL=hashlist:/srv/list.hashes TAKEDOWN_SINKS=jsonl:/srv/events orbweaver run\n\n"
    "Exit status: 0 it was told to stop (SIGTERM or Ctrl-C); 1 its workers died again and again, or another run is at "
    "work on the store; 2 bad usage."
)
def run(
    matcher: MatchingServices = None,
    allow_address: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-address", metavar="CIDR", help="Also fetch from this range; may be repeated. For tests only."
        ),
    ] = None,
    state: StateDir = None,
) -> None:
    """Revisit the store's hosts when they are due, until told to stop.

    Starts the store (without STORE_URL), a scheduler, a worker for every queue and the console (CONSOLE_LISTEN), and
    stays in the foreground. A `verify` on the same store enters its hosts here and waits for them.
    """
    settings = read_settings(state)
    require_list(None, matcher, settings)
    from orbweaver.console.terminal.fleet.serving import ServiceOptions, serve

    options = ServiceOptions(tuple(matcher or ()), tuple(allow_address or ()), state)
    serve(options, settings)
