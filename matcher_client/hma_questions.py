"""The questions of one batch to HMA: each digest set once a signal type, several at a time, none after a failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from orbweaver.matcher_client.errors import Unavailable
from orbweaver.matcher_client.hma_answers import Reply, read_lookup
from orbweaver.matcher_client.web_session import WebSession
from orbweaver.model import Algorithm, DigestSet

# A bank takes part when its matching_enabled_ratio is at least the coin, random.Random(seed).random(), and HMA uses
# the seed as the text it was sent (read in its source). This one's coin is 1.7e-7: every bank counts whose ratio is
# not 0, at every question. One seed for all digests: a digest with an unlucky seed of its own would be hidden for good.
SEED = "37537"


@dataclass(frozen=True)
class Lookups:
    """How digests are looked up: the signal type of each algorithm, strongest first; in which banks (none: in all)."""

    signal_types: Mapping[Algorithm, str]
    banks: tuple[str, ...] = ()

    def ask(self, session: WebSession, algorithm: Algorithm, digest: str) -> Reply:
        """Ask one question; raises Unavailable."""
        signal_type = self.signal_types[algorithm]
        parameters = {"signal_type": signal_type, "signal": digest, "seed": SEED}
        if self.banks:
            parameters["banks"] = ",".join(self.banks)
        return read_lookup(session.get("/m/lookup", parameters), signal_type, self.banks)


class Questions:
    """Asks about the digest sets of one batch.

    `failure` says how HMA failed as a whole, None when it did not; nothing more is asked after that. A signal type
    that HMA refuses is not asked again either, the others are.
    """

    def __init__(self, session: WebSession, lookups: Lookups, *, connections: int) -> None:
        self.failure: str | None = None
        self._session = session
        self._lookups = lookups
        self._connections = connections
        self._replies: dict[tuple[Algorithm, DigestSet], Reply] = {}
        self._refusals: dict[Algorithm, Reply] = {}

    @property
    def has_replies(self) -> bool:
        """Whether anything was answered at all."""
        return bool(self._replies)

    def ask(self, digest_sets: Sequence[DigestSet]) -> None:
        """Ask what must be known of each set: every signal type, strongest first, up to a SHA-256 that is listed.

        Within a type they are asked in order, so a canary at both ends stands for what is between.
        """
        distinct = list(dict.fromkeys(digest_sets))
        with ThreadPoolExecutor(self._connections, thread_name_prefix="hma") as pool:
            for algorithm in self._lookups.signal_types:
                unsettled = [one for one in distinct if not self.is_settled(one)]
                replies = pool.map(lambda digests, of=algorithm: self._ask_one(of, digests), unsettled)
                for digests, reply in zip(unsettled, replies, strict=True):
                    if reply is not None:
                        self._replies[algorithm, digests] = reply

    def is_settled(self, digests: DigestSet) -> bool:
        """Whether a SHA-256 match makes further questions needless."""
        reply = self._replies.get(("sha256", digests))
        return reply is not None and bool(reply.contents)

    def reply(self, algorithm: Algorithm, digests: DigestSet) -> Reply:
        """Return what HMA replied, or why there is no reply."""
        reply = self._replies.get((algorithm, digests)) or self._refusals.get(algorithm)
        return reply or Reply(problem=self.failure or "not asked")

    def _ask_one(self, algorithm: Algorithm, digests: DigestSet) -> Reply | None:
        if self.failure is not None or algorithm in self._refusals:
            return None
        try:
            reply = self._lookups.ask(self._session, algorithm, getattr(digests, algorithm))
        except Unavailable as error:
            self.failure = str(error)
            return None
        if reply.refuses_type:
            self._refusals[algorithm] = reply
        return reply
