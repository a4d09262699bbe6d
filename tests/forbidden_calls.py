"""The acts that a crawl process must be unable to do, a function each: tried in the sandbox and, as proof, outside."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import resource
import signal
import socket
import struct
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orbweaver.crawler.containment import prctl
from seccompy import syscall_nr

AT_FDCWD = -100
IPC_CREAT, IPC_RMID = 0o1000, 0
MPTCP, FAST_OPEN = 262, 0x20000000
TCP_FASTOPEN_CONNECT = 30
library = ctypes.CDLL(None, use_errno=True)
library.syscall.restype = ctypes.c_long

Attempt = Callable[["Held"], None]
# Each with the error that it comes to outside, when it does not succeed: it got further than a filter.
ATTEMPTS: dict[Attempt, int | None] = {}


def attempt(function: Attempt) -> Attempt:
    """List an attempt that succeeds outside."""
    ATTEMPTS[function] = None
    return function


def attempt_that_ends_with(error: int) -> Callable[[Attempt], Attempt]:
    """List an attempt that the kernel looks into, and then answers with an error of its own."""

    def listed(function: Attempt) -> Attempt:
        ATTEMPTS[function] = error
        return function

    return listed


class Held:
    """The descriptors that are open when the process is contained, as a crawl process has its log and its pipe."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "file"
        self.descriptor = os.open(self.file, os.O_RDWR)
        self.pipe = os.pipe()
        self.terminal, _ = os.openpty()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        os.write(self.pipe[1], b"ordinary")


def call(name: str, *arguments: Any) -> int:
    """Make a system call by its number, past what libc and Python would do about it."""
    return call_number(syscall_nr(name), *arguments)


def call_number(system_call: int, *arguments: Any) -> int:
    passed = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    answer = int(library.syscall(ctypes.c_long(system_call), *passed))
    if answer == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer


# The sandbox refuses to clear away, too: that must not look as if it had refused the attempt.
clearing_away = contextlib.suppress(OSError)


def end_child(process: int) -> None:
    if process == 0:
        os._exit(0)
    with clearing_away:
        os.waitpid(process, 0)


# --- processes and programs ---


@attempt
def fork(_: Held) -> None:
    end_child(os.fork())


@attempt
def clone(_: Held) -> None:
    end_child(call("clone", int(signal.SIGCHLD), 0, 0, 0, 0))


@attempt
def clone3(_: Held) -> None:
    end_child(call("clone3", struct.pack("11Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, 0), 88))


@attempt
def spawn_a_shell(_: Held) -> None:
    end_child(os.posix_spawn("/bin/sh", ["sh", "-c", ":"], {}))


@attempt_that_ends_with(errno.ENOENT)
def execute(_: Held) -> None:
    call("execve", b"/there-is-no-such-program", None, None)


@attempt_that_ends_with(errno.ENOENT)
def execute_from_a_descriptor(held: Held) -> None:
    call("execveat", AT_FDCWD, b"/there-is-no-such-program", None, None, 0)


@attempt
def make_a_namespace(_: Held) -> None:
    call("unshare", 0x10000000)  # CLONE_NEWUSER


@attempt_that_ends_with(errno.EBADF)
def enter_a_namespace(_: Held) -> None:
    call("setns", -1, 0)


@attempt
def change_personality(_: Held) -> None:
    call("personality", 0xFFFFFFFF)


# --- other processes, and what keeps them out of this one ---


@attempt
def trace(_: Held) -> None:
    call("ptrace", 0, 0, 0, 0)  # PTRACE_TRACEME


@attempt
def read_memory(_: Held) -> None:
    there = ctypes.create_string_buffer(b"ordinary")
    here = ctypes.create_string_buffer(8)
    vectors = [struct.pack("PN", ctypes.addressof(one), 8) for one in (here, there)]
    call("process_vm_readv", os.getpid(), vectors[0], 1, vectors[1], 1, 0)


@attempt
def write_memory(_: Held) -> None:
    there = ctypes.create_string_buffer(8)
    here = ctypes.create_string_buffer(b"ordinary")
    vectors = [struct.pack("PN", ctypes.addressof(one), 8) for one in (here, there)]
    call("process_vm_writev", os.getpid(), vectors[0], 1, vectors[1], 1, 0)


@attempt
def signal_another_process(_: Held) -> None:
    os.kill(os.getppid(), 0)


@attempt
def signal_another_thread(_: Held) -> None:
    call("tgkill", os.getppid(), os.getppid(), 0)


@attempt
def signal_any_thread(_: Held) -> None:
    call("tkill", os.getppid(), 0)


@attempt
def hold_a_process(_: Held) -> None:
    os.close(call("pidfd_open", os.getpid(), 0))


@attempt
def become_dumpable(_: Held) -> None:
    prctl.control(prctl.SET_DUMPABLE, 1)


@attempt
def outlive_the_worker(_: Held) -> None:
    prctl.control(1, 0)  # PR_SET_PDEATHSIG


@attempt
def set_a_limit(_: Held) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE))


@attempt
def set_a_limit_the_old_way(_: Held) -> None:
    call("setrlimit", resource.RLIMIT_NOFILE, struct.pack("2Q", *resource.getrlimit(resource.RLIMIT_NOFILE)))


@attempt
def ask_for_the_limits_of_another(_: Held) -> None:
    resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)


