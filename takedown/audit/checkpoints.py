"""Checkpoints of the audit log: its number of entries and their root, signed, to be kept where nobody can change both.

The text is that of C2SP tlog-checkpoint, the signature that of C2SP signed-note with Ed25519 (https://c2sp.org). Keys
are written as in that specification and in golang.org/x/mod/sumdb/note: `NAME+KEYID+BASE64`, a private one with
`PRIVATE+KEY+` before it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from orbweaver.takedown.errors import AuditUnusable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519: Final = b"\x01"
_PRIVATE: Final = "PRIVATE+KEY+"
_SIGNATURE_LINE: Final = re.compile(r"— (?P<name>[^ +\n]+) (?P<signature>[A-Za-z0-9+/=]+)\n")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,15}")


@dataclass(frozen=True)
class LogCheckpoint:
    """The state of a log: `origin` names the log, `root` is over its first `size` entries."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True)
class VerifierKey:
    """The public key of whoever signs, with its name."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The first four bytes of a digest of name and key, which a signature carries."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_ED25519 + self.public).decode()}"


@dataclass(frozen=True)
class SigningKey:
    """A private key with its name; never shown."""

    verifier: VerifierKey
    private: Ed25519PrivateKey

    def sign(self, checkpoint: LogCheckpoint) -> str:
        """Return the signed note of a checkpoint."""
        signature = self.verifier.key_id + self.private.sign(checkpoint.text.encode())
        return f"{checkpoint.text}\n— {self.verifier.name} {base64.b64encode(signature).decode()}\n"


def origin_of(store_id: str) -> str:
    """Return the name of a store's log."""
    return f"orbweaver/audit/{store_id}"


def make_key(path: Path, name: str) -> SigningKey:
    """Make a key of its own and write it, readable by its owner alone; raises AuditUnusable when the file is there."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # takes a moment to import

    private = Ed25519PrivateKey.generate()
    verifier = VerifierKey(_usable(name), private.public_key().public_bytes_raw())
    secret = base64.b64encode(_ED25519 + private.private_bytes_raw()).decode()
    line = f"{_PRIVATE}{verifier.name}+{verifier.key_id.hex()}+{secret}\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(line)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise AuditUnusable(f"the key {path} cannot be written ({error.strerror})") from error
    return SigningKey(verifier, private)


def read_key(path: Path) -> SigningKey:
    """Read a signing key; raises AuditUnusable, with nothing of the key in the message."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        written = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AuditUnusable(f"the key {path} cannot be read: {type(error).__name__}") from error
    name, _, rest = written.removeprefix(_PRIVATE).partition("+")
    key_id, _, encoded = rest.partition("+")
    secret = _decoded(encoded)
    if not written.startswith(_PRIVATE) or secret is None or len(secret) != 33 or secret[:1] != _ED25519:
        raise AuditUnusable(f"the key {path} is none of a signed note with Ed25519: `orbweaver audit key` makes one")
    private = Ed25519PrivateKey.from_private_bytes(secret[1:])
    verifier = VerifierKey(_usable(name), private.public_key().public_bytes_raw())
    if verifier.key_id.hex() != key_id:
        raise AuditUnusable(f"the key {path} is damaged: its id is another than that of its key")
    return SigningKey(verifier, private)


def read_verifier(written: str) -> VerifierKey:
    """Read a public key as it is written; raises AuditUnusable."""
    name, _, rest = written.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    public = _decoded(encoded)
    if public is None or len(public) != 33 or public[:1] != _ED25519:
        raise AuditUnusable("a public key is written NAME+KEYID+BASE64, as `orbweaver audit key` prints it")
    key = VerifierKey(_usable(name), public[1:])
    if key.key_id.hex() != key_id:
        raise AuditUnusable("the public key is damaged: its id is another than that of its key")
    return key


def open_note(note: str, key: VerifierKey) -> LogCheckpoint:
    """Return the checkpoint of a signed note when the key has signed it; raises AuditUnusable.

    Signatures of others, such as witnesses, may stand beside ours, and do not count.
    """
    from cryptography.exceptions import InvalidSignature

    text, separator, signatures = note.partition("\n\n")
    text += "\n"
    if not separator or _SIGNATURE_LINE.sub("", signatures):
        raise AuditUnusable("this is no signed checkpoint: after its text come an empty line and lines of signatures")
    for found in _SIGNATURE_LINE.finditer(signatures):
        signature = _decoded(found["signature"])
        if found["name"] != key.name or signature is None or signature[:4] != key.key_id:
            continue
        try:
            _public(key).verify(signature[4:], text.encode())
        except InvalidSignature:
            raise AuditUnusable(
                f"the signature of {key.name} is not of this checkpoint: one of them was changed"
            ) from None
        return _read_text(text)
    raise AuditUnusable(f"{key.name} has not signed this checkpoint")


def _read_text(text: str) -> LogCheckpoint:
    origin, *rest = text.split("\n")
    root = _decoded(rest[1]) if len(rest) >= 3 else None
    if not origin or root is None or len(root) != 32 or not _SIZE.fullmatch(rest[0]):
        raise AuditUnusable("this is no checkpoint: its lines are a name, a number of entries and a root in base64")
    return LogCheckpoint(origin, int(rest[0]), root)


def _public(key: VerifierKey) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(key.public)


def _usable(name: str) -> str:
    if not name or re.search(r"[\s+]", name):
        raise AuditUnusable(f"a key has a name without blanks and plus signs, not {name!r}")
    return name


def _decoded(encoded: str) -> bytes | None:
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return None
