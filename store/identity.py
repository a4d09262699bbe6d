"""The store's own id, which tells its events from those of every other store."""

from __future__ import annotations

from uuid import UUID, uuid4

from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.store.reads import Read


def store_id(store: Store) -> UUID:
    """Return the id that the store was given when it was first needed; a backup of the store has it too."""
    key = keys.store_id()
    found = store.get(key)
    if found is None:
        store.set(key, str(uuid4()), nx=True)  # the first of several wins
        found = store.get(key)
    if found is None:
        raise RuntimeError("the store did not keep the id that it was given")
    return UUID(text(found))


def reading() -> Read[UUID | None]:
    """Return the read of the id; None for a store that has none yet, which `store_id` gives it."""
    return Read(
        lambda pipe: pipe.get(keys.store_id()), lambda answers: None if answers[0] is None else UUID(text(answers[0]))
    )
