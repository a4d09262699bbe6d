"""`orbweaver rematch`: asks again about every retained file and every case, without a request to the web."""

from __future__ import annotations

import json
import sys
from typing import Any

from orbweaver.console.terminal.runs import event_places_shown
from orbweaver.console.terminal.runs.hit_report import show_unconfirmed
from orbweaver.console.terminal.runs.rematch_result import as_json, show
from orbweaver.console.terminal.runs.verify import RunOptions, claim_of, open_list, service_urls, stop_on_interrupt
from orbweaver.console.terminal.termination import unwound_when_terminated
from orbweaver.console.text import report_console
from orbweaver.model import format_time
from orbweaver.queue.runs import preparation as prepare
from orbweaver.queue.runs import rematching
from orbweaver.queue.runs.rematching import RematchProgress, RematchRun
from orbweaver.settings import Settings
from rich.console import Console


def run(options: RunOptions, settings: Settings) -> int:
    """Do a whole rematch with workers of its own; 0 when everything was answered and delivered, else 1.

    Raises the errors of the packages underneath, each with one clear line.
    """
    notes = Console(stderr=True, soft_wrap=True)
    preparation = prepare.begin_on_what_is_there(settings, state_dir=options.state_dir)
    hashes = open_list(options, preparation.state_dir, notes)
    preparation = prepare.with_services(preparation, service_urls(options, hashes))
    with (
        unwound_when_terminated(),
        prepare.opened(preparation) as opened,
        stop_on_interrupt() as stop,
        notes.status("asking again") as status,
    ):
        event_places_shown.show(notes, opened.places, None)

        def show_progress(progress: RematchProgress) -> None:
            status.update(f"{progress.asked:,} files asked about, {progress.left:,} of 1,024 parts left")

        result = rematching.run(
            opened.store,
            environment=opened.environment,
            log_file=opened.log_file,
            on_progress=show_progress,
            stop=stop,
            claim=claim_of("rematch", options, settings, notes),
            places=opened.places,
        )
    if options.is_json:
        sys.stdout.write(json.dumps(_as_json(result), ensure_ascii=False) + "\n")
    else:
        show(report_console(), result.rematched, end=f", {result.web_requests} web requests.")
        if result.unconfirmed is not None:
            show_unconfirmed(report_console(), result.unconfirmed)
    return result.exit_status


def _as_json(result: RematchRun) -> dict[str, Any]:
    return {
        "began_at": format_time(result.began_at),
        "ended_at": format_time(result.ended_at),
        "exit_status": result.exit_status,
        "unconfirmed": result.unconfirmed,
        **as_json(result.rematched),
        "web_requests": result.web_requests,
    }
