"""Limits are counted when a request starts, and corrected when it turns out to be something else."""

from __future__ import annotations

import pytest
from orbweaver.crawler.fetching.budget import ERROR_COST, MOST_ERROR_COST, Budget
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.transfer_errors import LimitReached
from orbweaver.model import Limits

PAGE, FILE = LinkKind.PAGE, LinkKind.FILE
HOST, OTHER = "www.example.com", "cdn.example.com"


def limit_of(budget: Budget, kind: LinkKind = PAGE, *, host: str = HOST) -> str | None:
    """The limit that keeps one more request from starting; nothing is counted when there is one."""
    try:
        budget.spend(kind, host=host)
    except LimitReached as reached:
        return reached.limit
    return None


def test_each_kind_has_its_own_limit() -> None:
    budget = Budget(Limits(max_pages=2, max_files=1))
    budget.spend(PAGE, host=HOST)
    budget.spend(FILE, host=HOST)
    budget.spend(PAGE, host=OTHER)
    assert limit_of(budget, PAGE) == "max_pages"
    assert limit_of(budget, FILE, host=OTHER) == "max_files"


def test_what_was_refused_is_not_counted() -> None:
    budget = Budget(Limits(max_pages=1, max_host_cost=2))
    budget.spend(PAGE, host=HOST)
    for _ in range(3):
        assert limit_of(budget, PAGE) == "max_pages"
    budget.correct(PAGE, FILE, host=HOST)
    assert limit_of(budget, PAGE) is None
    assert limit_of(budget, PAGE) == "max_pages"


def test_a_page_that_was_a_file_makes_room_for_a_page_and_takes_a_files_place() -> None:
    budget = Budget(Limits(max_pages=1, max_files=1))
    budget.spend(PAGE, host=HOST)
    budget.correct(PAGE, FILE, host=HOST)
    assert limit_of(budget, FILE) == "max_files"
    assert limit_of(budget, PAGE) is None


def test_what_was_as_expected_is_counted_once() -> None:
    budget = Budget(Limits(max_files=2))
    budget.spend(FILE, host=HOST)
    budget.correct(FILE, FILE, host=HOST)
    assert limit_of(budget, FILE) is None
    assert limit_of(budget, FILE) == "max_files"


def test_spent_bytes_end_both_kinds() -> None:
    budget = Budget(Limits(max_bytes=100))
    budget.receive(99)
    budget.spend(LinkKind.PAGE, host=HOST)
    budget.receive(1)
    for kind in LinkKind:
        with pytest.raises(LimitReached, match="max_bytes"):
            budget.spend(kind, host=HOST)


def test_the_byte_that_is_too_much_ends_its_transfer() -> None:
    budget = Budget(Limits(max_bytes=100))
    budget.receive(100)
    with pytest.raises(LimitReached, match="max_bytes"):
        budget.receive(1)


def test_a_host_is_retired_when_its_own_budget_is_spent_and_the_others_are_not() -> None:
    budget = Budget(Limits(max_host_cost=3))
    for _ in range(3):
        budget.spend(PAGE, host=HOST)
    assert limit_of(budget) == budget.retired_by(HOST) == "max_host_cost"
    assert limit_of(budget, FILE) == "max_host_cost"
    assert limit_of(budget, host=OTHER) is budget.retired_by(OTHER) is None


def test_what_costs_more_retires_its_host_sooner() -> None:
    budget = Budget(Limits(max_host_cost=10))
    budget.spend(PAGE, host=HOST, cost=5)
    budget.spend(PAGE, host=HOST, cost=4)
    budget.spend(PAGE, host=HOST, cost=5)  # one was left: the last may cost more
    assert limit_of(budget) == "max_host_cost"


def test_an_error_is_charged_to_its_host() -> None:
    budget = Budget(Limits(max_host_cost=ERROR_COST + 2))
    budget.spend(PAGE, host=HOST)
    budget.fail(HOST)
    budget.answer(HOST)
    assert limit_of(budget) is None
    assert limit_of(budget) == "max_host_cost"


def test_a_host_that_only_gives_errors_is_retired() -> None:
    budget = Budget(Limits())
    for _ in range(MOST_ERROR_COST // ERROR_COST):
        assert limit_of(budget) is None
        budget.fail(HOST)
    assert limit_of(budget) == "host_errors"
    assert limit_of(budget, host=OTHER) is None


@pytest.mark.parametrize("answers", [Budget.answer, lambda budget, host: budget.correct(PAGE, PAGE, host=host)])
def test_an_answer_ends_a_hosts_row_of_errors(answers: object) -> None:
    budget = Budget(Limits())
    for number in range(3 * MOST_ERROR_COST // ERROR_COST):
        assert limit_of(budget) is None, number
        budget.fail(HOST)
        if number % 40 == 0:
            answers(budget, HOST)  # type: ignore[operator]


def test_an_answer_from_a_host_that_cost_nothing_is_nothing() -> None:
    budget = Budget(Limits())
    budget.answer(HOST)
    assert budget.retired_by(HOST) is None
