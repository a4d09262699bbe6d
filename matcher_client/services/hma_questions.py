"""The questions of one batch to HMA: each digest set once a signal type, and which of them are needless."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from orbweaver.matcher_client.errors import AnswerTooLarge
from orbweaver.matcher_client.services.hma_answers import Reply, read_lookup
from orbweaver.matcher_client.transport.fan_out import FanOut
from orbweaver.matcher_client.transport.web_session import WebSession
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
        """Ask one question; raises Unavailable. An answer that is too large is no answer to this question alone."""
        signal_type = self.signal_types[algorithm]
        parameters = {"signal_type": signal_type, "signal": digest, "seed": SEED}
        if self.banks:
            parameters["banks"] = ",".join(self.banks)
        try:
            answer = session.get("/m/lookup", parameters)
        except AnswerTooLarge as error:
            return Reply(problem=str(error))
        return read_lookup(answer, signal_type, self.banks)


class Questions:
    """Asks about the digest sets of one batch; a signal type that HMA refuses is not asked again, the others are."""

    def __init__(self, session: WebSession, lookups: Lookups, *, connections: int) -> None:
        self._session = session
        self._lookups = lookups
        self._fan_out = FanOut(connections=connections)
        self._replies: dict[tuple[Algorithm, DigestSet], Reply] = {}
        self._refusals: dict[Algorithm, Reply] = {}

    def ask(self, digest_sets: Sequence[DigestSet]) -> None:
        """Ask what must be known of each set: every signal type, strongest first, up to a SHA-256 that is listed.

        Within a type they are asked in order, so a canary at both ends stands for what is between. Raises Unavailable
        when HMA fails before it has answered anything.
        """
        distinct = list(dict.fromkeys(digest_sets))
        for algorithm in self._lookups.signal_types:
            unsettled = [one for one in distinct if not self.is_settled(one)]
            said = self._fan_out.ask(partial(self._ask_one, algorithm), unsettled)
            for digests, one in zip(unsettled, said, strict=True):
                self._replies[algorithm, digests] = one if isinstance(one, Reply) else Reply(problem=one.reason)

    def is_settled(self, digests: DigestSet) -> bool:
        """Whether a SHA-256 match makes further questions needless."""
        reply = self._replies.get(("sha256", digests))
        return reply is not None and bool(reply.contents)

    def reply(self, algorithm: Algorithm, digests: DigestSet) -> Reply:
        """Return what HMA replied to a question of the batch, or why there is no reply."""
        return self._replies[algorithm, digests]

    def _ask_one(self, algorithm: Algorithm, digests: DigestSet) -> Reply:
        if algorithm in self._refusals:
            return self._refusals[algorithm]
        reply = self._lookups.ask(self._session, algorithm, getattr(digests, algorithm))
        if reply.refuses_type:
            self._refusals[algorithm] = reply
        return reply
