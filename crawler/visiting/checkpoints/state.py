"""The form of a checkpoint: JSON, compressed, which the next crawl process reads and does not believe.

A host may have taken over the process that wrote it. So it has no code and no object in it, each of its parts is
bounded, and `read` refuses what cannot be true of the recrawl. What waits is then judged by the rules of the scope
again (Admission.readmit). Report ids, and headers and cookies of reporters, are not in it: they come from the order.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Annotated, Final, Literal

from orbweaver.crawler.asked_as import ReferrerPolicy
from orbweaver.crawler.errors import CheckpointRefused
from orbweaver.crawler.fetching.asking.cookies import KeptCookie
from orbweaver.crawler.fetching.budget import Spent
from orbweaver.crawler.link_kind import LinkKind, LinkSource
from orbweaver.crawler.rules.spelt_urls import is_spelling_of
from orbweaver.crawler.rules.urls import is_canonical
from orbweaver.crawler.visiting.addresses.same_addresses import MOST_KEPT, MOST_PLACES, Learnt
from orbweaver.crawler.visiting.addresses.seen_urls import NUMBER_BYTES
from orbweaver.crawler.visiting.frontier import MOST_WAITING, WaitingBatch, planned_in
from orbweaver.crawler.visiting.known_files import KnownSoFar
from orbweaver.crawler.visiting.records.host_answers import AnswersSoFar, HostName
from orbweaver.crawler.visiting.records.reported_urls import SeenReport
from orbweaver.crawler.visiting.visit import GatePass, Origin, is_way_from
from orbweaver.model import MOST_REDIRECTS_RECORDED, Noun, Redirect, Report, Reported, Tally
from pydantic import Field, ValidationError

VERSION: Final = 1
KEY_BYTES: Final = 16
# Compressed, as it is sent and stored; and as JSON.
MOST_STATE_BYTES: Final = 16 * 2**20
MOST_JSON_BYTES: Final = 96 * 2**20
# URLs that were met before are hashes, in pieces of so many bytes, behind a byte that says which of the two sets.
PIECE_BYTES: Final = 2**20 + 1
MET, MET_CANDIDATES = b"u", b"c"
# URLs that are under way beside those that wait.
_MOST_BESIDE: Final = 1_000
# As a count of a message may be, and further ones fit: the next process sends them on.
_MOST_COUNTED: Final = 2**47
_Count = Annotated[int, Field(ge=0, le=_MOST_COUNTED)]
_LimitRule = Annotated[str, Field(pattern=r"\Alimit\.[a-z_]{1,30}\z")]


class BatchRecord(Noun):
    """Requests of one page: a WaitingBatch, whose origin has only what the order does not say."""

    kind: LinkKind
    referrer: str | None = None
    depth: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    root: Annotated[int, Field(ge=0)] | None = None
    policy: ReferrerPolicy | None = None
    is_reported: bool = False
    is_variant: bool = False
    chain: Annotated[tuple[int, ...], Field(max_length=100)] = ()
    source: LinkSource = LinkSource.LINK
    gate: GatePass | None = None
    cost: Annotated[int, Field(ge=0, le=100)] = 1
    entries: str
    redirects: Annotated[tuple[Redirect, ...], Field(max_length=MOST_REDIRECTS_RECORDED)] = ()

    def batch(self, origins: Sequence[Origin]) -> WaitingBatch:
        """Return the batch; `origins` are those of the reported URLs, by their number."""
        root = Origin() if self.root is None else origins[self.root]
        origin = root._replace(
            referrer=self.referrer, referrer_page=None, depth=self.depth, root=self.root, policy=self.policy
        )
        return WaitingBatch(
            self.kind,
            origin,
            self.is_reported,
            self.is_variant,
            self.chain,
            self.source,
            self.gate,
            self.cost,
            self.entries,
            self.redirects,
        )


class CheckpointState(Noun):
    """Everything that the next slice needs besides the URLs that were met.

    `key` is that of their hashes. `waiting` comes in the order of the visits, `kept` was left out and may be asked for
    after all, `typed` leads from pages to reported files. `cookies` are apart for the reported URL whose reporter's
    headers they go with, and for each site. `left_out` counts URLs that waited and did not fit in here.
    """

    version: Literal[1] = VERSION
    key: Annotated[str, Field(pattern=r"\A[0-9a-f]{32}\z")]
    tally: Tally
    skips_recorded: _Count = 0
    limits: Annotated[dict[_LimitRule, _Count], Field(default_factory=dict)]
    spent: Spent
    reported: list[SeenReport]
    answers: AnswersSoFar
    suggestions: dict[HostName, _Count]
    learnt: Learnt
    spellings: dict[str, str]
    spellings_left_out: _Count = 0
    spellings_example: str | None = None
    known: KnownSoFar
    typed_answers: dict[str, str | None]
    variables: dict[str, dict[str, str]]
    cookies: list[tuple[int | None, str, tuple[KeptCookie, ...]]]
    waiting: list[BatchRecord]
    kept: list[BatchRecord]
    typed: list[BatchRecord]
    left_out: _Count = 0


def record_of(batch: WaitingBatch) -> BatchRecord:
    """Return a batch as it is kept."""
    origin = batch.origin
    return BatchRecord.model_construct(
        kind=batch.kind,
        referrer=origin.referrer,
        depth=origin.depth,
        root=origin.root,
        policy=origin.policy,
        is_reported=batch.is_reported,
        is_variant=batch.is_variant,
        chain=batch.chain,
        source=batch.source,
        gate=batch.gate,
        cost=batch.cost,
        entries=batch.entries,
        redirects=batch.redirects,
    )


def packed(state: CheckpointState) -> bytes:
    """Return a state as it is sent and stored."""
    return zlib.compress(state.model_dump_json(exclude_defaults=True).encode(), level=1)


def read(packed_state: bytes, met: Sequence[bytes], reports: Sequence[Report]) -> CheckpointState:
    """Read the checkpoint of a recrawl of these reports; raises CheckpointRefused when it cannot be true of it."""
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(packed_state, MOST_JSON_BYTES)
        if unpacking.unconsumed_tail or not unpacking.eof:
            raise CheckpointRefused("it is longer than a checkpoint can be")
        state = CheckpointState.model_validate_json(text)
    except (zlib.error, ValidationError):  # the error's text quotes what was sent
        raise CheckpointRefused("it has no known form") from None
    objection = next(_objections(state, met, reports), None)
    if objection is not None:
        raise CheckpointRefused(objection)
    return state


def _objections(state: CheckpointState, met: Sequence[bytes], reports: Sequence[Report]) -> Iterator[str]:
    reported, referrers = list(dict.fromkeys(one.url for one in reports)), {one.referrer for one in reports}
    if any(piece[:1] not in {MET, MET_CANDIDATES} or (len(piece) - 1) % NUMBER_BYTES for piece in met):
        yield "the URLs that were met have no known form"
    if [one.url for one in state.reported] != reported:
        yield "it is of other reports"
    if not all(map(_is_telling, state.reported)):
        yield "a result of a reported URL that none has"
    if not all(0 <= count <= _MOST_COUNTED for count in _counts(state)):
        yield "a number that cannot be"
    if len(state.learnt.places) > MOST_PLACES or not all(map(is_canonical, _examples(state))):
        yield "a URL that is not canonical"
    if not all(is_spelling_of(spelling, url) for url, spelling in state.spellings.items()):
        yield "a spelling that is not of its URL"
    if any(root is not None and not 0 <= root < len(reported) for root, _, _ in state.cookies):
        yield "a report of another recrawl"
    most = MOST_WAITING + len(reported) + MOST_KEPT + _MOST_BESIDE
    count = 0
    for record in (*state.waiting, *state.kept, *state.typed):
        if record.root is not None and record.root >= len(reported):
            yield "a report of another recrawl"
            return
        if record.is_reported and record.root is None:
            yield "a reported URL without its report"
            return
        if record.referrer is not None and record.referrer not in referrers and not is_canonical(record.referrer):
            yield "a URL that is not canonical"
            return
        count += record.entries.count("\n")
        if count > most:
            yield "more URLs than can wait"
            return
        yield from _objections_to_entries(record, reported)


def _is_telling(seen: SeenReport) -> bool:
    """Whether what was seen of a reported URL can be told as it is."""
    said = {name: value for name, value in asdict(seen).items() if name != "has_ended"}
    try:
        told = Reported.model_validate(said)
    except ValidationError:
        return False
    return max(told.pages, told.files, told.page_parts) <= _MOST_COUNTED


def _counts(state: CheckpointState) -> Iterator[int]:
    """Yield the counts that another process would go on counting, and that are checked nowhere else."""
    yield from (count for name, count in state.tally if name != "waits_for")
    yield from state.spent[:3]
    yield from (count for spending in state.spent.hosts.values() for count in (spending.cost, spending.error_cost))
    hosts = (*state.answers.files.values(), *state.answers.pages.values())
    yield from (count for counts in hosts for count in counts.values())


def _objections_to_entries(record: BatchRecord, reported: Sequence[str]) -> Iterator[str]:
    try:
        planned = list(planned_in(record.batch([Origin()] * len(reported))))
    except ValueError:
        yield "an entry of no known form"
        return
    for visit, url, _ in planned:
        if record.is_reported and (record.root is None or visit.url != reported[record.root]):
            yield "a reported URL that was not reported"
        if not is_way_from(visit.url, visit.redirects):
            yield "redirects that do not lead from their URL"
        if not is_canonical(visit.url) or (url != visit.url and not is_canonical(url)):
            yield "a URL that is not canonical"


def _examples(state: CheckpointState) -> Iterator[str]:
    for place in state.learnt.places.values():
        yield place.example
    for _, _, url in state.answers.examples:
        yield url
    if state.spellings_example is not None:
        yield state.spellings_example
