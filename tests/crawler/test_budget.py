"""Limits are counted when a request starts, and corrected when it turns out to be something else."""

from __future__ import annotations

import pytest
from orbweaver.crawler.budget import Budget, LimitReached
from orbweaver.crawler.links import LinkKind
from orbweaver.model import Limits


def test_each_kind_has_its_own_limit() -> None:
    budget = Budget(Limits(max_pages=2, max_files=1))
    budget.spend(LinkKind.PAGE, host="a")
    budget.spend(LinkKind.MEDIA, host="a")
    budget.spend(LinkKind.PAGE, host="a")
    with pytest.raises(LimitReached) as pages:
        budget.spend(LinkKind.PAGE, host="a")
    with pytest.raises(LimitReached) as files:
        budget.spend(LinkKind.MEDIA, host="a")
    assert (pages.value.limit, files.value.limit) == ("max_pages", "max_files")


def test_what_was_refused_is_not_counted() -> None:
    budget = Budget(Limits(max_pages=1))
    budget.spend(LinkKind.PAGE, host="a")
    for _ in range(3):
        with pytest.raises(LimitReached):
            budget.spend(LinkKind.PAGE, host="a")
    budget.correct(LinkKind.PAGE, LinkKind.MEDIA, host="a")
    budget.spend(LinkKind.PAGE, host="a")
    with pytest.raises(LimitReached):
        budget.spend(LinkKind.PAGE, host="a")


def test_a_page_that_was_a_file_makes_room_for_a_page_and_takes_a_files_place() -> None:
    budget = Budget(Limits(max_pages=1, max_files=1))
    budget.spend(LinkKind.PAGE, host="a")
    budget.correct(LinkKind.PAGE, LinkKind.MEDIA, host="a")
    with pytest.raises(LimitReached, match="max_files"):
        budget.spend(LinkKind.MEDIA, host="a")
    budget.spend(LinkKind.PAGE, host="a")


def test_what_was_as_expected_is_counted_once() -> None:
    budget = Budget(Limits(max_files=2))
    budget.spend(LinkKind.MEDIA, host="a")
    budget.correct(LinkKind.MEDIA, LinkKind.MEDIA, host="a")
    budget.spend(LinkKind.MEDIA, host="a")
    with pytest.raises(LimitReached):
        budget.spend(LinkKind.MEDIA, host="a")


def test_spent_bytes_end_both_kinds() -> None:
    budget = Budget(Limits(max_bytes=100))
    budget.receive(99)
    budget.spend(LinkKind.PAGE, host="a")
    budget.receive(1)
    for kind in LinkKind:
        with pytest.raises(LimitReached, match="max_bytes"):
            budget.spend(kind, host="a")


def test_the_byte_that_is_too_much_ends_its_transfer() -> None:
    budget = Budget(Limits(max_bytes=100))
    budget.receive(100)
    with pytest.raises(LimitReached, match="max_bytes"):
        budget.receive(1)
    assert budget.bytes_read == 101
