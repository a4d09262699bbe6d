"""Adds to sightings what the worker knows of them, and no crawl process may say: release, sandbox, first report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orbweaver import __version__
from orbweaver.model import Report, Sighting

SOFTWARE: Final = f"orbweaver {__version__}"


@dataclass(frozen=True)
class Receipts:
    """When the reports of a recrawl were received, as far as they say it: by their ids, of one id the earliest.

    A report without an id is known by its URL. `of_all_without_id` is when all of these were received, None where they
    differ: what such a report led to has nothing else to know it by.
    """

    by_id: Mapping[str, datetime]
    by_url: Mapping[str, datetime]
    of_all_without_id: datetime | None = None

    def first_of(self, sighting: Sighting) -> datetime | None:
        """Return when the first of the reports was received that led to a file, None where none says it."""
        if sighting.report_ids:
            return min((self.by_id[one] for one in sighting.report_ids if one in self.by_id), default=None)
        return self.by_url.get(sighting.url, self.of_all_without_id)


def first_receipts(reports: Iterable[Report]) -> Receipts:
    """Return when reports were received."""
    by_id: dict[str, datetime] = {}
    by_url: dict[str, datetime] = {}
    without_id = set()
    for report in reports:
        received, name = (by_url, report.url) if report.report_id is None else (by_id, report.report_id)
        if report.received_at is not None:
            received[name] = min(received.get(name, report.received_at), report.received_at)
        if report.report_id is None:
            without_id.add(report.received_at)
    return Receipts(by_id, by_url, without_id.pop() if len(without_id) == 1 else None)


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


def completed(sightings: Sequence[Sighting], received: Receipts, sandbox: str | None) -> tuple[Sighting, ...]:
    """Return the sightings of a crawl process with what its worker knows; what the process said of that is dropped."""
    return tuple(
        one.model_copy(
            update={
                "received_at": received.first_of(one),
                "software": SOFTWARE,
                "sandbox": sandbox,
            }
        )
        for one in sightings
    )
