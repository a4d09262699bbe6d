"""Asking many single questions: order, bounded concurrency, and a service that is down is soon left alone."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.matcher_client.errors import Unavailable
from orbweaver.matcher_client.fan_out import MOST_UNANSWERED, NoAnswer, ask_all


@given(st.lists(st.integers()), st.integers(min_value=1, max_value=5))
def test_answers_come_in_the_order_of_the_questions(questions: list[int], connections: int) -> None:
    assert ask_all(lambda number: number * 2, questions, connections=connections) == [one * 2 for one in questions]


def test_connections_are_used_at_once_and_never_more() -> None:
    lock = threading.Lock()
    under_way = highest = 0
    all_there = threading.Barrier(4)

    def ask(question: int) -> bool:
        nonlocal under_way, highest
        with lock:
            under_way += 1
            highest = max(highest, under_way)
        if question > 0:  # the first is asked alone
            all_there.wait(timeout=30)
        with lock:
            under_way -= 1
        return True

    assert ask_all(ask, range(1 + 4 * 5), connections=4) == [True] * 21
    assert highest == 4


def test_a_question_without_an_answer_leaves_the_others_theirs() -> None:
    answers = ask_all(lambda one: NoAnswer("odd") if one % 2 else one, range(100), connections=3)
    assert answers == [NoAnswer("odd") if one % 2 else one for one in range(100)]


def test_a_service_that_refuses_us_is_asked_once() -> None:
    asked = []

    def refuse(question: int) -> bool:
        asked.append(question)
        raise Unavailable("the credentials are refused")

    with pytest.raises(Unavailable, match="credentials"):
        ask_all(refuse, range(1_000), connections=8)
    assert asked == [0]


def test_a_service_that_answers_nothing_is_given_up() -> None:
    asked = []

    def fail(question: int) -> NoAnswer:
        asked.append(question)
        return NoAnswer("status 500")

    with pytest.raises(Unavailable, match=f"status 500; {MOST_UNANSWERED} questions in a row"):
        ask_all(fail, range(2_000), connections=2)
    assert len(asked) <= MOST_UNANSWERED + 1


def test_a_batch_of_few_questions_without_answers_is_not_given_up() -> None:
    assert ask_all(lambda _: NoAnswer("odd"), range(MOST_UNANSWERED - 1), connections=2) == [NoAnswer("odd")] * 7


def test_what_one_question_raises_ends_the_batch() -> None:
    def ask(question: int) -> bool:
        if question == 50:
            raise Unavailable("nobody there")
        return True

    with pytest.raises(Unavailable, match="nobody there"):
        ask_all(ask, range(200), connections=4)
