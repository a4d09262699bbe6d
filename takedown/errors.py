"""The errors of raising a case.

TakedownError
├── SinkRefused        a sink's address cannot be read, or its scheme is unknown
├── NotDelivered       a sink did not take an event; the delivery is tried again
├── TransitionRefused  an event cannot follow in the state that its case is in
├── ExportRefused      a case cannot be exported in a format: the message says why
└── ReporterUnknown    the settings do not say in whose name notices are written: set REPORTER_ORGANISATION, ...
"""


class TakedownError(Exception):
    """Base of all; the message is one line that says what, where and what to do."""


class SinkRefused(TakedownError):
    """A sink's address cannot be read, or names a scheme that is not known."""


class NotDelivered(TakedownError):
    """A sink did not take an event."""


class TransitionRefused(TakedownError):
    """An event cannot follow in the state that its case is in."""


class ExportRefused(TakedownError):
    """A case cannot be exported in a format; the message is the reason, without the case."""


class ReporterUnknown(TakedownError):
    """The settings of the reporter are missing or unusable."""
