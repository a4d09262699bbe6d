"""Takes a checkpoint of a recrawl: what waits, what was met, and what was counted, within bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeVar

from orbweaver.crawler.fetching.asking.cookies import KeptCookie
from orbweaver.crawler.fetching.asking.request_headers import ReporterHeaders, RequestHeaders
from orbweaver.crawler.fetching.budget import Budget
from orbweaver.crawler.visiting.checkpoints.state import (
    MET,
    MET_CANDIDATES,
    MOST_STATE_BYTES,
    PIECE_BYTES,
    BatchRecord,
    CheckpointState,
    packed,
    record_of,
)
from orbweaver.crawler.visiting.frontier import Frontier, PlannedRequest, WaitingBatch, batches_of
from orbweaver.crawler.visiting.navigator import Navigator
from orbweaver.crawler.visiting.records.journal import Journal
from orbweaver.crawler.visiting.records.suggestions import HOSTS_COUNTED

K = TypeVar("K")
V = TypeVar("V")


class RecrawlParts(NamedTuple):
    """The parts of a recrawl that know where it is."""

    navigator: Navigator
    frontier: Frontier
    journal: Journal
    budget: Budget
    headers: RequestHeaders


# As JSON. Of what waits, smaller and smaller shares are tried until the checkpoint is small enough.
_SHARES_OF_WAITING: Final = tuple(count * 2**20 for count in (48, 12, 3, 0))
_MOST_KEPT_BYTES: Final = 2 * 2**20
_MOST_PLACES_BYTES: Final = 2 * 2**20
_MOST_SPELLINGS_BYTES: Final = 4 * 2**20
_MOST_VARIABLES_BYTES: Final = 2**20
_MOST_BELIEVED_BYTES: Final = 2 * 2**20
_MOST_COOKIES_BYTES: Final = 2**20
# Of an entry, besides its texts.
_ENTRY_BYTES: Final = 100


def pieces_of_met(navigator: Navigator) -> Iterator[bytes]:
    """Yield the hashes of the URLs that were met since the last call."""
    met, candidates = navigator.admission.addresses.take_unsaved()
    for mark, numbers in ((MET, met), (MET_CANDIDATES, candidates)):
        for start in range(0, len(numbers), PIECE_BYTES - 1):
            yield mark + numbers[start : start + PIECE_BYTES - 1]


def take(key: bytes, parts: RecrawlParts, under_way: Iterable[PlannedRequest]) -> bytes:
    """Return where a recrawl is; `under_way` is visited again.

    URLs, spellings and left-out URLs that do not fit are counted in it; what was learnt besides and does not fit is
    learnt again.
    """
    navigator, journal = parts.navigator, parts.journal
    admission, links = navigator.admission, navigator.links
    learnt, spellings = admission.addresses.learnt, admission.spellings
    places = dict(_first(learnt.places, _MOST_PLACES_BYTES, lambda name, place: len(name) + len(place.example)))
    left_out_there = sum(place.left_out for name, place in learnt.places.items() if name not in places)
    spelt = dict(_first(spellings.known, _MOST_SPELLINGS_BYTES, lambda url, spelling: len(url) + len(spelling)))
    left_out = len(spellings.known) - len(spelt)
    kept, _ = _within(batches_of(admission.addresses.kept), _MOST_KEPT_BYTES)
    waiting = [*batches_of(under_way), *parts.frontier.waiting()]
    typed = batches_of(PlannedRequest(visit, visit.url) for visit in links.typed_files.visits)
    known = navigator.known_files.so_far
    urls_of = dict.fromkeys(known.believed, "")
    believed = dict(_first(urls_of, _MOST_BELIEVED_BYTES, lambda key, _: len(key.url) + len(key.asked_url)))
    variables = {url: dict(known) for url, known in links.variables.items()}
    state = CheckpointState.model_construct(
        key=key.hex(),
        tally=journal.tally,
        skips_recorded=journal.skips_recorded,
        limits=dict(journal.limits),
        spent=parts.budget.spent,
        reported=list(navigator.reported.seen),
        answers=navigator.answers.so_far,
        suggestions=dict(admission.suggestions.top(HOSTS_COUNTED)),
        learnt=learnt._replace(places=places),
        spellings=spelt,
        spellings_left_out=spellings.left_out + left_out,
        spellings_example=spellings.example or next((url for url in spellings.known if url not in spelt), None),
        known=known._replace(believed=tuple(believed)),
        typed_answers=dict(links.typed_files.answers),
        variables=dict(_first(variables, _MOST_VARIABLES_BYTES, lambda url, known: len(url) + _texts(known))),
        cookies=list(_cookies(parts.headers, navigator)),
        waiting=[],
        kept=kept,
        typed=[record_of(batch) for batch in typed],
    )
    for share in _SHARES_OF_WAITING:
        fitting, left = _within(waiting, share)
        text = packed(state.model_copy(update={"waiting": fitting, "left_out": left + left_out_there}))
        if len(text) <= MOST_STATE_BYTES:
            break
    return text


def _within(batches: Iterable[WaitingBatch], most_bytes: int) -> tuple[list[BatchRecord], int]:
    """Return the first batches, of so many bytes together, and how many requests are left out."""
    fitting: list[BatchRecord] = []
    left_out = 0
    for batch in batches:
        on_the_way = sum(len(one.url) + _ENTRY_BYTES for one in batch.redirects)
        most_bytes -= len(batch.origin.referrer or "") + on_the_way + _ENTRY_BYTES
        entries = batch.entries
        if len(entries) > most_bytes:
            first, end, _ = entries[: max(most_bytes, 0)].rpartition("\n")
            left_out += entries.count("\n", len(first + end))
            entries, most_bytes = first + end, 0
        if entries:
            most_bytes -= len(entries)
            fitting.append(record_of(batch._replace(entries=entries)))
    return fitting, left_out


def _first(values: Mapping[K, V], most_bytes: int, size: Callable[[K, V], int]) -> Iterator[tuple[K, V]]:
    for name, value in values.items():
        most_bytes -= size(name, value) + _ENTRY_BYTES
        if most_bytes < 0:
            return
        yield name, value


def _texts(known: Mapping[str, str]) -> int:
    return sum(len(name) + len(value) for name, value in known.items())


def _cookies(headers: RequestHeaders, navigator: Navigator) -> Iterator[tuple[int | None, str, tuple[KeptCookie, ...]]]:
    roots: dict[ReporterHeaders, int] = {}
    for number, origin in enumerate(navigator.origins):
        roots.setdefault(origin.reporter_headers, number)
    left = _MOST_COOKIES_BYTES
    for reporter_headers, site, kept in headers.jars:
        left -= sum(len(one.name) + len(one.value) + len(one.path) + _ENTRY_BYTES for one in kept)
        if left < 0:
            return
        yield roots.get(reporter_headers), site, kept
