"""Gives up what makes root stronger than its files: with CAP_SYS_RESOURCE every resource limit can be raised again."""

from __future__ import annotations

import ctypes
import errno
import os

from orbweaver.crawler.containment import prctl

AMBIENT_CLEAR_ALL = 4
VERSION_3 = 0x20080522  # linux/capability.h: 64 capabilities, as two halves

_library = ctypes.CDLL(None, use_errno=True)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Half(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def held() -> int:
    """Return the capabilities that this thread has or could take, as a mask; 0 for an ordinary user."""
    halves = (_Half * 2)()
    _call("capget", halves)
    low, high = (half.effective | half.permitted | half.inheritable for half in halves)
    return int(low) | int(high) << 32


def give_up() -> None:
    """Take every capability from this thread for good. Raises OSError when one is left."""
    prctl.control(prctl.CAP_AMBIENT, AMBIENT_CLEAR_ALL)
    # The bounding set matters to programs that are executed; a process that may not drop it has nothing to drop.
    for capability in range(64):
        try:
            prctl.control(prctl.CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno in {errno.EINVAL, errno.EPERM}:  # past the last one; not ours to drop
                break
            raise
    _call("capset", (_Half * 2)())
    if held():
        raise OSError(errno.EPERM, f"capabilities {held():#x} are left")


def _call(name: str, halves: ctypes.Array[_Half]) -> None:
    if getattr(_library, name)(ctypes.byref(_Header(VERSION_3, 0)), halves) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
