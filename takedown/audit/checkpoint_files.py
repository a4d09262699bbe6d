"""Checkpoints as files, and the key that signs them: in the state directory, beside the store and not in it.

A copy of these files in another place, or with another body, is what proves later that the log was not rewritten.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from orbweaver.store import disk, identity
from orbweaver.store.connection import Store
from orbweaver.takedown.audit import audit_log, checkpoints, merkle, time_stamps
from orbweaver.takedown.audit.checkpoints import LogCheckpoint, SigningKey
from orbweaver.takedown.errors import AuditUnusable

ENDING: Final = ".checkpoint"
_KEY: Final = "signing.key"
_FOLDER: Final = "audit"


def folder_in(state_dir: Path) -> Path:
    """Return the folder of the checkpoints and the key."""
    return state_dir / _FOLDER


def signing_key(state_dir: Path, key_file: Path | None, store: Store) -> SigningKey:
    """Return the key of `key_file` (AUDIT_KEY_FILE), else the one in the state directory, made when it is not there.

    Raises AuditUnusable.
    """
    if key_file is not None:
        return checkpoints.read_key(key_file)
    own = folder_in(state_dir) / _KEY
    if own.exists():
        return checkpoints.read_key(own)
    return checkpoints.make_key(own, f"orbweaver-{str(identity.store_id(store))[:8]}")


def origin_of(store: Store) -> str:
    """Return the name of a store's log."""
    return checkpoints.origin_of(str(identity.store_id(store)))


def taken_now(store: Store) -> LogCheckpoint:
    """Seal what waits, and return the checkpoint of the log as it is then. Raises AuditLogBroken."""
    audit_log.seal(store)
    digests = audit_log.digests(store)
    return LogCheckpoint(origin_of(store), len(digests), merkle.root_of(digests))


def keep(folder: Path, checkpoint: LogCheckpoint, key: SigningKey) -> Path:
    """Write a signed checkpoint, on disk, and return its file; raises AuditUnusable. One that is there stays.

    Another one of so many entries is no file for this one: the log was rewritten since, or is that of another store.
    """
    path = folder / f"{checkpoint.size:012}{ENDING}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            if path.read_bytes().partition(b"\n\n")[0] + b"\n" != checkpoint.text.encode():
                raise AuditUnusable(
                    f"{path} is a checkpoint of another log, or of what this one was: run `orbweaver audit verify` "
                    "and move it to another place"
                )
        else:
            part = path.with_suffix(".part")
            with part.open("w") as file:
                file.write(key.sign(checkpoint))
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            disk.sync_folder(folder)
    except OSError as error:
        raise AuditUnusable(f"the checkpoint {path} cannot be written ({error.strerror})") from error
    return path


def keep_stamp(checkpoint_file: Path, url: str) -> Path | None:
    """Have a kept checkpoint stamped (RFC 3161), and keep the reply beside it; None when it has one.

    Raises AuditUnusable.
    """
    path = checkpoint_file.with_suffix(".tsr")
    if path.exists():
        return None
    reply = time_stamps.stamp(checkpoint_file.read_text(), url)
    try:
        part = path.with_suffix(".part")
        part.write_bytes(reply)
        part.replace(path)
    except OSError as error:
        raise AuditUnusable(f"the time stamp {path} cannot be written ({error.strerror})") from error
    return path


def kept_in(folder: Path) -> list[Path]:
    """Return the files of the checkpoints in a folder, the smallest log first; empty without a folder."""
    return sorted(folder.glob(f"*{ENDING}"))


def is_due(folder: Path, size: int, every: timedelta, at: datetime) -> bool:
    """Whether the log has grown since the newest checkpoint in the folder, and that is so long ago."""
    kept = kept_in(folder)
    if not kept:
        return size > 0
    written_at = datetime.fromtimestamp(kept[-1].stat().st_mtime, at.tzinfo)
    return kept[-1].name != f"{size:012}{ENDING}" and not timedelta(0) <= at - written_at < every
