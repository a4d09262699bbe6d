"""The errors of a command, before or after its actual work.

ConsoleError
├── AccountRefused          an account cannot be made or changed as asked: the message says what would be accepted
├── TokenRefused            an API token cannot be made or revoked as asked: the message says what would be accepted
├── BadDigest               an argument of `hashlist lookup` is no digest: give the hex digits
├── NoScope                 the reported URLs of `scope test` are no URLs, or make several scopes: give those of one
├── NothingToDo             a reports file has no usable report: give URLs, one a line, or a CSV
├── OutputUnusable          --out cannot be made or written: name another directory
│   └── OutputNotWritten    --out could be written when the run began, and cannot be now: free space, run again
└── PageRefused             a request of a browser gets another answer than its page; console.web.app says which
    ├── NotSignedIn         nobody has signed in, or the session is over: the page to sign in
    ├── NotAllowed          the person has no role that may do this: 403
    ├── FormNotOurs         the form is of another session, or of another site: 403, load the page again
    ├── FormUnusable        a field says what cannot be used: 422, with the reason
    ├── NothingThere        there is nothing of this name or id: 404
    ├── RequestTooLarge     a request is larger than any of ours: 413
    └── RequestTooSlow      the body of a request does not come: 408
"""


class ConsoleError(Exception):
    """Base of all; the message is one line that says what, where and what to do."""


class AccountRefused(ConsoleError):
    """A name, role or password of an account cannot be used, or there is no such account."""


class TokenRefused(ConsoleError):
    """A name, program, right or expiry of an API token cannot be used, or there is no such token."""


class BadDigest(ConsoleError):
    """An argument to look up is no digest; the message says its place, and does not quote it."""


class NoScope(ConsoleError):
    """The reported URLs do not make exactly one scope; the message says why."""


class NothingToDo(ConsoleError):
    """No report can be used; the message says what was read instead."""


class OutputUnusable(ConsoleError):
    """The output directory cannot be made or written; the message is one line and says what to do."""


class OutputNotWritten(OutputUnusable):
    """The output directory could be written when the run began, and cannot be written now."""


class PageRefused(ConsoleError):
    """A request of a browser gets another answer than its page; the message is one line for people."""


class NotSignedIn(PageRefused):
    """Nobody has signed in with this browser, or the session is over."""


class NotAllowed(PageRefused):
    """The roles of the account do not give this right."""


class FormNotOurs(PageRefused):
    """The form does not have the token of this session."""


class FormUnusable(PageRefused):
    """A field has a value that cannot be used; the message says what would be."""


class NothingThere(PageRefused):
    """There is nothing of this name or id."""


class RequestTooLarge(PageRefused):
    """A request is larger than any of ours."""


class RequestTooSlow(PageRefused):
    """The body of a request did not come in time."""
