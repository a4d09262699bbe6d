"""Ports of 127.0.0.1 for tests: one where nobody answers, and ones for servers that cannot choose their own."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Iterator
from pathlib import Path

HERE = "127.0.0.1"
LOWEST = 10_000


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """Yield a port that refuses connections; it is kept meanwhile, so that no process of another test gets it."""
    with socket.socket() as kept:
        kept.bind((HERE, 0))  # and does not listen
        yield int(kept.getsockname()[1])


def free_port() -> int:
    """Return a port on which nobody listens, of those that the kernel gives nobody who leaves the choice to it."""
    first_of_kernel = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    draws = random.SystemRandom()
    while True:
        port = draws.randrange(LOWEST, max(first_of_kernel, LOWEST + 1_000))
        with contextlib.suppress(OSError), socket.create_server((HERE, port)):
            return port
