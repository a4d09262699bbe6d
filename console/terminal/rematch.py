"""`orbweaver rematch`: asks a changed list about every retained file and every case, without a request to the web."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from orbweaver.console.terminal import event_places_shown
from orbweaver.console.terminal.lists.raw_list import open_raw
from orbweaver.console.terminal.rematch_result import as_json, show
from orbweaver.console.terminal.termination import unwound_when_terminated
from orbweaver.console.terminal.verify import RunOptions, claim_of, matcher_urls_for, stop_on_interrupt
from orbweaver.console.text import report_console
from orbweaver.matcher_client.gate.health_gate import claimed_health
from orbweaver.matcher_client.several_services import open_services
from orbweaver.model import format_time
from orbweaver.queue.records import event_places
from orbweaver.queue.runs import rematching
from orbweaver.queue.runs.rematching import RematchProgress, RematchRun
from orbweaver.settings import Settings
from orbweaver.store import embedded
from orbweaver.store.opening import open_store, require_store
from orbweaver.takedown.delivery.sinks import open_sinks
from rich.console import Console


def run(options: RunOptions, settings: Settings) -> int:
    """Do a whole rematch with workers of its own; 0 when everything was answered and delivered, else 1.

    Raises the errors of the packages underneath, each with one clear line.
    """
    notes = Console(stderr=True, soft_wrap=True)
    require_store(settings)  # there is nothing to ask about in a new one: the state directory is mistyped
    state_dir = embedded.prepare_state_dir(options.state_dir or settings.state_dir)
    hashes = (
        None
        if options.hashes is None
        else open_raw(
            options.hashes, state_dir, notes, category_table=options.category_table, list_name=options.list_name
        )
    )
    settings = settings.model_copy(update={"matcher_url": matcher_urls_for(options, settings, hashes)})
    open_sinks(settings.takedown_sinks)
    with (
        unwound_when_terminated(),
        open_store(settings, state_dir) as (store, store_url),
        stop_on_interrupt() as stop,
        notes.status("asking again") as status,
    ):
        places = event_places.find(store, settings, state_dir, None)
        event_places_shown.show(notes, places, None)

        def show_progress(progress: RematchProgress) -> None:
            status.update(f"{progress.asked:,} files asked about, {progress.left:,} of 1,024 parts left")

        result = rematching.run(
            store,
            _versions(settings),
            environment={
                **os.environ,
                "STORE_URL": store_url,
                "MATCHER_URL": settings.matcher_url or "",
                "TAKEDOWN_SINKS": ",".join(places.sinks),
                "STATE_DIR": str(state_dir),
            },
            log_file=state_dir / "workers.log",
            on_progress=show_progress,
            stop=stop,
            claim=claim_of("rematch", options, settings, notes),
            places=places,
        )
    if options.is_json:
        sys.stdout.write(json.dumps(_as_json(result), ensure_ascii=False) + "\n")
    else:
        show(report_console(), result.rematched, end=f", {result.web_requests} web requests.")
    return result.exit_status


def _versions(settings: Settings) -> dict[str, str]:
    """Return the list version of each service that answers and says one."""
    versions = {}
    for service in open_services(settings.matcher_urls):
        health = claimed_health(service)
        service.close()
        if health.is_healthy and health.list_version:
            versions[service.name] = health.list_version
    return versions


def _as_json(result: RematchRun) -> dict[str, Any]:
    return {
        "began_at": format_time(result.began_at),
        "ended_at": format_time(result.ended_at),
        "exit_status": result.exit_status,
        **as_json(result.rematched),
        "web_requests": result.web_requests,
    }
