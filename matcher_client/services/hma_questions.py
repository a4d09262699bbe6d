"""Asks HMA the questions of one batch: once for each digest set and signal type, without those that are needless."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from orbweaver.matcher_client.errors import AnswerTooLarge
from orbweaver.matcher_client.services.hma_answers import Reply, read_lookup
from orbweaver.matcher_client.transport.fan_out import FanOut
from orbweaver.matcher_client.transport.web_session import WebSession
from orbweaver.model import Algorithm, DigestSet

# A bank takes part when its matching_enabled_ratio is at least the coin, random.Random(seed).random(), and HMA takes
# the seed as the text that it was sent (read in its source). The coin of this seed is 1.7e-7: every bank with a ratio
# above 0 takes part in every question. All digests have one seed: an unlucky seed would hide a digest for ever.
SEED = "37537"


@dataclass(frozen=True)
class Lookups:
    """The way to look digests up: the signal type of each algorithm, strongest first, and the banks (empty: all)."""

    signal_types: Mapping[Algorithm, str]
    banks: tuple[str, ...] = ()

    def ask(self, session: WebSession, algorithm: Algorithm, digest: str) -> Reply:
        """Ask one question; raises Unavailable. After an answer that is too large only this question has no answer."""
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
    """Asks about the digest sets of one batch. A signal type that HMA refuses is not asked again; the others are."""

    def __init__(self, session: WebSession, lookups: Lookups, *, connections: int) -> None:
        self._session = session
        self._lookups = lookups
        self._fan_out = FanOut(connections=connections)
        self._replies: dict[tuple[Algorithm, DigestSet], Reply] = {}
        self._refusals: dict[Algorithm, Reply] = {}

    def ask(self, digest_sets: Sequence[DigestSet]) -> None:
        """Ask about each set in every signal type, strongest first; after a listed SHA-256 no more about that set.

        Within a type the sets are asked in order, so canaries at both ends prove the answers between them. Raises
        Unavailable when HMA fails before it has answered anything.
        """
        distinct = list(dict.fromkeys(digest_sets))
        for algorithm in self._lookups.signal_types:
            unsettled = [digests for digests in distinct if not self.is_settled(digests)]
            replies = self._fan_out.ask(partial(self._ask_one, algorithm), unsettled)
            for digests, reply in zip(unsettled, replies, strict=True):
                self._replies[algorithm, digests] = reply if isinstance(reply, Reply) else Reply(problem=reply.reason)

    def is_settled(self, digests: DigestSet) -> bool:
        """Whether a SHA-256 match makes further questions needless."""
        reply = self._replies.get(("sha256", digests))
        return reply is not None and bool(reply.contents)

    def reply(self, algorithm: Algorithm, digests: DigestSet) -> Reply:
        """Return HMA's reply to a question of the batch, or why there is none."""
        return self._replies[algorithm, digests]

    def _ask_one(self, algorithm: Algorithm, digests: DigestSet) -> Reply:
        if algorithm in self._refusals:
            return self._refusals[algorithm]
        reply = self._lookups.ask(self._session, algorithm, getattr(digests, algorithm))
        if reply.refuses_type:
            self._refusals[algorithm] = reply
        return reply
