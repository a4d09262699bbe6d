"""Asks EOKM's (Offlimits') HashCheckService: one digest a request, answered with `true` or `false` and nothing else.

    eokm+https://api.eokmhashdb.nl?username=env:EOKM_USER&password=file:/run/secrets/eokm&canary=md5:HEX

We know it from two clients in public use, SCARt (AbuseIO/SCART-application, scartHASHcheck.php) and Shimmie 2
(ext/eokm/main.php): POST `/v1/check/{md5|sha1}`, the bare digest as the body, Basic authentication, and an answer that
both compare with `true`, one also with `false`, to the byte. SCARt takes everything else, also a 401 and a timeout, as
"not listed". Here everything else is no answer, and the verdict is unknown.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from orbweaver.matcher_client.errors import Unavailable, UnknownService
from orbweaver.matcher_client.protocol import ClaimedHealth
from orbweaver.matcher_client.transport.fan_out import FanOut, NoAnswer
from orbweaver.matcher_client.transport.service_address import ServiceAddress, refuse_unknown_options
from orbweaver.matcher_client.transport.web_session import WebSession
from orbweaver.matcher_client.verdicts import judge
from orbweaver.model import Algorithm, DigestSet, Listing, Verdict, now

# Strongest first. It has PhotoDNA too, which we cannot compute; it knows no SHA-256.
ALGORITHMS: tuple[Algorithm, ...] = ("sha1", "md5")
CONNECTIONS = 8
# The default of curl for such a body, so both known clients send it and the service accepts it.
_CONTENT_TYPE = "application/x-www-form-urlencoded"
_ANSWERS = {b"true": True, b"false": False}

_Question = tuple[Algorithm, str]


class EokmService:
    """Asks for SHA-1 and MD5 of each digest set, several at once; safe for threads.

    Both are asked, whatever the answer to the first is: an entry may have only an MD5, and SHA-1 alone is weak. The
    service names no list, entry, category or version: a listing has only "EOKM" and the algorithms.
    """

    def __init__(self, address: ServiceAddress) -> None:
        """Read the address; raises UnknownService when the URL names no user or no password, or an unknown option."""
        refuse_unknown_options(address, frozenset())
        if address.username is None or address.password is None:
            raise UnknownService(
                f"{address.name}: the service wants a user name and a password: "
                "name them with ?username=env:NAME&password=file:/path"
            )
        self.name = address.name
        self.canary = address.canary
        self._session = WebSession(address, connections=CONNECTIONS)

    def lookup(self, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
        """Return one verdict for each digest set, in order; raises Unavailable when it fails before any answer."""
        asked_at = now()
        asked = [(algorithm, getattr(digests, algorithm)) for digests in digest_sets for algorithm in ALGORITHMS]
        questions = list(dict.fromkeys(asked))
        answers = dict(zip(questions, FanOut(connections=CONNECTIONS).ask(self._ask, questions), strict=True))
        verdicts = []
        for digests in digest_sets:
            agreeing: list[Algorithm] = []
            unanswered: list[str] = []
            for algorithm in ALGORITHMS:
                answer = answers[algorithm, getattr(digests, algorithm)]
                if isinstance(answer, NoAnswer):
                    unanswered.append(answer.reason)
                elif answer:
                    agreeing.append(algorithm)
            listings = [Listing(service=self.name, list="EOKM", algorithms=tuple(agreeing))] if agreeing else []
            verdicts.append(judge(digests, listings, service=self.name, asked_at=asked_at, unanswered=unanswered))
        return verdicts

    def is_listed(self, algorithm: Algorithm, digest: str) -> bool:
        """Whether it answers `true` for this one digest (hex); raises Unavailable, always for SHA-256."""
        if algorithm not in ALGORITHMS:
            raise Unavailable(f"{self.name} does not know {algorithm}: name a canary of {' or '.join(ALGORITHMS)}")
        answer = self._ask((algorithm, digest))
        if isinstance(answer, NoAnswer):
            raise Unavailable(answer.reason)
        return answer

    def health(self) -> ClaimedHealth:
        """Say whether it answers `false` for a random digest, which is on no list; it has no status to ask for."""
        try:
            is_listed = self.is_listed("sha1", secrets.token_hex(20))
        except Unavailable as error:
            return ClaimedHealth(is_healthy=False, reason=str(error))
        if is_listed:
            return ClaimedHealth(is_healthy=False, reason=f"{self.name} says that it knows a random digest")
        return ClaimedHealth(is_healthy=True)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _ask(self, question: _Question) -> bool | NoAnswer:
        algorithm, digest = question
        answer = self._session.post_text(f"/v1/check/{algorithm}", digest, content_type=_CONTENT_TYPE)
        if answer.status in {401, 403}:
            raise Unavailable(
                f"{self.name} refuses the credentials (status {answer.status}): check its username= and password="
            )
        if answer.status != 200:
            return NoAnswer(f"{self.name} answers with status {answer.status}")
        if not answer.content_type.startswith("text/"):
            return NoAnswer(f"{self.name} answers with {answer.kind}, not with text")
        if answer.body not in _ANSWERS:
            # Only its length is shown: an error page may repeat the question.
            return NoAnswer(f"{self.name} answers neither true nor false but {len(answer.body)} other bytes")
        return _ANSWERS[answer.body]
