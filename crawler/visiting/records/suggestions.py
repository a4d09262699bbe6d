"""Counts the hosts outside the scope whose files its pages show, so that an operator can widen the scope."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

HOSTS_COUNTED: Final = 1_000


class ScopeSuggestions:
    """Counts the hosts whose files pages in scope show, for an operator to decide about; they are not fetched.

    Bounded (Misra and Gries, 1982): when too many hosts are counted, every count goes down by one and those at zero
    are forgotten. So a count is a lower bound, and a host with a large enough share is never lost.
    """

    def __init__(self, most: int = HOSTS_COUNTED) -> None:
        self._most = most
        self._counts: Counter[str] = Counter()

    def note(self, host: str) -> None:
        """Count one file on this host."""
        if host in self._counts or len(self._counts) < self._most:
            self._counts[host] += 1
            return
        self._counts = Counter({known: count - 1 for known, count in self._counts.items() if count > 1})

    def restore(self, counts: Mapping[str, int]) -> None:
        """Go on with what was counted before."""
        self._counts = Counter(dict(list(counts.items())[: self._most]))

    def top(self, count: int = 20) -> list[tuple[str, int]]:
        """Return the hosts with most files, each with how many (at least) there are, most first."""
        return sorted(self._counts.items(), key=lambda counted: (-counted[1], counted[0]))[:count]
