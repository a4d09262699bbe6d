"""Decides how a response counts, and how a visit ended that gave neither a file nor a page to follow."""

from __future__ import annotations

from typing import Final, NamedTuple

from orbweaver.crawler.errors import EgressRefused, RobotsRefused, UrlRefused
from orbweaver.crawler.link_kind import LinkSource
from orbweaver.crawler.transfer_errors import (
    BadResponse,
    BodyCut,
    BodyTooLarge,
    Interrupted,
    LimitReached,
    NoSuchName,
    PartSent,
    TransferTooSlow,
)
from orbweaver.crawler.visiting.gates.gate_pages import Gate, GateKind
from orbweaver.crawler.visiting.records.host_answers import A_PAGE, EMPTY, GIVEN, GONE_STATUSES
from orbweaver.model import Outcome
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadTimeoutError,
    UnsupportedURLSchemeError,
)

# The reason to end early of a recrawl that was told to stop: who gave the order decides what follows.
INTERRUPTED: Final = "interrupted"
# The rule of a request to a host whose name does not exist; takedown.removal.judgement knows it, too.
NO_SUCH_NAME: Final = "fetch.no-such-name"
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
    (UrlRefused, Outcome.REFUSED_URL),
    (CannotResolveHostError, Outcome.UNRESOLVED),
    (DownloadTimeoutError, Outcome.TIMEOUT),
    (DownloadConnectionRefusedError, Outcome.UNREACHABLE),
)
_OF_HOSTS_THAT_ANSWER = frozenset(
    {Outcome.ROBOTS, Outcome.INCOMPLETE, Outcome.TOO_LARGE, Outcome.BAD_RESPONSE, Outcome.PARTIAL}
)
# Answers that say that this URL, or the whole server, does not serve GET: RFC 9110, 15.5.6 and 15.6.2.
METHOD_STATUSES = frozenset({405, 501})
# Answers that say "not now": 408, 421, 425, 429.
LATER_STATUSES = frozenset({408, 421, 425, 429})
# Answers that say "not you": 401, 402, 403, 407, 451.
REFUSING_STATUSES = frozenset({401, 402, 403, 407, 451})
NOT_IMPLEMENTED = 501
TOO_MANY_REQUESTS = 429


def outcome_of(error: BaseException) -> Outcome:
    """Return the outcome that an exception from the download stands for; any other one is `unreachable`."""
    for kind, outcome in OUTCOMES:
        if isinstance(error, kind):
            return outcome
    return Outcome.UNREACHABLE


def is_failure(outcome: Outcome) -> bool:
    """Whether a file may be there that nobody hashed; a limit, and to obey robots.txt, was the operator's choice."""
    return outcome not in {Outcome.LIMIT, Outcome.ROBOTS}


def has_answered(error: BaseException) -> bool:
    """Whether an error says that the host answers, though nothing came of this URL."""
    return outcome_of(error) in _OF_HOSTS_THAT_ANSWER


def rule_of(error: BaseException) -> str:
    """Return the rule that ended the request: the limit's name, the egress rule, else the outcome itself."""
    if isinstance(error, LimitReached):
        return f"limit.{error.limit}"
    if isinstance(error, EgressRefused):
        return f"egress.{error.rule}"
    if isinstance(error, NoSuchName):
        return NO_SUCH_NAME
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


class Ending(NamedTuple):
    """The reason why a URL gave neither a file nor a page to follow; a failure may hide a file that nobody hashed."""

    outcome: Outcome
    rule: str
    reason: str
    is_failure: bool
    status: int | None = None


class Arrival(NamedTuple):
    """The worth of a response without a redirect: how it counts for its host, and how its visit ended.

    `counted` is the kind of answer, as AnswerCounter counts it among the files or pages of the host; None: not at all.
    `ending` is None where a file or a page to follow came.
    """

    is_file: bool
    counted: str | None
    ending: Ending | None


def ending_of_error(error: BaseException, *, is_reported: bool, stopped_by: str | None) -> Ending:
    """Return how a visit ended whose request gave no response; `stopped_by` says why the recrawl is ending early."""
    if isinstance(error, Interrupted) and stopped_by != INTERRUPTED:
        return Ending(Outcome.LIMIT, f"limit.{stopped_by}", "the recrawl's time was over", is_reported)
    outcome = outcome_of(error)
    return Ending(outcome, rule_of(error), reason_of(error), is_reported or is_failure(outcome))


def ending_of_own_error(error: BaseException) -> Ending:
    """Return how a visit ended whose response came, and was lost by an error in our own code.

    Of an error that nobody expected only the class is said: its text could quote a body.
    """
    if isinstance(error, MemoryError):
        return Ending(Outcome.OUT_OF_MEMORY, rule_of(error), reason_of(error), is_failure=True)
    return Ending(Outcome.BAD_RESPONSE, "internal", f"internal error: {type(error).__name__}", is_failure=True)


