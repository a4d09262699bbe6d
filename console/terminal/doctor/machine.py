"""Checks the machine: readers, kernel, sandbox, swap and disk."""

from __future__ import annotations

import multiprocessing
import os
import platform
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import landlockpy
from orbweaver.console.terminal.doctor.checks import Check
from orbweaver.console.text import size
from orbweaver.crawler import reader_proof
from orbweaver.crawler.containment import capabilities, sandbox, system_calls
from orbweaver.crawler.errors import ReadersWrong, SandboxUnavailable
from orbweaver.settings import Settings
from orbweaver.store import disk


def reader_check() -> Check:
    """Test the readers as every recrawl does: with a reader that is wrong, a host with known files looks clean."""
    try:
        reader_proof.read_samples()
    except ReadersWrong as error:
        return Check("readers", "fail", str(error))
    return Check("readers", "ok", "links, digests, encodings, archives and URLs of fixed samples are read correctly")


def kernel_checks(settings: Settings) -> Iterator[Check]:
    """Yield the checks of the kernel, of the sandbox that it enforces, and of swap."""
    reason = sandbox.unavailable_reason()
    if reason is None:
        yield Check("kernel", "ok", f"{platform.release()}: Landlock ABI {landlockpy.abi_version()}, seccomp filters")
    else:
        yield Check("kernel", "fail", reason)
    yield from _sandbox(settings)
    swaps = Path("/proc/swaps")
    if swaps.exists() and len(swaps.read_text().splitlines()) > 1:
        yield Check("swap", "warn", "on: memory may reach the disk; encrypt it or set MemorySwapMax=0")
    else:
        yield Check("swap", "ok", "off")


def _sandbox(settings: Settings) -> Iterator[Check]:
    """Enter the sandbox in a child, as every crawl process does, and report each layer."""
    is_on = settings.sandbox == "on"
    entered = _rehearse(settings)
    if isinstance(entered, str):
        yield Check("sandbox", "fail", entered)
        return
    if is_on:
        yield Check("sandbox", "ok", "a test process entered it; every crawl process does before a request")
    else:
        yield Check("sandbox", "warn", "SANDBOX=off: crawl processes can write files; unset it")
    held = capabilities.held()
    meanings = {
        "resource limits": f"{size(settings.memory_bytes)} of address space, CPU time, no core dumps",
        "not dumpable": "no debugger, and no core dump through a pipe",
        "no file writes": "nothing more can be written to files that were open before",
        "no capabilities": f"{held.bit_count()} given up; it is better to run as a user that has none"
        if held
        else "none to give up",
        "Landlock": f"ABI {entered.landlock_abi}: no file can be opened for writing, TCP only to the scope's ports",
        "seccomp": f"{system_calls.count()} system calls allowed, every other refused",
    }
    for layer in sandbox.LAYERS:
        is_in_force = layer in entered.layers
        yield Check(f"layer {layer}", "ok" if is_in_force else "warn", meanings[layer] if is_in_force else "off")


def _rehearse(settings: Settings) -> sandbox.Enforced | str:
    """Return the report of a contained process, or why it could not be contained."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_enter, args=(sender, settings))
    child.start()
    sender.close()
    try:
        entered: sandbox.Enforced | str = receiver.recv()
    except EOFError:
        child.join()
        return f"a test process ended with {child.exitcode} as it entered"
    child.join()
    return entered


def _enter(sender: Connection, settings: Settings) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the sandbox's note about a log that is a file is only for crawls
    try:
        sender.send(
            sandbox.enter(
                tcp_ports=(80, 443),
                memory_bytes=settings.memory_bytes,
                cpu_seconds=60,
                is_on=settings.sandbox == "on",
            )
        )
    except SandboxUnavailable as error:
        sender.send(str(error))


def disk_check(state_dir: Path) -> Check:
    """Say whether the state directory's disk takes files now, and how much space is left; makes no file."""
    folder = disk.nearest_folder(state_dir.expanduser().absolute())
    shortage = disk.shortage(folder)
    if shortage is not None:
        return Check("disk", "fail", f"{shortage}; free space there, or choose another directory with --state DIR")
    room = disk.room_at(folder)
    wrong = disk.complaint(room)
    if wrong is not None:
        where = f"{folder} (mounted at {disk.mount_of(folder)})"
        return Check("disk", "fail" if wrong[0] else "warn", f"{where}: {wrong[1]}")
    return Check("disk", "ok", f"{size(room.free_bytes)} free at {disk.mount_of(folder)}")
