"""Runs a command within the limits that a unit sets, so far as a process can set them for itself.

`python tests/as_a_unit.py '{"SystemCallFilter": ...}' COMMAND...`. The rest (what is mounted, the control group, the
addresses) needs systemd itself. `docs/deployment.md` says which option is for what.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Sequence

from orbweaver.crawler.containment import capabilities, prctl
from seccompy import Action, ArgCmp, CmpOp, Filter, syscall_nr

# CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
NAMESPACES = (0x80, 0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000)
MOST_FAMILIES = 46
# prctl.h, from Linux 6.3 on. systemd 252 does the same with a filter of system calls.
SET_MDWE, REFUSE_EXEC_GAIN = 65, 1


def groups() -> dict[str, set[str]]:
    """Return systemd's groups of system calls."""
    said = subprocess.run(["systemd-analyze", "syscall-filter"], capture_output=True, text=True, check=True).stdout
    found: dict[str, set[str]] = {}
    group = ""
    for line in said.splitlines():
        if line.startswith("@"):
            group = line.strip()
        elif line.startswith("    ") and not line.strip().startswith("#"):
            found.setdefault(group, set()).add(line.strip())
    return found


def calls_of(lines: Sequence[str], known: dict[str, set[str]]) -> set[str]:
    """Return the calls that several lines of SystemCallFilter= allow; the first is a list of what is allowed."""
    allowed: set[str] = set()
    for line in lines:
        names = _expanded(line.removeprefix("~").split(), known)
        allowed = allowed - names if line.startswith("~") else allowed | names
    return allowed


def _expanded(names: Sequence[str], known: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    for name in names:
        found |= _expanded(sorted(known[name]), known) if name.startswith("@") else {name}
    return found


def limit(unit: dict[str, list[str]]) -> None:
    """Enter the limits of a unit, for good."""
    os.umask(int(unit["UMask"][-1], 8))
    for name, kind in {"LimitCORE": 4, "LimitFSIZE": 1, "LimitNOFILE": 7}.items():
        value = unit.get(name, ["infinity"])[-1]
        if value != "infinity":
            hard = resource.getrlimit(kind)[1]
            most = int(value) if hard == resource.RLIM_INFINITY else min(int(value), hard)
            resource.setrlimit(kind, (most, most))
    calls = sorted(calls_of(unit["SystemCallFilter"], groups()))
    capabilities.give_up()
    prctl.control(prctl.SET_NO_NEW_PRIVS, 1)
    if unit["MemoryDenyWriteExecute"] == ["yes"]:
        prctl.control(SET_MDWE, REFUSE_EXEC_GAIN)
    others = Filter(default=Action.ALLOW)
    allowed = {getattr(socket, name) for name in unit["RestrictAddressFamilies"][-1].split()}
    for family in set(range(1, MOST_FAMILIES)) - allowed:
        others.errno("socket", errno.EAFNOSUPPORT, args=[ArgCmp(0, CmpOp.EQ, family)])
    for flag in NAMESPACES:
        for call in ("clone", "unshare"):
            others.errno(call, errno.EPERM, args=[ArgCmp(0, CmpOp.MASKED_EQ, flag, flag)])
    others.errno("setns", errno.EPERM)
    others.errno("clone3", errno.ENOSYS)
    others.load()
    listed = Filter(default=Action.ERRNO | errno.EPERM)
    for call in calls:
        if _is_here(call):
            listed.allow(call)
    listed.load()


def _is_here(call: str) -> bool:
    try:
        syscall_nr(call)
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    limit(json.loads(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
