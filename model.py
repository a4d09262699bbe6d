"""The nouns of the design as frozen, validated values; imports nothing of ours."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Literal, Self
from uuid import UUID, uuid5

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, model_validator

# Fixed for ever: case ids made with it must stay the same in every release and at every hotline.
CASE_NAMESPACE = UUID("7d6a3b62-5d3c-5a0e-9d0b-0c2f6f6f7a11")


def format_time(moment: datetime) -> str:
    """Format a UTC moment as RFC 3339 with milliseconds, the only time format in the project."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now() -> datetime:
    """Return the current UTC time, cut to the milliseconds that are stored."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _require_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # the year 9999 west of Greenwich, or the year 1 east of it
        raise ValueError("the time has no UTC") from None


Moment = Annotated[
    datetime,
    AfterValidator(_require_utc),
    PlainSerializer(format_time, return_type=str, when_used="json"),
]
Md5 = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Sha1 = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Noun(BaseModel):
    """Base of every noun: immutable, and strict about fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Report(Noun):
    """A URL that a hotline received; `url` is canonical (crawler.urls).

    `referrer`, `user_agent`, `accept_language` and `cookies` (a Cookie header's value) are how the reporter saw it.
    """

    url: str
    report_id: str | None = None
    received_at: Moment | None = None
    source: str | None = None
    referrer: str | None = None
    classification: str | None = None
    user_agent: str | None = None
    accept_language: str | None = None
    cookies: str | None = None


class Limits(Noun):
    """What one recrawl may spend: pages, files, link depth, bytes received and seconds.

    `max_host_cost` is for each host of it: one a request, more for what is probably endless (crawler.rules) or failed.
    """

    max_pages: int = Field(default=2_000, ge=1)
    max_files: int = Field(default=20_000, ge=1)
    max_depth: int = Field(default=20, ge=0)
    max_bytes: int = Field(default=50 * 2**30, ge=1)
    max_seconds: float = Field(default=3_600, gt=0, le=30 * 24 * 3600)
    max_host_cost: int = Field(default=25_000, ge=1)


class ScopeKind(StrEnum):
    """How far from a reported URL a recrawl may go."""

    HOST = "host"
    SITE = "site"
    PATH = "path"


class Embeds(StrEnum):
    """Which files that a page in scope shows may be fetched from other hosts."""

    OFF = "off"
    SAME_SITE = "same-site"
    ANY = "any"


class RobotsControl(StrEnum):
    """What robots.txt means to a recrawl: its word, or a fact to record."""

    OBEY = "obey"
    RECORD = "record"


class AccessProfile(Noun):
    """How the hosts of a scope are asked: who we say we are, by which way, and at which pace.

    `user_agent` and `accept_language` replace the settings' ones; a report's own replace these. `proxy` is an
    http://, https:// or socks5:// URL. `delay_seconds` pass between two requests to a host.
    """

    user_agent: str | None = None
    accept_language: str | None = None
    keeps_cookies: bool = False
    proxy: str | None = Field(default=None, repr=False)
    robots: RobotsControl = RobotsControl.OBEY
    delay_seconds: float = Field(default=0, ge=0, le=3_600)


class Scope(Noun):
    """What one recrawl may fetch.

    `name` is the host (with its port when not the default) or, for a site, the registrable domain.
    `prefixes` are canonical URLs without query; only a `path` scope has them.
    `ports` are the TCP ports that the reported URLs use.
    `authority` says who allowed it, `expires_at` until when. Without an authority, robots.txt is obeyed.
    """

    kind: ScopeKind
    name: str
    prefixes: tuple[str, ...] = ()
    ports: tuple[int, ...] = (80, 443)
    limits: Limits = Limits()
    embeds: Embeds = Embeds.OFF
    authority: str | None = None
    expires_at: Moment | None = None
    access: AccessProfile = AccessProfile()

    @model_validator(mode="after")
    def _name_who_overrides_robots(self) -> Self:
        if self.access.robots is RobotsControl.RECORD and not (self.authority or "").strip():
            raise ValueError("robots.txt may only be recorded, not obeyed, under a named authority")
        return self


class DigestSet(Noun):
    """MD5, SHA-1, SHA-256 in lower-case hex and size in bytes of one decoded body."""

    md5: Md5
    sha1: Sha1
    sha256: Sha256
    size: int = Field(ge=0)

    @property
    def is_degenerate(self) -> bool:
        """Whether the digests say nothing about content: the empty file is in public sample lists."""
        return self.size == 0


class TlsFacts(Noun):
    """What is known of a host's certificate: whether it verified, if not why, and the SHA-256 of its DER form."""

    is_verified: bool
    reason: str | None = None
    certificate_sha256: Sha256 | None = None


