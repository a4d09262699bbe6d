"""A process that gives up its capabilities has none, can take none, and cannot undo its limits."""

from __future__ import annotations

import os
import resource

import pytest
from contained import run
from orbweaver.crawler.containment import capabilities, prctl

CAP_SETUID = 7
CAP_SYS_RESOURCE = 24


def give_up() -> tuple[int, int]:
    before = capabilities.held()
    capabilities.give_up()
    return before, capabilities.held()


def test_nothing_is_held_afterwards() -> None:
    before, after = run(give_up)
    assert after == 0
    assert (before == 0) == (os.geteuid() != 0)


def give_up_twice() -> int:
    capabilities.give_up()
    capabilities.give_up()
    return capabilities.held()


def test_who_holds_nothing_may_give_up_again() -> None:
    assert run(give_up_twice) == 0


def try_what_root_may(what: str, gives_up: bool) -> bool:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if gives_up:
        capabilities.give_up()
    try:
        if what == "raise a limit":
            resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))
        else:
            os.setuid(65534)
    except (ValueError, PermissionError):
        return False
    return True


@pytest.mark.parametrize(
    ("what", "capability"), [("raise a limit", CAP_SYS_RESOURCE), ("become another user", CAP_SETUID)]
)
def test_root_can_no_longer(what: str, capability: int) -> None:
    if not capabilities.held() >> capability & 1:
        pytest.skip(f"capability {capability} is not held here to begin with")
    assert run(try_what_root_may, what, False) is True
    assert run(try_what_root_may, what, True) is False


def what_a_program_could_have() -> list[int]:
    capabilities.give_up()
    found = []
    for capability in range(64):
        try:
            found.append(prctl.control(prctl.CAPBSET_READ, capability))
        except OSError:
            break
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a bounding set to give up")
def test_no_program_could_have_them_either() -> None:
    found = run(what_a_program_could_have)
    assert len(found) > CAP_SYS_RESOURCE
    assert not any(found)
