"""How many recrawls a machine has at once, and why."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver import settings
from orbweaver.queue.fleet import capacity

GIB = 2**30


@pytest.mark.parametrize(
    ("memory", "cores", "at_once", "because"),
    [
        (2 * GIB, 8, 16, "2.0 GiB of memory"),
        (16 * GIB, 2, 50, "2 cores"),
        (256 * GIB, 64, 100, "more is set by RECRAWLS_AT_ONCE only"),
        (2**20, 1, 1, "0.0 GiB of memory"),
    ],
)
def test_the_scarcest_of_memory_and_cores_decides(memory: int, cores: int, at_once: int, because: str) -> None:
    assert capacity.capacity_of(memory, cores) == capacity.Capacity(at_once, because)


@given(st.integers(0, 2**50), st.integers(1, 1_024))
def test_there_is_always_room_for_one_and_never_for_more_than_the_memory_holds(memory: int, cores: int) -> None:
    at_once = capacity.capacity_of(memory, cores).recrawls_at_once
    assert at_once >= 1
    assert at_once == 1 or at_once * capacity.BYTES_EACH <= memory


def test_what_the_operator_has_set_decides() -> None:
    said = capacity.of_this_machine(settings.load({"RECRAWLS_AT_ONCE": "321"}))
    assert said == capacity.Capacity(321, "RECRAWLS_AT_ONCE is set")


@pytest.mark.parametrize(
    ("path", "text", "is_lower"),
    [
        ("sys/fs/cgroup/memory.max", "1048576\n", True),
        ("sys/fs/cgroup/memory.max", "max\n", False),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1048576", True),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712", False),
    ],
)
def test_the_limit_of_a_control_group_counts_where_it_is_lower(
    tmp_path: Path, path: str, text: str, is_lower: bool
) -> None:
    machine = capacity.memory_bytes(tmp_path)
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert capacity.memory_bytes(tmp_path) == (2**20 if is_lower else machine)


@pytest.mark.parametrize(
    ("groups", "path"),
    [
        ("0::/system.slice/orbweaver.service\n", "sys/fs/cgroup/system.slice/orbweaver.service/memory.max"),
        ("0::/system.slice/orbweaver.service\n", "sys/fs/cgroup/system.slice/memory.max"),
        ("1:cpu:/a\n7:hugetlb,memory:/b/c\n", "sys/fs/cgroup/memory/b/memory.limit_in_bytes"),
    ],
)
def test_the_limit_of_a_unit_and_of_what_it_is_in_counts(tmp_path: Path, groups: str, path: str) -> None:
    for name, text in (("proc/self/cgroup", groups), (path, "1048576\n")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert capacity.memory_bytes(tmp_path) == 2**20
