"""`orbweaver worker`: take jobs from queues until told to stop."""

from __future__ import annotations

import logging
import signal
from typing import Annotated

import typer
from orbweaver.commands.options import read_settings

app = typer.Typer()


@app.command()
def worker(
    queues: Annotated[list[str], typer.Argument(help="recrawl, or match and takedown.")],
    name: Annotated[str | None, typer.Option(help="A name that is unique in the store.")] = None,
    warnings_only: Annotated[bool, typer.Option("--warnings-only", hidden=True)] = False,
    burst: Annotated[bool, typer.Option("--burst", help="End when the queues are empty.")] = False,
) -> None:
    """Work on queues until told to stop. Needs STORE_URL, MATCHER_URL and TAKEDOWN_SINKS.

    It takes jobs only while its settings that change what is found are those of the last verify or rematch.
    """
    settings = read_settings()
    if settings.store_url is None:
        raise typer.BadParameter("set STORE_URL: a worker shares its store with others")
    if queues == ["recrawl"]:
        from orbweaver.queue.fleet.workers.preload import preload

        preload()
    from orbweaver.queue.fleet.workers.plain_worker import work
    from orbweaver.queue.queues import QueueName
    from orbweaver.store import connection, durability
    from orbweaver.takedown.delivery.sinks.opening import open_sinks

    unknown = [queue for queue in queues if queue not in set(QueueName)]
    if unknown:
        raise typer.BadParameter(f"no queue {unknown[0]!r}: there are {', '.join(QueueName)}")
    if QueueName.RECRAWL in queues and queues != [QueueName.RECRAWL]:
        raise typer.BadParameter("the recrawl queue needs a worker of its own: its jobs are forked and sandboxed")
    if QueueName.MATCH in queues and not settings.matcher_urls:
        raise typer.BadParameter("set MATCHER_URL: a match worker asks the services that it names")
    if QueueName.TAKEDOWN in queues and not settings.takedown_sinks:
        raise typer.BadParameter("set TAKEDOWN_SINKS: a takedown worker delivers to them")
    if QueueName.MATCH in queues:
        from orbweaver.matcher_client.several_services import open_services

        open_services(settings.matcher_urls)
    open_sinks(settings.takedown_sinks)
    store = connection.connect(settings.store_url)
    durability.require(store, settings.store_replicas)
    level = logging.WARNING if warnings_only else logging.INFO
    try:
        work(store, [QueueName(queue) for queue in queues], name=name, burst=burst, level=level)
    finally:
        # It is ending: to be told so once more would cut its last steps off with a traceback.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if burst and QueueName.MATCH in queues:
        from orbweaver.matcher_client.errors import Unavailable
        from orbweaver.queue.matching import asking  # a recrawl worker asks nobody

        if complaints := asking.unhealthy(store):
            raise Unavailable("; ".join(complaints))