class HttpFacts(Noun):
    """What the server said, as evidence; `headers` holds only the headers of note, lower-cased.

    `framing` is how the end of the body was known: after `close` a cut body cannot be told from a whole one.
    `bytes_received` is the body's size on the wire, before decoding.
    `embedded` marks a file found inside a page as a data: URI; `archive_member` is the path of a file inside the
    archive that the URL leads to. `is_refused_by_robots` says that robots.txt would have kept us out.
    """

    status: int
    headers: dict[str, str] = {}
    framing: Literal["length", "chunked", "close"] = "length"
    bytes_received: int | None = None
    embedded: bool = False
    archive_member: str | None = None
    tls: TlsFacts | None = None
    is_refused_by_robots: bool = False


class Sighting(Noun):
    """One file seen at one URL at one time: digests and HTTP facts, no content."""

    url: str
    final_url: str
    host: str
    ip: str | None = None
    referrer: str | None = None
    report_ids: tuple[str, ...] = ()
    digests: DigestSet
    content_type: str | None = None
    sniffed_type: str | None = None
    http: HttpFacts
    seen_at: Moment

    @property
    def sighting_id(self) -> str:
        """The same file at the same URL has the same id, so a repeated recrawl step counts it once."""
        return str(case_id_for(self.url, self.digests.sha256))


class Outcome(StrEnum):
    """Why one URL gave neither a digest nor a page, in a line of skipped.jsonl."""

    ACTING_LINK = "acting_link"
    EMPTY = "empty"
    ENCRYPTED = "encrypted"
    ERROR_PAGE = "error_page"
    HTTP_ERROR = "http_error"
    INCOMPLETE = "incomplete"
    OUT_OF_SCOPE = "out_of_scope"
    OUT_OF_MEMORY = "out_of_memory"
    PARTIAL = "partial"
    ROBOTS = "robots"
    TRAP = "trap"
    LIMIT = "limit"
    REFUSED_URL = "refused_url"
    REFUSED_ADDRESS = "refused_address"
    UNRESOLVED = "unresolved"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TOO_SLOW = "too_slow"
    TOO_LARGE = "too_large"
    BAD_RESPONSE = "bad_response"
    REDIRECT_LOOP = "redirect_loop"
    INTERRUPTED = "interrupted"
    METHOD_REFUSED = "method_refused"


class Skip(Noun):
    """A URL that gave no digest, and why: one line of skipped.jsonl.

    `is_failure` says that a file may be there that nobody hashed, so the host is not fully checked. `count` is more
    than 1 where one line stands for several URLs.
    """

    url: str
    outcome: Outcome
    rule: str
    reason: str
    is_failure: bool
    referrer: str | None = None
    status: int | None = None
    count: int = Field(default=1, ge=1)
    at: Moment


class Tally(BaseModel):
    """Running counts of one recrawl; `bytes_read` counts bytes received, before decoding."""

    model_config = ConfigDict(extra="forbid")

    pages: int = 0
    files: int = 0
    bytes_read: int = 0
    bytes_kept: Literal[0] = 0
    failures: int = 0
    skipped: int = 0
    queued: int = 0


Algorithm = Literal["sha256", "sha1", "md5"]
# Strongest first.
ALGORITHMS: tuple[Algorithm, ...] = ("sha256", "sha1", "md5")


class VerdictResult(StrEnum):
    """The three answers of a matching service; `unknown` is never folded into `no_match`."""

    MATCH = "match"
    NO_MATCH = "no_match"
    UNKNOWN = "unknown"


class EntryStatus(StrEnum):
    """What a list says of its own entry; a withdrawn one does not match."""

    ACTIVE = "active"
    DISPUTED = "disputed"
    WITHDRAWN = "withdrawn"


class Nature(StrEnum):
    """What a list's category means in its scheme; `unknown` is a category outside its table, never a stronger one."""

    ABUSE = "abuse"
    BENIGN = "benign"
    UNKNOWN = "unknown"


class Strength(StrEnum):
    """How much a match proves: `weak` is an MD5, or a SHA-1, that nothing else confirms."""

    STRONG = "strong"
    WEAK = "weak"


class HoldReason(StrEnum):
    """Why a case waits for an analyst and is not delivered; the last two: it matched, and does so no more."""

    WEAK = "weak"
    SIZE_DIFFERS = "size_differs"
    UNKNOWN_CATEGORY = "unknown_category"
    DISPUTED = "disputed"
    BENIGN_TOO = "benign_too"
    WITHDRAWN = "withdrawn"
    NO_LONGER_LISTED = "no_longer_listed"


