"""A page of memory by which a recrawl worker and one crawl process tell each other about the pace of hosts.

The process maps it by its descriptor before it enters the sandbox, and keeps no descriptor. It may have been taken
over. So the worker believes nothing of what stands here but small numbers, and no process inherits the page of another
recrawl.
"""

from __future__ import annotations

import mmap
import os
from typing import Final

# A recrawl has so many addresses and hosts with a pace of their own. All further addresses share the last row, at which
# one request may be under way; further hosts have no pace but that which the recrawl itself learns.
MOST_ADDRESSES: Final = 64
MOST_HOSTS: Final = 64
THE_REST: Final = MOST_ADDRESSES - 1
_MOST: Final = 255
# Of an address: what the worker says (places, sharers, whether some are of other workers), what the process says (under
# way, waiting).
_ROW_BYTES: Final = 5
_PLACES, _SHARERS, _IS_LEASED, _UNDER_WAY, _WAITING = range(_ROW_BYTES)
# Of a host: until when it is left alone, and the seconds between two requests.
_DOUBLES: Final = 2
_HOSTS_AT: Final = MOST_ADDRESSES * _ROW_BYTES
# Behind the hosts: the moment at which the places that are shared with other workers end.
_LEASE_AT: Final = MOST_HOSTS * _DOUBLES


class PaceBoard:
    """How many requests may be under way at each address of one recrawl, how many are, and which hosts are to be left.

    Counts are 0 to 255. Moments are those of the monotonic clock, which is the same for all processes of a machine.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        """Make a board, or map the one that a descriptor is of."""
        self.descriptor = os.memfd_create("pace") if descriptor is None else descriptor
        if descriptor is None:
            os.truncate(self.descriptor, mmap.PAGESIZE)
        self._memory = mmap.mmap(self.descriptor, mmap.PAGESIZE)  # shared, all zeros at first
        self._memory.madvise(mmap.MADV_DONTFORK)
        page = memoryview(self._memory)
        self._rows = page[:_HOSTS_AT]
        self._hosts = page[_HOSTS_AT : _HOSTS_AT + (_LEASE_AT + 1) * 8].cast("d")
        self._page = page
        if descriptor is None:
            self.say_places(THE_REST, 1, sharers=1)

    def close(self) -> None:
        """Let go of the page, and of its descriptor."""
        for view in (self._rows, self._hosts, self._page):
            view.release()
        self._memory.close()
        os.close(self.descriptor)

    # --- what the worker says ---

    def say_places(self, row: int, places: int, *, sharers: int, is_leased: bool = False) -> None:
        """Say how many requests may be under way at an address, and how many recrawls share it.

        `is_leased`: some are of other workers, so none begins when the lease is over.
        """
        self._rows[row * _ROW_BYTES + _IS_LEASED] = is_leased
        self._rows[row * _ROW_BYTES + _PLACES] = min(places, _MOST)
        self._rows[row * _ROW_BYTES + _SHARERS] = min(sharers, _MOST)

    def say_lease(self, until: float) -> None:
        """Say until when the places hold that other workers share: a worker that hangs can take none back."""
        self._hosts[_LEASE_AT] = until

    def places(self, row: int, now: float = 0.0) -> int:
        """Return how many requests may be under way at an address."""
        is_over = self._rows[row * _ROW_BYTES + _IS_LEASED] and now > self._hosts[_LEASE_AT]
        return 0 if is_over else self._rows[row * _ROW_BYTES + _PLACES]

    def sharers(self, row: int) -> int:
        """Return how many recrawls share an address; 0 when the worker has not said it yet."""
        return self._rows[row * _ROW_BYTES + _SHARERS]

    def say_pace(self, host: int, *, until: float, delay: float) -> None:
        """Say until when a host is left alone, and the seconds between two of its requests."""
        self._hosts[host * _DOUBLES] = until
        self._hosts[host * _DOUBLES + 1] = delay

    def pace(self, host: int) -> tuple[float, float]:
        """Return until when a host is left alone, and the seconds between two of its requests; 0 for none."""
        return self._hosts[host * _DOUBLES], self._hosts[host * _DOUBLES + 1]

    # --- what the process says ---

    def say_under_way(self, row: int, count: int) -> None:
        """Say how many requests are under way at an address."""
        self._rows[row * _ROW_BYTES + _UNDER_WAY] = min(count, _MOST)

    def say_waiting(self, row: int, count: int) -> None:
        """Say how many requests wait for a place at an address, and for nothing else."""
        self._rows[row * _ROW_BYTES + _WAITING] = min(count, _MOST)

    def under_way(self, row: int) -> int:
        """Return how many requests the process says are under way at an address."""
        return self._rows[row * _ROW_BYTES + _UNDER_WAY]

    def waiting(self, row: int) -> int:
        """Return how many requests the process says wait for a place at an address."""
        return self._rows[row * _ROW_BYTES + _WAITING]
