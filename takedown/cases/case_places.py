"""Which case a sighting belongs to: that of its place and digest, under whatever id the case has had since it was made.

A case keeps its id for ever. Cases from before places were recognised have ids made of whole URLs; an index leads from
the id that such a case would have today to the case.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from orbweaver.model import Case, CaseState, Sighting, case_id_for
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.places import place_of

if TYPE_CHECKING:
    from redis.client import Pipeline

# Counted up when places are told in another way: all cases are then looked at again, once.
RULES = b"2"
_RULES_FIELD = "rules"


def case_ids(store: Store, sightings: Sequence[Sighting]) -> dict[str, str]:
    """Return the id of each sighting's case, by sighting id, whether there is such a case or not."""
    found = {one.sighting_id: _id_of_place(one.url, one.digests.sha256) for one in sightings}
    # Only an id that is not made of the whole URL can have another case behind it.
    shortened = sorted({case_id for sighting_id, case_id in found.items() if case_id != sighting_id})
    rules, *stored = store.hmget(keys.case_places(), [_RULES_FIELD, *shortened])
    if rules != RULES:
        _index(store)
        stored = store.hmget(keys.case_places(), shortened) if shortened else []
    known = {one: text(case_id) for one, case_id in zip(shortened, stored, strict=True) if case_id is not None}
    there = case_store.existing(store, list(known.values()))
    return {sighting_id: known[one] if known.get(one) in there else one for sighting_id, one in found.items()}


def _id_of_place(url: str, sha256: str) -> str:
    return str(case_id_for(place_of(url).url, sha256))


def _index(store: Store) -> None:
    """Lead from today's ids to the cases that have other ones; can be done twice, and by several at once."""
    chosen: dict[str, Case] = {}
    for case in case_store.all_cases(store):
        today = _id_of_place(case.url, case.sha256)
        if today != str(case.case_id):
            chosen[today] = min(chosen.get(today, case), case, key=_rank)
    with store.pipeline(transaction=True) as pipe:
        _write(pipe, chosen.items())
        pipe.execute()


def _rank(case: Case) -> tuple[bool, float, str]:
    """Of several cases of one place, the oldest that is open goes on, else the oldest."""
    return case.state is not CaseState.OPEN, case.first_seen.timestamp(), str(case.case_id)


def _write(pipe: Pipeline, chosen: Iterable[tuple[str, Case]]) -> None:
    for today, case in chosen:
        pipe.hsetnx(keys.case_places(), today, str(case.case_id))
    pipe.hset(keys.case_places(), _RULES_FIELD, RULES)
