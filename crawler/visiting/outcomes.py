"""Names the outcome of a request that gave no response, and of a status that gave no file."""

from __future__ import annotations

from orbweaver.crawler.errors import EgressRefused, RobotsRefused
from orbweaver.crawler.transfer_errors import (
    BadResponse,
    BodyCut,
    BodyTooLarge,
    Interrupted,
    LimitReached,
    PartSent,
    TransferTooSlow,
)
from orbweaver.crawler.visiting.host_answers import GONE_STATUSES
from orbweaver.model import Outcome
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadTimeoutError,
    UnsupportedURLSchemeError,
)

# In this order: the first class that fits names the outcome.
OUTCOMES: tuple[tuple[type[BaseException], Outcome], ...] = (
    (MemoryError, Outcome.OUT_OF_MEMORY),
    (EgressRefused, Outcome.REFUSED_ADDRESS),
    (LimitReached, Outcome.LIMIT),
    (RobotsRefused, Outcome.ROBOTS),
    (Interrupted, Outcome.INTERRUPTED),
    (BodyCut, Outcome.INCOMPLETE),
    (BodyTooLarge, Outcome.TOO_LARGE),
    (TransferTooSlow, Outcome.TOO_SLOW),
    (BadResponse, Outcome.BAD_RESPONSE),
    (PartSent, Outcome.PARTIAL),
    (UnsupportedURLSchemeError, Outcome.REFUSED_URL),
    (CannotResolveHostError, Outcome.UNRESOLVED),
    (DownloadTimeoutError, Outcome.TIMEOUT),
    (DownloadConnectionRefusedError, Outcome.UNREACHABLE),
)
# Answers that say that this URL, or the whole server, does not serve GET: RFC 9110, 15.5.6 and 15.6.2.
METHOD_STATUSES = frozenset({405, 501})
# Answers that say "not now": 408, 421, 425, 429.
LATER_STATUSES = frozenset({408, 421, 425, 429})


def outcome_of(error: BaseException) -> Outcome:
    """Return the outcome that an exception from the download stands for; any other one is `unreachable`."""
    for kind, outcome in OUTCOMES:
        if isinstance(error, kind):
            return outcome
    return Outcome.UNREACHABLE


def is_failure(outcome: Outcome) -> bool:
    """Whether a file may be there that nobody hashed; a limit, and to obey robots.txt, was the operator's choice."""
    return outcome not in {Outcome.LIMIT, Outcome.ROBOTS}


def rule_of(error: BaseException) -> str:
    """Return the rule that ended the request: the limit's name, the egress rule, else the outcome itself."""
    if isinstance(error, LimitReached):
        return f"limit.{error.limit}"
    if isinstance(error, EgressRefused):
        return f"egress.{error.rule}"
    return f"fetch.{outcome_of(error)}"


def outcome_of_status(status: int) -> Outcome:
    """Return the outcome that a status outside 2xx stands for; a redirect without a target is a bad response."""
    if status in METHOD_STATUSES:
        return Outcome.METHOD_REFUSED
    return Outcome.HTTP_ERROR if status >= 400 else Outcome.BAD_RESPONSE


def reason_of(error: BaseException) -> str:
    """Return the words of an error that is ours or Scrapy's: those name no body bytes."""
    if isinstance(error, MemoryError):
        return "not enough memory: see MEMORY_BYTES"
    return str(error)


def of_own_error(error: BaseException) -> tuple[Outcome, str, str]:
    """Return outcome, rule and reason of a URL whose answer came, and was lost by an error in our own code.

    Of an error that nobody expected only the class is said: its text could quote a body.
    """
    if isinstance(error, MemoryError):
        return Outcome.OUT_OF_MEMORY, rule_of(error), reason_of(error)
    return Outcome.BAD_RESPONSE, "internal", f"internal error: {type(error).__name__}"


def is_status_failure(status: int, *, is_reported: bool) -> bool:
    """Whether a status outside 2xx leaves a file unchecked.

    What is no answer to a plain GET (a refusal of GET, 1xx, 3xx without a target) does, and a busy or broken server
    always. For a reported URL everything does but "there is nothing"; elsewhere being forbidden is normal.
    """
    if status < 400 or status >= 500 or status in LATER_STATUSES | METHOD_STATUSES:
        return True
    return is_reported and status not in GONE_STATUSES
