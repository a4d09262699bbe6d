"""Acts of TLS: handshakes that hang or lie, certificates that are wrong, and streams that are cut."""

from __future__ import annotations

import datetime
import ssl
import tempfile
import warnings
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hostile.act import PAYLOAD, Exchange, act, head, response


@cache
def certificate(*, days: int = 30, extra_bytes: int = 0, name: str = "127.0.0.1") -> bytes:
    """Return a self-signed certificate and its key as PEM; `days` may be negative, `extra_bytes` make it large."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(today - datetime.timedelta(days=400))
        .not_valid_after(today + datetime.timedelta(days=days))
    )
    if extra_bytes:
        names = [x509.DNSName(f"n{number:055d}.example") for number in range(extra_bytes // 64)]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    signed = builder.sign(key, hashes.SHA256())
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return signed.public_bytes(serialization.Encoding.PEM) + secret


def _context(pem: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:  # OpenSSL takes a certificate by file only
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name)
    return context


def self_signed() -> ssl.SSLContext:
    return _context(certificate())


def expired() -> ssl.SSLContext:
    return _context(certificate(days=-10))


def other_name() -> ssl.SSLContext:
    return _context(certificate(name="bank.example"))


def large() -> ssl.SSLContext:
    return _context(certificate(extra_bytes=2**20))


def old() -> ssl.SSLContext:
    context = _context(certificate())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def without_cipher() -> ssl.SSLContext:
    context = _context(certificate())
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("PSK:@SECLEVEL=0")
    return context


async def _serve(exchange: Exchange) -> None:
    await exchange.send(response(PAYLOAD))


@act(context=self_signed)
async def tls_self_signed(exchange: Exchange) -> None:
    """A certificate that nobody vouches for: the file is there all the same."""
    await _serve(exchange)


@act(context=expired)
async def tls_expired(exchange: Exchange) -> None:
    """A certificate that has expired."""
    await _serve(exchange)


@act(context=other_name)
async def tls_other_name(exchange: Exchange) -> None:
    """A certificate of another host."""
    await _serve(exchange)


@act(context=large, spoils_server=True)
async def tls_large_certificate(exchange: Exchange) -> None:
    """A certificate of 1 MB."""
    await _serve(exchange)


@act(context=old, spoils_server=True)
async def tls_1_0(exchange: Exchange) -> None:
    """A server that speaks TLS 1.0 only."""
    await _serve(exchange)


@act(context=without_cipher, spoils_server=True)
async def tls_no_common_cipher(exchange: Exchange) -> None:
    """A server with which no cipher is shared."""
    await _serve(exchange)


@act(context=self_signed)
async def tls_cut_in_body(exchange: Exchange) -> None:
    """The connection breaks in the middle of the body, without TLS's own goodbye."""
    await exchange.send(head(f"Content-Length: {len(PAYLOAD)}") + PAYLOAD[: len(PAYLOAD) // 2])
    await exchange.pause(0.1)  # what was sent must be read first
    await exchange.reset()


@act(context=self_signed)
async def tls_cut_unframed(exchange: Exchange) -> None:
    """A body that only the close would end is reset inside TLS."""
    await exchange.send(head() + PAYLOAD[: len(PAYLOAD) // 2])
    await exchange.pause(0.1)
    await exchange.reset()


@act(context=self_signed)
async def tls_redirect_to_plain(exchange: Exchange) -> None:
    """A redirect from https to http on another host."""
    await exchange.send(response(b"", "Location: http://10.0.0.1/", status="302 Found"))


@act(at_connection=True, https=True)
async def tls_hangs(exchange: Exchange) -> None:
    """The handshake is never answered."""
    await exchange.hold()


@act(at_connection=True, https=True)
async def tls_drips(exchange: Exchange) -> None:
    """The handshake is answered one byte every 0.2 s."""
    await exchange.send(b"\x16\x03\x03\x40\x00")
    while True:
        await exchange.send(b"\x02")
        await exchange.pause(0.2)


@act(at_connection=True, https=True)
async def tls_garbage(exchange: Exchange) -> None:
    """The handshake is answered with random bytes."""
    await exchange.send(PAYLOAD)


@act(at_connection=True, https=True)
async def tls_handshake_endless(exchange: Exchange) -> None:
    """Handshake records without end: one message that claims 16 MB."""
    record = b"\x16\x03\x03\x40\x00"
    await exchange.send(record + b"\x02\xff\xff\xff" + PAYLOAD[: 16_384 - 4])
    while True:
        await exchange.send(record + PAYLOAD[:16_384])


@act(at_connection=True, https=True)
async def tls_alerts_endless(exchange: Exchange) -> None:
    """Warning alerts without end instead of a handshake."""
    while True:
        await exchange.send(b"\x15\x03\x03\x00\x02\x01\x5a" * 1_000)


@act(at_connection=True, https=True)
async def plain_on_tls_port(exchange: Exchange) -> None:
    """Plain HTTP where TLS is expected."""
    await exchange.send(response(PAYLOAD, status="400 Bad Request"))


@act(at_connection=True, https=True)
async def closes_in_handshake(exchange: Exchange) -> None:
    """The connection closes in the middle of the handshake."""
    await exchange.reader.read(100)


@act(at_connection=True)
async def tls_on_plain_port(exchange: Exchange) -> None:
    """A TLS alert where plain HTTP is expected."""
    await exchange.reader.readuntil(b"\r\n\r\n")
    await exchange.send(b"\x15\x03\x01\x00\x02\x02\x46")
