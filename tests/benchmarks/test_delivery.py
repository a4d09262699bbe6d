"""The benchmark of deliveries counts a file only when its event came to the engine."""

from __future__ import annotations

import http.client
import json

from bench.delivery.__main__ import Latency
from bench.delivery.engine import HERE, Engine, Host, body_of


def ask(port: int, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(HERE, port, timeout=300)
    connection.request(method, path, body)
    answer = connection.getresponse()
    told = answer.status, answer.read()
    connection.close()
    return told


def test_the_host_and_the_engine_note_the_moments() -> None:
    with Host(2, 0) as host, Engine() as engine:
        assert ask(host.port, "GET", "/")[1].count(b"<img") == 2
        assert ask(host.port, "GET", "/f1.jpg") == (200, body_of(1))
        assert ask(host.port, "GET", "/favicon.ico")[0] == 404
        assert ask(engine.port, "POST", "/", json.dumps({"case": {"url": "http://h/f1.jpg"}}).encode())[0] == 204
        assert engine.arrived["http://h/f1.jpg"] >= 0
    assert list(host.last_byte) == ["/f1.jpg"]


def test_the_median_and_the_99th_percentile() -> None:
    found = Latency(tuple(float(one) for one in range(1, 101)))
    assert (found.median, found.p99) == (50.5, 100.0)
