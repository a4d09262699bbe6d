"""A verdict: the answer of the matching services to one digest set."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from orbweaver.model.nouns import Noun, Published
from orbweaver.model.times import Moment
from pydantic import Field

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
    """Why a case waits for a person and is not delivered.

    With `withdrawn` and `no_longer_listed` the file matched before, and not now. `rejected`: people refused the file or
    the case, whatever the lists say.
    """

    WEAK = "weak"
    SIZE_DIFFERS = "size_differs"
    UNKNOWN_CATEGORY = "unknown_category"
    DISPUTED = "disputed"
    BENIGN_TOO = "benign_too"
    WITHDRAWN = "withdrawn"
    NO_LONGER_LISTED = "no_longer_listed"
    REJECTED = "rejected"


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
