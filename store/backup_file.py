"""The file of a backup: one line of JSON, which says what is in it, then the commands that make the store.

    {"format": "orbweaver-backup", "version": 1, "orbweaver": "0.1.0", "made_at": ..., "cases": ..., "sha256": ...}
    *3 $3 SET ...      commands as in an append-only file

The checksum is that of the commands. Nothing but commands that write our own keys is accepted, so a file that somebody
has changed can put wrong data into a store, as anybody can who may write to it, and do nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Literal

from orbweaver.model import Noun
from orbweaver.store import disk
from orbweaver.store.errors import BackupUnusable
from orbweaver.store.snapshot import OURS, Counts
from pydantic import ValidationError

LONGEST_MANIFEST = 4_096
PIECE_BYTES = 2**20
# What a server writes when it writes its data as commands: https://valkey.io/topics/persistence/
COMMANDS = frozenset({b"SET", b"HMSET", b"HSET", b"RPUSH", b"SADD", b"ZADD", b"XADD", b"XSETID", b"PEXPIREAT"})
_NUMBER = re.compile(rb"[*$]([0-9]{1,10})\r\n")
_LONGEST_HEAD = 16
_MOST_WORDS = 1_000_000
Command = tuple[bytes, ...]


class Manifest(Noun):
    """The first line of a backup: who made it, when and of what store, its numbers, and its checksum."""

    format: Literal["orbweaver-backup"] = "orbweaver-backup"
    version: int = 1
    orbweaver: str
    made_at: datetime
    store_id: str | None
    cases: int
    events: int
    undelivered: int
    keys: int
    bytes: int
    sha256: str

    @property
    def counts(self) -> Counts:
        """The numbers that a restored store must have."""
        return Counts(self.cases, self.events, self.undelivered, self.keys)


@dataclass(frozen=True)
class BackupFile:
    """A whole backup: its manifest, and where its commands begin."""

    path: Path
    manifest: Manifest
    start: int


def refuse_existing(path: Path) -> None:
    """Raise BackupUnusable when there is something at the path of a new backup."""
    if os.path.lexists(path):
        raise BackupUnusable(f"{path} exists: give another name, or --force to replace it")


def write(
    path: Path,
    commands: Path,
    counts: Counts,
    *,
    orbweaver: str,
    made_at: datetime,
    store_id: str | None,
    is_forced: bool = False,
) -> Manifest:
    """Write a backup whole or not at all, for its owner only, and onto the disk.

    The file of commands lies on the same file system, and what is not finished beside it.
    Raises BackupUnusable when there is something at its path, unless `is_forced`; OSError.
    """
    size = commands.stat().st_size
    with commands.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
        manifest = Manifest(
            orbweaver=orbweaver, made_at=made_at, store_id=store_id, bytes=size, sha256=digest, **asdict(counts)
        )
        source.seek(0)
        # Beside the commands: who finds that folder after a crash removes this, too. Its mode is 0600.
        descriptor, name = tempfile.mkstemp(prefix=".orbweaver-backup-", dir=commands.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(manifest.model_dump_json().encode() + b"\n")
                shutil.copyfileobj(source, file, PIECE_BYTES)
                file.flush()
                os.fsync(file.fileno())
            _name(Path(name), path, is_forced=is_forced)
        finally:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
    disk.sync_folder(path.parent)
    return manifest


def _name(written: Path, path: Path, *, is_forced: bool) -> None:
    """Give a finished file its name."""
    if is_forced:
        written.replace(path)
        return
    try:
        path.hardlink_to(written)  # unlike a renaming it replaces nothing
    except FileExistsError:
        refuse_existing(path)
    except OSError:  # a file system without hard links
        refuse_existing(path)
        written.rename(path)


def read(path: Path) -> BackupFile:
    """Read and check a whole backup: its manifest, its checksum, and that every command is one that we accept.

    Raises BackupUnusable, OSError.
    """
    try:
        opened = path.open("rb")
    except OSError as error:
        raise BackupUnusable(f"{path} cannot be read: {error.strerror}; give the file of a backup") from error
    with opened as file:
        line = file.readline(LONGEST_MANIFEST)
        try:
            manifest = Manifest.model_validate_json(line)
        except ValidationError:
            raise BackupUnusable(f"{path} is no backup of Orbweaver: its first line says nothing of one") from None
        if manifest.version != 1:
            raise BackupUnusable(
                f"{path} is of version {manifest.version}, which this release cannot read: use that of Orbweaver "
                f"{manifest.orbweaver} or newer"
            )
        start = file.tell()
        size = os.fstat(file.fileno()).st_size - start
        if size != manifest.bytes:
            raise BackupUnusable(f"{path} is not whole: {size:,} of {manifest.bytes:,} bytes; use another backup")
        if hashlib.file_digest(file, "sha256").hexdigest() != manifest.sha256:
            raise BackupUnusable(f"{path} is damaged: its checksum is another one; use another backup")
    found = BackupFile(path, manifest, start)
    for _ in commands_of(found):
        pass
    return found


def commands_of(backup: BackupFile) -> Iterator[Command]:
    """Yield the commands of a backup, but SELECT: they are for the one database that a store has.

    Raises BackupUnusable, OSError.
    """
    with backup.path.open("rb") as file:
        file.seek(backup.start)
        while head := file.readline(_LONGEST_HEAD):
            command = tuple(_word(file, backup) for _ in range(_number(head, b"*", backup)))
            if command[:1] == (b"SELECT",):
                continue
            if len(command) < 2 or command[0] not in COMMANDS or not command[1].startswith(OURS):
                raise BackupUnusable(f"{backup.path} has something else than our data in it: use another backup")
            yield command


def _word(file: BinaryIO, backup: BackupFile) -> bytes:
    size = _number(file.readline(_LONGEST_HEAD), b"$", backup)
    word = file.read(size + 2)
    if len(word) != size + 2 or not word.endswith(b"\r\n"):
        raise BackupUnusable(f"{backup.path} ends in the midst of a command: use another backup")
    return word[:-2]


def _number(head: bytes, kind: bytes, backup: BackupFile) -> int:
    found = _NUMBER.fullmatch(head)
    if (
        found is None
        or not head.startswith(kind)
        or int(found[1]) > (_MOST_WORDS if kind == b"*" else backup.manifest.bytes)
    ):
        raise BackupUnusable(f"{backup.path} has something else than commands in it: use another backup")
    return int(found[1])
