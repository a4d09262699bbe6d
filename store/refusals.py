"""Takes a server that accepts no writes now for one that is away: who has something to write waits for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from orbweaver.store.errors import RefusedForNow
from redis.connection import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import MasterDownError, OutOfMemoryError, ReadOnlyError, ResponseError

# Who tries again at once would do nothing else.
PAUSE_SECONDS = 0.2
# What servers say, besides what redis-py has classes for: https://valkey.io/topics/protocol/ has the form, and
# valkey's server.c the codes. UNBLOCKED: it has become a replica while we waited for a job.
_DISK = "MISCONF"
_OTHERS = ("NOREPLICAS", "UNBLOCKED")
_SCRIPT = "BUSY "

if TYPE_CHECKING:
    _Base = Connection
else:
    _Base = object


class PatientConnection(_Base):
    """A connection whose server may refuse writes for a while; the classes below are those of redis-py with it."""

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        """Read a response. Raises RefusedForNow, after a pause, instead of the server's own words."""
        try:
            return super().read_response(*arguments, **options)
        except ResponseError as error:
            mend = _mend(error)
            if mend is None:
                raise
            self.disconnect()  # type: ignore[no-untyped-call]
            time.sleep(PAUSE_SECONDS)
            raise RefusedForNow(f"the store accepts no writes now, {mend}: {error}") from error


def _mend(error: ResponseError) -> str | None:
    """Return what helps against a refusal that may end by itself, None for any other error."""
    if str(error).startswith(_DISK):
        return "free space on its disk"
    if isinstance(error, OutOfMemoryError):
        return "raise its maxmemory"
    if isinstance(error, ReadOnlyError):
        return "it is a replica"
    if str(error).startswith(_SCRIPT):
        return "somebody's script runs on it: SCRIPT KILL ends that"
    if isinstance(error, MasterDownError) or str(error).startswith(_OTHERS):
        return "it has no primary, or too few replicas"
    return None


class _Tcp(PatientConnection, Connection):
    pass


class _Tls(PatientConnection, SSLConnection):
    pass


class _Unix(PatientConnection, UnixDomainSocketConnection):
    pass


_PATIENT = {Connection: _Tcp, SSLConnection: _Tls, UnixDomainSocketConnection: _Unix}


def patient_pool(url: str, **options: Any) -> ConnectionPool:
    """Return the connections to the server of a URL. Raises ValueError or TypeError for one that cannot be read."""
    pool = ConnectionPool.from_url(url, **options)
    pool.connection_class = _PATIENT[pool.connection_class]
    return pool
