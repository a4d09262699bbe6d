"""prctl(2): what a process may ask of the kernel about itself, and has no Python name."""

from __future__ import annotations

import ctypes
import os

# linux/prctl.h
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
