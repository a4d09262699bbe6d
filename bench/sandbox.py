"""Measures the time to enter the sandbox, layer by layer: each crawl process does so once, before its first request.

`python -m bench.sandbox [times]`. Each time is a process of its own, forked from one that has the modules loaded, as a
worker forks its crawl processes. Prints the median and the best.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from orbweaver.crawler.containment import sandbox, system_calls

# What `sandbox.enter` calls, by the function of its own module.
STEPS = {
    "resource limits": (sandbox, "_limit_resources"),
    "not dumpable": (sandbox, "_refuse_debuggers"),
    "no file writes": (sandbox, "_refuse_file_writes"),
    "no capabilities": (sandbox, "_give_up_capabilities"),
    "Landlock": (sandbox, "_restrict"),
    "Landlock, proof": (sandbox, "_prove_that_no_file_can_be_created"),
    "seccomp": (system_calls, "restrict"),
    "seccomp, proof": (sandbox, "_prove_that_calls_are_refused"),
}
CALLS = 20_000


def measure(sender: Connection) -> None:
    taken: dict[str, float] = {}

    def timed(step: str, function: Callable[..., None]) -> Callable[..., None]:
        def run(*arguments: Any) -> None:
            begun = time.perf_counter()
            function(*arguments)
            taken[step] = time.perf_counter() - begun

        return run

    for step, (module, name) in STEPS.items():
        setattr(module, name, timed(step, getattr(module, name)))
    taken["a system call before"] = seconds_a_call()
    begun = time.perf_counter()
    sandbox.enter(tcp_ports=[80, 443], memory_bytes=2**32, cpu_seconds=60)
    taken["together"] = time.perf_counter() - begun
    taken["a system call after"] = seconds_a_call()
    sender.send(taken)


def seconds_a_call() -> float:
    """Return the time of one call whose arguments the filter looks at."""
    here, there = socket.socketpair()
    begun = time.perf_counter()
    for _ in range(CALLS):
        here.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)
        here.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    taken = (time.perf_counter() - begun) / (2 * CALLS)
    here.close()
    there.close()
    return taken


def main(times: int) -> None:
    """Measure so many times and print a table."""
    measured: list[dict[str, float]] = []
    sandbox.prepare()  # as a worker does
    for _ in range(times):
        receiver, sender = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(target=measure, args=(sender,))
        process.start()
        measured.append(receiver.recv())
        process.join()
    print(f"{times} processes, user {os.geteuid()}: median and best, microseconds")
    for step in measured[0]:
        taken = [one[step] * 1e6 for one in measured]
        print(f"{step:24}{statistics.median(taken):12.2f}{min(taken):12.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
