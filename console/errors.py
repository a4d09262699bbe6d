"""The errors of a command, before or after its actual work.

ConsoleError
├── BadDigest               an argument of `hashlist lookup` is no digest: give the hex digits
├── NoScope                 the reported URLs of `scope test` are no URLs, or make several scopes: give those of one
├── NothingToDo             a reports file has no usable report: give URLs, one a line, or a CSV
└── OutputUnusable          --out cannot be made or written: name another directory
    └── OutputNotWritten    --out could be written when the run began, and cannot be now: free space, run again
"""


class ConsoleError(Exception):
    """Base of all; the message is one line that says what, where and what to do."""


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
