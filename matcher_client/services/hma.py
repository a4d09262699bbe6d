"""Meta's Hasher-Matcher-Actioner 1.x as a matching service: one GET a digest and signal type, several at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from orbweaver.matcher_client.errors import Unavailable, UnknownService
from orbweaver.matcher_client.protocol import ClaimedHealth
from orbweaver.matcher_client.services.hma_answers import require_ready
from orbweaver.matcher_client.services.hma_index import Indexes, read_index_status
from orbweaver.matcher_client.services.hma_questions import Lookups, Questions
from orbweaver.matcher_client.transport.service_address import ServiceAddress, refuse_unknown_options
from orbweaver.matcher_client.transport.web_session import WebSession
from orbweaver.matcher_client.verdicts import judge, unknown
from orbweaver.model import ALGORITHMS, Algorithm, DigestSet, Listing, Verdict, VerdictResult, now

DEFAULT_CONNECTIONS = 8
MOST_CONNECTIONS = 64
_SIGNAL_TYPE = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_BANK = re.compile(r"[A-Z0-9_]+")  # what HMA allows
_OPTIONS = frozenset({*ALGORITHMS, "banks", "connections"})


class HmaService:
    """Asks `GET /m/lookup` by digest, never by `url=` nor by upload, which would make HMA fetch or keep a file.

    `/m/lookup` and not `/m/raw_lookup`, which is twice as fast: `/m/lookup` names the banks, and leaves out contents
    that curators disabled or deleted, and banks that are switched off. `hma_questions.SEED` decides its coin flips.

    Signal types are asked strongest first. After a listed SHA-256 no more is asked about a digest set: that is strong.
    Any other set is asked about in every type: a SHA-1 or an MD5 alone is weak until the other confirms it, and only a
    set that no type lists is `no_match`. The same content found by two types is one listing.

    A batch is believed only if HMA is ready before it and, for `no_match`, also after it. Ready means: /status is
    I-AM-ALIVE, and each type has an index that is not empty. After the first failure of HMA as a whole nothing more is
    asked: the answers so far count, and the rest is unknown.

    Threads must not share it; it has threads of its own.
    """

    def __init__(self, address: ServiceAddress) -> None:
        self.name = address.name
        self.canary = address.canary
        self._lookups = read_lookups(address)
        self._connections = _read_connections(address)
        self._session = WebSession(address, connections=self._connections)

    def lookup(self, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
        """Return one verdict for each digest set, in order; raises Unavailable when HMA is not ready or fails at once.

        `list_version` and `built_to` are those from before the first question; the matcher may have a newer index.
        """
        asked_at = now()
        indexes = self._read_indexes()
        questions = Questions(self._session, self._lookups, connections=self._connections)
        questions.ask(digest_sets)
        verdicts = [self._judge(digests, questions, indexes, asked_at) for digests in digest_sets]
        if all(verdict.result is not VerdictResult.NO_MATCH for verdict in verdicts):
            return verdicts
        try:
            self._read_indexes()
        except Unavailable as error:
            doubted = unknown(f"not ready after the batch: {error}", service=self.name, asked_at=asked_at)
            return [doubted if verdict.result is VerdictResult.NO_MATCH else verdict for verdict in verdicts]
        return verdicts

    def is_listed(self, algorithm: Algorithm, digest: str) -> bool:
        """Whether a bank lists this digest (hex), asked in the same way as by `lookup`; raises Unavailable."""
        if algorithm not in self._lookups.signal_types:
            raise Unavailable(f"MATCHER_URL names no signal type for {algorithm}")
        reply = self._lookups.ask(self._session, algorithm, digest)
        if reply.problem is not None:
            raise Unavailable(reply.problem)
        return bool(reply.contents)

    def health(self) -> ClaimedHealth:
        """Say whether HMA is ready, the state of its indexes, and the age of the oldest; raises nothing.

        Contents that curators disable or enable, and the ratio of a bank, count at once and are not in the version.
        """
        try:
            indexes = self._read_indexes()
        except Unavailable as error:
            return ClaimedHealth(is_healthy=False, reason=str(error))
        return ClaimedHealth(
            is_healthy=True, list_version=indexes.version, built_at=indexes.built_to, entries=indexes.size
        )

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def _read_indexes(self) -> Indexes:
        """Return the indexes that HMA has stored; raises Unavailable when it is not ready."""
        require_ready(self._session.get("/status"))
        answer = self._session.get("/m/index/status")
        return read_index_status(answer, self._lookups.signal_types, now(), banks=self._lookups.banks)

    def _judge(self, digests: DigestSet, questions: Questions, indexes: Indexes, asked_at: datetime) -> Verdict:
        agreeing: dict[tuple[str, int], list[Algorithm]] = {}
        unanswered: list[str] = []
        for algorithm in self._lookups.signal_types:
            reply = questions.reply(algorithm, digests)
            if reply.problem is not None:
                unanswered.append(reply.problem)
            for content in reply.contents:
                agreeing.setdefault(content, []).append(algorithm)
            if questions.is_settled(digests):
                break
        return judge(
            digests,
            [self._listing(bank, content, found_by, indexes) for (bank, content), found_by in agreeing.items()],
            service=self.name,
            asked_at=asked_at,
            list_version=indexes.version,
            built_to=indexes.built_to,
            unanswered=unanswered,
        )

    def _listing(self, bank: str, content_id: int, found_by: list[Algorithm], indexes: Indexes) -> Listing:
        index = indexes.by_algorithm[found_by[0]]
        return Listing(
            service=self.name,
            list=bank,
            entry_id=str(content_id),
            algorithms=tuple(found_by),
            list_version=index.version,
            built_to=index.built_to,
        )


def read_lookups(address: ServiceAddress) -> Lookups:
    """Read `md5=video_md5&sha256=sha256&banks=A,B` of a matcher URL; raises UnknownService."""
    refuse_unknown_options(address, _OPTIONS)
    signal_types = {name: address.options[name] for name in ALGORITHMS if name in address.options}
    if not signal_types:
        raise UnknownService(f"{address.name}: no signal type: name at least one, like ?md5=video_md5&sha256=sha256")
    for algorithm, signal_type in signal_types.items():
        if not _SIGNAL_TYPE.fullmatch(signal_type):
            raise UnknownService(f"{address.name}: {algorithm}= is not the name of a signal type")
        if signal_type == "pdq":
            # It takes a SHA-256 as a PDQ hash: both have 64 hex digits.
            raise UnknownService(f"{address.name}: pdq compares pictures: name an exact signal type for {algorithm}")
    if address.canary is not None and address.canary.algorithm not in signal_types:
        raise UnknownService(f"{address.name}: the canary is a {address.canary.algorithm}, which has no signal type")
    banks = tuple(filter(None, address.options.get("banks", "").split(",")))
    if not all(map(_BANK.fullmatch, banks)) or ("banks" in address.options and not banks):
        raise UnknownService(f"{address.name}: banks= is not a list of bank names like KNOWN_BAD,OTHER_BANK")
    return Lookups(signal_types, banks)


def _read_connections(address: ServiceAddress) -> int:
    written = address.options.get("connections", str(DEFAULT_CONNECTIONS))
    if not re.fullmatch("[1-9][0-9]?", written) or int(written) > MOST_CONNECTIONS:
        raise UnknownService(f"{address.name}: connections= is not a number from 1 to {MOST_CONNECTIONS}")
    return int(written)
