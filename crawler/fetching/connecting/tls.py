"""TLS towards hosts: verified first, and where that fails unverified and said so.

An expired or self-made certificate, or a protocol of yesterday, must not hide a file; the evidence says what it was.
"""

from __future__ import annotations

import hashlib
import ssl
from functools import cache, lru_cache
from typing import Final

from orbweaver.model import TlsFacts

# The suites that CPython takes for safe. Its builds differ: Debian's leaves it to OpenSSL, and verifies hosts of
# TLS 1.0.
_SAFE_SUITES: Final = "@SECLEVEL=2:ECDH+AESGCM:ECDH+CHACHA20:ECDH+AES:DHE+AES:!aNULL:!eNULL:!aDSS:!SHA1:!AESCCM"
# Renegotiation without RFC 5746, as OpenSSL before version 3 allowed it; Python 3.11 has no name for it.
_LEGACY_SERVER_CONNECT: Final = 0x4
# So many hosts are remembered: a site with endless names costs no memory. A forgotten host is verified again.
_MOST_HOSTS: Final = 10_000


@cache
def verified_context() -> ssl.SSLContext:
    """Return the context that trusts the system's roots (or SSL_CERT_FILE's); reading them takes some 80 ms.

    The safe suites are the same on every Python, because it is evidence whether a host was verified.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_SAFE_SUITES)
    return context


@cache
def unverified_context() -> ssl.SSLContext:
    """Return the context that trusts everybody and speaks each protocol and suite that OpenSSL still can.

    Suites without a certificate come after all that have one, and those without encryption last. Only the curves of
    OpenSSL's own default can be offered: the ssl module has no way to add others.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:+aNULL:COMPLEMENTOFALL:@SECLEVEL=0")
    context.options |= _LEGACY_SERVER_CONNECT
    return context


class Trust:
    """Remembers the hosts that failed to verify in one recrawl, and why; they are asked without verification.

    With a `reason` none is verified.
    """

    def __init__(self, reason: str | None = None) -> None:
        self._reason = reason
        self._reasons: dict[str, str] = {}

    def context_for(self, host: str) -> ssl.SSLContext:
        """Return the context to connect to `host` with."""
        return verified_context() if self.reason_for(host) is None else unverified_context()

    def reason_for(self, host: str) -> str | None:
        """Say why `host` is not verified; None while it is."""
        return self._reasons.get(host, self._reason)

    def distrust(self, host: str, reason: str) -> None:
        """Ask `host` without verification from now on."""
        if len(self._reasons) >= _MOST_HOSTS:
            self._reasons.clear()
        self._reasons[host] = reason


def facts_of(certificate: bytes | None, reason: str | None) -> TlsFacts:
    """Return the evidence for a connection: the peer's certificate in DER form, and why it is not verified, if so.

    A peer that was asked without verification may have shown no certificate.
    """
    digest = None if certificate is None else _digest(certificate)
    return TlsFacts(is_verified=reason is None, reason=reason, certificate_sha256=digest)


@lru_cache(maxsize=256)
def _digest(certificate: bytes) -> str:
    return hashlib.sha256(certificate).hexdigest()


def is_about_host(error: Exception) -> bool:
    """Whether a failed handshake says something about the host, and not only that its connection was lost."""
    return not isinstance(_ssl_error_in(error), ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError)


def reason_of(error: Exception) -> str:
    """Say in OpenSSL's words why a handshake failed; they never quote the server."""
    inner = _ssl_error_in(error)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return inner.verify_message.rstrip(".")
    reason = inner.reason if isinstance(inner, ssl.SSLError) else None
    return f"no TLS by today's rules ({reason or type(inner).__name__})"


def _ssl_error_in(error: BaseException) -> BaseException:
    """Return the ssl module's error of which a client's own was made: that one has none of its facts."""
    return error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error
