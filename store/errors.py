"""The errors of the store.

StoreError
├── StoreUnreachable    no server answers at the address, or it refused us
├── StoreUnfit          the server answers but would not keep what it is given
├── RefusedForNow       the server accepts no writes now (also a redis ConnectionError: who writes waits)
├── StoreDamaged        the embedded server's data is damaged, and cannot be mended without losing some
├── StoreNotEmpty       a backup is to be restored into a store that has data
├── BackupUnusable      a backup is none, is damaged, or would replace a file
├── StateDirUnusable    the state directory cannot be written
├── NoStore             nothing was ever stored in the state directory
└── ServerNotStarted    the embedded server could not be found or did not come up
"""

from redis.exceptions import ConnectionError as RedisConnectionError


class StoreError(Exception):
    """Base of all; the message is one line that says what, where and what to do."""


class StoreUnreachable(StoreError):
    """No server answers at the address, or it refused the connection."""


class StoreUnfit(StoreError):
    """The server answers, but its version or configuration would lose data."""


class RefusedForNow(StoreError, RedisConnectionError):
    """The server answers and accepts no writes: its disk or memory is full, it is a replica, or it is busy."""


class StoreDamaged(StoreError):
    """The embedded server's data is damaged: not only at its end, or there is no room to keep a copy of it."""


class StoreNotEmpty(StoreError):
    """A backup is to be restored, and the store has data already."""


class BackupUnusable(StoreError):
    """The file of a backup is none, is damaged or not whole, or there is another file in its place."""


class StateDirUnusable(StoreError):
    """The state directory is missing and cannot be made, or cannot be written."""


class NoStore(StoreError):
    """Nothing was ever stored in the state directory, and who only reads makes no store."""


class ServerNotStarted(StoreError):
    """The embedded server could not be found or did not come up in time."""
