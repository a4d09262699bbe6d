"""Asking one question a request of a service that has no batch: several at once, no more than it has connections."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from orbweaver.matcher_client.errors import Unavailable

# In a row: a service that fails this often is down, and the rest of the batch would only wait for the same.
MOST_UNANSWERED = 8

Question = TypeVar("Question")
Answered = TypeVar("Answered")


@dataclass(frozen=True)
class NoAnswer:
    """What a service said to one question when that is no answer; `reason` names no digest and no secret."""

    reason: str


def ask_all(
    ask: Callable[[Question], Answered | NoAnswer], questions: Sequence[Question], *, connections: int
) -> list[Answered | NoAnswer]:
    """Ask every question, at most `connections` at a time, and return what came back, in the questions' order.

    `ask` returns NoAnswer when this one question failed, and raises Unavailable when every other would fail too
    (credentials refused, nobody there). The first question is asked alone, so that a service which refuses us is
    asked once. Raises Unavailable, from `ask` or after MOST_UNANSWERED questions in a row without an answer; what is
    not under way by then is not asked.
    """
    if not questions:
        return []
    lock = threading.Lock()
    in_a_row = 0

    def ask_unless_given_up(question: Question) -> Answered | NoAnswer:
        nonlocal in_a_row
        if in_a_row >= MOST_UNANSWERED:
            raise Unavailable(f"{MOST_UNANSWERED} questions in a row had no answer")
        answer = ask(question)
        with lock:
            in_a_row = in_a_row + 1 if isinstance(answer, NoAnswer) else 0
            if isinstance(answer, NoAnswer) and in_a_row >= MOST_UNANSWERED:
                raise Unavailable(f"{answer.reason}; {MOST_UNANSWERED} questions in a row had no answer")
        return answer

    first = ask_unless_given_up(questions[0])
    pool = ThreadPoolExecutor(connections, thread_name_prefix="matcher")
    try:
        return [first, *pool.map(ask_unless_given_up, questions[1:])]
    finally:
        pool.shutdown(cancel_futures=True)
