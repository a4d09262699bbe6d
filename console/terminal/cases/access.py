"""Notes in the audit log who looks at which cases, before they are shown: what cannot be noted is not shown."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from orbweaver.console.terminal.people import user_of_system
from orbweaver.model import Case, now
from orbweaver.store.connection import Store
from orbweaver.takedown.audit import audit_log, records

# So many ids stand in one record.
PAGE = 500


def note(store: Store, what: str, subject: Sequence[str] = ()) -> None:
    """Note that the user of this machine uses a command on cases or assessments with these ids; none: on all of them.

    Raises RedisError.
    """
    with store.pipeline(transaction=True) as pipe:
        for start in range(0, max(len(subject), 1), PAGE):
            audit_log.note(pipe, records.of_access(user_of_system(), now(), what, list(subject[start : start + PAGE])))
        pipe.execute()


def noted(store: Store, what: str, cases: Iterable[Case]) -> Iterator[Case]:
    """Yield the cases, and note them before, a page at a time. Raises RedisError."""
    remaining = iter(cases)
    while page := list(itertools.islice(remaining, PAGE)):
        note(store, what, [str(case.case_id) for case in page])
        yield from page
