"""The connection to a Redis or Valkey of the engine's, whose answers are bounded in time and bytes.

It is asked in RESP2: in RESP3 a server may push messages, one of which sends redis-py to another server.
"""

from __future__ import annotations

import contextlib
import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orbweaver.takedown.delivery.sinks import allowances
from orbweaver.takedown.delivery.sinks.addresses import SinkAddress
from orbweaver.takedown.delivery.sinks.allowances import Patience
from orbweaver.takedown.errors import SinkAway, SinkRefused
from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.credentials import CredentialProvider
from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

# An id, or what INFO says of its persistence. Of many small parts the client takes long to read.
MOST_ANSWER_BYTES = 16 * 1024
_CODE = re.compile(r"[A-Z]{2,20}\b")

if TYPE_CHECKING:
    _Base = Connection
else:
    _Base = object


class EngineServer:
    """A server, asked by one client; `secrets` returns the password as the only word, or nothing.

    It is read for each new connection. `roots` is a PEM file of the authorities to trust in place of the usual ones.
    """

    def __init__(
        self,
        address: SinkAddress,
        secrets: Callable[[], Sequence[str]],
        *,
        roots: Path | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.address = address
        self._patience = patience or Patience(answer_bytes=MOST_ANSWER_BYTES)
        options: dict[str, Any] = {
            "protocol": 2,
            "socket_connect_timeout": self._patience.connect_seconds,
            "socket_timeout": self._patience.silence_seconds,
            "retry": Retry(NoBackoff(), retries=0),
        }
        if password_of(address, secrets()) is not None:
            options["credential_provider"] = _Credentials(address, secrets)
        if address.transport == "unix":
            options |= {"path": address.path, "db": int(address.options.get("db", "0"))}
        else:
            options |= {"host": address.host, "port": address.port or 6379, "db": int(address.path.strip("/") or 0)}
        if address.transport == "rediss":
            options["ssl_ca_certs"] = None if roots is None else str(roots)
        pool = ConnectionPool(connection_class=_CONNECTIONS[address.transport], **options)
        self.client: Redis = Redis.from_pool(pool)

    @contextlib.contextmanager
    def asked(self) -> Iterator[None]:
        """Give an allowance to all that is asked while the block runs; raises SinkAway, which names the address."""
        try:
            with allowances.given(self._patience):
                yield
        except (SinkAway, SinkRefused) as error:
            raise SinkAway(f"{self.address.name}: {error}") from None
        except (RedisError, OSError, ValueError, RecursionError) as error:  # the last two: what is no answer of Redis
            raise SinkAway(f"{self.address.name}: {failure(error)}") from None

    def complaint(self, key: str, kind: str) -> tuple[bool, str] | None:
        """Say whether the server cannot be asked now, its key is of another type, or it keeps nothing on its disk."""
        try:
            with allowances.given(self._patience):
                found = self.client.type(key)
                if found not in (b"none", kind.encode()):  # no set: an answer may be a list
                    return True, f"its key {key} is no {kind}: choose another name"
                with contextlib.suppress(ResponseError):  # a server may hide this
                    if not self.client.info("persistence").get("aof_enabled"):
                        return False, "its server has no append-only file: what it was given is lost when it ends"
        except (SinkAway, SinkRefused) as error:
            return True, str(error)
        except (RedisError, OSError, ValueError, RecursionError) as error:
            return True, failure(error)
        return None

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


def password_of(address: SinkAddress, words: Sequence[str]) -> str | None:
    """Return the password among the words of a secret, None when there is none; raises SinkRefused."""
    if len(words) > 1:
        raise SinkRefused(f"{address.name} has a password of several words in SINK_SECRETS: it must be one")
    return words[0] if words else None


def failure(error: BaseException) -> str:
    """Say in words what failed. Of the server's own words only a code in capitals is shown."""
    match error:
        case AuthenticationError():
            return "its server refuses the password: check SINK_SECRETS"
        case NoPermissionError():
            return "its server does not allow this to the user: see docs/takedown-engine.md for what a sink needs"
        case OutOfMemoryError():
            return "the memory of its server is full"
        case ReadOnlyError():
            return "its server is a replica: name the primary"
        case RedisTimeoutError() | TimeoutError():
            return "it is too slow: no connection, or no whole answer, in time"
        case ResponseError():
            code = _CODE.match(str(error))
            return f"its server refuses ({code[0] if code else 'without a code'})"
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ssl.SSLCertVerificationError):
            return f"its TLS certificate does not verify ({inner.verify_message}; SINK_ROOTS names other roots)"
        if isinstance(inner, ssl.SSLError):
            return f"TLS failed ({inner.reason or 'no reason given'})"
        if isinstance(inner, OSError) and inner.strerror:
            return f"no answer: {inner.strerror.lower()}"
        inner = inner.__cause__ or inner.__context__
    return "it closed the connection, or sent what no Redis sends"


class _Credentials(CredentialProvider):
    def __init__(self, address: SinkAddress, secrets: Callable[[], Sequence[str]]) -> None:
        self._address = address
        self._secrets = secrets

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        password = password_of(self._address, self._secrets()) or ""
        user = self._address.options.get("user")
        return (password,) if user is None else (user, password)


class _AllowedSocket:
    """A socket whose reads and writes obey the allowance of the thread."""

    def __init__(self, sock: Any) -> None:
        self._socket = sock
        self._timeout: float | None = sock.gettimeout()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds

    def recv(self, size: int) -> bytes:
        allowance = allowances.left()
        seconds = allowance.seconds_left()
        self._socket.settimeout(seconds if self._timeout is None else min(seconds, self._timeout))
        received: bytes = self._socket.recv(size)
        allowance.count(len(received))
        return received

    def sendall(self, data: Any) -> None:
        self._socket.settimeout(allowances.left().seconds_left())
        self._socket.sendall(data)


class _Allowed(_Base):
    def _connect(self) -> Any:
        return _AllowedSocket(super()._connect())  # type: ignore[no-untyped-call]


class _EngineTcp(_Allowed, Connection):
    pass


class _EngineTls(_Allowed, SSLConnection):
    pass


class _EngineUnix(_Allowed, UnixDomainSocketConnection):
    pass


_CONNECTIONS = {"redis": _EngineTcp, "rediss": _EngineTls, "unix": _EngineUnix}
