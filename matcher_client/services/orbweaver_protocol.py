"""The messages of Orbweaver's own batch protocol, version 1; client and server share these models.

    POST /v1/lookup   LookupRequest -> LookupAnswer: one answer for each question, in order
    GET  /v1/lists    ListsAnswer
    GET  /v1/health   HealthAnswer: 200 when `lookup` would answer, 503 when not

An answer with any other status is a Refusal. A client ignores fields that it does not know; a server refuses them.
Texts have at most 1,000 characters, none of them a control character; times are from 1970 to 2199, counts within 64
bits; no object has a name twice. docs/matcher-openapi.json is made from this.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self, TypeVar

from orbweaver.matcher_client.transport.answer_reading import MOST_COUNT, Count, Text, Time, without_controls
from orbweaver.model import ALGORITHMS, Algorithm, EntryStatus, Listing, Md5, Nature, Sha1, Sha256
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

MOST_DIGEST_SETS = 1_000
LOOKUP_PATH = "/v1/lookup"
LISTS_PATH = "/v1/lists"
HEALTH_PATH = "/v1/health"

_Words = TypeVar("_Words", bound=StrEnum)


def _or_else(words: type[_Words], otherwise: _Words) -> BeforeValidator:
    """Read a word that only a later version knows as `otherwise`, so that the match is held."""

    known = frozenset(words)

    def read(written: Any) -> Any:
        return written if not isinstance(written, str) or written in known else otherwise

    return BeforeValidator(read)


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Answered(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class AskedDigests(_Asked):
    """The digests of one file, at least one of them, in lower-case hex; `size` in bytes."""

    md5: Md5 | None = None
    sha1: Sha1 | None = None
    sha256: Sha256 | None = None
    size: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _has_a_digest(self) -> Self:
        if self.sha256 is None and self.sha1 is None and self.md5 is None:
            raise ValueError(f"a digest set needs at least one of {', '.join(ALGORITHMS)}")
        return self


class LookupRequest(_Asked):
    """The digest sets to look up; an empty list has an empty answer."""

    digest_sets: list[AskedDigests] = Field(max_length=MOST_DIGEST_SETS)


class FoundListing(_Answered):
    """One entry of one list that has at least one of the digests; `category` is verbatim, `size` the list's own.

    `algorithms` are the asked digests that agree with the entry, strongest first. `list_version` and `built_to` are
    given when the list has others than the whole answer.
    """

    list: Text | None = None
    entry_id: Text | None = None
    category: Text | None = None
    scheme: Text | None = None
    nature: Annotated[Nature, _or_else(Nature, Nature.UNKNOWN)]
    status: Annotated[EntryStatus, _or_else(EntryStatus, EntryStatus.DISPUTED)]
    algorithms: tuple[Algorithm, ...] = Field(min_length=1)
    size: Count | None = None
    list_version: Text | None = None
    built_to: Time | None = None

    @classmethod
    def of(cls, listing: Listing) -> Self:
        """Return the form of a listing that is sent when its list has the version and the time of the whole answer.

        Control characters in a list's text are replaced, and a size that no file has is lowered: clients would refuse
        the whole answer for them.
        """
        return cls(
            list=without_controls(listing.list),
            entry_id=without_controls(listing.entry_id),
            category=without_controls(listing.category),
            scheme=without_controls(listing.scheme),
            nature=listing.nature,
            status=listing.status,
            algorithms=listing.algorithms,
            size=None if listing.size is None else min(listing.size, MOST_COUNT),
        )


class DigestsAnswer(_Answered):
    """The answer about one digest set; it repeats the digests and the size of its question.

    No listing means: asked, and not listed. A server that cannot say that answers 503 to the whole request. Of many
    entries it may leave out those that are like one that stays: in nature, status, algorithms, and whether the size
    agrees.
    """

    md5: Md5 | None = None
    sha1: Sha1 | None = None
    sha256: Sha256 | None = None
    size: int | None = None
    listings: tuple[FoundListing, ...]


class LookupAnswer(_Answered):
    """One answer for each question, in the same order, all from one state of the list."""

    list_version: Text
    built_to: Time
    answers: list[DigestsAnswer]

    def listing(self, found: FoundListing, service: str) -> Listing:
        """Return one of its listings, as found by the service that gave this answer."""
        return Listing(
            service=service,
            list=found.list,
            entry_id=found.entry_id,
            category=found.category,
            scheme=found.scheme,
            nature=found.nature,
            status=found.status,
            algorithms=found.algorithms,
            size=found.size,
            list_version=found.list_version or self.list_version,
            built_to=found.built_to or self.built_to,
        )


class ListState(_Answered):
    """A list as the server has it now; `entries` counts its distinct rows."""

    name: str
    list_version: Text
    built_to: Time
    entries: Count


class ListsAnswer(_Answered):
    """The lists that every lookup asks."""

    lists: list[ListState]


class HealthAnswer(_Answered):
    """Whether `lookup` would answer now; `reason` says why not. `entries` counts the list's rows; null: unknown."""

    is_healthy: bool
    reason: str | None = None
    list_version: Text | None = None
    built_to: Time | None = None
    entries: Count | None = None


class Refusal(_Answered):
    """The reason why there is no answer; it names no digest."""

    detail: str
