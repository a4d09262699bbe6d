"""A case: one matched digest at one place."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from orbweaver.model.nouns import Md5, Published, Sha1, Sha256
from orbweaver.model.sightings import HttpFacts
from orbweaver.model.times import Moment
from orbweaver.model.verdicts import CaseVerdict
from pydantic import Field


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
