"""`orbweaver deliveries acknowledge` and `serve`: the engine's acknowledgements, by hand and over HTTP."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

from orbweaver.console.terminal.people import person_named
from orbweaver.console.text import report_console
from orbweaver.matcher_client.transport.service_address import read_secret
from orbweaver.model import format_time
from orbweaver.queue.fleet.acknowledgement_server import AcknowledgementServer
from orbweaver.queue.records import acknowledgements
from orbweaver.settings import Settings
from orbweaver.store.opening import open_existing


def acknowledge(settings: Settings, event_id: str, *, person: str | None, reason: str | None, is_json: bool) -> None:
    """Record an acknowledgement by a person; raises NothingToDo, DeliveryUnknown, StoreError."""
    actor = person_named(person)
    with open_existing(settings) as store:
        known = acknowledgements.acknowledge(store, event_id, actor=actor, reason=reason)
    at = format_time(known.acknowledged_at)
    if is_json:
        said = {"event": event_id, "case": known.case_id, "acknowledged_at": at, "is_new": known.is_new}
        sys.stdout.write(json.dumps(said) + "\n")
    else:
        when = "now" if known.is_new else "before"
        report_console(markup=False).print(f"event {event_id} of case {known.case_id}: acknowledged {when}, {at}")


def serve(settings: Settings, *, listen: str, token: str | None, certificate: Path | None, key: Path | None) -> None:
    """Serve until SIGINT or SIGTERM; raises ServerRefused and StoreError, or OSError when the port is taken."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    secret = read_secret("--token", token)
    with open_existing(settings) as store:
        server = AcknowledgementServer(store, listen=listen, token=secret, certificate=certificate, key=key)
        if not server.is_encrypted:
            print("not encrypted: put a TLS proxy in front, or give --certificate", file=sys.stderr)
        print(f"takes acknowledgements at {server.url}", flush=True)
        server.run()
