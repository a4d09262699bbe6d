"""Orbweaver's own batch protocol, asked: up to 1,000 digest sets a request, and every answer held to its question.

https://matcher.hotline.example/?token=file:/run/secrets/matcher&canary=sha256:HEX
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from orbweaver.matcher_client.errors import AnswerTooLarge, Unavailable
from orbweaver.matcher_client.protocol import ClaimedHealth
from orbweaver.matcher_client.services.orbweaver_protocol import (
    HEALTH_PATH,
    LOOKUP_PATH,
    MOST_DIGEST_SETS,
    DigestsAnswer,
    HealthAnswer,
    LookupAnswer,
)
from orbweaver.matcher_client.transport.service_address import ServiceAddress, refuse_unknown_options
from orbweaver.matcher_client.transport.web_session import HttpAnswer, WebSession
from orbweaver.matcher_client.verdicts import judge, unknown
from orbweaver.model import Algorithm, DigestSet, Source, Verdict, VerdictResult, now
from pydantic import BaseModel, ValidationError

_Shape = TypeVar("_Shape", bound=BaseModel)
# The fields of a question that its answer repeats.
_Question = Mapping[str, str | int]


class BatchService:
    """Asks a server that speaks `batch_protocol`; `orbweaver matcher serve` is one.

    A request is answered as a whole or not at all: one answer too few, one digest that was not asked or one listing
    that cannot be read, and nothing of the request's answer is believed. Nothing is asked before the first lookup.
    """

    def __init__(self, address: ServiceAddress) -> None:
        refuse_unknown_options(address, frozenset())
        self.name = address.name
        self.canary = address.canary
        self._session = WebSession(address)

    def lookup(self, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
        """Return one verdict for each digest set, in order; equal ones are asked once. Raises Unavailable.

        Where an answer is too large, each half is asked for itself; a single digest set with such an answer is unknown,
        unless nothing was answered before: then every other answer may be so too.
        """
        different = list(dict.fromkeys(digest_sets))
        verdicts: dict[DigestSet, Verdict] = {}
        waiting = [different[start : start + MOST_DIGEST_SETS] for start in range(0, len(different), MOST_DIGEST_SETS)]
        waiting.reverse()
        while waiting:
            part = waiting.pop()
            try:
                verdicts.update(zip(part, self._lookup_part(part), strict=True))
            except AnswerTooLarge as error:
                if len(part) > 1:
                    middle = len(part) // 2
                    waiting += [part[middle:], part[:middle]]
                elif verdicts:
                    verdicts[part[0]] = unknown(str(error), service=self.name, asked_at=now())
                else:
                    raise
        return [verdicts[digests] for digests in digest_sets]

    def is_listed(self, algorithm: Algorithm, digest: str) -> bool:
        """Whether the server lists this one digest (hex), in whatever status; raises Unavailable."""
        answer = self._ask([{algorithm: digest.lower()}])
        return bool(answer.answers[0].listings)

    def health(self) -> ClaimedHealth:
        """Say what the server says of itself; raises nothing."""
        try:
            answer = self._session.get(HEALTH_PATH)
            if answer.status not in {200, 503}:
                return ClaimedHealth(is_healthy=False, reason=self._say_status(answer))
            said = self._read(answer, HealthAnswer)
        except Unavailable as error:
            return ClaimedHealth(is_healthy=False, reason=str(error))
        is_healthy = said.is_healthy and answer.status == 200
        reason = None if is_healthy else f"{self.name} says that it cannot answer: its {HEALTH_PATH} says why"
        return ClaimedHealth(
            is_healthy=is_healthy,
            reason=reason,
            list_version=said.list_version,
            built_at=said.built_to,
            entries=said.entries,
        )

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _lookup_part(self, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
        asked_at = now()
        answer = self._ask(
            [{"md5": one.md5, "sha1": one.sha1, "sha256": one.sha256, "size": one.size} for one in digest_sets]
        )
        source = Source(
            service=self.name, asked_at=asked_at, list_version=answer.list_version, built_to=answer.built_to
        )
        # A verdict is costly to make, and most are this one.
        no_match = Verdict(result=VerdictResult.NO_MATCH, sources=(source,))
        return [
            self._judge(digests, said, answer, asked_at) if said.listings else no_match
            for digests, said in zip(digest_sets, answer.answers, strict=True)
        ]

    def _judge(self, digests: DigestSet, said: DigestsAnswer, answer: LookupAnswer, asked_at: datetime) -> Verdict:
        return judge(
            digests,
            [answer.listing(found, self.name) for found in said.listings],
            service=self.name,
            asked_at=asked_at,
            list_version=answer.list_version,
            built_to=answer.built_to,
        )

    def _ask(self, questions: Sequence[_Question]) -> LookupAnswer:
        answer = self._session.post_json(LOOKUP_PATH, {"digest_sets": questions})
        if answer.status != 200:
            raise Unavailable(self._say_status(answer))
        said = self._read(answer, LookupAnswer)
        if len(said.answers) != len(questions):
            raise Unavailable(f"{self.name} gave {len(said.answers):,} answers to {len(questions):,} questions")
        if not all(map(_is_answer_to, said.answers, questions)):
            raise Unavailable(f"{self.name} answered about other digests than it was asked")
        return said

    def _read(self, answer: HttpAnswer, shape: type[_Shape]) -> _Shape:
        # pydantic's own message quotes what it read.
        if answer.content_type == "application/json":
            try:
                return shape.model_validate(answer.json())
            except (Unavailable, ValidationError):
                raise Unavailable(
                    f"{self.name} answers in another shape than the batch protocol's (status {answer.status})"
                ) from None
        raise Unavailable(f"{self.name} answers with {answer.kind} (status {answer.status}), not with JSON")

    def _say_status(self, answer: HttpAnswer) -> str:
        match answer.status:
            case 401 | 403:
                said = "refuses us: check token= in MATCHER_URL"
            case 404 | 405:
                said = "does not speak the batch protocol there: check the path in MATCHER_URL"
            case _:
                said = "cannot answer"
        return f"{self.name} {said} (status {answer.status})"


def _is_answer_to(answer: DigestsAnswer, question: _Question) -> bool:
    """Whether an answer repeats its question, and claims agreement of asked digests only."""
    repeated = (answer.sha256, answer.sha1, answer.md5, answer.size)
    if repeated != (question.get("sha256"), question.get("sha1"), question.get("md5"), question.get("size")):
        return False
    return all(algorithm in question for found in answer.listings for algorithm in found.algorithms)
