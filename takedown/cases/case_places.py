"""Finds the case of a sighting: the case of its place and digest, also when that case has an older kind of id.

A case keeps its id for ever. Cases that are older than the recognition of places have ids made of whole URLs. An index
leads from the id that such a case would have today to the case.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from orbweaver.model import Case, CaseState, DigestSet, case_id_for
from orbweaver.store import keys, reads
from orbweaver.store.connection import Store, text
from orbweaver.store.reads import Read
from orbweaver.takedown.cases import case_store
from orbweaver.takedown.cases.places import place_of

if TYPE_CHECKING:
    from redis.client import Pipeline

# Count this up when the rules for places change: then all cases are indexed again, once.
RULES = b"2"
_RULES_FIELD = "rules"


class SeenFile(Protocol):
    """A file that was seen at a URL, such as a sighting."""

    @property
    def url(self) -> str:
        """The URL, as a case of it has it."""

    @property
    def digests(self) -> DigestSet:
        """The digests of its bytes."""

    @property
    def sighting_id(self) -> str:
        """The id of its sightings."""


@dataclass(frozen=True)
class CasesOfSightings:
    """The id of each sighting's case, by sighting id, also when there is no such case; and which ids are `there`."""

    case_ids: Mapping[str, str]
    there: Collection[str]


def find(store: Store, sightings: Sequence[SeenFile]) -> CasesOfSightings:
    """Find the cases of sightings: one round trip, where no case has an older kind of id."""
    todays = {one.sighting_id: _id_of_place(one.url, one.digests.sha256) for one in sightings}
    # Only an id that is not made of the whole URL can lead to a case with another id.
    shortened = sorted({case_id for sighting_id, case_id in todays.items() if case_id != sighting_id})
    (rules, *stored), there = reads.together(
        store,
        Read(lambda pipe: pipe.hmget(keys.case_places(), [_RULES_FIELD, *shortened]), lambda answers: answers[0]),
        case_store.reading_existing(list(todays.values())),
    )
    if rules != RULES:
        _index(store)
        stored = store.hmget(keys.case_places(), shortened) if shortened else []
    older = {today: text(case_id) for today, case_id in zip(shortened, stored, strict=True) if case_id is not None}
    there |= case_store.existing(store, list(older.values()))
    chosen = {one: older[today] if older.get(today) in there else today for one, today in todays.items()}
    return CasesOfSightings(chosen, there)


def _id_of_place(url: str, sha256: str) -> str:
    return str(case_id_for(place_of(url).url, sha256))


def _index(store: Store) -> None:
    """Index the cases with older ids by the ids they would have today; safe to do twice, and by several at once."""
    chosen: dict[str, Case] = {}
    for case in case_store.all_cases(store):
        if case.pseudonymised is not None:
            continue  # where it was nobody knows
        today = _id_of_place(case.url, case.sha256)
        if today != str(case.case_id):
            chosen[today] = min(chosen.get(today, case), case, key=_rank)
    with store.pipeline(transaction=True) as pipe:
        _write(pipe, chosen.items())
        pipe.execute()


def _rank(case: Case) -> tuple[bool, float, str]:
    """Put the case that goes on first among several of one place: the oldest open one, else the oldest."""
    return case.state is not CaseState.OPEN, case.first_seen.timestamp(), str(case.case_id)


def _write(pipe: Pipeline, chosen: Iterable[tuple[str, Case]]) -> None:
    for today, case in chosen:
        pipe.hsetnx(keys.case_places(), today, str(case.case_id))
    pipe.hset(keys.case_places(), _RULES_FIELD, RULES)
