"""Orbweaver's own batch protocol: no stand-in, but `orbweaver matcher serve` itself, on a list that is built anew."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orbweaver.matcher_client.lists.build import build
from orbweaver.model import ALGORITHMS, Algorithm
from orbweaver_command import eventually

from stand_ins import Running

TOKEN = "synthetic-token-of-the-own-server"
# A list has at least one entry: this one is asked about by nobody.
STRANGER = random.Random("stranger").randbytes(32).hex()


class RebuiltList:
    """A list at `path` that can be changed and built anew, by renaming."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "own.hashes"
        self._source = folder / "own.txt"
        self._digests = {STRANGER}
        self.version = ""
        self.build()

    def build(self) -> None:
        self._source.write_text("".join(f"{digest}\n" for digest in sorted(self._digests)))
        self.version = build([self._source], self.path).list_version

    def add(self, _: Algorithm, digest: str) -> None:
        self._digests.add(digest)
        self.build()

    def remove(self, _: Algorithm, digest: str) -> None:
        self._digests.discard(digest)
        self.build()


@dataclass(frozen=True)
class Serving:
    """A running `orbweaver matcher serve`; `url` is what it printed."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def get(self, path: str) -> Any:
        """GET with the token, as JSON; the status is not looked at."""
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {TOKEN}"})
        try:
            with urllib.request.urlopen(request, timeout=300) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return json.load(error)


@contextmanager
def serving(hashes: Path, *options: str, environment: Mapping[str, str] | None = None) -> Iterator[Serving]:
    """Start the command on any free port of loopback, and end it."""
    log = hashes.with_suffix(".log")
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "orbweaver.cli", "matcher", "serve"]
            + ["--hashes", str(hashes), "--listen", "127.0.0.1:0", *options],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    try:
        lines = iter(process.stdout.readline, "")
        url = next((line.split()[-1] for line in lines if line.startswith("answers at ")), None)
        assert url is not None, log.read_text()
        yield Serving(process, url, log)
    finally:
        process.terminate()
        process.wait(300)
        process.stdout.close()


@contextmanager
def run() -> Iterator[Running]:
    """The server with a token; what `add` and `remove` change counts when they return."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "token").write_text(TOKEN)
        hash_list = RebuiltList(folder)
        with serving(hash_list.path, "--token", f"file:{folder / 'token'}") as server:

            def then_served(change: Callable[[Algorithm, str], None]) -> Callable[[Algorithm, str], None]:
                def change_and_wait(algorithm: Algorithm, digest: str) -> None:
                    change(algorithm, digest)
                    eventually(lambda: server.get("/v1/health").get("list_version") == hash_list.version)

                return change_and_wait

            yield Running(
                scheme="http",
                port=server.port,
                add=then_served(hash_list.add),
                remove=then_served(hash_list.remove),
                algorithms=ALGORITHMS,
                options=f"token=file:{folder / 'token'}",
            )


def _renamed(answer: Any) -> Any:
    """The first answer is about another digest."""
    answer["answers"][0]["sha256"] = STRANGER
    return answer


def _swapped(answer: Any) -> Any:
    answer["answers"].reverse()
    return answer


def _one_less(answer: Any) -> Any:
    answer["answers"].pop()
    return answer


def _one_more(answer: Any) -> Any:
    answer["answers"].append(answer["answers"][-1])
    return answer


def _unrepeated(answer: Any) -> Any:
    """The answers do not say what they answer."""
    return answer | {"answers": [{"listings": one["listings"]} for one in answer["answers"]]}


def _unlisted(answer: Any) -> Any:
    """The answers repeat the digests and say nothing of them."""
    for one in answer["answers"]:
        del one["listings"]
    return answer


def _other_size(answer: Any) -> Any:
    answer["answers"][0]["size"] += 1
    return answer


# What makes a true answer a false one, given what its JSON says; for the contract suite.
MANGLINGS: dict[str, Callable[[Any], Any]] = {
    "another digest than asked": _renamed,
    "answers in another order": _swapped,
    "fewer answers than questions": _one_less,
    "more answers than questions": _one_more,
    "no answers": lambda answer: answer | {"answers": []},
    "answers without their digests": _unrepeated,
    "answers that say nothing": _unlisted,
    "another size than asked": _other_size,
    "no list version": lambda answer: {"answers": answer["answers"]},
}
