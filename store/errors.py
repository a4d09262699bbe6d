"""How the store can fail.

StoreError
├── StoreUnreachable    no server answers at the address, or it refused us
├── StoreUnfit          the server answers but would not keep what it is given
├── StateDirUnusable    the state directory cannot be written
└── ServerNotStarted    the embedded server could not be found or did not come up
"""


class StoreError(Exception):
    """Base of all; the message is one line that says what, where and what to do."""


class StoreUnreachable(StoreError):
    """No server answers at the address, or it refused the connection."""


class StoreUnfit(StoreError):
    """The server answers, but its version or configuration would lose data."""


class StateDirUnusable(StoreError):
    """The state directory is missing and cannot be made, or cannot be written."""


class ServerNotStarted(StoreError):
    """The embedded server could not be found or did not come up in time."""
