"""The keys of pseudonyms in the store: one for each year, until nothing of that year is left to be pseudonymised.

While a key is there, the cases of its year get equal pseudonyms for equal hosts and files, however many days apart they
are pseudonymised. Then it is thrown away, and nobody can test a guess any more.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection

from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.retention.pseudonyms import KEY_BYTES, KeyedPseudonyms


def of_year(store: Store, year: int) -> KeyedPseudonyms:
    """Return the pseudonyms of the cases of a year; the first one who asks makes their key."""
    store.hsetnx(keys.pseudonym_keys(), str(year), secrets.token_hex(KEY_BYTES))
    stored = store.hget(keys.pseudonym_keys(), str(year))
    if stored is None:  # thrown away by another round at this moment
        return of_year(store, year)
    return KeyedPseudonyms(bytes.fromhex(text(stored)))


def years(store: Store) -> list[int]:
    """Return the years that have a key."""
    return sorted(int(text(one)) for one in store.hkeys(keys.pseudonym_keys()))


def throw_away(store: Store, over: Collection[int]) -> None:
    """Throw away the keys of these years."""
    if over:
        store.hdel(keys.pseudonym_keys(), *map(str, sorted(over)))
