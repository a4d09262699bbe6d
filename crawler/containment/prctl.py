"""What a process may ask of the kernel about itself and has no Python name, and letting go of what it inherited."""

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
    """Return what prctl answers; missing arguments are 0. Raises OSError when the kernel refuses."""
    # As unsigned long: prctl is variadic, and what is not filled up to 64 bits may hold anything.
    values = [ctypes.c_ulong(one) for one in (*arguments, 0, 0, 0, 0)[:4]]
    answer = int(_library.prctl(option, *values))
    if answer == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent, whose id is given, dies; at once when it is dead."""
    control(SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def let_go_of_descriptors(kept: Collection[int]) -> None:
    """Replace every open descriptor but those kept by one of /dev/null, which gives and takes nothing.

    Merely closed, their numbers would be given to new ones, and the objects that still name them could close those.
    """
    nothing = os.open(os.devnull, os.O_RDONLY)
    # All are listed first: the listing has a descriptor itself.
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if descriptor not in kept and descriptor != nothing:
            os.dup2(nothing, descriptor, inheritable=False)
    os.close(nothing)