class Listing(Noun):
    """One entry of one list that has at least one digest of the set asked about; `category` is verbatim.

    `algorithms` are the ones that agree, strongest first; `size` is what the list gives for the entry, in bytes.
    `list_version` and `built_to` say which state of the list it was, as far as the service says it.
    """

    service: str | None = None
    list: str | None = None
    entry_id: str | None = None
    category: str | None = None
    scheme: str | None = None
    nature: Nature = Nature.ABUSE
    status: EntryStatus = EntryStatus.ACTIVE
    algorithms: tuple[Algorithm, ...] = Field(min_length=1)
    size: int | None = None
    list_version: str | None = None
    built_to: Moment | None = None


class Source(Noun):
    """A service that was asked, when, and the state of its list that it answered from, as far as it says that."""

    service: str
    asked_at: Moment | None = None
    list_version: str | None = None
    built_to: Moment | None = None


class Verdict(Noun):
    """What is known of one digest set: made by matcher_client.judgement, from what services list.

    `listings` are all that have one of the digests, the one that speaks for the match first; benign and withdrawn
    ones are among them, and alone make no match. `held_because` says why a match is not to be acted upon yet.
    `sources` are all services that were asked, once each; `reason` says why it is unknown, or what of a match could
    not be asked.
    """

    result: VerdictResult
    strength: Strength | None = None
    held_because: tuple[HoldReason, ...] = ()
    listings: tuple[Listing, ...] = ()
    sources: tuple[Source, ...] = ()
    reason: str | None = None

    @property
    def asked_at(self) -> datetime | None:
        """When the first of its services was asked: what it says is as old as that."""
        return min((one.asked_at for one in self.sources if one.asked_at is not None), default=None)

    def source(self, service: str | None) -> Source | None:
        """Return what is known of one service's answer, None when that service was not asked."""
        return next((one for one in self.sources if one.service == service), None)

    @property
    def leading(self) -> Listing | None:
        """The listing that speaks for a match."""
        return self.listings[0] if self.result is VerdictResult.MATCH and self.listings else None


class CaseVerdict(Noun):
    """The verdict as a case shows it: the leading listing's facts, and `listings`, all of them.

    `algorithm` is the strongest of `algorithms`, the ones that agreed. After a correction to `no_match` the facts are
    those of the listing that was taken back. `service` is always one: the leading listing's.
    """

    result: VerdictResult
    algorithm: Algorithm | None
    algorithms: tuple[Algorithm, ...] = ()
    strength: Strength | None = None
    held_because: tuple[HoldReason, ...] = ()
    list: str | None
    entry_id: str | None
    category: str | None
    scheme: str | None
    status: EntryStatus | None = None
    list_version: str | None
    built_to: Moment | None = None
    service: str | None = None
    asked_at: Moment | None = None
    listings: tuple[Listing, ...] = ()


class CaseState(StrEnum):
    """`held` waits for an analyst and is not delivered; later states belong to case life."""

    OPEN = "open"
    HELD = "held"


class Case(Noun):
    """A takedown case: one matched digest at one URL. One line of cases.jsonl."""

    case_id: UUID
    state: CaseState
    url: str
    final_url: str
    host: str
    ip: str | None
    referrer: str | None
    report_ids: tuple[str, ...]
    md5: Md5
    sha1: Sha1
    sha256: Sha256
    size: int = Field(ge=0)
    content_type: str | None
    sniffed_type: str | None
    verdict: CaseVerdict
    first_seen: Moment
    last_seen: Moment
    http: HttpFacts


class EventType(StrEnum):
    """What can happen to a case; later kinds belong to case life."""

    OPENED = "case.opened"
    HELD = "case.held"
    CORRECTED = "case.corrected"


class Retraction(StrEnum):
    """How a list takes back what a case rests on."""

    WITHDRAWN = "withdrawn"
    DISPUTED = "disputed"
    NO_LONGER_LISTED = "no_longer_listed"


class Correction(Noun):
    """What a `case.corrected` event adds: what the list did, and the verdict before (the case has the one after)."""

    retraction: Retraction
    before: CaseVerdict


class Event(Noun):
    """One immutable fact in a case's history; `event_id` is the engine's idempotency key.

    Only a `case.corrected` event has a `correction`.
    """

    event_id: UUID
    case_id: UUID
    sequence: int = Field(ge=1)
    type: EventType
    at: Moment
    case: Case
    correction: Correction | None = None


def case_id_for(url: str, sha256: str) -> UUID:
    """Return the identity of a case: the same canonical URL and digest are always the same case."""
    return uuid5(CASE_NAMESPACE, f"{url}\n{sha256}")


def event_id_for(case_id: UUID, sequence: int) -> UUID:
    """Return the stable id of a case's n-th event."""
    return uuid5(case_id, str(sequence))
