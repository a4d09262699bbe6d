"""Links the cases of one file: the same digest at several URLs of a host, or on several hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from orbweaver.model import Case
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_store

# A file may be at many thousand places; so many cases of it are read for one view.
MOST_READ: Final = 1_000


@dataclass(frozen=True, slots=True)
class Siblings:
    """The other cases of one file: those on the same host, and those elsewhere; `count` is all there are.

    At most MOST_READ are named.
    """

    same_host: tuple[Case, ...]
    elsewhere: tuple[Case, ...]
    count: int

    @property
    def hosts(self) -> tuple[str, ...]:
        """The other hosts that have, or had, the file, sorted."""
        return tuple(sorted({case.host for case in self.elsewhere}))


def siblings(case: Case, others: Sequence[Case], count: int) -> Siblings:
    """Return the siblings of a case among cases of its file, of which there are `count` with the case itself. Pure."""
    rest = [one for one in others if one.case_id != case.case_id and one.sha256 == case.sha256]
    rest.sort(key=lambda one: (one.host, one.newest_url))
    return Siblings(
        tuple(one for one in rest if one.host == case.host),
        tuple(one for one in rest if one.host != case.host),
        max(count - 1, len(rest)),
    )


def as_values(found: Siblings) -> list[dict[str, str]]:
    """Return siblings as values for JSON: case, host, exact URL and state of each that is named. Pure."""
    return [
        {"case_id": str(one.case_id), "host": one.host, "url": one.newest_url, "state": one.state.value}
        for one in (*found.same_host, *found.elsewhere)
    ]


def of_case(store: Store, case: Case, most: int = MOST_READ) -> Siblings:
    """Read the siblings of a case; at most so many cases of its file are read."""
    ids = list(case_store.case_ids_of_file(store, case.sha256))
    return siblings(case, case_store.read_many(store, ids[:most]), len(ids))
