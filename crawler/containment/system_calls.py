"""Lets a crawl process make a few system calls only: a seccomp filter refuses all others.

A refused call gets an error and does not kill the process. So a library can try another way, and a failure shows where
it happens. A call with the numbers of another architecture kills the process.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import platform
import socket
import sys
from collections.abc import Iterator
from typing import NamedTuple

from orbweaver.crawler.containment import prctl
from orbweaver.crawler.errors import SandboxUnavailable
from seccompy import Action, audit_arch, syscall_nr
from seccompy.bpf import BPF_JEQ, BPF_JGEQ, And, Insn, Jump, Load, Ret, assemble

ARCHITECTURES = ("x86_64", "aarch64")
MODE_FILTER = 2  # SECCOMP_MODE_FILTER
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16  # offsets in struct seccomp_data
REFUSED = Action.ERRNO | errno.EPERM

# Each group is one thing that Python, an event loop, a thread pool, glibc's resolver or malloc does. A name that this
# architecture does not have is left out.
ALLOWED_GROUPS = {
    "memory": "brk munmap mremap mprotect madvise mincore membarrier",
    "reading": "read readv pread64 preadv lseek close close_range dup dup2 dup3",
    "facts about files": "fstat stat lstat newfstatat statx statfs fstatfs access faccessat faccessat2 readlink "
    "readlinkat getcwd getdents64",
    "sockets, pipes and the log": "write writev",  # RLIMIT_FSIZE keeps them from files
    "connections": "connect shutdown recvfrom recvmsg getsockname getpeername getsockopt",
    "waiting": "epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 poll ppoll select pselect6 "
    "pipe pipe2 eventfd2 futex nanosleep clock_nanosleep restart_syscall sched_yield alarm setitimer getitimer",
    "threads and their end": "set_robust_list rseq gettid sched_getaffinity sched_getparam sched_getscheduler "
    "sigaltstack rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait exit exit_group",
    "facts about itself": "getpid getppid getpgrp getpgid getsid getuid geteuid getgid getegid getresuid getresgid "
    "getgroups getrlimit getrusage getpriority getcpu",
    "time and chance": "times time gettimeofday clock_gettime clock_getres getrandom uname sysinfo",
}
ALLOWED = tuple(name for names in ALLOWED_GROUPS.values() for name in names.split())

# From this number on (Linux 5.1) the numbers are the same on every architecture, and libraries expect that a kernel may
# lack the call: with ENOSYS they do without clone3, openat2 and io_uring, while EPERM would be an error to some.
FIRST_OPTIONAL = 424

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | (os.O_TMPFILE & ~os.O_DIRECTORY)
MSG_FASTOPEN = 0x2000_0000  # would connect past Landlock
MAP_SHARED, MAP_ANONYMOUS = 0x01, 0x20
CLONE_THREAD = 0x0001_0000
# CLONE_PTRACE, VFORK; NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
NOT_A_THREAD = 0x2000 | 0x4000 | 0x0002_0000 | 0x7E00_0000
SOCKET_TYPE = 0xF  # what is left of a type without SOCK_NONBLOCK and SOCK_CLOEXEC

# asm-generic/ioctls.h: TCGETS (isatty), TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
TERMINAL_AND_BLOCKING = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC
DESCRIPTOR_FLAGS = (0, 1, 2, 3, 4, 1030)
# PR_GET_DUMPABLE, SET_NAME, GET_NAME, GET_SECCOMP, GET_NO_NEW_PRIVS, SET_VMA (names of mappings)
ASKED_OF_ONESELF = (prctl.GET_DUMPABLE, 15, 16, prctl.GET_SECCOMP, prctl.GET_NO_NEW_PRIVS, 0x53564D41)
SOCKET_OPTIONS = {
    # SO_REUSEADDR, SNDBUF, RCVBUF, KEEPALIVE, LINGER, RCVTIMEO, SNDTIMEO
    socket.SOL_SOCKET: (2, 7, 8, 9, 13, 20, 21, 66, 67),
    # TCP_NODELAY, CORK, KEEPIDLE, KEEPINTVL, KEEPCNT, LINGER2, QUICKACK, USER_TIMEOUT, NOTSENT_LOWAT
    socket.IPPROTO_TCP: (1, 3, 4, 5, 6, 8, 12, 18, 25),
    # IP_MTU_DISCOVER, IP_RECVERR: glibc's resolver
    socket.IPPROTO_IP: (10, 11),
    # IPV6_MTU_DISCOVER, IPV6_RECVERR, IPV6_V6ONLY
    socket.IPPROTO_IPV6: (23, 25, 26),
}


# Stands in the filter where the id of its process belongs: no process has it, and no other operand is like it.
ANY_PROCESS = 0xA5C3_5A3C


class Bits(NamedTuple):
    """A condition: the bits `of` of an argument are `value`. The kernel reads only the lower half of most arguments."""

    argument: int
    value: int
    of: int = 0xFFFF_FFFF
    is_upper_half: bool = False


def checked(own_process: int) -> Iterator[tuple[str, tuple[Bits, ...]]]:
    """Yield calls that are allowed when all their conditions on the arguments hold; a call may come several times."""
    # The most frequent first: the kernel goes through the filter for these calls, and only for these.
    yield "sendto", (_without(3, MSG_FASTOPEN),)
    yield "sendmsg", (_without(2, MSG_FASTOPEN),)
    yield "sendmmsg", (_without(3, MSG_FASTOPEN),)
    # A shared mapping could change an existing file; an anonymous one is only memory.
    yield "mmap", (_without(3, MAP_SHARED),)
    yield "mmap", (Bits(3, MAP_SHARED | MAP_ANONYMOUS, of=MAP_SHARED | MAP_ANONYMOUS),)
    yield "openat", (_without(2, WRITING),)
    yield "open", (_without(1, WRITING),)
    for request in TERMINAL_AND_BLOCKING:
        yield "ioctl", (Bits(1, request),)
    for command in DESCRIPTOR_FLAGS:
        yield "fcntl", (Bits(1, command),)
    for level, options in SOCKET_OPTIONS.items():
        for option in options:
            yield "setsockopt", (Bits(1, level), Bits(2, option))
    for family in (socket.AF_INET, socket.AF_INET6):
        for kind, protocols in (
            (socket.SOCK_STREAM, (0, socket.IPPROTO_TCP)),
            (socket.SOCK_DGRAM, (0, socket.IPPROTO_UDP)),
        ):
            for protocol in protocols:
                yield "socket", (Bits(0, family), Bits(1, kind, of=SOCKET_TYPE), Bits(2, protocol))
    # An event loop wakes itself with it. No other Unix socket is allowed: the store listens on one, and Landlock's
    # rules for paths govern them from ABI 9 on only. The resolver asks DNS servers itself, without nscd or systemd.
    yield "socketpair", (Bits(0, socket.AF_UNIX), Bits(1, socket.SOCK_STREAM, of=SOCKET_TYPE), Bits(2, 0))
    yield "clone", (Bits(0, CLONE_THREAD, of=CLONE_THREAD | NOT_A_THREAD),)
    # abort() and signal.raise_signal()
    yield "kill", (Bits(0, own_process),)
    yield "tgkill", (Bits(0, own_process),)
    for option in ASKED_OF_ONESELF:
        yield "prctl", (Bits(0, option),)
    # Without new values: limits are only read.
    for whose in (0, own_process):
        yield "prlimit64", (Bits(0, whose), Bits(2, 0), Bits(2, 0, is_upper_half=True))


def count() -> int:
    """Return how many calls of this architecture are allowed, with or without conditions."""
    return sum(_number(name) is not None for name in {*ALLOWED, *dict(checked(os.getpid()))})


def unavailable_reason() -> str | None:
    """Say in one line why this machine cannot filter system calls, or None when it can."""
    if platform.machine() not in ARCHITECTURES:
        return f"system calls are filtered on {' and '.join(ARCHITECTURES)} only; this is {platform.machine()}"
    try:
        prctl.control(prctl.SET_SECCOMP, MODE_FILTER, 0)
    except OSError as error:
        if error.errno == errno.EFAULT:  # the kernel looked for a filter where there was none
            return None
        problem = error.strerror
    else:
        problem = "no filter at all was taken for one"
    return f"no seccomp filters: {problem} (CONFIG_SECCOMP_FILTER in the kernel, or a container that forbids them)"


def restrict() -> None:
    """Refuse this process every system call that is not allowed above, for the rest of its life.

    It must have one thread and no new privileges. Raises SandboxUnavailable when the filter does not take effect.
    """
    code = program(os.getpid())
    buffer = ctypes.create_string_buffer(code, len(code))
    pointer = _Program(len(code) // 8, ctypes.addressof(buffer))
    try:
        # Not seccompy's own load(): it starts ldconfig to find libc.
        prctl.control(prctl.SET_SECCOMP, MODE_FILTER, ctypes.addressof(pointer))
        mode = prctl.control(prctl.GET_SECCOMP)
    except OSError as error:
        raise SandboxUnavailable(f"the system call filter was refused: {error.strerror}") from error
    if mode != MODE_FILTER:
        raise SandboxUnavailable("the system call filter did not take effect")


def prepare() -> None:
    """Assemble the filter once for all processes that are forked from this one."""
    _program_of_any_process()


def program(own_process: int) -> bytes:
    """Return the filter for a process with this id as BPF, 8 bytes an instruction."""
    return _program_of_any_process().replace(_operand(ANY_PROCESS), _operand(own_process))


def _operand(value: int) -> bytes:
    return value.to_bytes(4, sys.byteorder)


@functools.cache
def _program_of_any_process() -> bytes:
    """Return the filter with ANY_PROCESS where the process's own id belongs.

    All instructions of a call stand together, so that no jump is far; seccompy's own Filter takes 0.1 s for as many.
    """
    code: list[Insn] = [
        Load(ARCHITECTURE_AT),
        Jump(BPF_JEQ, audit_arch(), "native", None),
        Ret(Action.KILL_PROCESS),
        Load(NUMBER_AT),
    ]
    labels = {"native": 3}
    alternatives: dict[str, list[tuple[Bits, ...]]] = {}
    for name, conditions in checked(ANY_PROCESS):
        alternatives.setdefault(name, []).append(conditions)
    alternatives |= {name: [()] for name in ALLOWED}
    for name, ways in alternatives.items():
        number = _number(name)
        if number is None:
            continue
        code.append(Jump(BPF_JEQ, number, None, name))
        for way, conditions in enumerate(ways):
            for condition in conditions:
                code += _test(condition, f"{name} {way}")
            code.append(Ret(Action.ALLOW))
            labels[f"{name} {way}"] = len(code)
        if all(ways):  # every way has a condition
            code.append(Ret(REFUSED))
        labels[name] = len(code)
    # The numbers of x32, which has the architecture of x86_64, are all higher, too.
    code += [Jump(BPF_JGEQ, FIRST_OPTIONAL, None, "classic"), Ret(Action.ERRNO | errno.ENOSYS)]
    labels["classic"] = len(code)
    code.append(Ret(REFUSED))
    return assemble(code, labels)


def _test(condition: Bits, otherwise: str) -> Iterator[Insn]:
    yield Load(ARGUMENTS_AT + 8 * condition.argument + 4 * condition.is_upper_half)
    if condition.of != Bits._field_defaults["of"]:
        yield And(condition.of)
    yield Jump(BPF_JEQ, condition.value, None, otherwise)


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def _number(name: str) -> int | None:
    try:
        return syscall_nr(name)
    except ValueError:  # aarch64 has no open, pipe, stat...
        return None


def _without(argument: int, bits: int) -> Bits:
    return Bits(argument, 0, of=bits)
