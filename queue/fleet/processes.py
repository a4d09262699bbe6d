"""Tells whether the process that wrote a record in the store has ended: its number alone may be another's by now."""

from __future__ import annotations

import os
from pathlib import Path


def kernel() -> str:
    """Return what tells this kernel, since its start, and this process's space of process ids from all others."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"


def is_of_this_boot(written_kernel: str) -> bool:
    """Whether a record's kernel has not been started anew since: its space of process ids may be another one."""
    return written_kernel.partition("/")[0] == kernel().partition("/")[0]


def start_of(process_id: int) -> int | None:
    """Return when a process was started, in ticks since the kernel's; 0 for a zombie, None when it cannot be seen."""
    try:
        fields = Path(f"/proc/{process_id}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return 0 if fields[0] == "Z" else int(fields[19])


def has_ended(process_id: int, process_start: int, written_kernel: str) -> bool:
    """Whether a process is known to have ended: it was one of this kernel, and is no more."""
    if written_kernel != kernel():
        return False
    if not is_there(process_id):
        return True
    start = start_of(process_id)
    return start is not None and start != process_start  # another process has its number, or it is a zombie


def is_there(process_id: int) -> bool:
    """Whether any process of this kernel has the number now."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        pass
    return True
