"""Contains a crawl process in layers, once and for good: the kernel then promises that it writes nothing.

After `enter` the process can read only the files of Python, certificates and the resolver. It cannot create, write,
truncate or execute a file. It can start threads but no processes, and opens TCP connections to the given ports only.
"""

from __future__ import annotations

import contextlib
import functools
import mimetypes
import os
import resource
import socket
import ssl
import stat
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import landlockpy
from landlockpy import AccessFS, AccessNet, Ruleset, Scope
from orbweaver.crawler.containment import capabilities, prctl, system_calls
from orbweaver.crawler.errors import SandboxUnavailable

# ABI 4 (Linux 6.7) is the first that can refuse TCP connections, too.
OLDEST_ABI = 4
# In the order in which they are entered; with SANDBOX=off only the first two are.
LAYERS = ("resource limits", "not dumpable", "no file writes", "no capabilities", "Landlock", "seccomp")
LAYERS_WHEN_OFF = LAYERS[:2]
SAID_TO_A_FILE = b"orbweaver: the sandbox lets nothing more be written to this file; log through a pipe\n"

# Where the resolver and TLS read: resolver(5), nsswitch.conf(5), gai.conf(5), hosts(5), Debian's ca-certificates.
SYSTEM_PATHS = (
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/localtime",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/share/zoneinfo",
    "/run/systemd/resolve",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/etc/ld.so.cache",
    "/dev/null",
    "/dev/urandom",
)

_OF_FOLDERS = AccessFS.READ_FILE | AccessFS.READ_DIR

_entered: Enforced | None = None


@dataclass(frozen=True)
class Enforced:
    """The limits that the kernel enforces on this process; part of every recrawl's record."""

    is_on: bool
    landlock_abi: int
    tcp_ports: tuple[int, ...]
    memory_bytes: int
    cpu_seconds: int
    layers: tuple[str, ...]

    def as_record(self) -> dict[str, object]:
        """Return the facts as they are stored with a recrawl."""
        return asdict(self)


def is_entered() -> bool:
    """Whether this process is contained, or SANDBOX=off told it to go on without."""
    return _entered is not None


def unavailable_reason() -> str | None:
    """Say in one line why this kernel cannot contain a crawl, or None when it can."""
    try:
        is_there = landlockpy.supported()
    except OSError as error:  # an older container runtime or unit refuses calls that it does not know
        return (
            f"Landlock is refused here ({error.strerror}): allow landlock_create_ruleset, landlock_add_rule and "
            "landlock_restrict_self in the system call filter of the container or unit"
        )
    if not is_there:
        return (
            "this kernel has no Landlock, or a container hides it "
            "(Linux 6.7 or newer with CONFIG_SECURITY_LANDLOCK, and lsm=landlock)"
        )
    abi = landlockpy.abi_version()
    if abi < OLDEST_ABI:
        return f"this kernel's Landlock has ABI {abi}, {OLDEST_ABI} is needed (Linux 6.7 or newer)"
    return system_calls.unavailable_reason()


def prepare() -> None:
    """Find out once what each process that is forked from this one would find out again when it enters."""
    if unavailable_reason() is None:  # landlockpy looks for libc with a program, once in each process
        _ruleset().close()  # makes the names of its rights, which takes longer than all rules
        _names_to_read()
        system_calls.prepare()


def enter(
    *,
    tcp_ports: Iterable[int],
    memory_bytes: int,
    cpu_seconds: int,
    is_on: bool = True,
) -> Enforced:
    """Contain this process for the rest of its life; a second call changes nothing.

    `tcp_ports` may be connected to; `memory_bytes` becomes RLIMIT_AS, `cpu_seconds` is added to the CPU time used so
    far. With `is_on` false (SANDBOX=off) only LAYERS_WHEN_OFF apply. Past the memory limit Python raises MemoryError
    and the process goes on.

    Raises SandboxUnavailable when the kernel lacks a layer, when the process has threads already (Landlock would
    leave them free), or when something still succeeds afterwards that must fail.
    """
    global _entered  # noqa: PLW0603 - containment is a fact about the process, and cannot be undone
    if _entered is not None:
        return _entered
    ports = tuple(sorted(set(tcp_ports)))
    abi = 0
    if is_on:
        reason = unavailable_reason()
        if reason is not None:
            raise SandboxUnavailable(f"{reason}: crawl on another machine, or set SANDBOX=off and accept the risk")
        threads = len(list(Path("/proc/self/task").iterdir()))
        if threads != 1:
            raise SandboxUnavailable(f"the sandbox must be entered before threads start; {threads} run")
        abi = landlockpy.abi_version()
    _limit_resources(memory_bytes, cpu_seconds)
    _refuse_debuggers()
    if is_on:
        _refuse_file_writes()
        _give_up_capabilities()
        _restrict(ports)
        _prove_that_no_file_can_be_created()
        system_calls.restrict()
        _prove_that_calls_are_refused()
    _entered = Enforced(is_on, abi, ports, memory_bytes, cpu_seconds, LAYERS if is_on else LAYERS_WHEN_OFF)
    return _entered


