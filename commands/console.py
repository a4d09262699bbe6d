"""`orbweaver console`: pages for operators and analysts, and an API for programs."""

from __future__ import annotations

from typing import Annotated

import typer
from orbweaver.commands.options import Certificate, CertificateKey, StateDir, read_settings

app = typer.Typer()


@app.command(
    epilog="Examples:\n\n  orbweaver users add anna --role admin --role analyst\n\n  orbweaver console\n\n"
    "  orbweaver console --listen 0.0.0.0:8443 --certificate certificate.pem\n\n"
    "Exit status: 0 told to stop; 1 the store failed, or the port is taken; 2 bad usage."
)
def console(
    listen: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where to listen (default: CONSOLE_LISTEN, 127.0.0.1:8788).")
    ] = None,
    certificate: Certificate = None,
    key: CertificateKey = None,
    state: StateDir = None,
) -> None:
    """Serve the console until told to stop. `orbweaver run` serves it, too."""
    from orbweaver.console.terminal import console_serving

    console_serving.serve(read_settings(state), listen=listen, certificate=certificate, key=key)
