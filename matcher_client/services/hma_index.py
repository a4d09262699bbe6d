"""Reads the state of HMA's indexes, one a signal type: their time, their size, and whether they are in use yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from orbweaver.matcher_client.errors import Unavailable
from orbweaver.matcher_client.services.hma_answers import read_json
from orbweaver.matcher_client.transport.answer_reading import is_sane_time
from orbweaver.matcher_client.transport.web_session import HttpAnswer
from orbweaver.model import Algorithm

# HMA says which index is stored, not which one a matcher has in memory (17 s between the two were seen). By its
# defaults a new hash is in the stored index after at most 60 s and 22 s of building (for a million hashes), and in
# memory 30 s later; else /status says INDEX-STALE after 65 s. So an index older than this is in use if /status is well.
LOADED_AFTER = timedelta(seconds=180)


@dataclass(frozen=True)
class SignalIndex:
    """The stored index of one signal type; `built_to` is the time of the newest hash in it, not that of the build.

    `is_loading`: a matcher may not have it in memory yet.
    """

    signal_type: str
    built_to: datetime
    size: int
    is_loading: bool = False

    @property
    def version(self) -> str:
        """The state in one word: `video_md5@1795314466/4` has 4 hashes, the newest of that second.

        While the index may still be loading, the word ends with `+loading`: a `no_match` may then come from the index
        before it, and is asked about again when the word changes.
        """
        return f"{self.signal_type}@{self.built_to.timestamp():.0f}/{self.size}{'+loading' * self.is_loading}"


@dataclass(frozen=True)
class Indexes:
    """The stored indexes by the algorithm that each one is for, and the banks that are asked (empty: all)."""

    by_algorithm: Mapping[Algorithm, SignalIndex]
    banks: Sequence[str] = ()

    @property
    def version(self) -> str:
        """The state of all indexes together: `sha256=sha256@1795314466/4 md5=video_md5@1795314400/2 banks=KNOWN_BAD`.

        Other signal types or other banks are another list: an answer of one list is no answer of another.
        """
        states = [f"{algorithm}={index.version}" for algorithm, index in self.by_algorithm.items()]
        return " ".join(states + [f"banks={','.join(sorted(set(self.banks)))}"] * bool(self.banks))

    @property
    def built_to(self) -> datetime:
        """The oldest of their times, which holds for all of them."""
        return min(index.built_to for index in self.by_algorithm.values())

    @property
    def size(self) -> int:
        """The number of hashes in all of them together."""
        return sum(index.size for index in self.by_algorithm.values())


def read_index_status(
    answer: HttpAnswer, signal_types: Mapping[Algorithm, str], at: datetime, *, banks: Sequence[str] = ()
) -> Indexes:
    """Read `{"video_md5":{"built_to":1795314466,"present":true,"size":4}}`, the answer to GET /m/index/status `at`.

    Raises Unavailable for an index that is missing or empty, and for an answer of any other shape: before HMA has built
    an index it says that it is ready, and answers `{}` to everything.
    """
    value = read_json(answer)
    indexes = {algorithm: _read_index(value, signal_type, at) for algorithm, signal_type in signal_types.items()}
    return Indexes(indexes, banks)


def _read_index(value: Any, signal_type: str, at: datetime) -> SignalIndex:
    status = value.get(signal_type) if isinstance(value, dict) else None
    if status is None:
        raise Unavailable(f"HMA has no signal type {signal_type!r}: correct MATCHER_URL")
    match status:
        case {"present": bool(present), "built_to": int(built_to), "size": int(size)}:
            pass
        case _:
            raise Unavailable(f"HMA's answer is not an index status of {signal_type}")
    if not present or size <= 0:
        raise Unavailable(f"HMA's index of {signal_type} is empty: add a canary to a bank, or leave the type out")
    try:
        newest = datetime.fromtimestamp(built_to, UTC)
    except (OverflowError, ValueError, OSError):
        newest = None
    if newest is None or not is_sane_time(newest):
        raise Unavailable(f"HMA's index of {signal_type} has a build time that is not a time")
    return SignalIndex(signal_type, newest, size, is_loading=at - newest < LOADED_AFTER)
