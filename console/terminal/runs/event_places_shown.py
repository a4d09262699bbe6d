"""Tells the user where events go when a user may look for them in another place."""

from __future__ import annotations

from pathlib import Path

from orbweaver.console.text import safe
from orbweaver.queue.records.event_places import Places
from rich.console import Console


def show(notes: Console, places: Places, out: Path | None) -> None:
    """Say that TAKEDOWN_SINKS moves a store's events, or that they do not go to the directory of `--out`."""
    now, before = (safe(", ".join(names)) for names in (places.sinks, places.before))
    if places.are_moved:
        note = f"events go to {now} from now on, as TAKEDOWN_SINKS says; until now they went to {before}"
        notes.print(note, markup=False, highlight=False)
    if out is not None and not places.has(out):
        note = f"events of this store go to {now}, not to {safe(str(out))}: set TAKEDOWN_SINKS to move them"
        notes.print(note, markup=False, highlight=False)
