"""A process that only forks: what reaches the processes that it forks, how they end, and what they share."""

from __future__ import annotations

import contextlib
import functools
import mmap
import os
import resource
import signal
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from contained import Died, run
from orbweaver.crawler.forking import Forked, ForkingProcess, fork_here
from orbweaver_command import eventually

# --- what a forked process does; its last descriptor is a pipe to the test ---


def say_what_was_given(descriptors: Sequence[int], given: bytes) -> None:
    os.write(descriptors[-1], f"{len(descriptors)} {len(given)} {given[-3:].decode()}".encode())
    os._exit(7)


def list_what_is_open(descriptors: Sequence[int], _: bytes) -> None:
    kinds = [os.fstat(int(one)).st_mode for one in os.listdir("/proc/self/fd") if int(one) > 2 and is_open(int(one))]
    named = {"sockets": stat.S_ISSOCK, "files": stat.S_ISREG, "pipes": stat.S_ISFIFO}
    os.write(descriptors[-1], str({name: sum(map(is_one, kinds)) for name, is_one in named.items()}).encode())


def wait_for_a_signal(descriptors: Sequence[int], _: bytes) -> None:
    signal.signal(signal.SIGTERM, lambda *__: os._exit(9))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    os.write(descriptors[-1], b"waits")
    while True:
        signal.pause()


def is_open(descriptor: int) -> bool:
    with contextlib.suppress(OSError):
        os.fstat(descriptor)
        return True
    return False


# --- the parent, itself in a process of its own ---


@contextlib.contextmanager
def forked(forking: ForkingProcess, given: bytes = b"") -> Iterator[tuple[Forked, str]]:
    """Yield a process, and what it says at first."""
    reading, writing = os.pipe()
    process = forking.fork([writing], given)
    os.close(writing)
    yield process, os.read(reading, 1_000).decode()
    os.close(reading)
    os.close(process.descriptor)


def fork_for_large_and_small() -> list[tuple[str, int]]:
    said = []
    with ForkingProcess(say_what_was_given) as forking:
        for given in (b"", b"x" * 5_000_000 + b"end"):
            with forked(forking, given) as (process, words):
                said.append((words, process.wait()))
    return said


def list_what_two_hold() -> list[str]:
    with Path(__file__).open(), ForkingProcess(list_what_is_open) as forking:
        with Path(__file__).open(), forked(forking) as (first, said_first), forked(forking) as (second, said_second):
            assert (first.wait(), second.wait()) == (1, 1)  # the work came to its end, and did not say how
        return [said_first, said_second]


def end_two() -> list[int]:
    with ForkingProcess(wait_for_a_signal) as forking, forked(forking) as (told, _), forked(forking) as (killed, _):
        assert not told.ends_within(0)
        told.send(signal.SIGTERM)
        killed.send(signal.SIGKILL)
        codes = [told.wait(), killed.wait()]
        told.send(signal.SIGTERM)  # to nobody
        return codes


def kill_what_forks() -> list[int]:
    with ForkingProcess(wait_for_a_signal) as forking, forked(forking) as (before, _):
        os.kill(int(Path(f"/proc/{before.process_id}/stat").read_text().split()[3]), signal.SIGKILL)
        assert before.ends_within(600)
        with forked(forking) as (after, said):
            assert said == "waits"
            after.send(signal.SIGTERM)
            return [before.wait(), after.wait()]


def die_while_others_wait(note: str) -> None:
    with ForkingProcess(wait_for_a_signal) as forking, forked(forking) as (process, _):
        own = Path(f"/proc/{process.process_id}/stat").read_text().split()[3]
        Path(note).write_text(f"{process.process_id} {own}")
        os.kill(os.getpid(), signal.SIGKILL)


def faults_of_second_writes(is_by_another: bool) -> int:
    """Write to the same thousand pages before and after a fork; return the page faults of the second time."""
    memory = bytearray(1_000 * mmap.PAGESIZE)

    def write() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for start in range(0, len(memory), mmap.PAGESIZE):
            memory[start] ^= 1
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    with ForkingProcess(wait_for_a_signal) as forking:
        write()
        reading, writing = os.pipe()
        fork = forking.fork if is_by_another else functools.partial(fork_here, wait_for_a_signal)
        process = fork([writing], b"")
        os.read(reading, 10)
        faults = write()
        process.send(signal.SIGKILL)
        process.wait()
    return faults


def has_ended(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes() == b""  # nobody waited for it yet
    except OSError:
        return True


def test_a_process_gets_what_is_given_and_its_exit_code_comes_back() -> None:
    assert run(fork_for_large_and_small) == [("1 0 ", 7), ("1 5000003 end", 7)]


def test_no_process_gets_what_its_parent_or_another_has_open() -> None:
    # The pipe that it was told to keep: that of what was given is read to its end, and closed.
    assert run(list_what_two_hold) == [str({"sockets": 0, "files": 0, "pipes": 1})] * 2


def test_signals_reach_the_process_that_is_meant() -> None:
    assert run(end_two) == [9, -signal.SIGKILL]


def test_when_what_forks_is_killed_its_processes_end_and_the_next_is_forked_all_the_same() -> None:
    assert run(kill_what_forks) == [-signal.SIGKILL, 9]


def test_all_die_with_the_parent(tmp_path: Path) -> None:
    note = tmp_path / "processes"
    with pytest.raises(Died):
        run(die_while_others_wait, str(note))
    assert eventually(lambda: all(map(has_ended, note.read_text().split())))


def test_a_parent_that_writes_to_its_memory_shares_it_with_nobody() -> None:
    """That is what it is for: with a fork of its own each page is copied again."""
    assert run(faults_of_second_writes, True) < 300
    assert run(faults_of_second_writes, False) >= 1_000
