"""Decides once where the events of a store go, so that an engine that reads one place gets all of them.

The first run decides: TAKEDOWN_SINKS, else the directory of its output, else the state directory. It is part of what is
in force (queue.records.in_force). After that only TAKEDOWN_SINKS moves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orbweaver.queue.records import in_force
from orbweaver.settings import Settings
from orbweaver.store.connection import Store
from orbweaver.takedown.delivery.sinks.json_lines import jsonl_sink
from orbweaver.takedown.delivery.sinks.opening import names_of


@dataclass(frozen=True)
class Places:
    """The names of the sinks from now on, and of those until now; none when no run has decided before."""

    sinks: tuple[str, ...]
    before: tuple[str, ...]
    seen: tuple[str, ...]

    @property
    def are_moved(self) -> bool:
        """Whether events go elsewhere from now on."""
        return bool(self.before) and set(self.sinks) != set(self.before)

    def has(self, directory: Path) -> bool:
        """Whether the events go to the events file of a directory."""
        return jsonl_sink(directory) in self.sinks


def find(store: Store, settings: Settings, state_dir: Path, out: Path | None) -> Places:
    """Return where the events of this store go when a run begins with these settings and this output directory.

    What went into the embedded store's own state directory still does when that was moved, or copied from a backup.
    """
    seen = in_force.sinks(store)
    own = jsonl_sink(state_dir / "events")
    recorded_dir = in_force.state_dir(store)
    is_embedded = settings.store_url is None
    moved_from = None if recorded_dir is None or not is_embedded else jsonl_sink(recorded_dir / "events")
    before = tuple(own if one == moved_from else one for one in seen)
    explicit = names_of(settings.takedown_sinks)
    first = own if out is None else jsonl_sink(out)
    return Places(explicit or before or (first,), before, seen)
