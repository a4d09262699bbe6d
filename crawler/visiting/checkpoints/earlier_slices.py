"""The earlier slices of a recrawl, as they are kept. Whoever only keeps them reads nothing of them, and no crawler."""

from __future__ import annotations

from typing import Final, NamedTuple


class EarlierSlices(NamedTuple):
    """The remains of the earlier slices of a recrawl: the last checkpoint, if any, and how many seconds they took."""

    state: bytes | None = None
    met: tuple[bytes, ...] = ()
    seconds: float = 0.0


NO_SLICES: Final = EarlierSlices()
