"""Asks in Orbweaver's own batch protocol: up to 1,000 digest sets a request; each answer is compared with its question.

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

    The answer to a request is believed as a whole or not at all: not with one answer too few, with a digest that was
    not asked, or with a listing that cannot be read. Nothing is asked before the first lookup.
    """

    def __init__(self, address: ServiceAddress) -> None:
        refuse_unknown_options(address, frozenset())
        self.name = address.name
        self.canary = address.canary
        self._session = WebSession(address)

    def lookup(self, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
        """Return one verdict for each digest set, in order; equal ones are asked once. Raises Unavailable.

        When an answer is too large, each half is asked about in its own request. A single digest set with such an
        answer is unknown; if nothing was answered before it, AnswerTooLarge is raised, because all answers may be too
        large.
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
        """Whether the server lists this one digest (hex), whatever its status; raises Unavailable."""
        answer = self._ask([{algorithm: digest.lower()}])
        return bool(answer.answers[0].listings)

    def health(self) -> ClaimedHealth:
        """Return what the server says of its own health; raises nothing."""
        try:
            answer = self._session.get(HEALTH_PATH)
            if answer.status not in {200, 503}:
                return ClaimedHealth(is_healthy=False, reason=self._say_status(answer))
            health = self._read(answer, HealthAnswer)
        except Unavailable as error:
            return ClaimedHealth(is_healthy=False, reason=str(error))
        is_healthy = health.is_healthy and answer.status == 200
        reason = None if is_healthy else f"{self.name} says that it cannot answer: its {HEALTH_PATH} says why"
        return ClaimedHealth(
            is_healthy=is_healthy,
            reason=reason,
            list_version=health.list_version,
            built_at=health.built_to,
            entries=health.entries,
        )

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _lookup_part(self, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
        asked_at = now()
        answer = self._ask(
            [{"md5": it.md5, "sha1": it.sha1, "sha256": it.sha256, "size": it.size} for it in digest_sets]
        )
        source = Source(
            service=self.name, asked_at=asked_at, list_version=answer.list_version, built_to=answer.built_to
        )
        # Making a verdict takes time, and most verdicts are this one.
        no_match = Verdict(result=VerdictResult.NO_MATCH, sources=(source,))
        return [
            self._judge(digests, of_digests, answer, asked_at) if of_digests.listings else no_match
            for digests, of_digests in zip(digest_sets, answer.answers, strict=True)
        ]

    def _judge(
        self, digests: DigestSet, of_digests: DigestsAnswer, answer: LookupAnswer, asked_at: datetime
    ) -> Verdict:
        return judge(
            digests,
            [answer.listing(found, self.name) for found in of_digests.listings],
            service=self.name,
            asked_at=asked_at,
            list_version=answer.list_version,
            built_to=answer.built_to,
        )

    def _ask(self, questions: Sequence[_Question]) -> LookupAnswer:
        response = self._session.post_json(LOOKUP_PATH, {"digest_sets": questions})
        if response.status != 200:
            raise Unavailable(self._say_status(response))
        answer = self._read(response, LookupAnswer)
        if len(answer.answers) != len(questions):
            raise Unavailable(f"{self.name} gave {len(answer.answers):,} answers to {len(questions):,} questions")
        if not all(map(_is_answer_to, answer.answers, questions)):
            raise Unavailable(f"{self.name} answered about other digests than it was asked")
        return answer

    def _read(self, answer: HttpAnswer, shape: type[_Shape]) -> _Shape:
        # The message of pydantic quotes the answer, so it is not shown.
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
                problem = "refuses us: check token= in MATCHER_URL"
            case 404 | 405:
                problem = "does not speak the batch protocol there: check the path in MATCHER_URL"
            case _:
                problem = "cannot answer"
        return f"{self.name} {problem} (status {answer.status})"


def _is_answer_to(answer: DigestsAnswer, question: _Question) -> bool:
    """Whether an answer repeats its question, and names as agreeing only digests that were asked."""
    repeated = (answer.sha256, answer.sha1, answer.md5, answer.size)
    if repeated != (question.get("sha256"), question.get("sha1"), question.get("md5"), question.get("size")):
        return False
    return all(algorithm in question for found in answer.listings for algorithm in found.algorithms)
