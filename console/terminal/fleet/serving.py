"""`orbweaver run`: the service of a store in the foreground, with a line for its start and one for its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orbweaver.console.terminal import console_serving
from orbweaver.console.terminal.termination import stopped_by_signals
from orbweaver.console.text import safe
from orbweaver.queue.fleet import capacity
from orbweaver.queue.runs import preparation as prepare
from orbweaver.queue.runs import service
from orbweaver.settings import SANDBOX_OFF, Settings
from rich.console import Console


@dataclass(frozen=True)
class ServiceOptions:
    """The options of a service on the command line."""

    matchers: tuple[str, ...] = ()
    allow_addresses: tuple[str, ...] = ()
    state_dir: Path | None = None


def serve(options: ServiceOptions, settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises the errors of the packages underneath, each with one clear line."""
    notes = Console(stderr=True, soft_wrap=True)
    prefix = SANDBOX_OFF if settings.sandbox == "off" else ""
    preparation = prepare.begin(settings, state_dir=options.state_dir, allow_addresses=options.allow_addresses)
    preparation = prepare.with_services(preparation, options.matchers)
    at_once = capacity.of_this_machine(preparation.settings)

    def say(line: str) -> None:
        notes.print(f"{prefix}{line}", markup=False, highlight=False)

    with (
        stopped_by_signals() as stop,
        prepare.opened(preparation) as opened,
        console_serving.beside(opened.store, preparation.settings, say),
    ):

        def on_start() -> None:
            say(f"orbweaver run: up to {at_once.recrawls_at_once} recrawls at once ({at_once.because})")
            say(f"events go to {safe(', '.join(opened.places.sinks))}; workers write to {safe(str(opened.log_file))}")

        service.serve(
            opened.store,
            recrawls_at_once=at_once.recrawls_at_once,
            environment=opened.environment,
            log_file=opened.log_file,
            places=opened.places,
            stop=stop,
            on_start=on_start,
            embedded_in=opened.embedded_in,
        )
    say("orbweaver run: stopped; what was under way is handed back")
