"""Asks a service that takes one question a request: several questions at once, at most one on each connection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from orbweaver.matcher_client.errors import Unavailable

# A service that fails so often in a row is down: the rest of the batch would wait only to fail in the same way.
MOST_UNANSWERED = 8

Question = TypeVar("Question")
Answered = TypeVar("Answered")


@dataclass(frozen=True)
class NoAnswer:
    """Stands in the place of an answer that a service did not give; `reason` names no digest and no secret."""

    reason: str


class FanOut:
    """Asks the questions of one batch, at most `connections` at a time; `ask` may be called several times.

    After the first failure of the service as a whole, nothing more is asked: the answers so far count, and the rest
    have NoAnswer. The very first question is asked alone, so that a service that refuses us is asked only once.
    """

    def __init__(self, *, connections: int) -> None:
        self._connections = connections
        self._lock = threading.Lock()
        self._failure: str | None = None
        self._has_answers = False
        self._unanswered_in_a_row = 0

    def ask(
        self, ask: Callable[[Question], Answered | NoAnswer], questions: Sequence[Question]
    ) -> list[Answered | NoAnswer]:
        """Ask every question, and return the answers in the order of the questions.

        `ask` returns NoAnswer when only this question failed. It raises Unavailable when every other question would
        fail, too (credentials refused, nobody there); MOST_UNANSWERED questions in a row without an answer count as
        that. Raises Unavailable when the service failed in this way before it had answered anything.
        """

        def ask_one(question: Question) -> Answered | NoAnswer:
            if self._failure is not None:
                return NoAnswer(self._failure)
            try:
                answer = ask(question)
            except Unavailable as error:
                self._failure = str(error)
                return NoAnswer(self._failure)
            self._count(answer)
            return answer

        alone = 0 if self._has_answers else 1
        answers = [ask_one(question) for question in questions[:alone]]
        with ThreadPoolExecutor(self._connections, thread_name_prefix="matcher") as pool:
            answers += pool.map(ask_one, questions[alone:])
        if self._failure is not None and not self._has_answers:
            raise Unavailable(self._failure)
        return answers

    def _count(self, answer: object) -> None:
        with self._lock:
            if not isinstance(answer, NoAnswer):
                self._has_answers = True
                self._unanswered_in_a_row = 0
                return
            self._unanswered_in_a_row += 1
            if self._unanswered_in_a_row >= MOST_UNANSWERED and self._failure is None:
                self._failure = f"{answer.reason}; {MOST_UNANSWERED} questions in a row had no answer"
