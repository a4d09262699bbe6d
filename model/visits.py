"""The results of a visit beside its sightings: what gave no digest, what was reported, and the running counts."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from orbweaver.model.nouns import Count, Noun
from orbweaver.model.times import Moment
from pydantic import BaseModel, ConfigDict, Field


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

    A re-check of cases also says where the answer came from (`final_url`, `ip`), what stands for the words of a page
    (`page_print`), and what these words say of the file (`says`, by the names of crawler.visiting.gone_pages).
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
    final_url: Annotated[str, Field(max_length=65_536)] | None = None
    ip: Annotated[str, Field(max_length=45)] | None = None
    page_print: Annotated[str, Field(pattern=r"\A[0-9a-f]{32}\z")] | None = None
    says: Annotated[str, Field(pattern=r"\A[a-z-]{0,20}\z")] = ""


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
