"""Serves all hosts to both fleets, each of which has a port and a copy of what is there.

`python -m bench.detection.server TRIAL` prints the ports. The first line that it reads is the moment when the trial
begins, in seconds since 1970; after the second it prints what each fleet fetched, as JSON, and ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict

from bench.detection.trial import PLAIN, POLICIES, Trial, Upload, body_of
from bench.fleet.hosts import address
from bench.fleet.server import ANY_LOOPBACK, Counts, Serving


class Copy:
    """The files of one fleet: an upload is there from its moment on, until some time after the fleet has fetched it."""

    latency = 0.0

    def __init__(self, trial: Trial) -> None:
        self.counts = Counts()
        self.begins_at = float("inf")
        self.visits: dict[str, list[float]] = defaultdict(list)
        self.fetched: dict[str, float] = {}
        self._trial = trial
        self._uploads: dict[str, dict[str, Upload]] = {address(host): {} for host in range(trial.hosts)}
        for one in trial.uploads():
            self._uploads[address(one.host)][one.path] = one
        self._numbers = {address(host): host for host in range(trial.hosts)}

    def answer(self, host: str, path: str) -> bytes:
        at = (time.time() - self.begins_at) / self._trial.day_seconds
        there = {one.path: one for one in self._uploads.get(host, {}).values() if self._is_there(host, one, at)}
        if host in self._uploads and path == "/":
            self.visits[host].append(at)
            images = "".join(f'<p><img src="{one}" alt="a picture"></p>' for one in (PLAIN, *there))
            return _answer("text/html", f"<!DOCTYPE html><title>a board</title>{images}".encode())
        if host in self._uploads and path == PLAIN:
            return _answer("image/jpeg", body_of(self._numbers[host], PLAIN))
        if path in there:
            self.fetched.setdefault(host + path, at)
            return _answer("image/jpeg", there[path].body)
        return b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nnot found"

    def _is_there(self, host: str, upload: Upload, at: float) -> bool:
        return upload.at <= at < self.fetched.get(host + upload.path, at) + self._trial.removal_days


def _answer(content_type: str, body: bytes) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def serve(trial: Trial) -> None:
    loop = asyncio.get_running_loop()
    copies = {str(name): Copy(trial) for name in POLICIES}
    ports = {}
    for name, copy in copies.items():
        server = await loop.create_server(lambda copy=copy: Serving(copy), ANY_LOOPBACK, 0, backlog=4096)
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    begins_at = float(await loop.run_in_executor(None, sys.stdin.readline))
    for copy in copies.values():
        copy.begins_at = begins_at
    await loop.run_in_executor(None, sys.stdin.readline)
    seen = {name: {"visits": copy.visits, "fetched": copy.fetched} for name, copy in copies.items()}
    print(json.dumps(seen), flush=True)


def main() -> None:
    asyncio.run(serve(Trial.read(sys.argv[1])))


if __name__ == "__main__":
    main()
