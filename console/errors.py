"""How a command can fail before, or after, the work that it is for.

ConsoleError
├── BadDigest               an argument of `hashlist lookup` is no digest: give the hex digits
├── NoScope                 the reported URLs of `scope test` are no URLs, or of several scopes: give those of one
├── NothingToDo             a reports file has no usable report: give URLs, one a line, or a CSV
└── OutputUnusable          --out cannot be made or written: name another directory
    └── OutputNotWritten    --out could be written when the run began, and cannot be now: free space, run again
"""


class ConsoleError(Exception):
    """Base of all; the message is one line that says what, where and what to do."""


class BadDigest(ConsoleError):
    """An argument to look up is no digest; the message says where it stands, not what it is."""


class NoScope(ConsoleError):
    """The reported URLs make no one scope; the message says why."""


class NothingToDo(ConsoleError):
    """No report can be used; the message says what was read instead."""


class OutputUnusable(ConsoleError):
    """The output directory cannot be made or written; the message is one line with the mend."""


class OutputNotWritten(OutputUnusable):
    """The output directory could be written when the run began, and cannot be written now."""
