"""A matching service in this process whose state is another one at each question: what a gate is tested against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum

from builders import NOON, digests_of
from orbweaver.matcher_client.errors import Unavailable
from orbweaver.matcher_client.protocol import ClaimedHealth
from orbweaver.matcher_client.transport.service_address import Canary
from orbweaver.matcher_client.verdicts import judge, unknown
from orbweaver.model import ALGORITHMS, Algorithm, DigestSet, Listing, Verdict

CANARY = digests_of(b"canary")


class State(StrEnum):
    """What a service can be like; only `good` lists everything that it should."""

    GOOD = "good"
    EMPTY = "empty"  # and says that it is ready, with the version and the entries of the list that it has lost
    RAISING = "raising"
    WITHOUT_CANARY = "without canary"
    SHRUNK = "shrunk"  # with its canary
    ILL = "ill"  # answers from nothing, and says that it is ill
    SHORT = "short"  # leaves answers out
    SULKING = "sulking"  # answers nothing but unknown


GOOD_ON_PAPER = {State.EMPTY: State.GOOD}


class FaultyService:
    """Lists `listed` and a canary, as far as its state lets it; `next_state` is called for each question.

    `questions` has the digest sets of every lookup. `is_versioned` says whether answers name the list's version;
    `say_entries` makes what is said of the number of entries from the right one.
    """

    def __init__(
        self,
        listed: Sequence[DigestSet],
        next_state: Callable[[], State],
        *,
        name: str = "https://faulty.test",
        is_versioned: bool = True,
        algorithm: Algorithm = "sha256",
    ) -> None:
        self.name = name
        self.canary: Canary | None = Canary(algorithm, getattr(CANARY, algorithm))
        self.questions: list[list[DigestSet]] = []
        self.checks = 0
        self.version = "1"
        self.built_at: datetime | None = None
        self.say_entries: Callable[[int], int | None] = lambda count: count
        self.is_closed = False
        self._listed = list(listed)
        self._next_state = next_state
        self._is_versioned = is_versioned

    def lookup(self, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
        state = self._next_state()
        self.questions.append(list(digest_sets))
        if state is State.RAISING:
            raise Unavailable("faulty is down")
        if state is State.SULKING:
            return [unknown("no answer to this one") for _ in digest_sets]
        verdicts = [self._judge(digests, state) for digests in digest_sets]
        return verdicts[1:] if state is State.SHORT else verdicts

    def is_listed(self, algorithm: Algorithm, digest: str) -> bool:
        state = self._next_state()
        if state in {State.RAISING, State.SHORT, State.SULKING}:
            raise Unavailable("faulty is down")
        return any(getattr(one, algorithm) == digest for one in self._entries(state))

    def health(self) -> ClaimedHealth:
        state = self._next_state()
        self.checks += 1
        if state in {State.RAISING, State.ILL}:
            return ClaimedHealth(is_healthy=False, reason="faulty is ill")
        entries = self._entries(GOOD_ON_PAPER.get(state, state))
        said = self.say_entries(len(entries))
        return ClaimedHealth(is_healthy=True, list_version=self._version(state), built_at=self.built_at, entries=said)

    def close(self) -> None:
        self.is_closed = True

    def _entries(self, state: State) -> list[DigestSet]:
        return {
            State.EMPTY: [],
            State.ILL: [],
            State.WITHOUT_CANARY: self._listed,
            State.SHRUNK: [*self._listed[: len(self._listed) // 2], CANARY],
        }.get(state, [*self._listed, CANARY])

    def _version(self, state: State) -> str | None:
        if not self._is_versioned:
            return None
        return f"{self.version}, shrunk" if state is State.SHRUNK else self.version

    def _judge(self, digests: DigestSet, state: State) -> Verdict:
        listings = []
        for entry in self._entries(state):
            agreeing = tuple(name for name in ALGORITHMS if getattr(entry, name) == getattr(digests, name))
            if agreeing:
                listings.append(Listing(service=self.name, list="faulty", algorithms=agreeing))
        return judge(digests, listings, service=self.name, asked_at=NOON, list_version=self._version(state))
