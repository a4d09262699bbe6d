"""Adds to sightings what the worker knows of them, and no crawl process may say: release, sandbox, first report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from orbweaver import __version__
from orbweaver.model import Report, Sighting

SOFTWARE: Final = f"orbweaver {__version__}"


def first_receipts(reports: Iterable[Report]) -> dict[str, datetime]:
    """Return when each report was received, by its id, as far as the reports say it; of one id the earliest."""
    received: dict[str, datetime] = {}
    for report in reports:
        if report.report_id is not None and report.received_at is not None:
            before = received.get(report.report_id, report.received_at)
            received[report.report_id] = min(before, report.received_at)
    return received


def sandbox_in_words(enforced: Mapping[str, object]) -> str:
    """Return what the kernel enforced on a crawl process (`sandbox.Enforced`) as a text for an event.

    >>> sandbox_in_words({"is_on": False})
    'off'
    """
    if not enforced.get("is_on"):
        return "off"
    layers = enforced.get("layers")
    named = ", ".join(map(str, layers)) if isinstance(layers, list | tuple) else "layers not recorded"
    return f"on, Landlock ABI {enforced.get('landlock_abi')}: {named}"[:1_000]


def completed(
    sightings: Sequence[Sighting], received: Mapping[str, datetime], sandbox: str | None
) -> tuple[Sighting, ...]:
    """Return the sightings of a crawl process with what its worker knows; what the process said of that is dropped."""
    return tuple(
        one.model_copy(
            update={
                "received_at": min((received[it] for it in one.report_ids if it in received), default=None),
                "software": SOFTWARE,
                "sandbox": sandbox,
            }
        )
        for one in sightings
    )
