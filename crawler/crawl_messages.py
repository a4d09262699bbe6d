"""The messages of a crawl process about its recrawl, by their forms; message_checks.py says which are believed.

Each is a line of JSON. They come in this order: Contained; Found, as often as there is something new, and now and then
MetUrls and Checkpoint; Answered; Remembered; then Finished, GivenUp or Broken. Reached and AskedToWait come between
Contained and the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Literal

from orbweaver.crawler.fetching.pace.host_delays import MOST_WAIT_SECONDS
from orbweaver.crawler.fetching.pace.shared_pace import MOST_ADDRESSES_OF_A_NAME
from orbweaver.crawler.revisiting.known_responses import (
    MOST_BYTES_HANDED_ON,
    KnownFile,
    KnownPage,
    Memory,
)
from orbweaver.crawler.visiting.addresses.seen_urls import NUMBER_BYTES
from orbweaver.crawler.visiting.checkpoints.state import MET, MET_CANDIDATES, MOST_STATE_BYTES, PIECE_BYTES
from orbweaver.crawler.visiting.records.host_answers import HOSTS_HANDED_ON, HostName
from orbweaver.crawler.visiting.records.suggestions import HOSTS_COUNTED
from orbweaver.model import (
    Count,
    HostAnswers,
    Noun,
    Reported,
    Sighting,
    Skip,
    Tally,
)
from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, TypeAdapter

# One message has at most so many of each; with URLs of full length it has some 7 MiB.
MOST_AT_ONCE = 200
PAGES_AT_ONCE = 20
MOST_BYTES = 32 * 2**20
REASON_CHARACTERS = 1_000
# An operator's terminal shows these as they are.
_Limit = Annotated[str, StringConstraints(pattern=r"\A[a-z_ ]{1,40}\z")]
_BYTES = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
_Reason = Annotated[str, StringConstraints(max_length=REASON_CHARACTERS)]
_Address = Annotated[str, StringConstraints(max_length=45)]


def _require_hashes(piece: bytes) -> bytes:
    if piece[:1] not in {MET, MET_CANDIDATES} or not len(piece) > 1 or (len(piece) - 1) % NUMBER_BYTES:
        raise ValueError("no hashes of URLs")
    return piece


class Contained(Noun):
    """The kernel enforces this on the process (sandbox.Enforced); sent once, before its first request."""

    kind: Literal["contained"] = "contained"
    enforced: dict[str, object]


class Found(Noun):
    """Sightings and skips since the last message, and the tally so far."""

    kind: Literal["found"] = "found"
    sightings: Annotated[tuple[Sighting, ...], Field(max_length=MOST_AT_ONCE)]
    skips: Annotated[tuple[Skip, ...], Field(max_length=MOST_AT_ONCE)]
    tally: Tally


class MetUrls(Noun):
    """Hashes of URLs that were met since the last message of this kind, of one of two sets (checkpoints/state.py)."""

    model_config = _BYTES

    kind: Literal["met"] = "met"
    piece: Annotated[bytes, Field(max_length=PIECE_BYTES), AfterValidator(_require_hashes)]


class Checkpoint(Noun):
    """Where the recrawl is, after everything that was said before; only another crawl process looks into it."""

    model_config = _BYTES

    kind: Literal["checkpoint"] = "checkpoint"
    state: Annotated[bytes, Field(min_length=1, max_length=MOST_STATE_BYTES)]


class Answered(Noun):
    """Tells the results of some of the reported URLs; sent before Finished, once for each URL."""

    kind: Literal["answered"] = "answered"
    reported: Annotated[tuple[Reported, ...], Field(max_length=MOST_AT_ONCE)]


class Remembered(Noun):
    """Some of what the next recrawl is to know; sent before Finished. `is_untrue`: Memory of crawler.revisiting."""

    kind: Literal["remembered"] = "remembered"
    files: Annotated[tuple[KnownFile, ...], Field(max_length=MOST_AT_ONCE)] = ()
    pages: Annotated[tuple[KnownPage, ...], Field(max_length=PAGES_AT_ONCE)] = ()
    is_untrue: bool = False


class Reached(Noun):
    """A host that is asked from now on, with the addresses of its name that were not told before."""

    kind: Literal["reached"] = "reached"
    host: HostName
    addresses: Annotated[tuple[_Address, ...], Field(max_length=MOST_ADDRESSES_OF_A_NAME)] = ()


class AskedToWait(Noun):
    """A host of the scope says that it has had too many requests; `seconds` are those of its Retry-After."""

    kind: Literal["asked to wait"] = "asked to wait"
    host: HostName
    status: Annotated[int, Field(ge=400, le=599)]
    seconds: Annotated[float | None, Field(gt=0, le=MOST_WAIT_SECONDS, allow_inf_nan=False)] = None


class Finished(Noun):
    """The recrawl came to its end, or a limit or a request stopped it; crawler.recrawl.Ended."""

    kind: Literal["finished"] = "finished"
    stopped_by: _Limit | None
    limit: _Limit | None = None
    suggestions: Annotated[dict[HostName, Count], Field(max_length=HOSTS_COUNTED)]
    answers: Annotated[dict[HostName, HostAnswers], Field(default_factory=dict, max_length=HOSTS_HANDED_ON)]


class GivenUp(Noun):
    """The recrawl cannot be done here, and it is no use to try again."""

    kind: Literal["given up"] = "given up"
    reason: _Reason


class Broken(Noun):
    """Something went wrong; the recrawl must be done again."""

    kind: Literal["broken"] = "broken"
    reason: _Reason


# Those about the pace of hosts are of the moment: nothing of them is kept with the recrawl.
PaceMessage = Reached | AskedToWait
CrawlMessage = (
    Contained
    | Found
    | MetUrls
    | Checkpoint
    | Answered
    | Remembered
    | Reached
    | AskedToWait
    | Finished
    | GivenUp
    | Broken
)
ANY_MESSAGE: TypeAdapter[CrawlMessage] = TypeAdapter(Annotated[CrawlMessage, Field(discriminator="kind")])


def remembered(memory: Memory) -> Iterator[bytes]:
    """Yield what a recrawl hands on, in messages of type Remembered: as many as are taken, files before pages."""
    room = MOST_BYTES_HANDED_ON
    for message in _all_remembered(memory):
        room -= len(message)
        if room < 0:
            return  # the rest is fetched in full, and read again
        yield message


def _all_remembered(memory: Memory) -> Iterator[bytes]:
    if memory.is_untrue:
        yield Remembered(is_untrue=True).model_dump_json().encode()
    files, pages = iter(memory.files()), iter(memory.pages)
    while some_files := tuple(islice(files, MOST_AT_ONCE)):
        # Put together as text: each file was checked when it was made.
        yield b'{"kind":"remembered","files":[%b]}' % ",".join(some_files).encode()
    while some_pages := tuple(islice(pages, PAGES_AT_ONCE)):
        yield Remembered(pages=some_pages).model_dump_json().encode()
