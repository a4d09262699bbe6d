"""A list that is replaced, damaged or taken away under a server: what is answered from, at each moment."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from orbweaver.matcher_client.errors import Unavailable
from orbweaver.matcher_client.server import list_follower
from orbweaver.matcher_client.server.list_follower import ListFollower
from stand_ins.own import RebuiltList

RANDOM = random.Random("list follower")


@pytest.fixture
def hash_list(tmp_path: Path) -> RebuiltList:
    return RebuiltList(tmp_path)


def add_one(hash_list: RebuiltList) -> None:
    hash_list.add("sha256", RANDOM.randbytes(32).hex())


def following(hash_list: RebuiltList, act: Callable[[ListFollower], Awaitable[None]]) -> None:
    async def run() -> None:
        follower = ListFollower(hash_list.path)
        await act(follower)
        follower.close()

    asyncio.run(run())


async def settled(follower: ListFollower) -> None:
    """Let a verification that is under way end."""
    while follower._loading is not None:
        await follower._loading


def said(follower: ListFollower) -> str:
    with pytest.raises(Unavailable) as caught:
        follower.current()
    return str(caught.value)


def test_the_old_list_answers_until_the_new_one_is_verified(hash_list: RebuiltList) -> None:
    async def act(follower: ListFollower) -> None:
        old = follower.current()
        add_one(hash_list)

        assert follower.current() is old
        assert old.find("sha256", b"\0" * 32) == []  # it is still there to be asked
        await settled(follower)
        assert follower.current().list_version == hash_list.version

    following(hash_list, act)


def test_a_list_that_is_replaced_while_one_is_verified_is_found_too(hash_list: RebuiltList) -> None:
    async def act(follower: ListFollower) -> None:
        add_one(hash_list)
        follower.current()
        add_one(hash_list)
        await settled(follower)
        follower.current()
        await settled(follower)
        assert follower.current().list_version == hash_list.version

    following(hash_list, act)


def test_a_file_changed_in_place_is_not_answered_from_for_a_moment(hash_list: RebuiltList) -> None:
    async def act(follower: ListFollower) -> None:
        good = hash_list.path.read_bytes()
        hash_list.path.write_bytes(good[:-1] + b"?")

        assert "is being verified" in said(follower)
        await settled(follower)
        assert "is not as it was built" in said(follower)
        hash_list.path.write_bytes(good)
        assert "is being verified" in said(follower)
        await settled(follower)
        assert follower.current().list_version == hash_list.version

    following(hash_list, act)


def test_a_damaged_new_list_is_read_once_and_the_old_one_does_not_stand_in(hash_list: RebuiltList) -> None:
    async def act(follower: ListFollower) -> None:
        damaged = hash_list.path.with_suffix(".new")
        damaged.write_bytes(hash_list.path.read_bytes()[:-1])
        damaged.rename(hash_list.path)
        follower.current()
        await settled(follower)

        for _ in range(3):
            assert "is truncated" in said(follower) or "and should have" in said(follower)
            assert follower._loading is None

    following(hash_list, act)


def test_a_list_that_is_gone_is_not_answered_from_and_comes_back(hash_list: RebuiltList) -> None:
    async def act(follower: ListFollower) -> None:
        hash_list.path.unlink()
        assert "No such file" in said(follower)
        hash_list.build()
        assert "is being verified" in said(follower)
        await settled(follower)
        assert follower.current().list_version == hash_list.version

    following(hash_list, act)


def test_it_looks_by_itself(hash_list: RebuiltList, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_follower, "LOOK_SECONDS", 0.01)

    async def act(follower: ListFollower) -> None:
        looking = asyncio.create_task(follower.follow())
        add_one(hash_list)
        async with asyncio.timeout(300):
            while follower._list is None or follower._list.list_version != hash_list.version:
                await asyncio.sleep(0.01)  # lets the follower look; what is waited for is the condition
        looking.cancel()

    following(hash_list, act)
