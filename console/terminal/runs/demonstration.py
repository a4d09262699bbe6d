"""`orbweaver demo`: does the main job on a synthetic host of its own, made of random bytes at run time."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from orbweaver.console.errors import OutputUnusable
from orbweaver.console.terminal.runs.verify import RunOptions, verify
from orbweaver.console.text import count, report_console
from orbweaver.model import Case
from orbweaver.queue.runs.verify_result import VerifyResult
from orbweaver.settings import Settings
from rich.console import Console
from rich.table import Table

# A loopback address, too, but outside the one range that the demo opens. It stands for a private address, and even
# with a broken egress rule nothing would leave this machine.
TRAP_ADDRESS = "127.66.0.1"
OPENED = "127.0.0.1/32"
START_SECONDS = 60.0


@dataclass(frozen=True)
class Planted:
    """A file or a redirect on the synthetic host, and whether it must make a case."""

    path: str
    what: str
    is_case: bool


PLANTED = (
    Planted("/gallery/known-a.jpg", "a listed file, linked from a page", True),
    Planted("/again/known-a-copy.jpg", "the same file at another URL", True),
    Planted("/files/known-b.bin", "a listed file behind two redirects on the host", True),
    Planted("/reported/known-c.png", "a listed file, reported itself", True),
    Planted("/gallery/harmless.jpg", "a file on no list", False),
    Planted("/gallery/empty.jpg", "an empty file (its digest is in the list on purpose)", False),
    Planted("/elsewhere", "a redirect out of scope", False),
    Planted("/trap", "a redirect to a private address", False),
)


def run(settings: Settings, keep: Path | None) -> int:
    """Run the demonstration, and show which cases it made; returns 0 when they are exactly those that were planted.

    Its store stays in the directory `keep`, and the console can show it. Raises OutputUnusable when that cannot be.
    """
    console = report_console()
    console.print("A synthetic host of random bytes on loopback is recrawled; the hash list knows three of its files.")
    with _folder(keep) as folder, _serving() as (port, listed):
        options = _options(folder, port, listed)
        finished = verify(options, settings.model_copy(update={"store_url": None, "takedown_sinks": ()}))
        is_right = _show(console, finished.result, port)
        console.print(
            "Kept of every body: 0 bytes. The crawl process could not have written one: its kernel sandbox was "
            f"{'on' if _sandboxed(finished.result) else 'OFF'}."
        )
    if keep is not None:
        _say_how_to_look(console, keep)
    return 0 if is_right else 1


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="orbweaver-demo-") as name:
            yield Path(name)
        return
    try:
        keep.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnusable(f"--keep {keep} cannot be made ({error.strerror}): choose another directory") from error
    yield keep.absolute()


def _say_how_to_look(console: Console, keep: Path) -> None:
    """Say how the demo's store is opened in the console, with the program as it was called."""
    program = sys.argv[0] if os.sep in sys.argv[0] and shutil.which("orbweaver") is None else "orbweaver"
    console.print("To look at its hosts and cases in the console, make an account, and open the page that it names:")
    for arguments in ("users add me --role admin --role analyst", "console"):
        console.print(f"  {program} {arguments} --state {keep / 'state'}", markup=False, highlight=False)


def _options(folder: Path, port: int, listed: dict[str, bytes]) -> RunOptions:
    base = f"http://127.0.0.1:{port}"
    reports = folder / "reports.csv"
    reports.write_text(
        "url,report_id,received_at,source\n"
        f"hxxp://127[.]0[.]0[.]1:{port}/gallery/,demo-1,2026-01-01T00:00:00Z,demo\n"
        f"{base}/reported/known-c.png,demo-2,2026-01-02T00:00:00Z,demo\n"
        f"http://{TRAP_ADDRESS}:{port}/,demo-3,2026-01-03T00:00:00Z,demo\n"
    )
    hashes = folder / "list.csv"
    rows = [f"{hashlib.sha256(body).hexdigest()},{name},synthetic" for name, body in listed.items()]
    rows.append(f"{hashlib.sha256(b'').hexdigest()},empty,synthetic")
    hashes.write_text("\n".join(["sha256,entry_id,category", *rows]) + "\n")
    return RunOptions(
        reports=str(reports),
        hashes=hashes,
        out=folder / "out",
        state_dir=folder / "state",
        allow_addresses=(OPENED,),
    )


