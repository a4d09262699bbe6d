"""Calls prctl, for which Python has no function, and lets go of the descriptors that a process inherited."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Collection
from pathlib import Path

# linux/prctl.h: prctl(2)
SET_PDEATHSIG = 1
GET_DUMPABLE = 3
SET_DUMPABLE = 4
GET_SECCOMP = 21
SET_SECCOMP = 22
CAPBSET_READ = 23
CAPBSET_DROP = 24
SET_NO_NEW_PRIVS = 38
GET_NO_NEW_PRIVS = 39
CAP_AMBIENT = 47

_library = ctypes.CDLL(None, use_errno=True)


def control(option: int, *arguments: int) -> int:
    """Return the answer of prctl; missing arguments are 0. Raises OSError when the kernel refuses."""
    # As unsigned long: prctl is variadic, and the upper half of a shorter argument may hold anything.
    values = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    answer = int(_library.prctl(option, *values))
    if answer == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies; end at once when the process `parent` is dead already."""
    control(SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def let_go_of_descriptors(kept: Collection[int]) -> None:
    """Replace every open descriptor, except those in `kept`, by one of /dev/null, from which nothing can be read.

    If they were only closed, new descriptors would get their numbers, and an object that still has an old number could
    close a new descriptor.
    """
    nothing = os.open(os.devnull, os.O_RDONLY)
    # All are listed first, because the listing has a descriptor itself.
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if descriptor not in kept and descriptor != nothing:
            os.dup2(nothing, descriptor, inheritable=False)
    os.close(nothing)
