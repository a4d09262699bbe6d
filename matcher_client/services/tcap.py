"""Asks Tech Against Terrorism's TCAP: hash verification v2, in batches, with a token.

    tcap+https://beta.terrorismanalytics.org?username=env:TCAP_USER&password=file:/run/secrets/tcap&canary=sha256:HEX

Documented (terrorismanalytics.org/docs/hash-verifier-v2 and hash-verifier-v1, docs.terrorismanalytics.org
/docs/api-services/hash-verification and hash-feedback, all read as excerpts; python-threatexchange's
clients/techagainstterrorism/api.py; DOMAIN.md 2.5):

- POST `/token-auth/tcap/` with `username` and `password` gives `token`, a short-lived JWT, used as a Bearer token.
- POST `/hash-verification/api/v2` with a JSON list of `hash_value`, `hash_type` (MD5, SHA256, SHA512, PDQ, TMK) and,
  for perceptual hashes only, `confidence` from 0 to 1. It answers which "are, or are likely to be, terrorist content".
- v1 took at most 50 items; no number is given for v2.
- GET `/hash-list/v2/feedback/categories?name=` gives `results`, a list of `id`, `name`, `description`.

**Inferred**, because no source that we could read shows them: the answer's fields. We accept as an answer a JSON list
that has each item asked, once, by its `hash_value` and `hash_type`, with a `confidence` from 0 to 1. Anything else is
no answer. A canary that must be listed and a random digest that must not be listed prove at run time that this reading
is right. So this service cannot be used without a canary.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from orbweaver.matcher_client.errors import Unavailable, UnknownService
from orbweaver.matcher_client.protocol import ClaimedHealth
from orbweaver.matcher_client.transport.fan_out import FanOut, NoAnswer
from orbweaver.matcher_client.transport.service_address import Canary, ServiceAddress, refuse_unknown_options
from orbweaver.matcher_client.transport.web_session import HttpAnswer, WebSession
from orbweaver.matcher_client.verdicts import judge
from orbweaver.model import Algorithm, DigestSet, EntryStatus, Listing, Verdict, now

ITEMS_A_REQUEST = 50
# Strongest first; it knows no SHA-1, and we compute no SHA-512.
HASH_TYPES: dict[Algorithm, str] = {"sha256": "SHA256", "md5": "MD5"}
_ALGORITHMS: dict[str, Algorithm] = {hash_type: algorithm for algorithm, hash_type in HASH_TYPES.items()}
_TOKEN_PATH = "/token-auth/tcap/"  # noqa: S105 - a path
_VERIFICATION_PATH = "/hash-verification/api/v2"
_FEEDBACK_PATH = "/hash-list/v2/feedback"
_TOKEN_CHARACTERS = 8_192

_Question = tuple[Algorithm, str]
_Confidences = dict[_Question, float]


class TcapService:
    """Asks for SHA-256 and MD5 of each digest set, 50 items a request; threads must not share it.

    A confidence of 1 is a listing, 0 is none. Between them the list itself is not sure: that is a disputed listing, so
    the match is held. As unknown it would be asked again for ever, with the same answer, and nobody would see it.
    """

    def __init__(self, address: ServiceAddress) -> None:
        """Read the address; raises UnknownService without a user, a password or a canary that TCAP can know."""
        refuse_unknown_options(address, frozenset())
        if address.username is None or address.password is None or address.token is not None:
            raise UnknownService(
                f"{address.name}: the service wants a user name and a password, and makes the token itself: "
                "name them with ?username=env:NAME&password=file:/path"
            )
        if address.canary is None or address.canary.algorithm not in HASH_TYPES:
            raise UnknownService(
                f"{address.name}: the service needs a canary of {' or '.join(HASH_TYPES)}: its answers are not "
                "documented, and only a digest that it lists proves that they are read correctly"
            )
        self.name = address.name
        self.canary: Canary | None = address.canary
        self._canary: _Question = address.canary.algorithm, address.canary.digest
        self._credentials = {"username": address.username, "password": address.password}
        self._address = replace(address, username=None, password=None)
        self._session: WebSession | None = None

    def lookup(self, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
        """Return one verdict for each digest set, in order; raises Unavailable when it fails before any answer."""
        asked_at = now()
        questions = [(algorithm, getattr(digests, algorithm)) for digests in digest_sets for algorithm in HASH_TYPES]
        answers = self._ask(list(dict.fromkeys(questions)))
        verdicts = []
        for digests in digest_sets:
            sure: list[Algorithm] = []
            likely: list[Algorithm] = []
            unanswered: list[str] = []
            for algorithm in HASH_TYPES:
                confidence = answers[algorithm, getattr(digests, algorithm)]
                if isinstance(confidence, NoAnswer):
                    unanswered.append(confidence.reason)
                elif confidence == 1:
                    sure.append(algorithm)
                elif confidence > 0:
                    likely.append(algorithm)
            listings = [
                Listing(service=self.name, list="TCAP", scheme="tcap", status=status, algorithms=tuple(algorithms))
                for status, algorithms in ((EntryStatus.ACTIVE, sure), (EntryStatus.DISPUTED, likely))
                if algorithms
            ]
            verdicts.append(judge(digests, listings, service=self.name, asked_at=asked_at, unanswered=unanswered))
        return verdicts

    def is_listed(self, algorithm: Algorithm, digest: str) -> bool:
        """Whether it lists this one digest (hex), with any confidence; raises Unavailable, always for SHA-1."""
        question = algorithm, digest.lower()
        if algorithm not in HASH_TYPES:
            raise Unavailable(f"{self.name} does not know {algorithm}: name a canary of {' or '.join(HASH_TYPES)}")
        confidence = self._ask([question])[question]
        if isinstance(confidence, NoAnswer):
            raise Unavailable(confidence.reason)
        return confidence > 0

    def health(self) -> ClaimedHealth:
        """Say whether it lists the canary, and no random digest; it has no status to ask for."""
        random_digests: list[_Question] = [("sha256", secrets.token_hex(32)), ("md5", secrets.token_hex(16))]
        try:
            answers = self._ask([self._canary, *random_digests])
        except Unavailable as error:
            return ClaimedHealth(is_healthy=False, reason=str(error))
        if isinstance(canary := answers[self._canary], NoAnswer):
            return ClaimedHealth(is_healthy=False, reason=canary.reason)
        if canary == 0:
            return ClaimedHealth(is_healthy=False, reason=f"{self.name} does not list the canary")
        if any(answers[question] != 0 for question in random_digests):
            return ClaimedHealth(is_healthy=False, reason=f"{self.name} says that it knows a random digest")
        return ClaimedHealth(is_healthy=True)

    def give_feedback(self, algorithm: Algorithm, digest: str, category: str) -> None:
        """Tell the list that an entry is wrong; `category` is a category of TCAP, such as FALSE_POSITIVE or INCLUSION.

        The request for the categories is documented. The request for feedback is inferred: a POST beside it, with the
        digest as in the list's entries (`hash_digest`, `algorithm`) and the `category` by its id. It may arrive twice.

        Raises Unavailable when the service does not accept it or has no such category.
        """
        answer = self._with_token(lambda session: session.get(f"{_FEEDBACK_PATH}/categories", {"name": category}))
        document = self._read_json(answer)
        rows = document.get("results") if isinstance(document, dict) else None
        ids = [row.get("id") for row in rows or [] if isinstance(row, dict) and row.get("name") == category]
        if len(ids) != 1 or not isinstance(ids[0], int):
            raise Unavailable(f"{self.name} has no feedback category {category}: use one that it names")
        body = {"hash_digest": digest, "algorithm": HASH_TYPES.get(algorithm), "category": ids[0]}
        answer = self._with_token(lambda session: session.post_json(_FEEDBACK_PATH, body))
        if answer.status not in {200, 201, 202, 204}:
            raise Unavailable(f"{self.name} does not take the feedback (status {answer.status})")

    def close(self) -> None:
        """Forget the token and close the connections."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _ask(self, questions: Sequence[_Question]) -> dict[_Question, float | NoAnswer]:
        requests = [questions[at : at + ITEMS_A_REQUEST] for at in range(0, len(questions), ITEMS_A_REQUEST)]
        answers: dict[_Question, float | NoAnswer] = {}
        for request, answer in zip(requests, FanOut(connections=1).ask(self._verify, requests), strict=True):
            for question in request:
                answers[question] = answer if isinstance(answer, NoAnswer) else answer[question]
        return answers

    def _verify(self, questions: Sequence[_Question]) -> _Confidences | NoAnswer:
        items = [{"hash_value": digest, "hash_type": HASH_TYPES[algorithm]} for algorithm, digest in questions]
        answer = self._with_token(lambda session: session.post_json(_VERIFICATION_PATH, items))
        if answer.status != 200:
            return NoAnswer(f"{self.name} answers with status {answer.status}")
        try:
            return read_confidences(answer.json(), questions)
        except (Unavailable, ValueError) as error:
            return NoAnswer(f"{self.name}: {error}")

    def _with_token(self, ask: Callable[[WebSession], HttpAnswer]) -> HttpAnswer:
        """Ask with a token, and with a new one when it is refused; raises Unavailable when that is refused, too."""
        for _ in range(2):
            if self._session is None:
                self._session = WebSession(replace(self._address, token=self._fetch_token()))
            answer = ask(self._session)
            if answer.status != 401:
                break
            self.close()
        if answer.status in {401, 403}:
            raise Unavailable(
                f"{self.name} refuses its own token (status {answer.status}): ask for access to hash verification"
            )
        return answer

    def _fetch_token(self) -> str:
        session = WebSession(self._address)
        try:
            answer = session.post_json(_TOKEN_PATH, self._credentials)
        finally:
            session.close()
        if answer.status in {400, 401, 403}:
            raise Unavailable(
                f"{self.name} refuses the credentials (status {answer.status}): check its username= and password="
            )
        document = self._read_json(answer)
        token = document.get("token") if isinstance(document, dict) else None
        # The token becomes a header: nothing in it may end the header, and it must not be too long for one.
        is_usable = isinstance(token, str) and token.isascii() and token.isprintable() and bool(token.strip())
        if not isinstance(token, str) or not is_usable or len(token) > _TOKEN_CHARACTERS:
            raise Unavailable(f"{self.name} gives no token for the credentials")
        return token

    def _read_json(self, answer: HttpAnswer) -> Any:
        if answer.status != 200:
            raise Unavailable(f"{self.name} answers with status {answer.status}")
        return answer.json()


