"""A case: one matched digest at one place."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from orbweaver.model.evidence import AppliedAssessment
from orbweaver.model.hosting import Hosting
from orbweaver.model.nouns import Md5, Published, Sha1, Sha256
from orbweaver.model.sightings import HttpFacts, Redirect
from orbweaver.model.times import Moment
from orbweaver.model.verdicts import CaseVerdict
from pydantic import Field


class CaseState(StrEnum):
    """The states of a case; takedown/cases/lifecycle.py has the ways between them. Later releases may add states.

    A `held` case waits for a person. The engine acts on an `open` one. The file of a `removed` one was confirmed to be
    gone, and is looked for; the case is `closed` when that is over. A `withdrawn` one was refused by a person.
    """

    OPEN = "open"
    HELD = "held"
    REMOVED = "removed"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


class Presence(StrEnum):
    """The presence of a file at the URL of its case, as one check saw it. Later releases may add words."""

    LIVE = "live"
    MOVED = "moved"
    GONE = "gone"
    CHANGED = "changed"
    UNAVAILABLE = "unavailable"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


class Removal(Published):
    """The result of all checks of a case so far: the last one, and how far its removal is confirmed."""

    presence: Presence
    """The presence at the last check. `live` and `moved` (elsewhere) mean that the file was seen. `gone` and `changed`
    mean that it was not there. After the others nobody can say: `unavailable` is a host that did not answer, `blocked`
    one that refused to show it, `unknown` everything else."""
    rule: str
    """The rule that decided, such as `gone.http-404`."""
    reason: str
    """Why, in words for a person."""
    since: Moment
    """Since when each check said `presence`."""
    checked_at: Moment
    """When the last check was made."""
    unseen_since: Moment | None = None
    """Since when no check could say whether the file is there; null when the last check could."""
    is_unseen_told: bool = False
    """Whether an event has said so since `unseen_since`."""
    confirmations: int = Field(default=0, ge=0)
    """How many checks in a row, far enough apart, agree that the file is not there; three make a removal."""
    confirmed_by: str | None = None
    """The kind of these checks; only checks of one kind are counted together."""
    confirmed_at: Moment | None = None
    """When the last one of them was made."""
    first_gone_at: Moment | None = None
    """When the first one of them was made: first seen gone."""
    removed_at: Moment | None = None
    """When the last confirmation came; null while the file is not removed."""
    probation_checks: int = Field(default=0, ge=0)
    """How many of the checks after the removal are done."""
    returns: int = Field(default=0, ge=0)
    """How often the file came back after a removal."""


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


class Pseudonymised(Published):
    """Since when, and why, a case or event no longer says which file it is about, and where that was."""

    at: Moment
    """When URLs, hosts, addresses, referrers, report ids, digests and words about them were taken away."""
    reason: str
    """Why: the time limit, and the moment from which it counted."""


class Case(Published):
    """A takedown case: one matched digest at one place. One line of cases.jsonl."""

    case_id: UUID
    """The identity of the case: the same in every run, store and release."""
    state: CaseState
    """`open`: the evidence has no doubts. `held`: a person has to decide. `removed`: the file is gone, and is looked
    for. `withdrawn`: a person refused the case. `closed`: it is over. Only `open` is to be acted upon."""
    state_since: Moment | None = None
    """When the case came into its state; null in cases of releases before that."""
    received_at: Moment | None = None
    """When the first of its reports was received by the hotline, as far as the reports say it."""
    assessment: AppliedAssessment | None = None
    """The assessment that decided the case; null where its state rests on the verdict alone."""
    url: str
    """The URL that was reported or linked, exact and in canonical form, as it was when the case was made."""
    last_url: str | None = None
    """The URL where the file was seen last, exact; where it differs from `url`, that one may work no longer."""
    place: Place | None = None
    """The part of the URL that the identity of the case was made of; null where that is the whole URL."""
    final_url: str
    """The URL where redirects ended, exact and in canonical form."""
    redirects: tuple[Redirect, ...] | None = None
    """The URLs that led from `last_url` to `final_url` when the file was seen last, in order, `last_url` first; empty
    where none did, null where not recorded."""
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
    removal: Removal | None = None
    """The result of the checks of the case; null before the first one."""
    hosting: Hosting | None = None
    """Where the address is that answered, and who is told because of it; null in cases of older releases."""
    pseudonymised: Pseudonymised | None = None
    """Since when the case is pseudonymised; null in every event that a takedown engine gets. `url`, `host` and `sha256`
    are pseudonyms then, `md5`, `sha1` and `size` zeros."""

    @property
    def newest_url(self) -> str:
        """The URL that is most likely to work."""
        return self.last_url or self.url
