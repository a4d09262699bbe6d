"""Tech Against Terrorism's TCAP, hash verification v2 (matcher_client/services/tcap.py says what is documented of it).

Documented: the paths, the request, the token, the feedback categories, the limit of 50 items (of v1). Inferred: the
fields of an answer, the texts of errors, and how feedback is sent. Tokens are good until `forget_tokens`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, urlsplit

from orbweaver.model import Algorithm

from stand_ins import Running
from stand_ins.answering import Asked, Reply, answering

ALGORITHMS: tuple[Algorithm, ...] = ("sha256", "md5")
USERNAME = "hotline"
PASSWORD = "correct horse"
CATEGORIES = ["FALSE_POSITIVE", "INCLUSION", "CLASSIFICATION", "DUPLICATE", "MATCH", "GENERAL"]
_HASH_TYPES = {"sha256": "SHA256", "md5": "MD5"}

Rewrite = Callable[[list[dict[str, Any]]], Any]


@dataclass(frozen=True, kw_only=True)
class RunningTcap(Running):
    """The stand-in, what it was asked, and how to make it answer otherwise.

    `grade` sets how sure it is of a digest. `interject` takes a function that may answer in the service's place,
    `rewrite` one that is given the right answer and returns what is sent as JSON; None goes back.
    """

    asked: list[Asked]
    feedback: list[dict[str, Any]]
    grade: Callable[[Algorithm, str, float], None]
    interject: Callable[[Callable[[Asked], Reply | None] | None], None]
    rewrite: Callable[[Rewrite | None], None]
    forget_tokens: Callable[[], None]


@contextmanager
def run() -> Iterator[RunningTcap]:
    """Serve until the context ends."""
    known: dict[tuple[str, str], float] = {}
    asked: list[Asked] = []
    feedback: list[dict[str, Any]] = []
    tokens: set[str] = set()
    numbers = itertools.count(1)
    interjections: list[Callable[[Asked], Reply | None]] = []
    rewrites: list[Rewrite] = []

    def say(value: Any, status: int = 200) -> Reply:
        return Reply(status, "application/json", json.dumps(value).encode())

    def give_token(request: Asked) -> Reply:
        said = json.loads(request.body)
        if (said.get("username"), said.get("password")) != (USERNAME, PASSWORD):
            return say({"non_field_errors": ["Unable to log in with provided credentials."]}, 400)
        token = f"token-{next(numbers)}"
        tokens.add(token)
        return say({"token": token, "user": {"username": USERNAME}})

    def verify(request: Asked) -> Reply:
        items = json.loads(request.body)
        if not isinstance(items, list) or len(items) > 50:
            return say({"error": "a list of at most 50 items"}, 400)
        answer = [
            {
                "hash_value": item["hash_value"],
                "hash_type": item["hash_type"],
                "confidence": known.get((item["hash_type"], item["hash_value"].lower()), 0),
            }
            for item in items
        ]
        return say(rewrites[0](answer) if rewrites else answer)

    def answer(request: Asked) -> Reply:
        asked.append(request)
        for interjection in interjections:
            reply = interjection(request)
            if reply is not None:
                return reply
        url = urlsplit(request.path)
        if (request.method, url.path) == ("POST", "/token-auth/tcap/"):
            return give_token(request)
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in tokens:
            return say({"detail": "Given token not valid for any token type"}, 401)
        match request.method, url.path:
            case "POST", "/hash-verification/api/v2":
                return verify(request)
            case "GET", "/hash-list/v2/feedback/categories":
                names = parse_qs(url.query).get("name", CATEGORIES)
                rows = [{"id": CATEGORIES.index(name) + 1, "name": name} for name in names if name in CATEGORIES]
                return say({"count": len(rows), "next": None, "previous": None, "results": rows})
            case "POST", "/hash-list/v2/feedback":
                feedback.append(json.loads(request.body))
                return say({}, 201)
            case _:
                return Reply(404, "text/html", b"<h1>Not Found</h1>")

    def grade(algorithm: Algorithm, digest: str, confidence: float) -> None:
        known[_HASH_TYPES[algorithm], digest.lower()] = confidence

    def interject(function: Callable[[Asked], Reply | None] | None) -> None:
        interjections[:] = [] if function is None else [function]

    def rewrite(function: Rewrite | None) -> None:
        rewrites[:] = [] if function is None else [function]

    with TemporaryDirectory() as folder, answering(answer) as port:
        for name, secret in (("username", USERNAME), ("password", PASSWORD)):
            Path(folder, name).write_text(secret + "\n")
        yield RunningTcap(
            scheme="tcap+http",
            port=port,
            add=lambda algorithm, digest: grade(algorithm, digest, 1),
            remove=lambda algorithm, digest: grade(algorithm, digest, 0),
            algorithms=ALGORITHMS,
            options=f"username=file:{folder}/username&password=file:{folder}/password",
            asked=asked,
            feedback=feedback,
            grade=grade,
            interject=interject,
            rewrite=rewrite,
            forget_tokens=tokens.clear,
        )
