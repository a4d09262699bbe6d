"""A local nginx with a configuration of its own: the sites, each on its loopback ports, and a count of requests."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

START_SECONDS = 10
CONFIGURATION = """
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile {files};
error_log {folder}/error.log warn;
pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    keepalive_timeout 60s;
    open_file_cache max={cached_files} inactive=60s;
    default_type application/octet-stream;
    types {{ text/html html; image/jpeg jpg; video/mp4 mp4; }}
    charset utf-8;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{status_port}; location / {{ stub_status; }} }}
{servers}
}}
"""
SERVER = "    server {{ listen 127.0.0.1:{port}; root {root}; index index.html; }}\n"


class Nginx:
    """A running nginx; `sites` has the URLs, one a port, of each folder that it serves."""

    def __init__(self, status_port: int, sites: Mapping[str, tuple[str, ...]]) -> None:
        self.sites = sites
        self._status_port = status_port
        self._questions = 0

    def requests(self) -> int:
        """Return how many requests it has answered, these questions not counted."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._status_port}/") as answer:
            found = re.search(r"\s(\d+) (\d+) (\d+)", answer.read().decode())
        assert found is not None
        self._questions += 1
        return int(found[3]) - self._questions


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


@contextlib.contextmanager
def serving(roots: Mapping[str, Path], folder: Path, *, ports_each: int = 2) -> Iterator[Nginx]:
    """Serve folders, each on several ports; exits with one line when nginx is not installed."""
    binary = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if binary is None:
        raise SystemExit("bench.crawl needs nginx: apt-get install nginx-light (or your system's package)")
    status_port, *ports = free_ports(1 + ports_each * len(roots))
    folder.mkdir(parents=True, exist_ok=True)
    sites, servers = {}, ""
    for name, root in roots.items():
        own = [ports.pop() for _ in range(ports_each)]
        sites[name] = tuple(f"http://127.0.0.1:{port}/" for port in own)
        servers += "".join(SERVER.format(port=port, root=root) for port in own)
    configuration = folder / "nginx.conf"
    # Started by root, its worker would be `nobody` and could not read a private cache.
    user = "user root;" if os.geteuid() == 0 else ""
    # Files that it keeps open must leave room for connections, or it answers 500.
    files = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 20_000)
    configuration.write_text(
        CONFIGURATION.format(
            folder=folder, status_port=status_port, servers=servers, user=user, files=files, cached_files=files // 2
        )
    )
    command = [binary, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(configuration)]
    with subprocess.Popen(command) as process:
        try:
            nginx = Nginx(status_port, sites)
            _wait(process, status_port, folder)
            yield nginx
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise SystemExit(f"nginx did not start: see {folder / 'error.log'}")
