"""Verifies the audit log of a store against the checkpoints that are kept, for the command and for the page."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orbweaver.model import now
from orbweaver.settings import Settings
from orbweaver.store.connection import Store
from orbweaver.takedown.audit import audit_log, checkpoint_files, checkpoints, verification
from orbweaver.takedown.audit.checkpoints import LogCheckpoint, SigningKey, VerifierKey
from orbweaver.takedown.audit.faults import Fault, FoundFault
from orbweaver.takedown.audit.recorded_contents import RetentionWork
from orbweaver.takedown.errors import AuditLogBroken, AuditUnusable

# A checkpoint is some hundred bytes, a pack some thousand a case.
MOST_CHECKPOINT_BYTES: Final = 64 * 1024


@dataclass(frozen=True)
class VerifiedLog:
    """The findings of a verification: `size` is in entries, `known` are the checkpoints that it was compared with.

    `broken` says why nothing more can be sealed, None when it can.
    """

    size: int
    known: tuple[LogCheckpoint, ...]
    did: RetentionWork
    faults: tuple[FoundFault, ...]
    broken: str | None

    @property
    def proved(self) -> int:
        """The number of entries that the newest checkpoint proves."""
        return max((one.size for one in self.known), default=0)


def verify(store: Store, settings: Settings, files: Sequence[Path], keys: Sequence[str]) -> VerifiedLog:
    """Compare the log with itself, with the events of the store, and with checkpoints: those kept here, and `files`.

    `keys` are the public keys that may have signed; none: the one of this store. Raises AuditUnusable, StoreError.
    """
    own = checkpoint_files.kept_in(checkpoint_files.folder_in(settings.state_dir))
    known, unusable = _checkpoints([*own, *files], keys, settings, store)
    size, did, found, broken = _verified(store, known)
    if found:
        # Cases go on while they are read: what is found twice was not written in between.
        size, did, again, broken = _verified(store, known)
        found = [one for one in again if one in found]
    return VerifiedLog(size, tuple(known), did, (*unusable, *found), broken)


def signing_key(settings: Settings, store: Store) -> SigningKey:
    """Return the key that signs the checkpoints of this store. Raises AuditUnusable."""
    return checkpoint_files.signing_key(settings.state_dir, settings.audit_key_file, store)


def _verified(store: Store, known: Sequence[LogCheckpoint]) -> tuple[int, RetentionWork, list[FoundFault], str | None]:
    """Return the entries of the log, what retention did to it, its faults as they are now, and why it is broken."""
    broken = None
    try:
        audit_log.seal(store)
    except AuditLogBroken as error:
        broken = str(error)
    digests = audit_log.digests(store)
    did = verification.read_retention_work(store, digests, now())
    origin = checkpoint_files.origin_of(store)
    return len(digests), did, list(verification.verify(store, origin, known, did, digests)), broken


def _checkpoints(
    files: Sequence[Path], keys: Sequence[str], settings: Settings, store: Store
) -> tuple[list[LogCheckpoint], list[FoundFault]]:
    """Read checkpoints; one that is damaged, or signed by somebody else, proves nothing and is a fault itself."""
    known, unusable = [], []
    if files:
        verifiers = [checkpoints.read_verifier(one) for one in keys] or [signing_key(settings, store).verifier]
        for path in files:
            try:
                known.append(_opened(_note_in(path), verifiers))
            except AuditUnusable as error:
                unusable.append(FoundFault(Fault.CHECKPOINT, None, f"the checkpoint {path} proves nothing: {error}"))
    return known, unusable


def _opened(note: str, verifiers: Sequence[VerifierKey]) -> LogCheckpoint:
    """Return the checkpoint of a note that one of these keys has signed; raises AuditUnusable."""
    for key in verifiers[:-1]:
        with contextlib.suppress(AuditUnusable):
            return checkpoints.open_note(note, key)
    return checkpoints.open_note(note, verifiers[-1])


def _note_in(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MOST_CHECKPOINT_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise AuditUnusable(f"it cannot be read ({type(error).__name__})") from error
