"""EOKM's HashCheckService as its two public clients know it (DOMAIN.md 2.4): one digest a POST, `true` or `false`.

Inferred, for no source shows them: the texts of its errors. The clients show only that there are some.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from orbweaver.matcher_client.services import eokm
from orbweaver.model import Algorithm

from stand_ins import Running
from stand_ins.answering import Asked, Reply, answering

ALGORITHMS: tuple[Algorithm, ...] = ("sha1", "md5")
USERNAME = "hotline"
PASSWORD = "correct horse"


@dataclass(frozen=True, kw_only=True)
class RunningEokm(Running):
    """The stand-in, what it was asked, and how to make it answer otherwise.

    `interject` takes a function that may answer a request in the service's place, or None to go back.
    """

    asked: list[Asked]
    interject: Callable[[Callable[[Asked], Reply | None] | None], None]


@contextmanager
def run() -> Iterator[RunningEokm]:
    """Serve until the context ends."""
    known: set[tuple[str, str]] = set()
    asked: list[Asked] = []
    interjections: list[Callable[[Asked], Reply | None]] = []
    expected = "Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()

    def answer(request: Asked) -> Reply:
        asked.append(request)
        for interjection in interjections:
            reply = interjection(request)
            if reply is not None:
                return reply
        if request.headers.get("authorization") != expected:
            return Reply(401, body=b"Unauthorized", headers={"WWW-Authenticate": "Basic"})
        algorithm = request.path.removeprefix("/v1/check/")
        if request.method != "POST" or algorithm not in ALGORITHMS:
            return Reply(404, body=b"Not Found")
        return Reply(body=b"true" if (algorithm, request.body.decode().lower()) in known else b"false")

    def interject(function: Callable[[Asked], Reply | None] | None) -> None:
        interjections[:] = [] if function is None else [function]

    with TemporaryDirectory() as folder, answering(answer) as port:
        for name, secret in (("username", USERNAME), ("password", PASSWORD)):
            Path(folder, name).write_text(secret + "\n")
        yield RunningEokm(
            scheme="eokm+http",
            port=port,
            add=lambda algorithm, digest: known.add((algorithm, digest.lower())),
            remove=lambda algorithm, digest: known.discard((algorithm, digest.lower())),
            algorithms=ALGORITHMS,
            options=f"username=file:{folder}/username&password=file:{folder}/password",
            asked=asked,
            interject=interject,
            most_at_once=eokm.CONNECTIONS,
        )