@attempt
def change_user(_: Held) -> None:
    os.setuid(os.getuid())


@attempt
def set_capabilities(_: Held) -> None:
    call("capset", struct.pack("Ii", 0x20080522, 0), struct.pack("6I", *[0] * 6))


# --- memory that is a file, or that others see ---


@attempt
def make_a_file_in_memory(_: Held) -> None:
    os.close(os.memfd_create("orbweaver"))


@attempt
def make_a_secret_file_in_memory(_: Held) -> None:
    os.close(call("memfd_secret", 0))


@attempt
def get_shared_memory(_: Held) -> None:
    memory = call("shmget", 0, 4096, IPC_CREAT | 0o600)
    with clearing_away:
        call("shmctl", memory, IPC_RMID, None)


@attempt
def get_semaphores(_: Held) -> None:
    semaphores = call("semget", 0, 1, IPC_CREAT | 0o600)
    with clearing_away:
        call("semctl", semaphores, 0, IPC_RMID, None)


@attempt
def get_messages(_: Held) -> None:
    messages = call("msgget", 0, IPC_CREAT | 0o600)
    with clearing_away:
        call("msgctl", messages, IPC_RMID, None)


@attempt
def open_a_message_queue(_: Held) -> None:
    name = f"orbweaver-{os.getpid()}".encode()
    os.close(call("mq_open", name, os.O_CREAT | os.O_RDWR, 0o600, None))
    with clearing_away:
        call("mq_unlink", name)


@attempt
def keep_a_key(_: Held) -> None:
    call("add_key", b"user", b"orbweaver", b"ordinary", 8, -2)


@attempt
def control_keys(_: Held) -> None:
    call("keyctl", 0, -2, 1)


@attempt
def map_a_file_that_is_open(held: Held) -> None:
    mmap.mmap(held.descriptor, 8, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ | mmap.PROT_WRITE).close()


@attempt
def map_a_file_that_is_open_with_new_flags(held: Held) -> None:
    mmap.mmap(held.descriptor, 8, flags=0x03, prot=mmap.PROT_READ | mmap.PROT_WRITE).close()  # MAP_SHARED_VALIDATE


# --- files ---


