"""One trial: which hosts there are, when files are uploaded to each, and how long a day takes. It follows from a seed.

Times are days from the beginning, if nothing else is said; a day of a trial is some seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from orbweaver.queue.schedule.policy import PolicyName
from orbweaver.queue.schedule.simulation.world import World

from bench.fleet.hosts import JPEG, address
from bench.policy.scenarios import SCENARIOS, make
from bench.told_process import Told

SCENARIO = next(one for one in SCENARIOS if one.name == "sigma-1.5")
FILE_BYTES = 2_000
# A host always has this file, which no list knows.
PLAIN = "/plain.jpg"
POLICIES = (PolicyName.SQUARE_ROOT, PolicyName.UNIFORM)


@dataclass(frozen=True)
class Upload:
    """A known file that appears on a host, by its number there; `weight` is that of its host."""

    host: int
    number: int
    at: float
    weight: float

    @property
    def path(self) -> str:
        return f"/files/{self.number}.jpg"

    @property
    def body(self) -> bytes:
        return body_of(self.host, self.path)


@dataclass(frozen=True)
class Trial(Told):
    """The size of a trial; both fleets have the same budget, in proportion to the hosts as in `bench/policy`.

    A file is removed again `removal_days` after a fleet has fetched it, for that fleet.
    """

    hosts: int = 200
    days: int = 180
    day_seconds: float = 12.0
    removal_days: float = 1.0
    seed: int = 1

    @cached_property
    def world(self) -> World:
        """The hosts and uploads, drawn as `bench/policy` draws them."""
        return make(SCENARIO.smaller(self.hosts, self.days), self.seed)

    @property
    def seconds(self) -> float:
        return self.days * self.day_seconds

    def uploads(self) -> Iterator[Upload]:
        """Yield everything that is uploaded, host by host."""
        for host, times in enumerate(self.world.uploads):
            for number, at in enumerate(times):
                yield Upload(host, number, at, self.world.weights[host])

    def counted(self) -> list[Upload]:
        """Return the uploads that are measured: those after the warm-up that a fleet has the time to find."""
        return [one for one in self.uploads() if self.world.warm_up <= one.at < self.world.last_upload]


def body_of(host: int, path: str) -> bytes:
    """Return the bytes of a file: no two hosts, and no two paths, have the same."""
    said = f"{address(host)}{path}".encode()
    return JPEG + said * (FILE_BYTES // len(said))


def sha256_of(upload: Upload) -> str:
    return hashlib.sha256(upload.body).hexdigest()
