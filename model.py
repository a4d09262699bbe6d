"""The nouns of the design as frozen, validated values; imports nothing of ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from uuid import UUID, uuid5

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, model_validator

# Fixed for ever: case ids made with it must stay the same in every release and at every hotline.
CASE_NAMESPACE = UUID("7d6a3b62-5d3c-5a0e-9d0b-0c2f6f6f7a11")
# Of the events and of the cases in them, MAJOR.MINOR; docs/takedown-engine.md says what a change of each means.
SCHEMA_VERSION = "1.1"


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
# What a crawl process counts: a host may have taken it over, and others calculate with these, and write them out.
Count = Annotated[int, Field(ge=0, le=2**48)]
Md5 = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Sha1 = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Noun(BaseModel):
    """Base of every noun: immutable, and strict about fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Published(Noun):
    """Base of the values that takedown engines receive; the text below a field describes it in the published schema."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Report(Noun):
    """A URL that a hotline received; `url` is canonical (crawler.rules.urls).

    `referrer`, `user_agent`, `accept_language` and `cookies` (a Cookie header's value) say how the reporter saw it.
    `line` is its line in the file that it was read from, counted from 1. `spelling` is path and query of the URL as a
    browser sends them, None where they are as in `url` (crawler.rules.spelt_urls).
    """

    url: str
    spelling: str | None = None
    line: int | None = None
    report_id: str | None = None
    received_at: Moment | None = None
    source: str | None = None
    referrer: str | None = None
    classification: str | None = None
    user_agent: str | None = None
    accept_language: str | None = None
    cookies: str | None = None


class Limits(Noun):
    """The limits of one recrawl: pages, files, link depth, bytes received and seconds.

    `max_host_cost` limits each of its hosts: a request costs 1, or more when its page is probably endless or it failed
    (crawler.rules.url_rules).
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
    """The files on other hosts that may be fetched because a page in scope shows them."""

    OFF = "off"
    SAME_SITE = "same-site"
    ANY = "any"


class RobotsControl(StrEnum):
    """Whether a recrawl obeys robots.txt, or only records what it says."""

    OBEY = "obey"
    RECORD = "record"


class CookieControl(StrEnum):
    """Whether the cookies that a host sets are sent back to it while a recrawl lasts."""

    KEEP = "keep"
    NONE = "none"


class ReferrerControl(StrEnum):
    """Whether a request says which page led to it; the referrer that a report gives is always sent."""

    PAGE = "page"
    NONE = "none"


class AccessProfile(Noun):
    """How the hosts of a scope are asked: under which name, by which way, and how fast.

    `user_agent` and `accept_language` replace those of the settings; those of a report replace these. `proxy` is an
    http://, https:// or socks5:// URL. `delay_seconds` pass between two requests to a host. Values with the former key
    `keeps_cookies` are read: a store may hold them.
    """

    user_agent: str | None = None
    accept_language: str | None = None
    cookies: CookieControl = CookieControl.KEEP
    referrer: ReferrerControl = ReferrerControl.PAGE
    proxy: str | None = Field(default=None, repr=False)
    robots: RobotsControl = RobotsControl.OBEY
    delay_seconds: float = Field(default=0, ge=0, le=3_600)

    @model_validator(mode="before")
    @classmethod
    def _read_former_key(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not isinstance(values.get("keeps_cookies"), bool):
            return values
        given = dict(values)
        cookies = CookieControl.KEEP if given.pop("keeps_cookies") else CookieControl.NONE
        if given.setdefault("cookies", cookies) != cookies:
            raise ValueError("keeps_cookies is the former name of cookies, and here it says the opposite: remove it")
        return given


class Scope(Noun):
    """The URLs that one recrawl may fetch, on which terms.

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


class TlsFacts(Published):
    """The facts that are known of a host's certificate."""

    is_verified: bool
    """Whether the certificate is valid for this host."""
    reason: str | None = None
    """Why it is not, in the words of OpenSSL; null when it is."""
    certificate_sha256: Sha256 | None = None
    """The SHA-256 of the certificate in its DER form."""


class HttpFacts(Published):
    """The server's answer, as evidence."""

    status: int
    """The HTTP status of the answer."""
    headers: dict[str, str] = {}
    """The headers of note, names in lower case, values cut after 200 characters."""
    framing: Literal["length", "chunked", "close"] = "length"
    """How the end of the body was known; after `close` a cut body cannot be told from a whole one."""
    bytes_received: int | None = None
    """The body's size on the wire, in bytes, before its Content-Encoding was undone."""
    embedded: bool = False
    """Whether the file is inside a page, as a data: URI, or in a mail or saved page; the URL is that one's."""
    archive_member: str | None = None
    """The path of the file inside the archive that the URL leads to; null for a file that is not in an archive."""
    tls: TlsFacts | None = None
    """The facts that are known of the host's certificate; null without TLS."""
    is_refused_by_robots: bool = False
    """Whether robots.txt refuses the URL, and it was fetched under a named authority."""
    hashed_at: Moment | None = None
    """When the bytes of the file were received and hashed, where the host has only said since (304) that the file has
    not changed; null when that was when the file was seen."""


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
    ARCHIVE_NOT_READ = "archive_not_read"
    EMPTY = "empty"
    ENCRYPTED = "encrypted"
    ERROR_PAGE = "error_page"
    GATE = "gate"
    HTTP_ERROR = "http_error"
    INCOMPLETE = "incomplete"
    OUT_OF_SCOPE = "out_of_scope"
    OUT_OF_MEMORY = "out_of_memory"
    PARTIAL = "partial"
    ROBOTS = "robots"
    TRAP = "trap"
    LIMIT = "limit"
    REFUSED = "refused"
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
    status: Annotated[int, Field(ge=0, le=999)] | None = None
    count: Annotated[int, Field(ge=1, le=2**48)] = 1
    at: Moment


class Reported(Noun):
    """The answer that a recrawl got for one reported URL, after its redirects.

    `outcome` says why the URL gave neither a file nor a page, with `rule`, `reason` and `status`. Without an outcome it
    gave a file, or with `is_page` a page. `pages` and `files` count the answers with a 2xx status from this URL and
    from the URLs to which it was the first to lead; `page_parts` counts those files that are style sheets, scripts,
    fonts or icons. With `has_reported_links` it led to other reported URLs, and their files are counted there.
    """

    url: str
    outcome: Outcome | None = None
    is_page: bool = False
    rule: Annotated[str, Field(max_length=100)] = ""
    reason: Annotated[str, Field(max_length=1_000)] = ""
    status: Annotated[int, Field(ge=0, le=999)] | None = None
    pages: Count = 0
    files: Count = 0
    page_parts: Count = 0
    has_reported_links: bool = False


AnswerCounts = dict[Annotated[str, Field(pattern=r"\A[a-z0-9_. ]{1,40}\z")], Count]


class HostAnswers(Noun):
    """Counts how a host answered for files and for pages: `given`, else `http.STATUS`, `page` or `empty`."""

    files: AnswerCounts = {}
    pages: AnswerCounts = {}


class WaitsFor(StrEnum):
    """A recrawl waits for the answers of its hosts, or for the moment at which a host may be asked again."""

    ANSWERS = "answers"
    ROBOTS_FILE = "robots.txt"
    DELAY = "delay"
    CRAWL_DELAY = "crawl-delay"
    SLOW_ANSWERS = "slow answers"
    RETRY_AFTER = "retry-after"
    BACK_OFF = "back-off"
    HOST_PACE = "pace of the host"  # it has had too many requests, of this recrawl or another
    PLACE = "place at the address"  # other recrawls ask hosts there


class Tally(BaseModel):
    """Running counts of one recrawl; `bytes_read` counts bytes received, before decoding.

    `files` are all files that were seen, `error_bodies` those of them that came with an error status, and `unchanged`
    those that were not fetched because their host said that they had not changed. `pages` came with a 2xx status.
    `waits_for` is what the recrawl waited for when it counted, None for nothing.
    """

    model_config = ConfigDict(extra="forbid")

    pages: Count = 0
    files: Count = 0
    error_bodies: Count = 0
    unchanged: Count = 0
    bytes_read: Count = 0
    bytes_kept: Literal[0] = 0
    failures: Count = 0
    skipped: Count = 0
    queued: Count = 0
    waits_for: WaitsFor | None = None


Algorithm = Literal["sha256", "sha1", "md5"]
# Strongest first.
ALGORITHMS: tuple[Algorithm, ...] = ("sha256", "sha1", "md5")


class VerdictResult(StrEnum):
    """The three answers of a matching service; `unknown` is never folded into `no_match`."""

    MATCH = "match"
    NO_MATCH = "no_match"
    UNKNOWN = "unknown"


class EntryStatus(StrEnum):
    """The status that a list gives its own entry; a withdrawn entry does not match."""

    ACTIVE = "active"
    DISPUTED = "disputed"
    WITHDRAWN = "withdrawn"


class Nature(StrEnum):
    """The meaning of a category in its scheme; a category outside the table is `unknown`, never a stronger one."""

    ABUSE = "abuse"
    BENIGN = "benign"
    UNKNOWN = "unknown"


class Strength(StrEnum):
    """The strength of a match as evidence: `weak` is an MD5, or a SHA-1, that nothing else confirms."""

    STRONG = "strong"
    WEAK = "weak"


class HoldReason(StrEnum):
    """Why a case waits for an analyst and is not delivered; with the last two the file matched before, and not now."""

    WEAK = "weak"
    SIZE_DIFFERS = "size_differs"
    UNKNOWN_CATEGORY = "unknown_category"
    DISPUTED = "disputed"
    BENIGN_TOO = "benign_too"
    WITHDRAWN = "withdrawn"
    NO_LONGER_LISTED = "no_longer_listed"


class Listing(Published):
    """One entry of one list that has at least one digest of the file."""

    service: str | None = None
    """The matching service that answered."""
    list: str | None = None
    """The list that has the entry."""
    entry_id: str | None = None
    """The list's id for the entry."""
    category: str | None = None
    """The category, as the list writes it."""
    scheme: str | None = None
    """The scheme that the category is from."""
    nature: Nature = Nature.ABUSE
    """The meaning of the category in its scheme."""
    status: EntryStatus = EntryStatus.ACTIVE
    """The status that the list gives its own entry."""
    algorithms: tuple[Algorithm, ...] = Field(min_length=1)
    """The digests that agree, strongest first."""
    size: int | None = None
    """The size that the list gives for the file, in bytes."""
    list_version: str | None = None
    """The version of the list that answered, as far as the service says it."""
    built_to: Moment | None = None
    """The time up to which that list was built, as far as the service says it."""

    @property
    def accuses(self) -> bool:
        """Whether this listing alone makes a match: it is neither benign nor withdrawn."""
        return self.nature is not Nature.BENIGN and self.status is not EntryStatus.WITHDRAWN


class Source(Noun):
    """A service that was asked, the time, and the version of the list that it answered from, as far as it says that."""

    service: str
    asked_at: Moment | None = None
    list_version: str | None = None
    built_to: Moment | None = None


class Verdict(Noun):
    """The answer to one digest set; matcher_client.verdicts makes it from the entries that services list.

    `listings` are all entries that have one of the digests, the leading one first. Benign and withdrawn entries are
    among them, but make no match alone. `held_because` says why nobody may act on a match yet. `sources` has each
    service that was asked, once. `reason` says why the verdict is unknown, or which part of a match could not be asked.
    """

    result: VerdictResult
    strength: Strength | None = None
    held_because: tuple[HoldReason, ...] = ()
    listings: tuple[Listing, ...] = ()
    sources: tuple[Source, ...] = ()
    reason: str | None = None

    @property
    def asked_at(self) -> datetime | None:
        """The time at which the first of its services was asked: the verdict is as old as that."""
        return min((source.asked_at for source in self.sources if source.asked_at is not None), default=None)

    def source(self, service: str | None) -> Source | None:
        """Return the source that is this service, None when it was not asked."""
        return next((source for source in self.sources if source.service == service), None)

    @property
    def leading(self) -> Listing | None:
        """The listing that speaks for a match."""
        return self.listings[0] if self.result is VerdictResult.MATCH and self.listings else None


class CaseVerdict(Published):
    """The verdict as a case shows it: the facts of the leading listing, and all listings.

    After a correction to `no_match` the facts are those of the listing that was taken back.
    """

    result: VerdictResult
    """The answer of the matching services."""
    algorithm: Algorithm | None
    """The strongest digest that agreed."""
    algorithms: tuple[Algorithm, ...] = ()
    """All digests that agreed, strongest first."""
    strength: Strength | None = None
    """How much the match proves; null when there is no match any more."""
    held_because: tuple[HoldReason, ...] = ()
    """Why the case is held; empty for an open case."""
    list: str | None
    """The list of the leading listing."""
    entry_id: str | None
    """The list's id for the entry."""
    category: str | None
    """The category, as the list writes it."""
    scheme: str | None
    """The scheme that the category is from."""
    status: EntryStatus | None = None
    """The status that the list gives its own entry."""
    list_version: str | None
    """The version of the list that answered, as far as the service says it."""
    built_to: Moment | None = None
    """The time up to which that list was built, as far as the service says it."""
    service: str | None = None
    """The matching service of the leading listing."""
    asked_at: Moment | None = None
    """When the matching services were asked."""
    listings: tuple[Listing, ...] = ()
    """Every entry that has a digest of the file, the leading one first; benign and withdrawn ones too."""


class CaseState(StrEnum):
    """A `held` case waits for an analyst and is not delivered. Later releases add states."""

    OPEN = "open"
    HELD = "held"


class LeftOut(StrEnum):
    """Why a parameter of a URL is no part of the place where the file is."""

    SIGNATURE = "signature"
    TOKEN = "token"  # noqa: S105
    TIME = "time"
    SESSION = "session"
    CACHE_BUSTER = "cache_buster"
    RANDOM = "random"


class Place(Published):
    """Where a file is: its URL without the parameters that change from visit to visit."""

    url: str
    """The URL without these parameters; it may not work."""
    left_out: dict[str, LeftOut] = {}
    """The parameters that were left out, by name in lower case (empty: without a name), each with the reason."""


class Case(Published):
    """A takedown case: one matched digest at one place. One line of cases.jsonl."""

    case_id: UUID
    """The identity of the case: the same in every run, store and release."""
    state: CaseState
    """`open`: the evidence has no doubts. `held`: a person has to decide. Only `open` is to be acted upon."""
    url: str
    """The URL that was reported or linked, exact and in canonical form, as it was when the case was made."""
    last_url: str | None = None
    """The URL where the file was seen last, exact; where it differs from `url`, that one may work no longer."""
    place: Place | None = None
    """The part of the URL that the identity of the case was made of; null where that is the whole URL."""
    final_url: str
    """The URL where redirects ended, exact and in canonical form."""
    host: str
    """The host of `url`, with its port when that is not the default."""
    ip: str | None
    """The address that answered; null where a proxy hid it."""
    referrer: str | None
    """The landing page: the page that linked the file when it was seen last; null for a reported URL."""
    report_ids: tuple[str, ...]
    """The reports that led to the file."""
    md5: Md5
    """The MD5 of the file, in lower-case hex."""
    sha1: Sha1
    """The SHA-1 of the file, in lower-case hex."""
    sha256: Sha256
    """The SHA-256 of the file, in lower-case hex."""
    size: int = Field(ge=0)
    """The size of the file in bytes, after its Content-Encoding was undone."""
    content_type: str | None
    """The type that the host claims."""
    sniffed_type: str | None
    """The type that the first bytes show."""
    verdict: CaseVerdict
    """The verdict that the case rests on."""
    first_seen: Moment
    """When the file was seen first, over all runs on the store."""
    last_seen: Moment
    """When the file was seen last, over all runs on the store."""
    http: HttpFacts
    """The server's answer when the file was seen last."""

    @property
    def newest_url(self) -> str:
        """The URL that is most likely to work."""
        return self.last_url or self.url


class EventType(StrEnum):
    """The kinds of events of a case. Later releases add kinds."""

    OPENED = "case.opened"
    HELD = "case.held"
    CORRECTED = "case.corrected"


class Retraction(StrEnum):
    """How a list takes back what a case rests on."""

    WITHDRAWN = "withdrawn"
    DISPUTED = "disputed"
    NO_LONGER_LISTED = "no_longer_listed"


class Correction(Published):
    """The part that only a `case.corrected` event has; the case has the verdict after the correction."""

    retraction: Retraction
    """How the list took back what the case rests on."""
    before: CaseVerdict
    """The verdict of the case before."""


class Event(Published):
    """One immutable fact in a case's history; one line of events.jsonl.

    `schema_version`, `source` and `recorded_at` are null, or missing, in events that were written before there was a
    schema version.
    """

    schema_version: str | None = Field(default=None, pattern=r"^[0-9]+\.[0-9]+$")
    """MAJOR.MINOR of this schema: MINOR grows when something is added, MAJOR when a reader must be changed."""
    event_id: UUID
    """The idempotency key: different for every content, the same when an event is delivered again."""
    source: UUID | None = None
    """The store that the event is from."""
    case_id: UUID
    """The case that the event is about."""
    sequence: int = Field(ge=1)
    """1 for the first event of the case in its store, then 2, 3, ..."""
    recorded_at: Moment | None = None
    """When the store took the event: of one source and case, the event with the latest time is the one that holds."""
    type: EventType
    """The change that happened to the case."""
    at: Moment
    """When the file was seen; of a correction by recall: when the list was asked."""
    case: Case
    """The whole case as it was after the event."""
    correction: Correction | None = None
    """The correction; null but for `case.corrected`."""


def case_id_for(url: str, sha256: str) -> UUID:
    """Return the identity of a case: the same place (its canonical URL) and digest are always the same case."""
    return uuid5(CASE_NAMESPACE, f"{url}\n{sha256}")


def event_id_for(event: Event) -> UUID:
    """Return the id of a new event: it covers all of the content, so it differs whenever that does.

    It is made once, when the event is written. Raises ValueError for an event without a source: those of older
    releases keep the ids that they have.
    """
    if event.source is None:
        raise ValueError("an event without a source has the id that it was given")
    content = event.model_dump(mode="json", exclude={"event_id"})
    return uuid5(event.source, json.dumps(content, sort_keys=True, separators=(",", ":")))
