"""Learns from a host's answers which parts of its URLs change nothing, so that no file is lost and every crawl ends.

URLs with the same dedup key (dedup_key.py) are probably the same: they differ in a session id, in a click counter or in
the order of their parameters. Probably is not enough, because "?sid=" also names files. So the first URLs of a key are
fetched, and what they answered is compared. A rule is learnt for one place: a path with the names of its parameters, or
a whole host for click counters. When ENOUGH comparisons there found the same, the URLs that come later are left out.
After one difference none is left out there. What decides nothing (an error, no answer yet, no room) leaves them to be
fetched.

A page counts as the same when it says the same and leads to the same. That its links lead to the same is itself only
believed, for their own places: so each difference that is found takes back what was believed of every other place, and
the URLs that were left out meanwhile are asked for after all.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

from orbweaver.crawler.rules.urls import host_of
from orbweaver.crawler.visiting.addresses import dedup_key
from orbweaver.crawler.visiting.addresses.seen_urls import SeenUrls
from orbweaver.crawler.visiting.frontier import PlannedRequest

# Two files can be the same by chance: a picture that stands for a missing one.
ENOUGH: Final = 2
# Nothing is learnt of more places: their URLs are all fetched.
MOST_PLACES: Final = 10_000
# URLs that are left out and still known, about 400 bytes each; of the others only the number is known.
MOST_KEPT: Final = 10_000
# A host could make us read the URLs that were left out again and again: after so many times none is left out.
MOST_DOUBTS: Final = 20
# Bytes of a page. Longer ones are not compared, because their words take several times their memory.
MOST_COMPARED: Final = 2**20
# Neither a URL nor a key begins with it.
_KEY_MARK: Final = "key "


class Met(Enum):
    """The relation of a URL to those that were met before."""

    SEEN = auto()
    NEW = auto()
    VARIANT = auto()


@dataclass(slots=True)
class KnownPlace:
    """A place and what was learnt of it; `example` is a URL there, `left_out` counts those that were not fetched."""

    example: str
    agreed: int = 0
    is_different: bool = False
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class LeftOutUrls:
    """URLs that were not fetched: one of them, their number, what they differ in, and whether that was proved."""

    url: str
    count: int
    differs_in: str
    is_same: bool


class Learnt(NamedTuple):
    """The state of what was learnt: the places by their names, and how often belief in all of them was taken back."""

    places: dict[str, KnownPlace]
    doubts: int
    has_met_variants: bool


class SameAddresses:
    """The URLs that one recrawl met, and what it has learnt about those that share a dedup key.

    `has_met_variants` says whether there is anything to learn: until then no answer need be compared. With a `key`
    another process can go on with what was met and learnt; the answers themselves are forgotten, so the first answer
    of a dedup key there is compared with none.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._seen = SeenUrls(key)
        self._candidates = SeenUrls(key)
        self._answers = SeenUrls()
        self._answered = SeenUrls()
        self._places: dict[str, KnownPlace] = {}
        self._kept: list[tuple[KnownPlace, PlannedRequest]] = []
        self._doubts = 0
        self.has_met_variants = False

    def __len__(self) -> int:
        return len(self._seen) + len(self._candidates)

    @property
    def learnt(self) -> Learnt:
        """The state of what was learnt."""
        return Learnt(self._places, self._doubts, self.has_met_variants)

    @property
    def kept(self) -> Iterator[PlannedRequest]:
        """The URLs that were left out; they are asked for after all when that turns out to be wrong."""
        return (planned for _, planned in self._kept)

    def take_unsaved(self) -> tuple[bytes, bytes]:
        """Return the hashes of the URLs, and of the candidates, that were met since the last call."""
        return self._seen.take_unsaved(), self._candidates.take_unsaved()

    def restore_met(self, met: bytes, candidates: bytes) -> None:
        """Note what another process with the same key had met."""
        self._seen.restore(met)
        self._candidates.restore(candidates)

    def restore_learnt(self, learnt: Learnt, kept: Iterable[PlannedRequest]) -> None:
        """Go on with what another process had learnt, and with the URLs that it had left out."""
        self._places, self._doubts, self.has_met_variants = dict(learnt.places), learnt.doubts, learnt.has_met_variants
        places = ((self._places.get(_place_of(one.visit.url)), one) for one in kept)
        self._kept = [(place, one) for place, one in places if place is not None][:MOST_KEPT]

    def note(self, text: str) -> bool:
        """Note a text that is no URL; return whether it is new."""
        return self._seen.add(text)

    def meet(self, url: str) -> Met:
        """Note a canonical URL that was found; return whether it, or one with its key, was met before.

        A URL from which the key leaves nothing out is always new the first time, whatever else has that key.
        """
        if not self._seen.add(url):
            return Met.SEEN
        if not dedup_key.parts_left_out(url):
            return Met.NEW
        self.has_met_variants = True
        key = dedup_key.key(url)
        is_new = self._seen.add(_KEY_MARK + key)
        return Met.NEW if is_new and (key == url or key not in self._seen) else Met.VARIANT

    def meet_candidate(self, url: str) -> Met:
        """Note a canonical URL that may have been found; `meet` knows nothing of it, so a link to it is still new."""
        if url in self._seen or not self._candidates.add(url):
            return Met.SEEN
        if not dedup_key.parts_left_out(url):
            return Met.NEW
        self.has_met_variants = True
        key = dedup_key.key(url)
        is_new = self._candidates.add(_KEY_MARK + key)
        is_met = key in self._seen or _KEY_MARK + key in self._seen
        return Met.NEW if is_new and not is_met else Met.VARIANT

    def has_met(self, url: str) -> bool:
        """Whether a URL was noted by `meet`."""
        return url in self._seen

    def leaves_out(self, planned: PlannedRequest) -> bool:
        """Whether a variant need not be fetched; it is then kept, in case that this turns out to be wrong."""
        place = self._places.get(_place_of(planned.visit.url))
        if place is None or not self._is_believed(place):
            return False
        self._leave_out(place, planned)
        return True

    def leave_out_unproved(self, url: str) -> bool:
        """Count a variant for which there is no room; return whether it could be counted."""
        place = self._place(url)
        if place is None:
            return False
        place.left_out += 1
        return True

    def identity(self, url: str) -> str:
        """Return what a URL counts as where two pages are compared: itself where its answers differ, else its key."""
        place = self._places.get(_place_of(url)) if dedup_key.parts_left_out(url) else None
        return url if place is not None and place.is_different else dedup_key.key(url)

    def answered(self, url: str, answer: int) -> list[PlannedRequest]:
        """Compare what a URL answered with the answers of its key; return what must be fetched after all.

        `answer` is a hash of the file or page.
        """
        key = dedup_key.key(url)
        is_first = self._answered.add(key)
        is_new = self._answers.add(f"{answer} {key}")
        return [] if is_first else self.compared(url, is_same=not is_new)

    def compared(self, url: str, *, is_same: bool) -> list[PlannedRequest]:
        """Learn from one comparison of two URLs of a key; return what must be fetched after all."""
        if not dedup_key.parts_left_out(url):
            return []
        place = self._place(url)
        if place is None or place.is_different:
            return []
        if is_same:
            place.agreed += 1
            return []
        place.is_different = True
        return self._doubt()

    def left_out(self) -> Iterator[LeftOutUrls]:
        """Yield what was not fetched, place by place."""
        for place in self._places.values():
            if place.left_out:
                names = ", ".join(dedup_key.parts_left_out(place.example))
                yield LeftOutUrls(place.example, place.left_out, names, self._is_believed(place))

    def _is_believed(self, place: KnownPlace) -> bool:
        return place.agreed >= ENOUGH and not place.is_different and self._doubts < MOST_DOUBTS

    def _leave_out(self, place: KnownPlace, planned: PlannedRequest) -> None:
        place.left_out += 1
        if len(self._kept) < MOST_KEPT:
            self._kept.append((place, planned))

    def _doubt(self) -> list[PlannedRequest]:
        """Forget what is believed of the other places; return the URLs that were left out."""
        self._doubts += 1
        for place in self._places.values():
            place.agreed = 0
        kept, self._kept = self._kept, []
        for place, _ in kept:
            place.left_out -= 1
        return [planned for _, planned in kept]

    def _place(self, url: str) -> KnownPlace | None:
        name = _place_of(url)
        place = self._places.get(name)
        if place is None and len(self._places) < MOST_PLACES:
            place = self._places[name] = KnownPlace(url)
        return place


def _place_of(url: str) -> str:
    names = dedup_key.parts_left_out(url)
    where = host_of(url) if names == (dedup_key.CLICK_COUNTERS,) else dedup_key.place_of(url)
    return f"{where} {' '.join(names)}"


# --- what a page says ---

_SCRIPT = re.compile(rb"<(script|style)\b.*?(?:</\1|\Z)", re.DOTALL | re.IGNORECASE)
_TEXT = re.compile(rb">([^<]++)")
_BLANKS_AND_DIGITS = b" \t\n\r\f\v0123456789"


def page_answer(document: bytes, links: Collection[str]) -> int:
    """Return a hash of the words of a page and of where it leads.

    Left out is what is another each time: numbers and times, and the attributes and scripts, in which tokens against
    forged forms stand. Python's hash of bytes is keyed: no server can make two pages equal.
    """
    words = bytearray()
    # One by one: of a page of short words, a list of them takes 20 times its size.
    for text in _TEXT.finditer(_SCRIPT.sub(b"", document)):
        words += text[text.lastindex or 0]
    return hash((frozenset(links), bytes(words.translate(None, _BLANKS_AND_DIGITS))))