def _show(console: Console, result: VerifyResult, port: int) -> bool:
    raised = {case.url: case for case in result.cases}
    table = Table(title="What was planted, and what became of it", title_justify="left")
    for column in ("Planted", "Expected", "Seen"):
        table.add_column(column, overflow="fold")
    is_right = True
    for planted in PLANTED:
        case = raised.pop(f"http://127.0.0.1:{port}{_case_path(planted)}", None)
        is_right = is_right and (case is not None) == planted.is_case
        table.add_row(
            f"{planted.path}: {planted.what}",
            "case" if planted.is_case else "no case",
            _seen(case, planted, result, port),
        )
    trap = [skip for skip in result.skips if TRAP_ADDRESS in skip.url]
    is_right = is_right and not raised and any(skip.rule.startswith("egress.") for skip in trap)
    table.add_row(
        f"{TRAP_ADDRESS}: a reported host at a private address",
        "refused",
        trap[0].reason if trap else "fetched",
    )
    console.print(table)
    console.print("Everything is as planted." if is_right else "This is NOT what was planted.")
    return is_right


def _case_path(planted: Planted) -> str:
    return "/moved/known-b.bin" if planted.path == "/files/known-b.bin" else planted.path


def _seen(case: Case | None, planted: Planted, result: VerifyResult, port: int) -> str:
    if case is not None:
        way = [str(one.status) for one in case.redirects or ()]
        behind = f", behind {count(len(way), 'redirect')} ({', '.join(way)})" if way else ""
        return f"case {str(case.case_id)[:8]}, {case.verdict.algorithm} on list {case.verdict.list}{behind}"
    for skip in result.skips:
        if skip.url == f"http://127.0.0.1:{port}{planted.path}":
            return f"{skip.outcome} ({skip.rule})"
    return "hashed, no match"


def _sandboxed(result: VerifyResult) -> bool:
    return all(bool((record.sandbox or {}).get("is_on")) for record in result.recrawls)


def _content() -> tuple[dict[str, tuple[str, bytes]], dict[str, str], dict[str, bytes]]:
    """Return pages and files by path, redirects by path, and listed files by name."""
    a, b, c = (os.urandom(size) for size in (60_000, 400_000, 20_000))
    gallery = """<!doctype html><title>synthetic</title>
      <img src="known-a.jpg"><img src="harmless.jpg"><img src="empty.jpg">
      <a href="/again/">again</a> <a href="/moved/known-b.bin">b</a>
      <a href="/elsewhere">elsewhere</a> <a href="/trap">trap</a>"""
    files = {
        "/gallery/": ("text/html", gallery.encode()),
        "/again/": ("text/html", b'<!doctype html><video src="known-a-copy.jpg"></video>'),
        "/gallery/known-a.jpg": ("image/jpeg", a),
        "/again/known-a-copy.jpg": ("image/jpeg", a),
        "/gallery/harmless.jpg": ("image/jpeg", os.urandom(50_000)),
        "/gallery/empty.jpg": ("image/jpeg", b""),
        "/files/known-b.bin": ("application/octet-stream", b),
        "/reported/known-c.png": ("image/png", c),
    }
    redirects = {
        "/moved/known-b.bin": "/moved/again/known-b.bin",
        "/moved/again/known-b.bin": "/files/known-b.bin",
        "/elsewhere": "http://out-of-scope.example/",
        "/trap": f"http://{TRAP_ADDRESS}/",
    }
    return files, redirects, {"a": a, "b": b, "c": c}


@contextlib.contextmanager
def _serving() -> Iterator[tuple[int, dict[str, bytes]]]:
    """Serve the synthetic host in a thread; yields its port and the listed files."""
    files, redirects, listed = _content()

    async def answer(request: web.Request) -> web.Response:
        if request.path in redirects:
            raise web.HTTPFound(redirects[request.path])
        if request.path not in files:
            raise web.HTTPNotFound
        content_type, body = files[request.path]
        return web.Response(body=body, content_type=content_type)

    loop = asyncio.new_event_loop()
    ready = threading.Event()
    ports: list[int] = []

    async def serve() -> Callable[[], object]:
        application = web.Application()
        application.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        ports.append(runner.addresses[0][1])
        return runner.cleanup

    def run_loop() -> None:
        asyncio.set_event_loop(loop)
        cleanup = loop.run_until_complete(serve())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(cleanup())  # type: ignore[arg-type]
        loop.close()

    thread = threading.Thread(target=run_loop, name="synthetic host")
    thread.start()
    ready.wait(START_SECONDS)
    try:
        yield ports[0], listed
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
