"""Promise 1: a marker in every served body is found nowhere afterwards, however the recrawl ended."""

from __future__ import annotations

import os
import re
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from gate import Gate
from orbweaver.crawler.bodies.decoding import GZIP_MARK
from orbweaver.store import embedded
from orbweaver_command import Workplace, eventually, finish
from synthetic_host import Resource, SyntheticHost

# Long enough never to be met by chance, short enough to fit into any record that would quote a body.
MARKER = b"orbweaver-canary-5f0c1d7e"


@pytest.fixture
def place() -> Iterator[Workplace]:
    with tempfile.TemporaryDirectory() as folder:
        yield Workplace(Path(folder))


def marked(kind: str) -> Resource:
    return Resource(kind, MARKER + os.urandom(100) + MARKER * 3_000)


def marked_page(*references: str) -> Resource:
    links = "".join(f'<img src="{one}">' for one in references).encode()
    traps = b"<a href='javascript:%b'>a</a><a href='data:text/plain,%b'>b</a><a href='http://[%b'>c</a>" % (
        (MARKER,) * 3
    )
    return Resource("text/html", b"<!doctype html><title>%b</title><p>%b</p>" % (MARKER, MARKER) + traps + links)


def site(gate: Gate) -> dict[str, Resource]:
    return {
        "/": marked_page("file.bin", "image.png", "text.txt", "error.png", "page.html", "cut.gz", "gate"),
        "/file.bin": marked("application/octet-stream"),
        "/image.png": marked("image/png"),
        "/text.txt": marked("text/plain"),
        "/page.html": marked_page("file.bin"),
        "/error.png": Resource("image/png", MARKER * 10, status=500),
        "/cut.gz": Resource("image/png", GZIP_MARK + MARKER * 10, headers={"Content-Encoding": "gzip"}),
        "/gate": Resource(None, gate.answer),
    }


def places_with_the_marker(place: Workplace) -> list[str]:
    """Return every file of the workplace, and every store key, in which the marker stands."""
    found = [str(path) for path in place.folder.rglob("*") if path.is_file() and MARKER in path.read_bytes()]
    with embedded.running(place.state) as store:
        for key in store.scan_iter():
            # DUMP compresses long texts: read the values themselves.
            kind = store.type(key).decode()
            values: list[object] = {
                "string": lambda key: [store.get(key)],
                "hash": lambda key: [item for pair in store.hgetall(key).items() for item in pair],
                "list": lambda key: store.lrange(key, 0, -1),
                "set": lambda key: list(store.smembers(key)),
                "zset": lambda key: store.zrange(key, 0, -1),
                "stream": lambda key: [repr(store.xrange(key)).encode()],
            }[kind](key)
            if any(MARKER in value for value in [key, *values] if isinstance(value, bytes)):
                found.append(key.decode())
    return found


def arguments(place: Workplace, url: str) -> list[str]:
    hashes = place.write("list.txt", f"{'01' * 32}\n")
    return ["verify", place.write("reports.txt", url), "--hashes", hashes, "--out", str(place.out), "--json"]


def test_after_a_finished_recrawl(place: Workplace) -> None:
    gate = Gate(marked_page())
    gate.open()
    with SyntheticHost(site(gate)) as host:
        ran = place.run(*arguments(place, host.url))
    assert (
        ran.json()["totals"]["files"] == 7
    )  # four files, one of them with an error status, and a data: URI on each page
    assert ran.json()["totals"]["bytes_read"] > 3 * 3_000 * len(MARKER)
    assert MARKER.decode() not in ran.stdout + ran.stderr
    assert places_with_the_marker(place) == []


def test_after_an_interrupted_recrawl(place: Workplace) -> None:
    gate = Gate(marked_page())
    with SyntheticHost(site(gate)) as host:
        running = place.start(*arguments(place, host.url))
        gate.wait_until_reached()
        running.send_signal(signal.SIGINT)
        ran = finish(running)
        gate.open()
    assert ran.json()["interrupted"] is True
    assert MARKER.decode() not in ran.stdout + ran.stderr
    assert places_with_the_marker(place) == []


@pytest.mark.parametrize("kind", ["recrawl_workers", "crawl_processes"])
def test_after_a_process_of_a_recrawl_was_killed(place: Workplace, kind: str) -> None:
    gate = Gate(marked_page())
    with SyntheticHost(site(gate)) as host:
        running = place.start(*arguments(place, host.url))
        gate.wait_until_reached()
        (crawl,) = place.crawl_processes()
        (process,) = getattr(place, kind)()
        os.kill(process, signal.SIGKILL)
        eventually(lambda: has_ended(crawl))
        gate.open()
        ran = finish(running)
    assert ran.json()["hosts"][0]["attempts"] == 2
    assert MARKER.decode() not in ran.stdout + ran.stderr
    assert places_with_the_marker(place) == []


def has_ended(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes() == b""  # nobody waited for it yet
    except OSError:
        return True


def files_open_for_writing(process: int) -> list[str]:
    found = []
    for entry in Path(f"/proc/{process}/fd").iterdir():
        flags = re.search(
            r"^flags:\s*([0-7]+)$", Path(f"/proc/{process}/fdinfo/{entry.name}").read_text(), re.MULTILINE
        )
        assert flags is not None
        if entry.is_file() and int(flags[1], 8) & os.O_ACCMODE != os.O_RDONLY:
            found.append(str(entry.readlink()))
    return found


def sockets_of(process: int) -> set[str]:
    return {str(one.readlink()) for one in Path(f"/proc/{process}/fd").iterdir() if one.is_socket()}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look into a process that is not dumpable")
def test_a_crawl_process_holds_no_file_that_it_could_write_to_and_no_connection_to_the_store(place: Workplace) -> None:
    gate = Gate(marked_page())
    with SyntheticHost(site(gate)) as host:
        running = place.start(*arguments(place, host.url))
        gate.wait_until_reached()
        (worker,), (crawl,) = place.recrawl_workers(), place.crawl_processes()
        found = files_open_for_writing(crawl)
        inherited = sockets_of(worker) & sockets_of(crawl)
        is_connected = bool(sockets_of(worker))
        gate.open()
        finish(running)
    assert found == []
    assert is_connected
    assert inherited == set()


def test_the_search_finds_a_marker_that_was_kept(place: Workplace) -> None:
    with embedded.running(place.state) as store:
        store.hset("leak", "field", MARKER)
    (place.temporary / "leak").write_bytes(b"..." + MARKER)
    found = places_with_the_marker(place)
    assert {"leak", str(place.temporary / "leak")} <= set(found)
