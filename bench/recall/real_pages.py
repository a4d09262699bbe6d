"""Pages of real programs on loopback: what Chromium fetches with scripts off, and whether a recrawl fetches it, too.

    python -m bench.recall.real_pages --write-docs

The packages come from their registries and stay in the cache folder. Nothing of them is installed or run.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import mimetypes
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from bench.crawl import documents
from bench.crawl.tables import table
from bench.recall import contestants
from bench.recall.browser import chromium
from bench.recall.file_bytes import content_type, file_bytes
from bench.recall.packages import PACKAGES, Package, unpacked
from bench.recall.task import Task

CACHE = Path(tempfile.gettempdir()) / "orbweaver-real-pages"
MOST_PAGES = 30
LIST = "/list-of-pages"
FILES = frozenset({
    ".avif", ".bmp", ".gif", ".ico", ".jpeg", ".jpg", ".m3u8", ".m4a", ".m4v", ".mp3", ".mp4", ".mpd", ".oga", ".ogg",
    ".ogv", ".pdf", ".png", ".svg", ".swf", ".ts", ".vtt", ".webm", ".webp", ".zip",
})  # fmt: skip


# What is asked for without being there, and is no file in our sense; all else is one: many pictures have no ending.
NO_FILES = frozenset(
    {".css", ".eot", ".htm", ".html", ".js", ".json", ".map", ".mjs", ".otf", ".ttf", ".woff", ".woff2"}
)
OTHER_HOST = re.compile(rb"(?:https?:)?//([a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,})/", re.IGNORECASE)


@dataclass(frozen=True)
class Compared:
    """The result of one package: pages opened, files that each fetched, and what only the browser fetched."""

    package: Package
    pages: int
    by_browser: frozenset[str]
    by_orbweaver: frozenset[str]

    @property
    def missing(self) -> list[str]:
        return sorted(self.by_browser - self.by_orbweaver)


class Folder:
    """A folder that is served, and the world of its pages: what they show of other hosts is below `/@/` of this one.

    A file that the package does not have is random bytes, so that each reference to one counts. `given` are the
    addresses that were answered with a file since the last look.
    """

    def __init__(self, root: Path, pages: list[str]) -> None:
        self._root = root.resolve()
        self._pages = pages
        self._given: set[str] = set()

    def look(self) -> set[str]:
        given, self._given = self._given, set()
        return given

    def answer(self, target: str) -> tuple[int, str, bytes]:
        """Return status, content type and body for the target of a request."""
        path = unquote(urlsplit(target).path)
        if path == LIST:
            links = "".join(f'<a href="{quote(one)}">{escape(one)}</a>\n' for one in self._pages)
            return 200, "text/html", links.encode()
        file = (self._root / path.lstrip("/")).resolve()
        if file.is_dir():
            file /= "index.html"
        ending = file.suffix.lower()
        if file.is_relative_to(self._root) and file.is_file():
            if ending in FILES:
                self._given.add(unquote(target))
            return 200, mimetypes.guess_type(file.name)[0] or "application/octet-stream", _own(file)
        if ending in NO_FILES or path in {"/robots.txt", "/favicon.ico"}:
            return 404, "text/plain", b"Not found"
        self._given.add(unquote(target))
        name = path if ending in FILES else "picture.png"
        return 200, content_type(name), file_bytes(target, name)


def _own(file: Path) -> bytes:
    """Return a file's bytes, other hosts' addresses in pages and style sheets made addresses of this one."""
    body = file.read_bytes()
    return OTHER_HOST.sub(rb"/@/\1/", body) if file.suffix.lower() in {".html", ".htm", ".css"} else body


@contextlib.contextmanager
def serving(folder: Folder) -> Iterator[str]:
    """Serve a folder on loopback, and give its URL without the slash at the end."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content_type, body = folder.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def compare(package: Package, root: Path) -> Compared:
    """Open the pages of a package with the browser, and recrawl them."""
    pages = sorted(f"/{one.relative_to(root).as_posix()}" for one in root.rglob("*.htm*"))[:MOST_PAGES]
    folder = Folder(root, pages)
    with serving(folder) as url:
        asyncio.run(_open(url, pages))
        by_browser = folder.look()
        with tempfile.TemporaryDirectory(prefix="orbweaver-real-") as scratch:
            [ours] = [one for one in contestants.CONTESTANTS if one.name == "orbweaver"]
            ours.run(Task({package.name: url + LIST}, scratch))
        return Compared(package, len(pages), frozenset(by_browser), frozenset(folder.look()))


async def _open(url: str, pages: list[str]) -> None:
    async with chromium("chromium") as browser, browser.page() as page:
        for one in pages:
            await page.visit(url + quote(one))


def _row(one: Compared) -> tuple[str, ...]:
    counts = len(one.by_browser), len(one.missing), len(one.by_orbweaver - one.by_browser)
    package = one.package
    return package.shows, f"{package.name} {package.version} ({package.registry})", str(one.pages), *map(str, counts)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.recall.real_pages", description=__doc__)
    parser.add_argument("--packages", nargs="+", metavar="NAME", help="only these")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"folder of the packages (default {CACHE})")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/performance.md")
    given = parser.parse_args()
    for program in ("chromium", "npm"):
        if shutil.which(program) is None:
            sys.exit(f"this needs {program}: apt-get install {program}")
    results = []
    for package in PACKAGES:
        if given.packages and package.name not in given.packages:
            continue
        one = compare(package, unpacked(package, given.cache))
        results.append(one)
        print(f"{package.name}: {one.pages} pages, missing {one.missing}", flush=True)
    head = ("program", "package", "pages", "files that the browser fetched", "of these missing", "more that we fetched")
    text = table(head, map(_row, results))
    print(f"\n{text}")
    if given.write_docs:
        documents.put("figures of bench.recall.real_pages", f"Measured {documents.machine()}.\n\n{text}")
    return 1 if any(one.missing for one in results) else 0


if __name__ == "__main__":
    sys.exit(main())
