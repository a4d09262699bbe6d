"""`orbweaver scheduler`: decide which hosts are visited next, until told to stop."""

from __future__ import annotations

import typer
from orbweaver.commands.options import read_settings

app = typer.Typer()


@app.command(
    epilog="Examples:\n\n"
    "  STORE_URL=redis://store.internal/0 orbweaver scheduler\n\n"
    "  SCHEDULE_BUDGET=5000 SCHEDULE_POLICY=tiers STORE_URL=redis://store.internal/0 orbweaver scheduler\n\n"
    "Exit status: 0 told to stop (SIGTERM, Ctrl-C); 1 no store at its start, or one that would lose data; 2 bad usage."
)
def scheduler() -> None:
    """Send hosts that are due to the recrawl workers, until told to stop. Needs STORE_URL; several may run."""
    settings = read_settings()
    if settings.store_url is None:
        raise typer.BadParameter("set STORE_URL: a scheduler shares its store with workers")
    from orbweaver.queue.fleet import scheduler as scheduling
    from orbweaver.store import connection, durability

    store = connection.connect(settings.store_url)
    durability.require(store, settings.store_replicas)
    scheduling.serve(store, settings)
