"""`orbweaver matcher`: serve a hash list to other machines, accept a service's changed list."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from orbweaver.commands.options import BearerToken, Certificate, CertificateKey, StateDir, read_settings

app = typer.Typer(help="Serve a hash list, or accept a service's changed list.", no_args_is_help=True)


@app.command(
    epilog="Examples:\n\n"
    "  orbweaver matcher serve --hashes list.hashes\n\n"
    "  orbweaver matcher serve --hashes list.hashes --listen 0.0.0.0:8765 --token file:/run/secrets/matcher "
    "--certificate matcher.pem --key matcher.key\n\n"
    "When the list is built again, the server uses the new one without a restart.",
)
def serve(
    hashes: Annotated[Path, typer.Option(metavar="FILE", help="A built hash list.")],
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where to listen.")] = "127.0.0.1:8765",
    token: BearerToken = None,
    certificate: Certificate = None,
    key: CertificateKey = None,
) -> None:
    """Answer Orbweaver's own batch protocol (docs/matching-services.md) from a built hash list."""
    from orbweaver.console.terminal import matcher_serving

    matcher_serving.run(hashes, listen=listen, token=token, certificate=certificate, key=key)


@app.command(
    epilog="Example:\n\n  orbweaver matcher accept hashlist:/srv/list.hashes\n\n"
    "Exit status: 0 accepted; 2 no such service, or nothing to accept.",
)
def accept(
    service: Annotated[str, typer.Argument(metavar="NAME", help="The service, as `doctor` and warnings name it.")],
    state: StateDir = None,
) -> None:
    """Accept that a service's list became smaller: its entries now are all of them."""
    from orbweaver.matcher_client.gate import service_health
    from orbweaver.store.opening import open_existing

    with open_existing(read_settings(state)) as store:
        health = service_health.accept(store, service)
    print(f"{service}: {health.entries} entries accepted; the service is checked again within HEALTH_INTERVAL")
