"""A connection on which no request comes is ended; one that asks is answered."""

from __future__ import annotations

import http.client
import socket
import threading

import pytest
from fastapi import FastAPI
from orbweaver.matcher_client.server import begun_connections
from orbweaver.matcher_client.server.listening import ListeningServer


def test_silent_connections_keep_out_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(begun_connections, "HEAD_SECONDS", 1.0)
    server = ListeningServer(
        FastAPI(),
        listen="127.0.0.1:0",
        needed_for_others=None,
        certificate=None,
        key=None,
        most_connections=3,
        keep_alive_seconds=5,
    )
    serving = threading.Thread(target=server.run)
    serving.start()
    try:
        port = int(server.url.rpartition(":")[2])
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        for one in silent[1:]:
            one.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n")
        for one in silent:
            assert one.recv(1) == b""  # the server has ended it, however long that took
            one.close()
        status = 503
        while status == 503:  # until it knows that the last one is closed
            asking = http.client.HTTPConnection("127.0.0.1", port)
            asking.request("GET", "/nothing")
            status = asking.getresponse().status
            asking.close()
        assert status == 404
    finally:
        server.stop()
        serving.join()
