"""The index of cases: enters the cases of older releases, once, and gives the cases of a choice a page at a time.

A page goes through the smallest of the shelves that are asked for, and asks the others about each case on it. It looks
at so many cases and no more, so a choice that few cases are in may give a page that is not full; the next goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from orbweaver.model import Case
from orbweaver.store import keys
from orbweaver.store.connection import Store, text
from orbweaver.takedown.cases import case_entries, case_store
from orbweaver.takedown.cases.case_entries import OPEN_SINCE

LOOKED_AT_ONCE: Final = 1_000
# So many cases are looked at for one page, at most.
MOST_LOOKED_AT: Final = 10_000
_ALL: Final = f"all {case_entries.RULES}".encode()


@dataclass(frozen=True)
class CaseChoice:
    """Which cases a list has: those on all of these shelves, whose time is in a range.

    The time is that of the first sighting; with the shelf OPEN_SINCE it is since when the case is open.
    """

    shelves: tuple[str, ...] = ()
    since: datetime | None = None
    before: datetime | None = None
    is_oldest_first: bool = False


class CasePlace(NamedTuple):
    """The place of a case in a list, from which the next page goes on."""

    at: float
    case_id: str


@dataclass(frozen=True)
class CasePage:
    """The ids of the cases of one page, in order, and where the next page begins; None where there is none.

    `looked_at` is how many cases were looked at for it.
    """

    case_ids: tuple[str, ...]
    next: CasePlace | None
    looked_at: int


class IndexProgress(NamedTuple):
    """How many of the cases of a store are in the index."""

    entered: int
    cases: int

    @property
    def is_whole(self) -> bool:
        """Whether all of them are."""
        return self.entered >= self.cases


def enter_some(store: Store, most: int | None) -> IndexProgress:
    """Enter at least so many cases that an older release wrote (None: all of them), and say how far it is.

    Cheap when all are in. Safe to do twice, and by several at once.
    """
    done = 0
    while True:
        entered = store.get(keys.cases_entered())
        if entered == _ALL:
            return IndexProgress(0, 0)
        place, _, rules = text(entered or b"0 ").partition(" ")
        begin = int(place) if rules == case_entries.RULES and place.isdigit() else 0
        if most is not None and done >= most:
            return IndexProgress(begin, int(store.zcard(keys.cases())))
        page = store.execute_command("ZRANGE", keys.cases(), begin, begin + case_store.PAGE - 1)
        cases = case_store.read_many(store, map(text, page))
        with store.pipeline(transaction=True) as pipe:
            for case in cases:
                case_entries.write(pipe, case, is_older=True)
            pipe.set(keys.cases_entered(), f"{begin + len(page)} {case_entries.RULES}" if page else _ALL)
            pipe.execute()
        done += len(page)


def page_of(store: Store, choice: CaseChoice, after: CasePlace | None, most: int) -> CasePage:
    """Return at most so many cases of a choice, after a place."""
    base, others = _smallest_first(store, choice)
    first, end = _bounds(store, base, choice, after)
    found: list[CasePlace] = []
    place = first
    last: CasePlace | None = None
    while place < end and place - first < MOST_LOOKED_AT and len(found) <= most:
        stop = min(place + LOOKED_AT_ONCE, end)
        rows = _rows(store, base, place, stop, is_oldest_first=choice.is_oldest_first)
        if not rows:
            place = end
            break
        last = rows[-1]
        found += _on_all(store, rows, others)
        place += len(rows)
    shown = tuple(one.case_id for one in found[:most])
    if len(found) > most:
        return CasePage(shown, found[most - 1], place - first)
    return CasePage(shown, last if place < end else None, place - first)


def case_ids_of_text(store: Store, written: str) -> Iterator[str]:
    """Yield the ids of cases that may have a text: an MD5, a SHA-1, or a URL without its scheme.

    Whoever uses them compares the text itself. Raises RedisError.
    """
    short = case_entries.shortened(written)
    after = f"[{short}:"
    while True:
        page = store.execute_command("ZRANGEBYLEX", keys.case_texts(), after, f"({short};", "LIMIT", 0, case_store.PAGE)
        yield from (text(line).partition(":")[2] for line in page)
        if len(page) < case_store.PAGE:
            return
        after = f"({text(page[-1])}"


def cases_of_text(store: Store, written: str) -> Iterator[Case]:
    """Yield the cases that may have a text, a page at a time."""
    ids = list(case_ids_of_text(store, written))
    for start in range(0, len(ids), case_store.PAGE):
        yield from case_store.read_many(store, ids[start : start + case_store.PAGE])


def cases_on(store: Store, shelf: str) -> Iterator[Case]:
    """Yield the cases on a shelf, oldest first, a page at a time; one that comes or goes meanwhile may be missed."""
    start = 0
    while page := store.execute_command("ZRANGE", keys.case_shelf(shelf), start, start + case_store.PAGE - 1):
        yield from case_store.read_many(store, map(text, page))
        start += len(page)


def shelves_of_kind(store: Store, kind: str, most: int) -> dict[str, str]:
    """Return the shelves of a kind ("provider", "country", "list") that have cases, with what people call them.

    At most so many, the fullest ones, in the order of their names.
    """
    names = {text(name): text(words) for name, words in store.hgetall(keys.case_shelf_names()).items()}
    wanted = [name for name in names if name.startswith(f"{kind}/")]
    with store.pipeline(transaction=False) as pipe:
        for name in wanted:
            pipe.zcard(keys.case_shelf(name))
        numbers = dict(zip(wanted, pipe.execute(), strict=True))
    fullest = sorted((name for name in wanted if numbers[name]), key=lambda name: -numbers[name])[:most]
    return {name: names[name] for name in sorted(fullest, key=lambda name: names[name].casefold())}


def are_on(store: Store, case_ids: Sequence[str], shelves: Sequence[str]) -> list[bool]:
    """Return whether each case is on all of these shelves."""
    if not case_ids:
        return []
    with store.pipeline(transaction=False) as pipe:
        for shelf in shelves:
            for start in range(0, len(case_ids), LOOKED_AT_ONCE):
                pipe.zmscore(keys.case_shelf(shelf), list(case_ids[start : start + LOOKED_AT_ONCE]))
        answers = iter(pipe.execute())
    are = [True] * len(case_ids)
    for _ in shelves:
        for start in range(0, len(case_ids), LOOKED_AT_ONCE):
            for place, score in enumerate(next(answers), start):
                are[place] = are[place] and score is not None
    return are


def _smallest_first(store: Store, choice: CaseChoice) -> tuple[str, tuple[str, ...]]:
    """Return the key that a list is read from, and the other shelves."""
    if not choice.shelves:
        return keys.cases(), ()
    if OPEN_SINCE in choice.shelves:
        base = OPEN_SINCE  # its times are others
    else:
        with store.pipeline(transaction=False) as pipe:
            for shelf in choice.shelves:
                pipe.zcard(keys.case_shelf(shelf))
            base = min(zip(pipe.execute(), choice.shelves, strict=True))[1]
    return keys.case_shelf(base), tuple(one for one in choice.shelves if one != base)


def _bounds(store: Store, key: str, choice: CaseChoice, after: CasePlace | None) -> tuple[int, int]:
    """Return the ranks, in the order of the list, of the first case to look at, and behind the last one."""
    since = "-inf" if choice.since is None else f"{choice.since.timestamp():.3f}"
    before = "+inf" if choice.before is None else f"{choice.before.timestamp():.3f}"
    with store.pipeline(transaction=True) as pipe:
        if choice.is_oldest_first:
            pipe.zcount(key, "-inf", f"({since}")
            pipe.zcount(key, "-inf", f"({before}")
        else:
            pipe.zcount(key, before, "+inf")
            pipe.zcount(key, since, "+inf")
        if after is not None:
            pipe.zrank(key, after.case_id) if choice.is_oldest_first else pipe.zrevrank(key, after.case_id)
            at = f"({after.at!r}"
            pipe.zcount(key, "-inf", at) if choice.is_oldest_first else pipe.zcount(key, at, "+inf")
        first, end, *places = pipe.execute()
    if places:
        rank, otherwise = places
        # A case that is not there any more was at its time: one of the same time may come twice, none is left out.
        first = max(first, rank + 1 if rank is not None else otherwise)
    return int(first), int(end)


def _rows(store: Store, key: str, start: int, stop: int, *, is_oldest_first: bool) -> list[CasePlace]:
    rows: list[Any] = store.zrange(key, start, stop - 1, desc=not is_oldest_first, withscores=True)
    return [CasePlace(float(score), text(case_id)) for case_id, score in rows]


def _on_all(store: Store, rows: list[CasePlace], shelves: Sequence[str]) -> list[CasePlace]:
    are = are_on(store, [one.case_id for one in rows], shelves)
    return [one for one, is_on in zip(rows, are, strict=True) if is_on]
