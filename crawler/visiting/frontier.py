"""Keeps the URLs that a recrawl knows and has not visited yet, in the order in which they will be visited."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from orbweaver.crawler.asked_as import AskedAs, Destination, ReferrerPolicy
from orbweaver.crawler.link_kind import LinkKind, LinkSource
from orbweaver.crawler.visiting.visit import GatePass, Origin, Visit
from orbweaver.model import Redirect

# Beyond this many, links are dropped and said to be. One costs its URL and a few bytes more when a page has many links
# that are new, about 400 bytes when it is the only one of its page.
MOST_WAITING = 50_000
# Of which candidates may take so many, so that no certain link is dropped for them.
MOST_CANDIDATES_WAITING = 25_000


_ASKED_AS = {
    chr(65 + first) + chr(65 + second): AskedAs(destination, policy)
    for first, destination in enumerate((None, *Destination))
    for second, policy in enumerate((None, *ReferrerPolicy))
}
_LETTERS_OF = {asked_as: letters for letters, asked_as in _ASKED_AS.items()}


class PlannedRequest(NamedTuple):
    """A visit with the URL to ask for, which is another than the visit's own after a redirect.

    `cost` is in pages or files; 0 is not counted.
    """

    visit: Visit
    url: str
    cost: int = 1


class WaitingBatch(NamedTuple):
    """Requests that differ in their URLs alone, which are in `entries` (see _Batch); text that anybody can keep."""

    kind: LinkKind
    origin: Origin
    is_reported: bool
    is_variant: bool
    chain: tuple[int, ...]
    source: LinkSource
    gate: GatePass | None
    cost: int
    entries: str
    redirects: tuple[Redirect, ...] = ()


class Frontier:
    """Gives reported URLs first, then known files (LinkSource.KNOWN), then files, then pages by their distance.

    The distance is from a report; each kind comes in order of arrival.

    A request that costs more than one page comes behind the others that are as far away. A variant (Visit.is_variant)
    of a file comes behind all files, one of a page behind all pages: there may be no last one.
    What may be no reference at all comes behind all pages that are as far away, files too. A known file that is a
    variant comes last.
    """

    def __init__(self) -> None:
        self._lines: dict[int, _Line] = {}  # by rank; none is empty
        self._aside: dict[str, _Line] = {}  # by host
        self._count = 0
        self.reported = 0
        self.page_variants = 0

    def __len__(self) -> int:
        return self._count

    @property
    def is_full(self) -> bool:
        """Whether only reported URLs should still be added."""
        return len(self) >= MOST_WAITING

    @property
    def is_full_for_candidates(self) -> bool:
        """Whether no more candidates should be added."""
        return len(self) >= MOST_CANDIDATES_WAITING

    def waiting(self) -> Iterator[WaitingBatch]:
        """Yield what waits, in the order of the visits; what is set aside comes last."""
        for rank in sorted(self._lines):
            yield from self._lines[rank].batches()
        for line in self._aside.values():
            yield from line.batches()

    def push(self, planned: PlannedRequest) -> None:
        """Add a visit."""
        self._lines.setdefault(_rank(planned), _Line()).append(planned)
        self._count += 1
        self.reported += planned.visit.is_reported
        self.page_variants += _is_page_variant(planned.visit)

    def pop(self) -> PlannedRequest | None:
        """Take the next visit that is not set aside; None when there is none."""
        if not self._lines:
            return None
        rank = min(self._lines)  # of a few: most that wait are one or two links further away than the last one
        line = self._lines[rank]
        planned = line.popleft()
        if not line:
            del self._lines[rank]
        self._count -= 1
        self.reported -= planned.visit.is_reported
        self.page_variants -= _is_page_variant(planned.visit)
        return planned

    @property
    def hosts_aside(self) -> Collection[str]:
        """The hosts whose visits are set aside."""
        return self._aside.keys()

    def set_aside(self, host: str, planned: PlannedRequest) -> bool:
        """Keep a visit that was taken until `bring_back`; returns whether it is the first of its host."""
        is_first = host not in self._aside
        self._aside.setdefault(host, _Line()).append(planned)
        self._count += 1
        self.reported += planned.visit.is_reported
        self.page_variants += _is_page_variant(planned.visit)
        return is_first

    def bring_back(self, host: str | None = None) -> None:
        """Put the visits of a host, or of all, that were set aside where they were."""
        for name in list(self._aside) if host is None else [host]:
            line = self._aside.pop(name, None)
            while line:
                planned = line.popleft()
                self._count -= 1
                self.reported -= planned.visit.is_reported
                self.page_variants -= _is_page_variant(planned.visit)
                self.push(planned)


def batches_of(planned: Iterable[PlannedRequest]) -> Iterator[WaitingBatch]:
    """Yield requests as batches, in their order."""
    line = _Line()
    for one in planned:
        line.append(one)
    yield from line.batches()


def planned_in(batch: WaitingBatch) -> Iterator[PlannedRequest]:
    """Yield the requests of a batch, in their order; raises ValueError when its entries are none."""
    *entries, rest = batch.entries.split("\n")
    if rest:
        raise ValueError("an entry without an end")
    for entry in entries:
        said, url, asked = entry.split(" ")
        asked_as = _ASKED_AS.get(said[1:])
        if said[:1] not in {"0", "1"} or asked_as is None:
            raise ValueError("an entry of no known form")
        visit = Visit(
            url,
            batch.kind,
            batch.origin,
            batch.is_reported,
            said[0] == "1",
            batch.chain,
            is_variant=batch.is_variant,
            source=batch.source,
            asked_as=asked_as,
            gate=batch.gate,
            redirects=batch.redirects,
        )
        yield PlannedRequest(visit, asked or url, batch.cost)


class _Line:
    """Requests in order of arrival; those of one page that come in a row are one batch."""

    def __init__(self) -> None:
        self._batches: deque[_Batch] = deque()  # none is empty

    def __bool__(self) -> bool:
        return bool(self._batches)

    def batches(self) -> Iterator[WaitingBatch]:
        return (one.as_text() for one in self._batches)

    def append(self, planned: PlannedRequest) -> None:
        if not self._batches or not self._batches[-1].fits(planned):
            self._batches.append(_Batch(planned))
        self._batches[-1].append(planned)

    def popleft(self) -> PlannedRequest:
        batch = self._batches[0]
        planned = batch.popleft()
        if not batch:
            self._batches.popleft()
        return planned


class _Batch:
    """Requests that differ in their URLs alone, as text: as objects they took most of what a large recrawl grew by.

    An entry is a line: whether a page shows the file (1 or 0) with a letter each for destination and referrer policy,
    the URL of the visit, and the URL to ask for where it is another one. Canonical URLs have neither blanks nor line
    ends.
    """

    __slots__ = (
        "_chain",
        "_cost",
        "_entries",
        "_gate",
        "_is_reported",
        "_is_variant",
        "_kind",
        "_origin",
        "_redirects",
        "_source",
    )

    def __init__(self, first: PlannedRequest) -> None:
        self._kind = first.visit.kind
        self._origin = first.visit.origin
        self._is_reported = first.visit.is_reported
        self._is_variant = first.visit.is_variant
        self._chain = first.visit.chain
        self._source = first.visit.source
        self._gate = first.visit.gate
        self._redirects = first.visit.redirects
        self._cost = first.cost
        self._entries = bytearray()

    def __bool__(self) -> bool:
        return bool(self._entries)

    def fits(self, planned: PlannedRequest) -> bool:
        visit = planned.visit
        return (
            self._origin == visit.origin
            and self._kind is visit.kind
            and self._is_reported is visit.is_reported
            and self._is_variant is visit.is_variant
            and self._chain == visit.chain
            and self._source is visit.source
            and self._gate == visit.gate
            and self._redirects == visit.redirects
            and self._cost == planned.cost
        )

    def append(self, planned: PlannedRequest) -> None:
        visit = planned.visit
        asked = "" if planned.url == visit.url else planned.url
        self._entries += f"{visit.is_embed:d}{_LETTERS_OF[visit.asked_as]} {visit.url} {asked}\n".encode()

    def as_text(self) -> WaitingBatch:
        return WaitingBatch(
            self._kind,
            self._origin,
            self._is_reported,
            self._is_variant,
            self._chain,
            self._source,
            self._gate,
            self._cost,
            self._entries.decode(),
            self._redirects,
        )

    def popleft(self) -> PlannedRequest:
        end = self._entries.index(b"\n")
        said, url, asked = self._entries[:end].decode().split(" ")
        del self._entries[: end + 1]  # moves no bytes, but for giving memory back when half of it is free
        is_embed, asked_as = said[0] == "1", _ASKED_AS[said[1:]]
        visit = Visit(
            url,
            self._kind,
            self._origin,
            self._is_reported,
            is_embed,
            self._chain,
            is_variant=self._is_variant,
            source=self._source,
            asked_as=asked_as,
            gate=self._gate,
            redirects=self._redirects,
        )
        return PlannedRequest(visit, asked or url, self._cost)


# The ranks of pages begin with 0.
_REPORTED, _KNOWN, _FILE, _FILE_VARIANT = -4, -3, -2, -1
_PAGE_VARIANTS = 1_000_000
_KNOWN_VARIANTS = 3_000_000


def _rank(planned: PlannedRequest) -> int:
    visit = planned.visit
    if visit.is_reported:
        return _REPORTED
    if visit.source is LinkSource.KNOWN:
        return _KNOWN_VARIANTS if visit.is_variant else _KNOWN
    distance = 2 * (visit.origin.depth + max(planned.cost, 1) - 1)
    if visit.is_candidate:
        distance += 1
    elif visit.kind is LinkKind.FILE:
        return _FILE_VARIANT if visit.is_variant else _FILE
    return distance + _PAGE_VARIANTS if visit.is_variant else distance


def _is_page_variant(visit: Visit) -> bool:
    return visit.is_variant and visit.kind is LinkKind.PAGE