def arrival_of(
    status: int,
    *,
    is_page: bool,
    is_empty: bool,
    is_file_expected: bool,
    is_file_promised: bool,
    is_reported: bool,
    source: LinkSource = LinkSource.LINK,
) -> Arrival:
    """Decide what a response is worth, by its status and its body.

    `is_page` says that the body is a page, `is_empty` that it is a file of no bytes. A file is expected by the link and
    the ending of its URL; it is promised when a page shows it, or a link to it was redirected. Where a candidate
    (`source`) leads to nothing, there was no reference: that is said, counts for nobody and is no failure.
    """
    if source is not LinkSource.LINK and (is_empty or (is_page and is_file_expected) or _says_nothing_is_there(status)):
        return _no_reference(status, source, is_page=is_page, is_empty=is_empty)
    if not is_success(status):
        # Some hosts refuse what does not exist, and a candidate may not.
        is_file = is_reported or (is_file_expected and source in {LinkSource.LINK, LinkSource.KNOWN})
        failure = is_status_failure(status, is_file=is_file)
        ending = Ending(outcome_of_status(status), f"http.{status}", f"the host answered {status}", failure, status)
        return Arrival(is_file_expected, ending.rule, ending)
    if is_empty:
        reason = "the file is empty: its digests say nothing"
        return Arrival(True, EMPTY, Ending(Outcome.EMPTY, "degenerate", reason, is_reported, status))
    if is_page and is_file_expected:
        # Some sites show a file's own page under a name like a file's, but none shows a page as a picture.
        reason = "a page came where a file was expected"
        ending = Ending(Outcome.ERROR_PAGE, "error_page", reason, is_reported, status)
        return Arrival(True, A_PAGE if is_file_promised else None, ending)
    return Arrival(not is_page, GIVEN, None)


def _no_reference(status: int, source: LinkSource, *, is_page: bool, is_empty: bool) -> Arrival:
    if not is_success(status):
        outcome, answer = outcome_of_status(status), f"the host answered {status}"
    elif is_empty:
        outcome, answer = Outcome.EMPTY, "the file is empty"
    else:
        outcome, answer = Outcome.ERROR_PAGE, "a page came"
    if source is LinkSource.KNOWN:
        reason = f"{answer}: the file that was there at an earlier visit is gone, or no page leads to it yet"
    else:
        reason = f"{answer}: what looked like a reference ({source}) was probably none"
    return Arrival(not is_page, None, Ending(outcome, f"candidate.{source}", reason, is_failure=False, status=status))


def _says_nothing_is_there(status: int) -> bool:
    """Whether a status says that a URL is none of the host's, and not that it is refused or that the host is busy."""
    return status == NOT_IMPLEMENTED or (400 <= status < 500 and status not in LATER_STATUSES | REFUSING_STATUSES)


_GATES_IN_WORDS = {
    GateKind.CLICK: "a gate whose way in may not be followed",
    GateKind.FORM: "a gate with a form, and forms that act are not sent",
    GateKind.SCRIPT: "a gate that opens by a script, and no script is run",
    GateKind.LOGIN: "a page that asks for a login",
    GateKind.CHALLENGE: "a page that tests whether a browser asks",
    GateKind.HOTLINK: "a page instead of the file: the host shows it only on its own pages",
}


def ending_of_gate(gate: Gate, status: int, *, is_entered: bool) -> Ending:
    """Return how a visit ended at a gate that does not let us through; what is behind it was not seen.

    `is_entered` says that a way in was followed before.
    """
    is_still_there = is_entered and gate.kind is GateKind.CLICK
    words = "a gate that is still there after its way in was followed" if is_still_there else _GATES_IN_WORDS[gate.kind]
    reason = f'{words}: "{gate.words}"'
    return Ending(Outcome.GATE, f"gate.{gate.kind}", reason, is_failure=True, status=status)


def is_success(status: int) -> bool:
    """Whether a status says that the file or page came (2xx)."""
    return 200 <= status < 300


def is_busy(status: int) -> bool:
    """Whether a status says that the host cannot serve now (5xx), or not so much (429)."""
    return status >= 500 or status == TOO_MANY_REQUESTS


def is_status_failure(status: int, *, is_file: bool) -> bool:
    """Whether a status outside 2xx leaves a file unchecked.

    What is no answer to a plain GET (a refusal of GET, 1xx, 3xx without a target) does, and a busy or broken server
    always. For a file, and for a reported URL, everything does but "there is nothing": a page that is forbidden is
    normal, a file that a page shows was to be seen.
    """
    if status < 400 or status >= 500 or status in LATER_STATUSES | METHOD_STATUSES:
        return True
    return is_file and status not in GONE_STATUSES
