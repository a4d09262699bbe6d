"""HMA's indexes, one a signal type: up to when they were built, how large they are, and which are in use for sure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orbweaver.matcher_client.errors import Unavailable
from orbweaver.matcher_client.hma_answers import read_json
from orbweaver.matcher_client.web_session import Answer

# A matcher looks for a new index every 30 s; /status says INDEX-STALE of one that has not for 65 s. Both are HMA's
# defaults (INDEX_CACHE_MAX_STALE_SEC, read in its source; 17 s of lag were observed).
LOADED_AFTER_SECONDS = 65.0


@dataclass(frozen=True)
class SignalIndex:
    """The stored index of one signal type; `built_to` is the time of the newest hash in it, not that of the build."""

    signal_type: str
    built_to: datetime
    size: int

    @property
    def version(self) -> str:
        """Its state in one word: `video_md5@1795314466/4` has 4 hashes, the newest of that second."""
        return f"{self.signal_type}@{self.built_to.timestamp():.0f}/{self.size}"


@dataclass(frozen=True)
class Indexes:
    """The stored indexes of the signal types that are asked."""

    by_type: tuple[SignalIndex, ...]

    @property
    def version(self) -> str:
        """The states of all of them."""
        return " ".join(one.version for one in self.by_type)

    @property
    def built_to(self) -> datetime:
        """The oldest of their times: what holds for all of them."""
        return min(one.built_to for one in self.by_type)

    @property
    def size(self) -> int:
        """How many hashes they have together."""
        return sum(one.size for one in self.by_type)

    def of(self, signal_type: str) -> SignalIndex:
        """Return one type's index."""
        return next(one for one in self.by_type if one.signal_type == signal_type)


def read_index_status(answer: Answer, signal_types: Iterable[str]) -> Indexes:
    """Read `{"video_md5":{"built_to":1795314466,"present":true,"size":4}}`, the answer to GET /m/index/status.

    An index that is not there or is empty raises Unavailable, as every answer of another shape does: HMA says that it
    is ready, and answers `{}` to everything, before it has built any.
    """
    value = read_json(answer)
    return Indexes(tuple(_read_index(value, signal_type) for signal_type in signal_types))


def _read_index(value: Any, signal_type: str) -> SignalIndex:
    status = value.get(signal_type) if isinstance(value, dict) else None
    if status is None:
        raise Unavailable(f"HMA has no signal type {signal_type!r}: mend MATCHER_URL")
    match status:
        case {"present": bool(present), "built_to": int(built_to), "size": int(size)}:
            pass
        case _:
            raise Unavailable(f"HMA's index status of {signal_type} is not one")
    if not present or size <= 0:
        raise Unavailable(f"HMA's index of {signal_type} is empty: bank at least a canary, or leave the type out")
    try:
        return SignalIndex(signal_type, datetime.fromtimestamp(built_to, UTC), size)
    except (OverflowError, ValueError, OSError):
        raise Unavailable(f"HMA's index of {signal_type} is built to a time that is none") from None


class IndexesInUse:
    """Which stored indexes a matcher has in memory for sure, where HMA tells only what is stored.

    A negative is recorded with the state of the lists that gave it, and a new state makes it due again; if that were
    the stored state, a lookup in the seconds before the matcher loads it would never be made again. So a state counts
    once it has been seen for LOADED_AFTER_SECONDS. The first one that is seen counts at once: since when it is
    stored, HMA does not say.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[float, Indexes]] = deque()

    def note(self, stored: Indexes, at: float) -> Indexes:
        """Return what is in use, given what a matcher that is ready has stored `at` (seconds of a steady clock)."""
        if not self._seen or self._seen[-1][1] != stored:
            self._seen.append((at, stored))
        while len(self._seen) > 1 and self._seen[1][0] <= at - LOADED_AFTER_SECONDS:
            self._seen.popleft()
        return self._seen[0][1]
