"""Seccomp refuses a crawl process call by call: by the filter alone, in the whole sandbox, and not outside."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import struct
from collections.abc import Sequence
from pathlib import Path

import forbidden_calls
import pytest
from contained import run
from forbidden_calls import ATTEMPTS, Attempt, Held
from orbweaver.crawler.containment import prctl, sandbox, system_calls
from seccompy import syscall_nr

REFUSED = {errno.EPERM, errno.EACCES, errno.ENOSYS}
# What a kernel says that was built without the thing.
MISSING = {errno.EOPNOTSUPP, errno.EAFNOSUPPORT}
each_attempt = pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda one: one.__name__)
x86_64_only = pytest.mark.skipif(platform.machine() != "x86_64", reason="of the numberings of x86_64")


def error_of(name: str, held: Held) -> int | None:
    try:
        getattr(forbidden_calls, name)(held)
    except OSError as error:
        return error.errno
    except ValueError:  # this architecture has no such call
        return errno.ENOSYS
    return None


def try_in_the_sandbox(names: Sequence[str], folder: str) -> dict[str, int | None]:
    held = Held(Path(folder))
    sandbox.enter(tcp_ports=[80, held.address[1]], memory_bytes=2**32, cpu_seconds=30)
    return {name: error_of(name, held) for name in names}


def restrict_calls_alone() -> None:
    prctl.control(prctl.SET_NO_NEW_PRIVS, 1)
    system_calls.restrict()


def try_under_the_filter_alone(names: Sequence[str], folder: str) -> dict[str, int | None]:
    held = Held(Path(folder))
    restrict_calls_alone()
    return {name: error_of(name, held) for name in names}


def try_outside(names: Sequence[str], folder: str) -> dict[str, int | None]:
    """Each in a process of its own, because some of them change it; an exit status is the error's number."""
    found: dict[str, int | None] = {}
    for name in names:
        child = os.fork()
        if child == 0:
            status = 255
            try:
                status = error_of(name, Held(Path(folder))) or 0
            finally:
                os._exit(status)
        found[name] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) or None
    return found


def make_folder(factory: pytest.TempPathFactory) -> Path:
    folder = factory.mktemp("ordinary")
    (folder / "file").write_bytes(b"ordinary")
    return folder


@pytest.fixture(scope="module", params=[try_in_the_sandbox, try_under_the_filter_alone], ids=["sandbox", "filter"])
def inside(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, int | None], Path]:
    folder = make_folder(tmp_path_factory)
    return run(request.param, [one.__name__ for one in ATTEMPTS], str(folder)), folder


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int | None]:
    return run(try_outside, [one.__name__ for one in ATTEMPTS], str(make_folder(tmp_path_factory)))


@each_attempt
def test_a_crawl_process_may_not(attempt: Attempt, inside: tuple[dict[str, int | None], Path]) -> None:
    assert inside[0][attempt.__name__] in REFUSED


@each_attempt
def test_outside_the_same_gets_further(attempt: Attempt, outside: dict[str, int | None]) -> None:
    found = outside[attempt.__name__]
    if found in REFUSED | MISSING:
        pytest.skip(f"this machine refuses it to user {os.getuid()}: {os.strerror(found or 0)}")
    assert found in {None, ATTEMPTS[attempt]}


def test_the_attempts_leave_nothing(inside: tuple[dict[str, int | None], Path]) -> None:
    folder = inside[1]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"file": b"ordinary"}
    assert os.listxattr(folder / "file") == []


def ask_for_the_process_id_in_32_bits(is_contained: bool) -> int:
    """Ask by `int 0x80`, whose numbers are those of i386: 20 is getpid there, and writev here."""
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex("53 b814000000 cd80 5b c3"))  # push rbx; mov eax, 20; int 0x80; pop rbx; ret
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    if is_contained:
        restrict_calls_alone()
    return int(function())


@x86_64_only
def test_the_numbering_of_another_architecture_kills() -> None:
    try:
        assert run(ask_for_the_process_id_in_32_bits, False) > 0
    except AssertionError:
        pytest.skip("this kernel runs no 32-bit calls")
    with pytest.raises(AssertionError, match="the child died with -31"):  # SIGSYS
        run(ask_for_the_process_id_in_32_bits, True)


def ask_for_the_process_id_in_x32() -> int | None:
    restrict_calls_alone()
    try:
        return forbidden_calls.call_number(0x4000_0000 | syscall_nr("getpid"))
    except OSError as error:
        return -(error.errno or 0)


@x86_64_only
def test_the_x32_numbering_is_refused() -> None:
    assert run(ask_for_the_process_id_in_x32) == -errno.ENOSYS


def call_what_no_kernel_has_yet() -> list[int | None]:
    restrict_calls_alone()
    found: list[int | None] = []
    for number in (340, 500, 2**31 - 1):
        try:
            forbidden_calls.call_number(number)
        except OSError as error:
            found.append(error.errno)
    return found


def test_calls_from_linux_5_1_on_are_said_to_be_missing_and_older_ones_to_be_refused() -> None:
    # Libraries fall back from a call that is missing. Number 340 is nobody's.
    assert run(call_what_no_kernel_has_yet) == [errno.EPERM, errno.ENOSYS, errno.ENOSYS]


def operands(own_process: int) -> list[int]:
    return [operand for *_, operand in struct.iter_unpack("=HBBI", system_calls.program(own_process))]


def test_the_filter_is_the_same_for_each_process_but_for_its_own_id() -> None:
    of_any, of_one = operands(system_calls.ANY_PROCESS), operands(4_242)
    conditions = [bits for _, several in system_calls.checked(system_calls.ANY_PROCESS) for bits in several]
    about_itself = [bits for bits in conditions if bits.value == system_calls.ANY_PROCESS]
    assert of_any.count(system_calls.ANY_PROCESS) == len(about_itself) == 3
    assert [4_242 if one == system_calls.ANY_PROCESS else one for one in of_any] == of_one


def test_no_call_is_allowed_twice_or_both_with_and_without_conditions() -> None:
    conditional = {name for name, _ in system_calls.checked(1)}
    assert len(set(system_calls.ALLOWED)) == len(system_calls.ALLOWED)
    assert conditional.isdisjoint(system_calls.ALLOWED)


@pytest.mark.parametrize("name", [*system_calls.ALLOWED, *dict(system_calls.checked(1))])
def test_an_allowed_name_is_a_call_of_some_architecture(name: str) -> None:
    from seccompy.syscalls import AARCH64_SYSCALLS, X86_64_SYSCALLS

    assert name in X86_64_SYSCALLS or name in AARCH64_SYSCALLS


def test_another_machine_is_told_why_it_cannot_be_contained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    said = sandbox.unavailable_reason()
    assert said == "system calls are filtered on x86_64 and aarch64 only; this is riscv64"


def reason_where_filters_are_forbidden() -> str | None:
    restrict_calls_alone()
    return system_calls.unavailable_reason()


def test_where_filters_are_forbidden_the_reason_is_one_line() -> None:
    assert system_calls.unavailable_reason() is None
    said = run(reason_where_filters_are_forbidden)
    assert said is not None
    assert said.startswith("no seccomp filters: Operation not permitted")
    assert "\n" not in said
