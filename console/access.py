"""Notes in the audit log who looks at which cases, before they are shown: what cannot be noted is not shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orbweaver.model import Actor, now
from orbweaver.store.connection import Store
from orbweaver.takedown.audit import audit_log, records

# So many ids stand in one record.
PAGE: Final = 500


def note(store: Store, actor: Actor, what: str, subject: Sequence[str] = ()) -> None:
    """Note that a person uses a command or a page on cases or assessments with these ids; none: on all of them.

    Raises RedisError.
    """
    with store.pipeline(transaction=True) as pipe:
        for start in range(0, max(len(subject), 1), PAGE):
            audit_log.note(pipe, records.of_access(actor, now(), what, list(subject[start : start + PAGE])))
        pipe.execute()
