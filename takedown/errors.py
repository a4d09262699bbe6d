"""The errors of raising a case.

TakedownError
├── DeliveryUnknown     a case or an event is named that is not there
├── DecisionRefused     a person's decision cannot be taken about this case or file as it stands
├── TransitionRefused   an event cannot follow in the state that its case is in
├── AuditLogBroken      the audit log in the store does not fit together: `orbweaver audit verify` says where
├── AuditUnusable       a key, a checkpoint or a pack cannot be read
├── ExportRefused       a case cannot be exported in a format: the message says why
├── ReporterUnknown     the settings do not say in whose name notices are written: set REPORTER_ORGANISATION, ...
├── SinkRefused         a sink's address or secret cannot be used, or its scheme is unknown
└── NotDelivered        a sink did not take an event; the delivery is tried again
    ├── SinkAway        it takes no event now: no connection, no answer in time, 429, 5xx and their like
    ├── EventRefused    it answers, and refuses this event: others may pass
    └── SinkGone        it says that it is gone for good (410): a person has to look
"""

from datetime import timedelta


class TakedownError(Exception):
    """Base of all; the message is one line that says what, where and what to do."""


class DeliveryUnknown(TakedownError):
    """A case or an event is named that is not there."""


class TransitionRefused(TakedownError):
    """An event cannot follow in the state that its case is in."""


class SinkRefused(TakedownError):
    """A sink's address cannot be read, names a scheme that is not known, or its secret is missing or too short."""


class NotDelivered(TakedownError):
    """A sink did not take an event; `retry_after` is the time that it asked to be left alone, None when it did not."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SinkAway(NotDelivered):
    """A sink takes no event now, whichever it is."""


class EventRefused(NotDelivered):
    """A sink refuses one event, and may take others."""


class SinkGone(NotDelivered):
    """A sink says that there is no more engine behind its address."""


class ExportRefused(TakedownError):
    """A case cannot be exported in a format; the message is the reason, without the case."""


class ReporterUnknown(TakedownError):
    """The settings of the reporter are missing or unusable."""


class DecisionRefused(TakedownError):
    """A person's decision cannot be taken: the case or the assessment is not as it would have to be."""


class AuditLogBroken(TakedownError):
    """The audit log in the store does not fit together."""


class AuditUnusable(TakedownError):
    """A signing key, a checkpoint or an export pack cannot be read or written."""
