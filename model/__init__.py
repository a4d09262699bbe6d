"""The nouns of the design as frozen, validated values; imports nothing of ours."""

from orbweaver.model.assessments import (
    Assessment,
    Classification,
    Proposal,
    assessment_id_for,
)
from orbweaver.model.cases import (
    Case,
    CaseState,
    LeftOut,
    Place,
    Presence,
    Pseudonymised,
    Removal,
)
from orbweaver.model.events import (
    SCHEMA_VERSION,
    Correction,
    Event,
    EventType,
    Retraction,
    event_id_for,
)
from orbweaver.model.evidence import (
    Actor,
    ActorKind,
    AppliedAssessment,
    AssessmentDecision,
    Evidence,
    SightingEvidence,
)
from orbweaver.model.export_formats import (
    ExportFormat,
)
from orbweaver.model.hosting import (
    Hosting,
)
from orbweaver.model.identity import (
    CASE_NAMESPACE,
    case_id_for,
)
from orbweaver.model.nouns import (
    Count,
    Md5,
    Noun,
    Published,
    Sha1,
    Sha256,
)
from orbweaver.model.people import (
    Role,
)
from orbweaver.model.reports import (
    Report,
)
from orbweaver.model.scopes import (
    AccessProfile,
    CookieControl,
    Embeds,
    Limits,
    ReferrerControl,
    RobotsControl,
    Scope,
    ScopeKind,
)
from orbweaver.model.sightings import (
    MOST_REDIRECT_CHARACTERS,
    MOST_REDIRECTS_RECORDED,
    DigestSet,
    HttpFacts,
    Redirect,
    Sighting,
    TlsFacts,
)
from orbweaver.model.times import (
    Moment,
    format_time,
    now,
)
from orbweaver.model.verdicts import (
    ALGORITHMS,
    Algorithm,
    CaseVerdict,
    EntryStatus,
    HoldReason,
    Listing,
    Nature,
    Source,
    Strength,
    Verdict,
    VerdictResult,
)
from orbweaver.model.visits import (
    AnswerCounts,
    HostAnswers,
    Outcome,
    Reported,
    Skip,
    Tally,
    WaitsFor,
)

__all__ = [
    "ALGORITHMS",
    "CASE_NAMESPACE",
    "MOST_REDIRECTS_RECORDED",
    "MOST_REDIRECT_CHARACTERS",
    "SCHEMA_VERSION",
    "AccessProfile",
    "Actor",
    "ActorKind",
    "Algorithm",
    "AnswerCounts",
    "AppliedAssessment",
    "Assessment",
    "AssessmentDecision",
    "Case",
    "CaseState",
    "CaseVerdict",
    "Classification",
    "CookieControl",
    "Correction",
    "Count",
    "DigestSet",
    "Embeds",
    "EntryStatus",
    "Event",
    "EventType",
    "Evidence",
    "ExportFormat",
    "HoldReason",
    "HostAnswers",
    "Hosting",
    "HttpFacts",
    "LeftOut",
    "Limits",
    "Listing",
    "Md5",
    "Moment",
    "Nature",
    "Noun",
    "Outcome",
    "Place",
    "Presence",
    "Proposal",
    "Pseudonymised",
    "Published",
    "Redirect",
    "ReferrerControl",
    "Removal",
    "Report",
    "Reported",
    "Retraction",
    "RobotsControl",
    "Role",
    "Scope",
    "ScopeKind",
    "Sha1",
    "Sha256",
    "Sighting",
    "SightingEvidence",
    "Skip",
    "Source",
    "Strength",
    "Tally",
    "TlsFacts",
    "Verdict",
    "VerdictResult",
    "WaitsFor",
    "assessment_id_for",
    "case_id_for",
    "event_id_for",
    "format_time",
    "now",
]
