"""A web host on loopback that speaks TLS, with certificates made for the test."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from synthetic_host import ADDRESS, Resource, SyntheticHost

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def context(self, folder: Path) -> ssl.SSLContext:
        """Return a server's context with it; the ssl module reads files only."""
        path = folder / f"{self.certificate.serial_number}.pem"
        secret = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(self.pem + secret)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def make_certificate(
    *names: str,
    issuer: Certificate | None = None,
    is_authority: bool = False,
    age: datetime.timedelta = DAY,
    is_rsa: bool = False,
) -> Certificate:
    """Make a certificate for names or addresses that began `age` ago and holds for a week; self-signed by default."""
    key = rsa.generate_private_key(65_537, 2_048) if is_rsa else ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0] if names else "authority.example")])
    began = datetime.datetime.now(datetime.UTC) - age
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + 7 * DAY)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
    return Certificate(builder.sign(key if issuer is None else issuer.key, hashes.SHA256()), key)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class TlsHost(SyntheticHost):
    """The same over TLS, with the given context."""

    def __init__(self, resources: Mapping[str, Resource | tuple[object, ...]], context: ssl.SSLContext) -> None:
        super().__init__(resources)
        self.context = context

    @property
    def url(self) -> str:
        return f"https://{self.host}/"

    async def _open(self) -> int:
        await super()._open()
        site = web.TCPSite(self._runner, ADDRESS, 0, ssl_context=self.context)
        await site.start()
        return int(self._runner.addresses[1][1])
