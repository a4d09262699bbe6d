"""A run against many hostile hosts at once ends, says why for each, and has the case of the honest host.

The whole table of hostile acts is played in tests/crawler/test_hostile_servers.py.
"""

from __future__ import annotations

import hashlib
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hostile_server import MANY_FILES, Behaviour, HostileServer
from loopback_ports import closed_port
from orbweaver_command import Workplace
from synthetic_host import Resource, SyntheticHost

PNG = b"\x89PNG\r\n\x1a\n" + os.urandom(5_000)
# Short, so that the test is; where the honest file does not come in time the machine is too busy for them, and all is
# tried again with longer ones.
DEADLINES = {"CONNECT_TIMEOUT": 2, "HEADER_TIMEOUT": 2, "STALL_TIMEOUT": 2, "GRACE_PERIOD": 2, "TRANSFER_TIMEOUT": 8}
BOUNDS = {"SLOWEST_BYTES_PER_SECOND": "1024", "FILE_BYTES": str(30 * 2**20)}
PATIENCE = (1, 10)
# What is said of the reported URL, /file.bin; None: it is hashed.
EXPECTED: dict[str, set[str] | None] = {
    Behaviour.HANGS: {"timeout"},
    Behaviour.DRIPS: {"too_slow", "timeout"},
    Behaviour.NEVER_ENDS: {"too_large"},
    Behaviour.LIES_LONG: {"incomplete"},
    # The surplus is refused if it arrives together with the rest, else never read.
    Behaviour.LIES_SHORT: {"bad_response"},
    Behaviour.HEADER_FLOOD: {"bad_response"},
    Behaviour.CUT_CHUNKED: {"incomplete"},
    Behaviour.CUT_GZIP: {"incomplete"},
    Behaviour.GZIP_BOMB: {"too_large"},
    Behaviour.CLOSES_AT_ONCE: {"unreachable"},
    Behaviour.NOT_HTTP: {"bad_response"},
    Behaviour.CLOSE_DELIMITED: None,
    Behaviour.REDIRECT_LOOP: {"redirect_loop"},
    Behaviour.ENDLESS_REDIRECTS: {"redirect_loop"},
    Behaviour.CONNECTION_COUNTER: None,  # its page is reported; its files are hashed
}
MAY_BE_HASHED = {Behaviour.LIES_SHORT, Behaviour.CLOSE_DELIMITED}


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


def test_every_hostile_host_is_said_and_the_honest_one_is_checked(folder: Path) -> None:
    with ExitStack() as stack:
        honest = stack.enter_context(SyntheticHost({"/known.png": Resource("image/png", PNG)}))
        servers = {kind: stack.enter_context(HostileServer(kind)) for kind in EXPECTED}
        refused = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        private = f"http://10.0.0.1:{refused.getsockname()[1]}/file.bin"
        elsewhere = {
            "http://does-not-exist.invalid/file.bin": {"unresolved"},
            f"http://127.0.0.1:{stack.enter_context(closed_port())}/file.bin": {"unreachable"},
            private: {"refused_address"},
        }
        hostile = {server.url + "file.bin": kind for kind, server in servers.items()}
        counter = servers[Behaviour.CONNECTION_COUNTER]
        del hostile[counter.url + "file.bin"]
        hostile[counter.url] = Behaviour.CONNECTION_COUNTER
        reports = [*hostile, *elsewhere, honest.url + "known.png"]
        expected = elsewhere | {url: EXPECTED[kind] for url, kind in hostile.items()}
        listed = f"sha256,entry_id,category\n{hashlib.sha256(PNG).hexdigest()},1,synthetic\n"
        for patience in PATIENCE:
            place = Workplace(folder / str(patience))
            arguments = [place.write("reports.txt", "\n".join(reports)), "--hashes", place.write("list.csv", listed)]
            deadlines = {name: str(seconds * patience) for name, seconds in DEADLINES.items()}
            ran = place.run("verify", *arguments, "--out", str(place.out), "--json", **deadlines, **BOUNDS)
            skipped = {one["url"]: one for one in place.lines("skipped.jsonl")}
            wrong = {
                hostile.get(url, url): skipped.get(url, {}).get("outcome")
                for url, outcomes in expected.items()
                if skipped.get(url, {}).get("outcome") not in (outcomes or {None})
                and not (url not in skipped and hostile.get(url) in MAY_BE_HASHED)
            }
            if not wrong and place.lines("cases.jsonl"):
                break
        connections = counter.max_connections_seen
    assert ran.status == 1, ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    assert [case["url"] for case in place.lines("cases.jsonl")] == [honest.url + "known.png"]
    assert wrong == {}
    for one in skipped.values():
        assert one["reason"]
        assert "\n" not in one["reason"]
        assert len(one["reason"]) < 300
        assert "ESMTP" not in one["reason"]
    said = ran.json()
    assert said["totals"]["bytes_kept"] == 0
    assert len(said["hosts"]) == len(EXPECTED) + len(elsewhere) + 1
    assert 1 <= connections <= 4
    # One of these is the honest file, 50 are the counter's.
    assert said["totals"]["files"] in {1 + MANY_FILES + 1, 1 + MANY_FILES + 2}
    assert place.processes() == []
