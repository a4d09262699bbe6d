"""`orbweaver worker`: take jobs from queues until told to stop."""

from __future__ import annotations

from typing import Annotated

import typer
from orbweaver.commands.options import read_settings

app = typer.Typer()


@app.command()
def worker(
    queues: Annotated[list[str], typer.Argument(help="recrawl, or match and takedown.")],
    name: Annotated[str | None, typer.Option(help="A name that is unique in the store.")] = None,
    burst: Annotated[bool, typer.Option("--burst", help="End when the queues are empty.")] = False,
) -> None:
    """Work on queues until told to stop. Needs STORE_URL, MATCHER_URL and TAKEDOWN_SINKS."""
    settings = read_settings()
    if settings.store_url is None:
        raise typer.BadParameter("set STORE_URL: a worker shares its store with others")
    if queues == ["recrawl"]:
        from orbweaver.queue.preload import preload

        preload()
    from orbweaver.queue.queues import QueueName
    from orbweaver.queue.workers import work
    from orbweaver.store import connection, durability

    unknown = [one for one in queues if one not in set(QueueName)]
    if unknown:
        raise typer.BadParameter(f"no queue {unknown[0]!r}: there are {', '.join(QueueName)}")
    if QueueName.MATCH in queues and not settings.matcher_urls:
        raise typer.BadParameter("set MATCHER_URL: a match worker asks the services that it names")
    if QueueName.TAKEDOWN in queues and not settings.takedown_sinks:
        raise typer.BadParameter("set TAKEDOWN_SINKS: a takedown worker delivers to them")
    store = connection.connect(settings.store_url)
    durability.require(store)
    work(store, [QueueName(one) for one in queues], name=name, burst=burst)
