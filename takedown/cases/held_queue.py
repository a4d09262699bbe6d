"""The order in which held cases are worth a person's time: by what it costs to let them wait (decision 0080).

One decision is about a file, so files are ordered, each with all its held cases. A day of waiting costs the more, the
likelier the file is what it may be, the more places show it now, the more people reported it there, and the more often
it has come back. It costs more with each day that has passed, so that nothing waits for ever.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from orbweaver.model import Case
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.cases import case_index, case_store, waiting_cost
from orbweaver.takedown.cases.case_index import CaseChoice

EVERY_CASE: Final = CaseChoice()
_ALL_IN_ONE: Final = "return table.concat(redis.call('HGETALL', KEYS[1]), '\\n')"


@dataclass(slots=True)
class HeldFile:
    """The held cases of one file: `cost` is of a day of waiting, without unit, the case that is held longest first."""

    sha256: str
    cost: float = 0.0
    since: float = float("inf")
    cases: list[tuple[float, str]] = field(default_factory=list)

    @property
    def case_ids(self) -> list[str]:
        """The ids of its held cases, the one that is held longest first."""
        return [case_id for _, case_id in sorted(self.cases)]


def held_files(store: Store, at: datetime, choice: CaseChoice = EVERY_CASE) -> list[HeldFile]:
    """Return the files with held cases of a choice, the most costly first; its times are since when they are held.

    Read are the few facts that the cost follows from, and no case. Raises RedisError.
    """
    # One text and not a reply for each case: reading 20,000 replies takes longer than all else.
    stored = text(store.eval(_ALL_IN_ONE, 1, keys.held_cases())).split("\n")
    case_ids, facts = stored[0::2], stored[1::2]
    are_chosen = case_index.are_on(store, case_ids, choice.shelves) if choice.shelves else itertools.repeat(True)
    since = float("-inf") if choice.since is None else choice.since.timestamp()
    before = float("inf") if choice.before is None else choice.before.timestamp()
    seconds = at.timestamp()
    files: dict[str, HeldFile] = {}
    for case_id, written, is_chosen in zip(case_ids, facts, are_chosen, strict=False):
        if not is_chosen:
            continue
        one = waiting_cost.read_facts(written)
        if not since <= one.held_since < before:
            continue
        if (held := files.get(one.sha256)) is None:
            held = files[one.sha256] = HeldFile(one.sha256)
        held.cost += one.cost(seconds)
        held.since = min(held.since, one.held_since)
        held.cases.append((one.held_since, case_id))
    return sorted(files.values(), key=lambda one: (-one.cost, one.since, one.sha256))


def held_cases(store: Store, at: datetime) -> Iterator[Case]:
    """Yield the held cases of a store, the most costly file first, its cases together, the oldest first."""
    case_index.enter_some(store, None)
    for held in held_files(store, at):
        ids = held.case_ids
        for start in range(0, len(ids), case_store.PAGE):
            yield from case_store.read_many(store, ids[start : start + case_store.PAGE])