@attempt
def create(held: Held) -> None:
    os.close(call("openat", AT_FDCWD, bytes(held.folder / "created"), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


@attempt
def create_the_old_way(held: Held) -> None:
    os.close(call("creat", bytes(held.folder / "creat"), 0o600))


@attempt
def create_without_a_name(held: Held) -> None:
    os.close(os.open(held.folder, os.O_TMPFILE | os.O_RDWR, 0o600))


@attempt
def create_in_shared_memory(_: Held) -> None:
    name = f"/dev/shm/orbweaver-{os.getpid()}"
    os.close(os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with clearing_away:
        os.unlink(name)


@attempt
def open_for_writing(held: Held) -> None:
    os.close(call("openat", AT_FDCWD, bytes(held.file), os.O_WRONLY))


@attempt
def open_for_writing_the_old_way(held: Held) -> None:
    os.close(call("open", bytes(held.file), os.O_RDWR))


@attempt
def open_with_a_structure(held: Held) -> None:
    os.close(call("openat2", AT_FDCWD, bytes(held.file), struct.pack("3Q", os.O_RDONLY, 0, 0), 24))


@attempt
def truncate_while_opening(held: Held) -> None:
    os.close(os.open(held.file, os.O_RDONLY | os.O_TRUNC))


@attempt
def truncate(held: Held) -> None:
    os.truncate(held.file, 8)


@attempt
def truncate_what_is_open(held: Held) -> None:
    os.ftruncate(held.descriptor, 8)


@attempt
def write_at_a_place(held: Held) -> None:
    os.pwrite(held.descriptor, b"ordinary", 0)


@attempt
def allocate(held: Held) -> None:
    os.posix_fallocate(held.descriptor, 0, 8)


@attempt
def splice(held: Held) -> None:
    os.splice(held.pipe[0], held.descriptor, 1)


@attempt
def splice_memory(held: Held) -> None:
    text = ctypes.create_string_buffer(b"ordinary")
    call("vmsplice", held.pipe[1], struct.pack("PN", ctypes.addressof(text), 8), 1, 0)


@attempt
def copy_a_range(held: Held) -> None:
    os.copy_file_range(held.descriptor, held.descriptor, 1, 0, 4)


@attempt
def send_a_file(held: Held) -> None:
    os.sendfile(held.pipe[1], held.descriptor, 0, 1)


@attempt
def set_an_attribute(held: Held) -> None:
    os.setxattr(held.file, "user.orbweaver", b"ordinary")


@attempt
def set_an_attribute_of_what_is_open(held: Held) -> None:
    os.setxattr(held.descriptor, "user.orbweaver", b"ordinary")


@attempt_that_ends_with(errno.ENODATA)
def remove_an_attribute(held: Held) -> None:
    os.removexattr(held.file, "user.there-is-no-such-attribute")


@attempt
def change_the_mode(held: Held) -> None:
    os.chmod(held.file, 0o600)


@attempt
def change_the_mode_of_what_is_open(held: Held) -> None:
    os.fchmod(held.descriptor, 0o600)


@attempt
def change_the_owner(held: Held) -> None:
    os.chown(held.file, os.getuid(), os.getgid())


@attempt
def change_the_times(held: Held) -> None:
    os.utime(held.file)


@attempt
def make_a_symlink(held: Held) -> None:
    os.symlink("ordinary", held.folder / "symlink")


@attempt
def make_a_link(held: Held) -> None:
    os.link(held.file, held.folder / "link")


@attempt
def make_a_fifo(held: Held) -> None:
    os.mkfifo(held.folder / "fifo")


@attempt
def make_a_folder(held: Held) -> None:
    os.mkdir(held.folder / "folder")


@attempt
def rename(held: Held) -> None:
    os.rename(held.file, held.file)


@attempt_that_ends_with(errno.ENOENT)
def unlink(held: Held) -> None:
    os.unlink(held.folder / "there-is-no-such-file")


@attempt
def change_the_root(_: Held) -> None:
    os.chroot("/")


@attempt_that_ends_with(errno.ENODEV)
def mount(held: Held) -> None:
    call("mount", b"none", bytes(held.folder), b"there-is-no-such-type", 0, None)


@attempt
def open_a_file_system(_: Held) -> None:
    os.close(call("fsopen", b"tmpfs", 0))


@attempt
def control_quotas(_: Held) -> None:
    call("quotactl", 0x80000100, None, 0, None)  # Q_SYNC of every file system


@attempt
def watch_files(_: Held) -> None:
    os.close(call("inotify_init1", 0))


# --- the kernel's other entrances ---


@attempt
def set_up_io_uring(_: Held) -> None:
    os.close(call("io_uring_setup", 1, ctypes.create_string_buffer(120)))


@attempt_that_ends_with(errno.EBADF)
def enter_io_uring(_: Held) -> None:
    call("io_uring_enter", -1, 0, 0, 0, None, 0)


@attempt
def load_bpf(_: Held) -> None:
    os.close(call("bpf", 0, struct.pack("4I", 2, 4, 4, 1) + bytes(56), 72))  # BPF_MAP_CREATE of an array


@attempt
def count_events(_: Held) -> None:
    os.close(call("perf_event_open", struct.pack("IIQ", 1, 112, 0) + bytes(96), 0, -1, -1, 0))


@attempt
def handle_page_faults(_: Held) -> None:
    os.close(call("userfaultfd", 1))  # UFFD_USER_MODE_ONLY


@attempt_that_ends_with(errno.EIO)
def type_into_a_terminal(held: Held) -> None:
    fcntl.ioctl(held.terminal, termios.TIOCSTI, b"x")


@attempt
def set_the_size_of_a_terminal(held: Held) -> None:
    fcntl.ioctl(held.terminal, termios.TIOCSWINSZ, bytes(8))


@attempt
def set_the_size_of_a_pipe(held: Held) -> None:
    fcntl.fcntl(held.pipe[0], 1031, 4096)  # F_SETPIPE_SZ


# --- sockets ---


@attempt
def open_a_raw_socket(_: Held) -> None:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()


@attempt
def open_a_packet_socket(_: Held) -> None:
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()


@attempt
def open_a_netlink_socket(_: Held) -> None:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close()


@attempt
def open_an_alg_socket(_: Held) -> None:
    socket.socket(38, socket.SOCK_SEQPACKET).close()


@attempt
def open_an_mptcp_socket(_: Held) -> None:
    socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP).close()


@attempt
def open_a_unix_stream_socket(_: Held) -> None:
    socket.socket(socket.AF_UNIX).close()


@attempt
def open_a_unix_datagram_socket(_: Held) -> None:
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).close()


@attempt
def listen_without_a_bind(_: Held) -> None:
    with socket.socket() as made:
        made.listen()


@attempt
def bind_a_datagram_socket(_: Held) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))


@attempt_that_ends_with(errno.EAGAIN)
def accept(held: Held) -> None:
    held.listener.setblocking(False)
    held.listener.accept()


@attempt
def connect_by_sending(held: Held) -> None:
    with socket.socket() as made:
        made.sendto(b"", FAST_OPEN, held.address)


@attempt
def connect_by_a_message(held: Held) -> None:
    with socket.socket() as made:
        made.sendmsg([b""], [], FAST_OPEN, held.address)


@attempt
def connect_by_messages(_: Held) -> None:
    with socket.socket() as made:
        call("sendmmsg", made.fileno(), None, 0, FAST_OPEN)


@attempt
def connect_fast_later(_: Held) -> None:
    with socket.socket() as made:
        made.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)


@attempt
def attach_a_filter(_: Held) -> None:
    instruction = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0xFFFF))
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HP", 1, ctypes.addressof(instruction)))
