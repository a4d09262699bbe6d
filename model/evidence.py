"""The actor who caused an event of a case, and the evidence that the event rests on."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal
from uuid import UUID

from orbweaver.model.nouns import Md5, Published, Sha1, Sha256
from orbweaver.model.sightings import HttpFacts, Redirect
from orbweaver.model.times import Moment
from pydantic import Field


class ActorKind(StrEnum):
    """Whether an event was caused by the program, by itself, or by a person."""

    PROGRAM = "program"
    PERSON = "person"


class Actor(Published):
    """A person or a program that caused an event."""

    kind: ActorKind
    """Whether the program did it by itself, or a person."""
    name: str = Field(min_length=1, max_length=200)
    """The program with its release, such as `orbweaver 0.1.0`; or the person, by the name that was given."""


class AssessmentDecision(StrEnum):
    """A decision of people about a file: it is to be raised, or it is not."""

    RELEASED = "released"
    REJECTED = "rejected"


class AppliedAssessment(Published):
    """The assessment that decided a case: what people decided once about the file, wherever it is."""

    assessment_id: UUID
    """The id of the assessment: the same for all cases of the file in this store."""
    revision: int = Field(ge=1)
    """1 for the first decision about the file, then 2, 3, ..."""
    decision: AssessmentDecision
    """The decision."""
    decided_at: Moment
    """When it was decided."""


class SightingEvidence(Published):
    """One sighting of the file, as an event rests on it."""

    seen_at: Moment
    """When the file was seen."""
    url: str
    """The URL that was reported or linked."""
    final_url: str
    """The URL where redirects ended."""
    redirects: tuple[Redirect, ...] | None = None
    """The URLs that sent the visitor on, in order, `url` first; empty where none did, null where not recorded."""
    ip: str | None
    """The address that answered; null where a proxy hid it."""
    http: HttpFacts
    """The server's answer: status, headers of note, TLS, bytes received."""
    md5: Md5
    """The MD5 of the file."""
    sha1: Sha1
    """The SHA-1 of the file."""
    sha256: Sha256
    """The SHA-256 of the file."""
    size: int = Field(ge=0)
    """The size of the file in bytes, after its Content-Encoding was undone."""
    bytes_kept: Literal[0] = 0
    """How many bytes of the file were kept: none, ever."""
    software: str | None = None
    """The program with its release that fetched the file; null where not recorded."""
    sandbox: str | None = None
    """The limits that the kernel enforced on the process that fetched the file; null where not recorded."""


class Evidence(Published):
    """The evidence of an event, beside the verdict in its case."""

    sighting: SightingEvidence | None = None
    """The sighting that caused the event."""
    assessment: AppliedAssessment | None = None
    """The assessment that caused the event."""
    facts: dict[str, str] = {}
    """Other facts, by name."""
