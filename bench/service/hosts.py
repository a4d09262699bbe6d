"""The synthetic hosts of a campaign: which known files each has in which round. It follows from a seed.

A round is one visit of each host by the service. Files come, go and come back between two rounds, never within one, so
what a round has to find is known exactly.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from bench.fleet.hosts import JPEG, address
from bench.told_process import Told

FILES = 3
FILE_BYTES = 2_000
# A host always has this file, which no list knows, and which says its version.
PLAIN = "/plain.jpg"
PLAIN_VERSION = '"1"'
MOST_ROUNDS = 240
# For so many rounds a file is there, and for so many it is not.
STAYS, AWAY = (1, 4), (1, 3)


@dataclass(frozen=True)
class Hosts(Told):
    """So many hosts that the service revisits, then those that `verify` has for itself: they keep all their files.

    The first `shared` of the service's hosts are given to `verify`, too.
    """

    revisited: int = 300
    verified: int = 10
    shared: int = 2
    seed: int = 1

    @property
    def of_service(self) -> range:
        return range(self.revisited)

    @property
    def of_verify(self) -> list[int]:
        return [*range(self.shared), *range(self.revisited, self.revisited + self.verified)]

    @property
    def all(self) -> range:
        return range(self.revisited + self.verified)

    def files(self, host: int, round_number: int) -> Iterator[str]:
        """Yield the paths of the known files that a host has in a round."""
        for number in range(FILES):
            if host >= self.revisited or round_number in _rounds_with(self.seed, host, number):
                yield f"/files/{number}.jpg"

    def places(self, hosts: list[int] | range, round_number: int) -> set[str]:
        """Return the known files of some hosts in a round, as address and path."""
        return {address(host) + path for host in hosts for path in self.files(host, round_number)}

    def sha256s(self) -> Iterator[str]:
        """Yield the digests of all known files."""
        for host in self.all:
            for number in range(FILES):
                yield hashlib.sha256(body_of(host, f"/files/{number}.jpg")).hexdigest()


@cache
def _rounds_with(seed: int, host: int, number: int) -> frozenset[int]:
    source = random.Random(f"{seed} {host} {number}")
    rounds: set[int] = set()
    begin = source.randint(0, AWAY[1])
    while begin < MOST_ROUNDS:
        end = begin + source.randint(*STAYS)
        rounds.update(range(begin, end))
        begin = end + source.randint(*AWAY)
    return frozenset(rounds)


def body_of(host: int, path: str) -> bytes:
    """Return the bytes of a file: no two hosts, and no two paths, have the same."""
    said = f"{address(host)}{path}".encode()
    return JPEG + said * (FILE_BYTES // len(said))
