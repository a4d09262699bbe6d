"""How asking a matching service can fail.

    MatcherError
    ├── UnknownService       the matcher URL names no service that we have: mend the setting
    ├── HashListUnreadable   missing, empty, no permission or not a hash list: give another file
    ├── CategoryTableRefused a category table is not there or not one: mend each line that is named
    ├── OutputRefused        the place for a built list cannot be written: name another
    ├── StorageFull          there is no room for a built list: free space, then do the same again
    ├── HashListDamaged      a built list is truncated or its bytes changed: build or copy it again
    ├── ServerRefused        the matching server cannot be started like this: mend its options
    └── Unavailable          the service cannot answer now: the answer is *unknown*, ask again later
        └── AnswerTooLarge   its answer is larger than what is read: ask about less at once
    TimeIsOver               raised in the middle of a question by whoever asks: no fault of the service

Each message is one line: what is wrong, where, and what to do. A category table's has one for each thing wrong.
"""


class MatcherError(Exception):
    """Base of everything that this package raises on purpose."""


class UnknownService(MatcherError):
    """The matcher URL has a scheme that no service answers to."""


class HashListUnreadable(MatcherError):
    """A file is missing, empty, not readable or not a hash list."""


class CategoryTableRefused(MatcherError):
    """A category table cannot be read, or says what cannot be."""


class OutputRefused(MatcherError):
    """A built list cannot be put where it should go."""


class StorageFull(MatcherError):
    """There is no room for a built list, or for what is needed to make it; nothing was changed."""


class HashListDamaged(MatcherError):
    """A built hash list is truncated, or its bytes are not the ones that were built."""


class ServerRefused(MatcherError):
    """The matching server cannot be started with the options it was given."""


class Unavailable(MatcherError):
    """The service cannot answer now; nothing was learned about any digest."""


class AnswerTooLarge(Unavailable):
    """The answer has more bytes than are read of one; about fewer digests it may have less."""


class TimeIsOver(Exception):
    """The time that the asking program has for its question is over; what the service said does not count.

    It is no MatcherError: nobody here raises it, and nobody here may take it for a fault of the service.
    """
