"""The nouns of the design as frozen, validated values; imports nothing of ours."""

from orbweaver.model.cases import (
    Case,
    CaseState,
    LeftOut,
    Place,
)
from orbweaver.model.events import (
    SCHEMA_VERSION,
    Correction,
    Event,
    EventType,
    Retraction,
    event_id_for,
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
    DigestSet,
    HttpFacts,
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
    "SCHEMA_VERSION",
    "AccessProfile",
    "Algorithm",
    "AnswerCounts",
    "Case",
    "CaseState",
    "CaseVerdict",
    "CookieControl",
    "Correction",
    "Count",
    "DigestSet",
    "Embeds",
    "EntryStatus",
    "Event",
    "EventType",
    "HoldReason",
    "HostAnswers",
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
    "Published",
    "ReferrerControl",
    "Report",
    "Reported",
    "Retraction",
    "RobotsControl",
    "Scope",
    "ScopeKind",
    "Sha1",
    "Sha256",
    "Sighting",
    "Skip",
    "Source",
    "Strength",
    "Tally",
    "TlsFacts",
    "Verdict",
    "VerdictResult",
    "WaitsFor",
    "case_id_for",
    "event_id_for",
    "format_time",
    "now",
]
