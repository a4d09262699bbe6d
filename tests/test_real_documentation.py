"""A real documentation tree of well over a thousand pages, recrawled by the command, against an independent oracle."""

from __future__ import annotations

import hashlib
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from aiohttp import web
from orbweaver_command import Workplace
from selectolax.lexbor import LexborHTMLParser
from synthetic_host import ADDRESS, ThreadedServer

TREE = Path(__file__).parent.parent / ".venv" / "documentation"
SEED = "/index.html"
PLANTED = 12
REFERRING = {"a": "href", "img": "src", "area": "href", "iframe": "src"}
IMAGE_ENDINGS = {".png", ".gif", ".jpg", ".svg"}


class DocumentationHost(ThreadedServer):
    """Serves the tree's files as they are."""

    async def _open(self) -> int:
        application = web.Application()
        application.router.add_static("/", TREE)
        self._runner = web.AppRunner(application, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, ADDRESS, 0).start()
        return int(self._runner.addresses[0][1])

    async def _close(self) -> None:
        await self._runner.cleanup()


def references(html: str) -> list[str]:
    found = LexborHTMLParser(html).css(",".join(REFERRING))
    return [reference for node in found if (reference := node.attributes.get(REFERRING[node.tag]))]


def reachable() -> set[str]:
    """Return the paths of all files that the seed's links lead to, found with a parser that is not ours."""
    todo, seen = [SEED], {SEED}
    while todo:
        path = todo.pop()
        file = TREE / unquote(path).lstrip("/")
        if file.suffix != ".html":
            continue
        for reference in references(file.read_text(errors="replace")):
            parts = urlsplit(urljoin(f"http://tree{path}", reference))
            if parts.netloc == "tree" and parts.path not in seen and (TREE / unquote(parts.path).lstrip("/")).is_file():
                seen.add(parts.path)
                todo.append(parts.path)
    return seen


@pytest.fixture
def place() -> Iterator[Workplace]:
    with tempfile.TemporaryDirectory() as folder:
        yield Workplace(Path(folder))


def test_exactly_the_planted_images_are_found_also_under_their_duplicates_urls(place: Workplace) -> None:
    assert TREE.is_dir(), "run `make test`, which unpacks the documentation tree first"
    by_digest: dict[str, set[str]] = defaultdict(set)
    pages = 0
    for path in reachable():
        file = TREE / unquote(path).lstrip("/")
        pages += file.suffix == ".html"
        if file.suffix in IMAGE_ENDINGS:
            by_digest[hashlib.sha256(file.read_bytes()).hexdigest()].add(path)
    assert pages > 1_000
    duplicated = sorted(digest for digest, paths in by_digest.items() if len(paths) > 1)[: PLANTED // 2]
    single = sorted(digest for digest, paths in by_digest.items() if len(paths) == 1)[: PLANTED - len(duplicated)]
    assert duplicated
    planted = [*duplicated, *single]
    listing = "".join(f"{digest}  image-{number}\n" for number, digest in enumerate(planted))  # as sha256sum prints
    with DocumentationHost() as host:
        root = host.url.rstrip("/")
        ran = place.run(
            "verify",
            place.write("reports.txt", root + SEED),
            "--hashes",
            place.write("list.txt", listing),
            "--out",
            str(place.out),
            "--json",
            HOST_CONNECTIONS="8",
        )
    assert ran.status == 0, ran.stderr
    expected = {(root + path, digest) for digest in planted for path in by_digest[digest]}
    assert {(case["url"], case["sha256"]) for case in ran.json()["cases"]} == expected
    assert ran.json()["totals"]["pages"] >= pages
