"""When a recrawl says where it is, and to whom."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from orbweaver.crawler.errors import CheckpointRefused
from orbweaver.crawler.visiting.checkpoints import resuming, taking
from orbweaver.crawler.visiting.checkpoints.earlier_slices import NO_SLICES, EarlierSlices
from orbweaver.crawler.visiting.checkpoints.state import KEY_BYTES, CheckpointState, read
from orbweaver.crawler.visiting.checkpoints.taking import RecrawlParts
from orbweaver.crawler.visiting.frontier import PlannedRequest
from orbweaver.model import Report

# Reasons to end early after which another process goes on.
SLICES: Final = frozenset({"slice_time", "slice_pages"})
# A process that is killed has so much to do again.
CHECKPOINT_SECONDS: Final = 60.0
# After a checkpoint that took long the next one comes later, so that they take 2 % of the time at most.
_TIMES_ITS_SECONDS: Final = 50


class Keep(Protocol):
    """Keeps a checkpoint, behind all that was recorded before."""

    def __call__(self, met: Sequence[bytes], state: bytes) -> None:
        """Take the hashes of what was met since the last one, and the state; raises NotRecorded."""


class Checkpointing(NamedTuple):
    """Where the checkpoints of a recrawl go, and what its earlier slices left."""

    keep: Keep
    earlier: EarlierSlices = NO_SLICES


class Checkpoints:
    """The checkpoints of one recrawl: goes on from the last one of an earlier slice, and takes further ones.

    `key` is that of the hashes of the URLs that are met.
    """

    def __init__(self, checkpointing: Checkpointing, reports: Sequence[Report]) -> None:
        self._keep, earlier = checkpointing
        self._reports = reports
        self._met = earlier.met
        self._state: CheckpointState | CheckpointRefused | None = None
        self.key = os.urandom(KEY_BYTES)
        if earlier.state is not None:
            try:
                self._state = read(earlier.state, earlier.met, reports)
                self.key = bytes.fromhex(self._state.key)
            except CheckpointRefused as error:
                self._state = error

    def begin(self, root: str, parts: RecrawlParts) -> None:
        """Go on where an earlier slice has left the recrawl, or begin it; `root` is its first URL."""
        state, self._state = self._state, None
        if isinstance(state, CheckpointState):
            resuming.resume(state, self._met, self._reports, root=root, parts=parts)
        else:
            if state is not None:
                parts.navigator.refused_checkpoint(root, state)
            parts.navigator.begin(self._reports)
        self._met = ()

    def take(self, parts: RecrawlParts, under_way: Iterable[PlannedRequest]) -> None:
        """Say where the recrawl is, behind all that was recorded; raises NotRecorded."""
        met = list(taking.pieces_of_met(parts.navigator))
        self._keep(met, taking.take(self.key, parts, under_way))


class CheckpointClock:
    """Says when the next checkpoint is due; all moments are seconds of one clock that never goes back."""

    def __init__(self, began: float) -> None:
        self._due_at = began + CHECKPOINT_SECONDS

    def is_due(self, moment: float) -> bool:
        """Whether a checkpoint is to be taken now."""
        return moment >= self._due_at

    def note(self, moment: float, cpu_seconds: float) -> None:
        """Note when a checkpoint was kept, and what it took: not the time in which nobody read the pipe."""
        self._due_at = moment + max(CHECKPOINT_SECONDS, _TIMES_ITS_SECONDS * cpu_seconds)
