"""The errors of asking a matching service.

    MatcherError
    ├── UnknownService       the matcher URL names no service that we have: correct the setting
    ├── HashListUnreadable   missing, empty, no permission or not a hash list: give another file
    ├── CategoryTableRefused a category table is missing or wrong: correct each line that the message names
    ├── OutputRefused        the place for a built list cannot be written: name another
    ├── StorageFull          there is no room for a built list: free space, then run the command again
    ├── HashListDamaged      a built list is truncated or its bytes changed: build or copy it again
    ├── ServerRefused        the matching server cannot be started with these options: correct them
    └── Unavailable          the service cannot answer now: the answer is *unknown*, ask again later
        └── AnswerTooLarge   its answer is larger than we read: ask about fewer digests at once
    TimeIsOver               raised in the middle of a question by the program that asks: no fault of the service

    and three that never leave matcher_client.lists, which reads lists:
    BadFileError             a file cannot be used: HashListUnreadable says so, with its name
    BadRowError              a row cannot be used: it is counted and shown, and the next row is read
    LeftOutError             a row is complete and of no use to us: it is counted by the reason

Each message is one line: what is wrong, where, and what to do. For a category table it has a line for each mistake.
"""


class MatcherError(Exception):
    """Base of everything that this package raises on purpose."""


class UnknownService(MatcherError):
    """The matcher URL has a scheme that no service answers to."""


class HashListUnreadable(MatcherError):
    """A file is missing, empty, not readable or not a hash list."""


class CategoryTableRefused(MatcherError):
    """A category table cannot be read, or is not valid."""


class OutputRefused(MatcherError):
    """A built list cannot be written to its place."""


class StorageFull(MatcherError):
    """There is no room for a built list, or for the files that are needed to make it; nothing was changed."""


class HashListDamaged(MatcherError):
    """A built hash list is truncated, or its bytes are not the ones that were built."""


class ServerRefused(MatcherError):
    """The matching server cannot be started with the options it was given."""


class Unavailable(MatcherError):
    """The service cannot answer now; nothing was learned about any digest."""


class AnswerTooLarge(Unavailable):
    """The answer has more bytes than we read; an answer about fewer digests may be smaller."""


class TimeIsOver(Exception):
    """The time of the program that asks is over; whatever the service answered does not count.

    It is no MatcherError: this package neither raises it nor takes it for a fault of the service.
    """


class BadFileError(Exception):
    """A file cannot be used; the message is the rest of a sentence that starts with the file's name."""


class BadRowError(Exception):
    """A row cannot be used; the reader goes on with the next one."""


class LeftOutError(Exception):
    """A row of a list is complete and of no use to us; the message says why."""
