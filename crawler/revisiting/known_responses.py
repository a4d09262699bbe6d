"""The facts that a recrawl hands on to the next recrawl of the same host: of files and of pages, and no byte of them.

All of it was said by a host, or by a crawl process that a host may have taken over. So every field has a form and a
length, and the next recrawl judges each URL as if it had just found it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal, NamedTuple

from orbweaver.crawler.asked_as import Destination, ReferrerPolicy
from orbweaver.crawler.bodies.archives.archive_limits import is_rule
from orbweaver.crawler.bodies.archives.member_names import NAME_CHARACTERS
from orbweaver.crawler.rules.urls import MAX_URL_LENGTH
from orbweaver.model import DigestSet, Moment, Noun, case_id_for
from pydantic import AfterValidator, Field, StringConstraints

# Of one host (or site): what is over it is fetched in full, and read again. Some 120 bytes each in the store.
MOST_FILES: Final = 10_000
MOST_PAGES: Final = 2_000
# Members of archives: of one, and of all; an archive that has more is fetched in full.
MOST_MEMBERS_OF_ONE: Final = 200
MOST_MEMBERS: Final = 10_000
# Of all that one recrawl hands on, as it is said.
MOST_BYTES_HANDED_ON: Final = 2**24
# Of the references of one page, as text; and of those of all pages.
MOST_PAGE_CHARACTERS: Final = 2**17
MOST_PAGES_CHARACTERS: Final = 2**22
LONGEST_ENTITY_TAG: Final = 256

_Url = Annotated[str, Field(max_length=MAX_URL_LENGTH)]
# RFC 9110, 8.8.3, and no weak one; what is not ASCII cannot be sent back as it was.
ENTITY_TAG: Final = rf'\A"[\x21\x23-\x7e]{{1,{LONGEST_ENTITY_TAG}}}"\z'
# RFC 9110, 5.6.7: other forms of dates are not sent back, because hosts compare them as text, or cannot read them.
HTTP_DATE: Final = (
    r"\A(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
    r"[12][0-9]{3} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT\z"
)
_MediaType = Annotated[str, StringConstraints(pattern=r"\A[a-z0-9!#$&^_.+/-]{1,130}\z")]
MANNER_CHARACTERS: Final = 16


class FileKey(NamedTuple):
    """The request that a file answered: the URL of the visit, the one where its redirects ended, and the manner."""

    url: str
    asked_url: str
    manner: str


class SeenThere(NamedTuple):
    """A file that was seen at a URL, as far as the ids of its sighting and case need it."""

    url: str
    digests: DigestSet

    @property
    def sighting_id(self) -> str:
        """The id of its sighting: model.sightings.Sighting."""
        return str(case_id_for(self.url, self.digests.sha256))


class KnownMember(Noun):
    """A file inside an archive, as archive_limits.Member has it."""

    path: Annotated[str, Field(max_length=NAME_CHARACTERS)]
    digests: DigestSet
    sniffed_type: _MediaType | None = None


def _require_rule(name: str) -> str:
    if not is_rule(name):
        raise ValueError("there is no such rule of archives")
    return name


class KnownFile(Noun):
    """A file that came whole, with what its host said to tell whether it has changed.

    `url` was linked, by `referrer`; `root` is the reported URL that led there first. `asked_url` is where its redirects
    ended, None where there were none. `spelling` is how `url` was written, `destination` and `policy` are what the
    element said that led there. `manner` stands for all headers of the request but `Referer` and `Cookie`; whether
    there were such is in `has_referrer` and `has_cookies`. `etag` and `last_modified` are strong validators, exactly as
    the host wrote them. `hashed_at` is when the bytes came. `members` are those of an archive, and `notes` say by rule
    how many are missing. With `is_negotiated` the host made it of another file,
    which is asked for as well.
    """

    url: _Url
    asked_url: _Url | None = None
    spelling: _Url | None = None
    referrer: _Url | None = None
    root: _Url | None = None
    depth: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    is_embed: bool = False
    destination: Destination | None = None
    policy: ReferrerPolicy | None = None
    manner: Annotated[str, StringConstraints(pattern=rf"\A[0-9a-f]{{{MANNER_CHARACTERS}}}\z")]
    has_referrer: bool = False
    has_cookies: bool = False
    etag: Annotated[str, StringConstraints(pattern=ENTITY_TAG)] | None = None
    last_modified: Annotated[str, StringConstraints(pattern=HTTP_DATE)] | None = None
    digests: DigestSet
    content_type: _MediaType | None = None
    sniffed_type: _MediaType | None = None
    framing: Literal["length", "chunked"] = "length"
    bytes_received: Annotated[int, Field(ge=0)] | None = None
    is_negotiated: bool = False
    members: Annotated[tuple[KnownMember, ...], Field(max_length=MOST_MEMBERS_OF_ONE)] = ()
    notes: dict[Annotated[str, AfterValidator(_require_rule)], Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict
    )
    hashed_at: Moment

    @property
    def key(self) -> FileKey:
        """The request that it answered."""
        return FileKey(self.url, self.asked_url or self.url, self.manner)

    @property
    def seen(self) -> tuple[SeenThere, ...]:
        """The file and its members, each at the URL of the file."""
        every = (self.digests, *(member.digests for member in self.members))
        return tuple(SeenThere(self.url, digests) for digests in every)


class KnownPage(Noun):
    """The references of one page as text (page_memory.py), under a digest of all that they depend on."""

    digest: Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{32}\z")]
    references: Annotated[str, Field(max_length=MOST_PAGE_CHARACTERS)]


@dataclass(frozen=True)
class KnownResponses:
    """The knowledge that a recrawl begins with: files, first those with a case, and pages' references by their digest.

    The files whose keys are in `in_full` are fetched in full. With `is_full` all are, and pages are read again.
    """

    files: tuple[KnownFile, ...] = ()
    pages: Mapping[str, str] = field(default_factory=dict)
    in_full: frozenset[FileKey] = frozenset()
    is_full: bool = True


@dataclass(frozen=True)
class Memory:
    """The knowledge that a recrawl ends with; each call of `files` gives all, one by one, as the JSON of a KnownFile.

    `is_untrue` says that the host called a file unchanged in a way that cannot be true.
    """

    files: Callable[[], Iterable[str]] = tuple
    pages: tuple[KnownPage, ...] = ()
    is_untrue: bool = False
