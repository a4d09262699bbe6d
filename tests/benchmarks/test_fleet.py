"""The benchmark of many hosts: a run counts only when every URL of every host was asked for, and politely."""

from __future__ import annotations

import hashlib
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench.crawl.rounds import NotTheSame
from bench.fleet import hosts, processes, runs
from bench.fleet.hosts import Shape

SHAPE = Shape(pages=3, files=4)


def connect(start: str) -> HTTPConnection:
    parts = urlsplit(start)
    assert parts.hostname is not None
    return HTTPConnection(parts.hostname, parts.port)


def fetch(connection: HTTPConnection, path: str) -> bytes:
    connection.request("GET", path)
    return connection.getresponse().read()


@pytest.fixture(scope="module")
def server() -> Iterator[runs.Server]:
    with runs.serving(SHAPE, 0.0) as serving:
        yield serving


def visit(start: str, *, without: str = "") -> dict[str, bytes]:
    with closing(connect(start)) as connection:
        return {path: fetch(connection, path) for path in hosts.answers_of(SHAPE) if path != without}


def test_a_whole_visit_of_every_host_counts_and_the_digests_are_those_that_are_expected(server: runs.Server) -> None:
    bodies = [visit(start) for start in server.starts(2)]
    assert server.seen(2) > 0
    assert len({body for one in bodies for path, body in one.items() if path.endswith(".jpg")}) == 2 * SHAPE.files
    for number, one in enumerate(bodies):
        digests = [hashlib.sha256(body).hexdigest() for path, body in one.items() if path.endswith(".jpg")]
        assert digests == hosts.sha256s_of(hosts.address(number), SHAPE)


def test_every_file_is_linked_from_a_page(server: runs.Server) -> None:
    [start] = server.starts(1)
    bodies = visit(start)
    server.seen(1)
    linked = b"".join(body for path, body in bodies.items() if not path.endswith(".jpg")).decode()
    assert [path for path in bodies if path != "/" and f'"{path}"' not in linked] == []


@pytest.mark.parametrize(
    ("visited", "left_out", "said"), [(1, "/files/2.jpg", "was not asked for"), (2, "", "2 of 1 hosts")]
)
def test_a_run_that_left_something_out_does_not_count(
    server: runs.Server, visited: int, left_out: str, said: str
) -> None:
    for start in server.starts(visited):
        visit(start, without=left_out)
    with pytest.raises(NotTheSame, match=said):
        server.seen(1)


def test_a_run_with_more_requests_at_once_than_is_polite_does_not_count(server: runs.Server) -> None:
    [start] = server.starts(1)
    parts = urlsplit(start)
    assert parts.port is not None
    with socket.create_connection((parts.hostname, parts.port)) as three_at_once:
        three_at_once.sendall(b"GET / HTTP/1.1\r\n\r\n" * 3)
        three_at_once.recv(1)
    visit(start)
    with pytest.raises(NotTheSame, match="3 requests at once, 2 were allowed"):
        server.seen(1)


def test_the_memory_of_a_program_counts_what_it_started() -> None:
    """A shell and two processes of its own, which wait until their input ends."""
    with subprocess.Popen(
        ["sh", "-c", "exec 3<&0; cat <&3 & cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as program:
        assert program.stdin is not None
        children = f"/proc/{program.pid}/task/{program.pid}/children"
        while len(Path(children).read_text().split()) < 2:
            assert program.poll() is None
        family = list(processes.descendants(program.pid))
        assert len(family) == 3
        assert all(processes.pss_bytes(one) > 0 for one in family)
        program.stdin.close()
    assert processes.pss_bytes(program.pid) == 0
