"""Asking many single questions: order, bounded concurrency, and a service that is down is soon left alone."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.matcher_client.errors import Unavailable
from orbweaver.matcher_client.transport.fan_out import MOST_UNANSWERED, FanOut, NoAnswer


@given(st.lists(st.integers()), st.integers(min_value=1, max_value=5))
def test_answers_come_in_the_order_of_the_questions(questions: list[int], connections: int) -> None:
    assert FanOut(connections=connections).ask(lambda number: number * 2, questions) == [one * 2 for one in questions]


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
            all_there.wait(timeout=300)
        with lock:
            under_way -= 1
        return True

    assert FanOut(connections=4).ask(ask, range(1 + 4 * 5)) == [True] * 21
    assert highest == 4


def test_a_question_without_an_answer_leaves_the_others_theirs() -> None:
    answers = FanOut(connections=3).ask(lambda one: NoAnswer("odd") if one % 2 else one, range(100))
    assert answers == [NoAnswer("odd") if one % 2 else one for one in range(100)]


def test_a_service_that_refuses_us_is_asked_once() -> None:
    asked = []

    def refuse(question: int) -> bool:
        assert threading.current_thread() is threading.main_thread()  # so nobody else asks meanwhile
        asked.append(question)
        raise Unavailable("the credentials are refused")

    with pytest.raises(Unavailable, match="credentials"):
        FanOut(connections=8).ask(refuse, range(1_000))
    assert asked == [0]


def test_a_service_that_answers_nothing_is_given_up() -> None:
    asked = []

    def fail(question: int) -> NoAnswer:
        asked.append(question)
        return NoAnswer("status 500")

    with pytest.raises(Unavailable, match=f"status 500; {MOST_UNANSWERED} questions in a row"):
        FanOut(connections=2).ask(fail, range(2_000))
    assert len(asked) <= MOST_UNANSWERED + 1


def test_a_batch_of_few_questions_without_answers_is_not_given_up() -> None:
    assert FanOut(connections=2).ask(lambda _: NoAnswer("odd"), range(MOST_UNANSWERED - 1)) == [NoAnswer("odd")] * 7


@pytest.mark.parametrize("connections", [1, 4])
def test_after_a_failure_what_was_answered_stands_and_nothing_more_is_asked(connections: int) -> None:
    asked = []

    def ask(question: int) -> bool:
        asked.append(question)
        if question == 50:
            raise Unavailable("nobody there")
        return True

    fan_out = FanOut(connections=connections)
    answers = fan_out.ask(ask, range(200))
    assert answers[:50] == [True] * 50
    assert answers[50] == NoAnswer("nobody there")
    assert answers.count(True) == len(asked) - 1 < 50 + connections
    assert fan_out.ask(ask, range(3)) == [NoAnswer("nobody there")] * 3  # nor in the next round
    assert len(asked) <= 50 + connections


def test_a_service_that_stops_answering_is_given_up_and_what_it_answered_stands() -> None:
    answers = FanOut(connections=1).ask(lambda one: True if one < 5 else NoAnswer("status 500"), range(100))
    assert answers[:5] == [True] * 5
    assert answers[5:12] == [NoAnswer("status 500")] * 7
    assert answers[13:] == [NoAnswer("status 500; 8 questions in a row had no answer")] * 87


def test_the_first_question_of_all_is_asked_alone_and_later_rounds_are_not() -> None:
    meeting = threading.Barrier(2)
    fan_out = FanOut(connections=2)
    assert fan_out.ask(lambda _: True, range(1)) == [True]
    assert fan_out.ask(lambda _: meeting.wait(timeout=300) >= 0, range(2)) == [True, True]