def read_confidences(answer: Any, questions: Sequence[_Question]) -> _Confidences:
    """Return the confidence of the list for each question; raises ValueError when the answer has another shape.

    The message says what is wrong, and quotes nothing of the answer.
    """
    if not isinstance(answer, list):
        raise ValueError("the answer is not a list")  # noqa: TRY004 - of the answer, not of a caller
    asked = set(questions)
    confidences: _Confidences = {}
    for item in answer:
        question, confidence = _read_item(item)
        if question not in asked:
            raise ValueError("the answer is about another digest than asked")
        if question in confidences:
            raise ValueError("the answer has a digest twice")
        confidences[question] = confidence
    if len(confidences) != len(asked):
        raise ValueError(f"the answer has {len(confidences)} digests of {len(asked)} asked")
    return confidences


def _read_item(item: Any) -> tuple[_Question, float]:
    if not isinstance(item, dict):
        raise ValueError("the answer has an item that is not an object")  # noqa: TRY004 - of the answer, not of a caller
    hash_type, value, confidence = item.get("hash_type"), item.get("hash_value"), item.get("confidence")
    if not isinstance(hash_type, str) or hash_type not in _ALGORITHMS or not isinstance(value, str):
        raise ValueError("the answer has an item without a known hash_type and a hash_value")
    # For Python a bool is an int, but it is no confidence; NaN is no number between 0 and 1.
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
        raise ValueError("the answer has an item without a confidence from 0 to 1")
    return (_ALGORITHMS[hash_type], value.lower()), confidence
