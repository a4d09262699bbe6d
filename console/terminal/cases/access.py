"""Notes that the user of this machine looks at cases, before a command shows them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from orbweaver.console import access
from orbweaver.console.access import PAGE
from orbweaver.console.terminal.people import user_of_system
from orbweaver.model import Case
from orbweaver.store.connection import Store


def note(store: Store, what: str, subject: Sequence[str] = ()) -> None:
    """Note that the user of this machine uses a command on cases or assessments with these ids; none: on all of them.

    Raises RedisError.
    """
    access.note(store, user_of_system(), what, subject)


def noted(store: Store, what: str, cases: Iterable[Case]) -> Iterator[Case]:
    """Yield the cases, and note them before, a page at a time. Raises RedisError."""
    remaining = iter(cases)
    while page := list(itertools.islice(remaining, PAGE)):
        note(store, what, [str(case.case_id) for case in page])
        yield from page
