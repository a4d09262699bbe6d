"""Reads the messages of a crawl process, and believes only what can be true: a host may have taken the process over."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from orbweaver.crawler.crawl_messages import (
    ANY_MESSAGE,
    MOST_BYTES,
    Answered,
    AskedToWait,
    Broken,
    Checkpoint,
    Contained,
    CrawlMessage,
    Found,
    GivenUp,
    MetUrls,
    Reached,
    Remembered,
)
from orbweaver.crawler.errors import MessageRefused
from orbweaver.crawler.fetching.pace.shared_pace import is_address, plain_address
from orbweaver.crawler.revisiting.known_responses import (
    MOST_BYTES_HANDED_ON,
    MOST_FILES,
    MOST_MEMBERS,
    MOST_PAGES,
    KnownFile,
)
from orbweaver.crawler.rules import scope as scopes
from orbweaver.crawler.rules import urls
from orbweaver.crawler.rules.spelt_urls import is_spelling_of
from orbweaver.crawler.visiting.addresses.seen_urls import NUMBER_BYTES
from orbweaver.crawler.visiting.checkpoints.state import PIECE_BYTES
from orbweaver.crawler.visiting.link_follower import URLS_SEEN
from orbweaver.crawler.visiting.visit import MOST_STATUS, is_way_from
from orbweaver.model import Report, Reported, Scope, Sighting, now
from pydantic import ValidationError

# What a message has outside its texts: each comma or bracket may take 300 bytes of memory, and as many texts.
MOST_MARKS = 150_000
MOST_FILE_BYTES = 2**48
FIRST_MOMENT = datetime(2020, 1, 1, tzinfo=UTC)
CLOCK_SET_RIGHT = timedelta(days=1)
# Of the URLs that a recrawl remembers, with their dedup keys, and a page more; in all slices together.
MOST_MET_BYTES = 2 * NUMBER_BYTES * URLS_SEEN
# Before one checkpoint: full pieces, and the end of each of the two sets.
MOST_PIECES = MOST_MET_BYTES // (PIECE_BYTES - 1) + 2


class HandedOnSoFar:
    """Counts what a crawl process has handed on, so that it is no more than a recrawl may remember."""

    def __init__(self) -> None:
        self._bytes = self._files = self._members = self._pages = 0

    def take(self, message: Remembered, size: int) -> None:
        """Count one message of `size` bytes; raises MessageRefused when there is no room for it."""
        self._bytes += size
        self._files += len(message.files)
        self._members += sum(len(file.members) for file in message.files)
        self._pages += len(message.pages)
        if (
            self._bytes > MOST_BYTES_HANDED_ON
            or self._files > MOST_FILES
            or self._members > MOST_MEMBERS
            or self._pages > MOST_PAGES
        ):
            raise MessageRefused("more to remember than a recrawl remembers")


class MessageStream:
    """Makes messages of the bytes of a pipe, and checks each: alone (`read`), and its place among the others."""

    def __init__(self, scope: Scope, reports: Sequence[Report], *, met_bytes: int = 0) -> None:
        """Take `met_bytes`, of what was said to be met in earlier slices."""
        self._scope, self._reports = scope, reports
        self._met_bytes = met_bytes
        self._pieces = 0
        self._lines: deque[bytes] = deque()
        self._rest = bytearray()
        self._is_contained = False
        self._remembered = HandedOnSoFar()

    def feed(self, piece: bytes) -> None:
        """Take bytes as they come; raises MessageRefused when a message is longer than MOST_BYTES."""
        *ends, rest = piece.split(b"\n")
        for end in ends:
            self._lines.append(bytes(self._rest + end))
            self._rest.clear()
        self._rest += rest
        if len(self._rest) > MOST_BYTES:
            raise MessageRefused(f"a message of more than {MOST_BYTES} bytes")

    def next_message(self) -> CrawlMessage | None:
        """Return the next whole message, None when there is none; raises MessageRefused when it cannot be true."""
        if not self._lines:
            return None
        line = self._lines.popleft()
        message = read(line, self._scope, self._reports)
        # A process is believed about its sandbox only before it has seen a host.
        is_out_of_place = isinstance(message, Contained) is self._is_contained
        if is_out_of_place and not isinstance(message, GivenUp | Broken):
            raise MessageRefused(f"{message.kind} at the wrong time")
        self._is_contained = True
        if isinstance(message, Remembered):
            self._remembered.take(message, len(line))
        if isinstance(message, Checkpoint):
            self._pieces = 0
        if isinstance(message, MetUrls):
            self._pieces += 1
            if self._pieces > MOST_PIECES:
                raise MessageRefused(f"more than {MOST_PIECES} pieces of URLs that were met")
            self._met_bytes += len(message.piece)
            if self._met_bytes > MOST_MET_BYTES:
                raise MessageRefused(f"more than {MOST_MET_BYTES} bytes of URLs that were met")
        return message


def read(text: bytes, scope: Scope, reports: Sequence[Report]) -> CrawlMessage:
    """Read one message of the process that recrawls `scope`; raises MessageRefused when it cannot be true."""
    if _has_too_many_parts(text):
        raise MessageRefused("a message of too many parts")
    try:
        message = ANY_MESSAGE.validate_json(text)
    except ValidationError as error:
        # Neither the error's text nor its input: they quote what the process sent.
        fault = error.errors(include_input=False, include_url=False, include_context=False)[0]
        raise MessageRefused(f"a message of no known form ({fault['type']})") from None
    if isinstance(message, Found):
        report_ids = {report.report_id for report in reports}
        for sighting in message.sightings:
            objection = objection_to(sighting, scope)
            if objection is None and not report_ids.issuperset(sighting.report_ids):
                objection = "a report of another recrawl"
            if objection is not None:
                raise MessageRefused(f"a file with {objection}")
    if isinstance(message, Remembered):
        for file in message.files:
            objection = objection_to_known(file, scope)
            if objection is not None:
                raise MessageRefused(f"a file to remember with {objection}")
    if isinstance(message, Answered) and not {report.url for report in reports}.issuperset(
        result.url for result in message.reported
    ):
        raise MessageRefused("an answer for a URL that was not reported")
    if isinstance(message, Answered) and not all(map(_is_telling, message.reported)):
        raise MessageRefused("an answer from where none can come")
    if isinstance(message, Reached) and not all(map(_is_plain_address, message.addresses)):
        raise MessageRefused("an IP address that is not valid")
    if isinstance(message, AskedToWait) and not scopes.is_host_of(scope, message.host):
        raise MessageRefused("a wait of a host that is not in scope")
    return message


def _has_too_many_parts(text: bytes) -> bool:
    """Whether a message would take far more time and memory than its length says: 3 bytes can be a list of 300."""
    if len(text) <= MOST_MARKS:
        return False
    if b"\\" in text:
        text = text.replace(rb"\\", b"").replace(rb"\"", b"")  # what ends no text
    if text.count(b'"') > 6 * MOST_MARKS:
        return True
    outside = b"".join(text.split(b'"')[::2])
    return outside.count(b",") + outside.count(b"[") + outside.count(b"{") > MOST_MARKS


def objection_to(sighting: Sighting, scope: Scope) -> str | None:
    """Return in words why a recrawl of `scope` cannot have made a sighting, None when it can. Pure.

    A case blames the URL of its sighting, so a process that was taken over must not choose any.
    """
    redirects = sighting.redirects or ()
    if not is_way_from(sighting.url, redirects):
        return "redirects that do not lead from its URL"
    found = {sighting.url, sighting.final_url, *(one.url for one in redirects if not one.is_cut)}
    hosts = {one.url for one in redirects if one.is_cut}
    objection = _objection_to_urls(found, sighting.referrer, scope, hosts)
    if objection is not None:
        return objection
    if sighting.host != urls.host_of(sighting.url):
        return "a host that is not the host of its URL"
    if sighting.ip is not None and not is_address(sighting.ip):
        return "an IP address that is not valid"
    http = sighting.http
    if not (_has_been(sighting.seen_at) and (http.hashed_at is None or _has_been(http.hashed_at))):
        return "a time that cannot be"
    if http.spelling is not None and not is_spelling_of(http.spelling, sighting.url):
        return "a spelling of another URL"
    if max(sighting.digests.size, http.bytes_received or 0) > MOST_FILE_BYTES or not 0 <= http.status <= MOST_STATUS:
        return "a number that cannot be"
    return None


def objection_to_known(file: KnownFile, scope: Scope) -> str | None:
    """Return in words why a recrawl of `scope` must not be told of a file, None when it may be. Pure.

    It would ask for this URL, in this spelling, and name this referrer.
    """
    if file.referrer is not None and not urls.is_canonical(file.referrer):
        return "a referrer that is not canonical"
    if file.spelling is not None and not is_spelling_of(file.spelling, file.url):
        return "a spelling of another URL"
    if not _has_been(file.hashed_at):
        return "a time that cannot be"  # it would be looked for, and believed, until then
    sizes = [file.bytes_received or 0, file.digests.size, *(one.digests.size for one in file.members)]
    if max(sizes) > MOST_FILE_BYTES:
        return "a number that cannot be"
    return _objection_to_urls({file.url, file.asked_url or file.url}, file.referrer, scope)


def _objection_to_urls(
    found: Collection[str], referrer: str | None, scope: Scope, hosts: Collection[str] = ()
) -> str | None:
    """Return why these URLs, and the hosts of URLs whose paths are not said, cannot be; None when they can."""
    for url in (*found, *hosts):
        if not urls.is_canonical(url):
            return "a URL that is not canonical"
        refusal = scopes.refusal_of(scope, url)
        if refusal is not None and not (url in hosts and refusal.rule == "path"):
            page = referrer if referrer is not None and urls.is_canonical(referrer) else None
            if scopes.embed_refusal_of(scope, url, page) is not None:
                return "a URL that is not in scope"
    return None


def _has_been(moment: datetime) -> bool:
    """Whether something can have been seen at a moment; a machine's clock may have been set right meanwhile."""
    return FIRST_MOMENT <= moment <= now() + CLOCK_SET_RIGHT


def _is_telling(result: Reported) -> bool:
    """Whether the place is one that an answer for a reported URL may have come from."""
    is_url = result.final_url is None or urls.is_canonical(result.final_url)
    return is_url and (result.ip is None or is_address(result.ip))


def _is_plain_address(text: str) -> bool:
    """Whether a text is the one by which an address is known: it is part of a key in the store."""
    return is_address(text) and plain_address(text) == text