def _limit_resources(memory_bytes: int, cpu_seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold bodies
    _lower(resource.RLIMIT_AS, memory_bytes)
    used = resource.getrusage(resource.RUSAGE_SELF)
    _lower(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + cpu_seconds)


def _refuse_debuggers() -> None:
    # A piped core_pattern ignores RLIMIT_CORE, and a debugger could read bodies: refuse both.
    try:
        prctl.control(prctl.SET_DUMPABLE, 0)
    except OSError as error:
        raise SandboxUnavailable(f"PR_SET_DUMPABLE failed: {error.strerror}") from error
    os.environ.pop("SSLKEYLOGFILE", None)  # OpenSSL would write session keys, with which traffic can be read


def _refuse_file_writes() -> None:
    """Let no more bytes into any file; Landlock alone does not stop writing to files that are open already."""
    with contextlib.suppress(OSError):  # standard error is closed, or its disk is full, so nobody would read it
        if stat.S_ISREG(os.fstat(2).st_mode):
            os.write(2, SAID_TO_A_FILE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _give_up_capabilities() -> None:
    try:
        capabilities.give_up()
    except OSError as error:
        raise SandboxUnavailable(f"this process keeps capabilities that undo limits: {error.strerror}") from error
    if not os.access(sys.prefix, os.R_OK | os.X_OK):
        raise SandboxUnavailable(f"without root's capabilities this user cannot read Python in {sys.prefix}")


def _lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (limit, limit))


def _restrict(ports: tuple[int, ...]) -> None:
    abi = landlockpy.abi_version()
    with _ruleset() as rules:
        root = os.stat("/")  # noqa: PTH116 - each path object takes a process longer than its rule
        for name in _names_to_read():
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):  # nothing to allow
                found = os.stat(name)  # noqa: PTH116
                if not os.path.samestat(found, root):
                    rules.allow_path(name, _OF_FOLDERS if stat.S_ISDIR(found.st_mode) else AccessFS.READ_FILE)
        for port in ports:
            rules.allow_port(port, AccessNet.CONNECT_TCP)
        rules.restrict()
        if not rules.enforced or abi < OLDEST_ABI:
            raise SandboxUnavailable("Landlock did not take effect")


def _ruleset() -> Ruleset:
    # UDP stays open: name resolution needs it, and the egress rules judge every TCP address.
    handled_net = AccessNet.BIND_TCP | AccessNet.CONNECT_TCP
    return Ruleset(handled_net=handled_net, scoped=Scope.SIGNAL | Scope.ABSTRACT_UNIX_SOCKET)


@functools.cache
def _names_to_read() -> tuple[str, ...]:
    """Return the names of what may be read, found out once; what each leads to is looked at when it is allowed."""
    python = {sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values()}
    packages = {str(Path(entry).absolute()) for entry in sys.path if entry and Path(entry).is_dir()}
    ours = str(Path(__file__).resolve().parents[2])
    roots = {path for path in ssl.get_default_verify_paths()[:2] if path}  # SSL_CERT_FILE and SSL_CERT_DIR, too
    # The standard library's mimetypes reads the system's tables when it is first used.
    return tuple(sorted({*python, *packages, ours, *roots, *SYSTEM_PATHS, *map(str, mimetypes.knownfiles)}))


def _prove_that_no_file_can_be_created() -> None:
    """Try to create files, which must fail: a rule that is believed and not enforced is worse than no rule."""
    for folder in {os.environ.get("TMPDIR", "/tmp"), "/var/tmp", "/dev/shm", str(Path.cwd())}:  # noqa: S108
        probe = Path(folder) / f".orbweaver-probe-{os.getpid()}"
        try:
            descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError:
            continue
        os.close(descriptor)
        probe.unlink()
        raise SandboxUnavailable(f"a file could still be created in {folder} after Landlock was entered")


def _prove_that_calls_are_refused() -> None:
    """Try calls that only the filter forbids: to make a file in memory, and a Unix socket like that of the store."""
    with contextlib.suppress(OSError):
        os.close(os.memfd_create("orbweaver-probe"))
        raise SandboxUnavailable("memfd_create still succeeds after the system call filter was entered")
    with contextlib.suppress(OSError):
        socket.socket(socket.AF_UNIX).close()
        raise SandboxUnavailable("a Unix socket can still be made after the system call filter was entered")
