"""The append-only file after a crash or a full disk: is only its end damaged? That is cut off, and a copy is kept.

The server is started so that it refuses a damaged file. By itself it would cut off all that follows the first command
that it cannot read, without a copy, even when that is most of the file.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from orbweaver.store import disk
from orbweaver.store.errors import StoreDamaged

FOLDER = "appendonlydir"
MANIFEST = "appendonly.aof.manifest"
# A command is `*2`, then each word as `$5` and five bytes; every line and every word ends with CR LF.
_COUNT = re.compile(rb"\*([0-9]{1,9})\r\n")
_LENGTH = re.compile(rb"\$([0-9]{1,10})\r\n")
_LONGEST_HEAD = 16
_ANOTHER_COMMAND = re.compile(rb"\r\n\*[0-9]{1,9}\r\n\$[0-9]{1,10}\r\n")
_PIECE_BYTES = 2**20
_OVERLAP_BYTES = 64
_EMPTY_FILE_BYTES = 512


@dataclass(frozen=True)
class Damage:
    """The place from which an append-only file cannot be read: `whole` of its `size` bytes are whole commands.

    `is_at_end`: what follows is the beginning of one write that never ended, with zeros behind it perhaps, as a power
    cut leaves them; else there are more commands behind the damage.
    """

    whole: int
    size: int
    is_at_end: bool


class _Cut(Exception):
    """The file ends inside a command."""


class _Unreadable(Exception):
    """These bytes are no command."""


def last_file(data: Path) -> Path | None:
    """Return the file that the server of a data directory appends to; None when its manifest names none."""
    try:
        lines = (data / FOLDER / MANIFEST).read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    names = [words[1] for words in map(str.split, lines) if words[:1] == ["file"] and words[-2:] == ["type", "i"]]
    path = data / FOLDER / names[-1] if names else None
    return path if path is not None and path.is_file() else None


def refuse_without_manifest(data: Path) -> None:
    """Raise StoreDamaged when there are data files and no manifest: the server would begin an empty store on them."""
    folder = data / FOLDER
    if (folder / MANIFEST).exists():
        return
    # A server that was killed at its very first start leaves files without a case in them.
    if any(path.stat().st_size > _EMPTY_FILE_BYTES for path in folder.glob("appendonly.aof.*")):
        raise StoreDamaged(
            f"{folder} has data and no {MANIFEST}, by which the server finds it: nothing was changed; put back a whole "
            f"copy of {data}, see docs/store.md"
        )


def mend(data: Path, copies: Path, say: Callable[[str], None]) -> bool:
    """Cut off a damaged end of the data, and say so; False when the data is whole. Raises StoreDamaged."""
    path = last_file(data)
    if path is None:
        return False
    with path.open("rb") as file:
        damage = examine(file)
    if damage is None:
        return False
    if not damage.is_at_end:
        raise StoreDamaged(
            f"{path} is damaged after {damage.whole:,} of {damage.size:,} bytes, and not only at its end: nothing was "
            f"changed; put back a copy of {data}, see docs/store.md"
        )
    lost = damage.size - damage.whole
    try:
        copy = cut(path, damage, copies)
    except OSError as error:
        raise StoreDamaged(
            f"{path} ends with {lost:,} bytes of an unfinished write. They can be cut off only after a copy is "
            f"made, and the copy cannot be made in {copies} ({error.strerror}): make room for {damage.size:,} bytes"
        ) from error
    say(
        f"{path} ended with {lost:,} bytes of an unfinished write, after a crash or on a full disk: they were cut off, "
        f"and a copy of the damaged file is kept as {copy}"
    )
    return True


def examine(file: BinaryIO) -> Damage | None:
    """Read an append-only file from its start; None when it is whole. Raises OSError."""
    size = file.seek(0, os.SEEK_END)
    written = _without_zeros(file, size)
    file.seek(0)
    whole = position = 0
    is_in_transaction = False
    try:
        while position < written:
            name = _read_command(file, written)
            position = file.tell()
            if name == b"MULTI":
                is_in_transaction = True
            elif name == b"EXEC":
                is_in_transaction = False
            if not is_in_transaction:
                whole = position
    except _Cut:
        return Damage(whole, size, is_at_end=not _has_command(file, position, written))
    except _Unreadable:
        return Damage(whole, size, is_at_end=False)
    return None if whole == size else Damage(whole, size, is_at_end=True)


def cut(path: Path, damage: Damage, copies: Path) -> Path:
    """Copy a file with a damaged end into the folder `copies`, then cut the end off; returns the copy.

    Raises OSError, and leaves the file as it was when there is no room for the copy.
    """
    copy = copies / f"damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{path.name}"
    with os.fdopen(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as kept:
        try:
            with path.open("rb") as source:
                shutil.copyfileobj(source, kept, _PIECE_BYTES)
            kept.flush()
            os.fsync(kept.fileno())
        except OSError:
            copy.unlink()
            raise
    disk.sync_folder(copies)
    with path.open("r+b") as file:
        file.truncate(damage.whole)
        os.fsync(file.fileno())
    return copy


def _without_zeros(file: BinaryIO, size: int) -> int:
    """Return the size without zeros at the end: a whole command ends with LF, so they belong to none."""
    end = size
    while end:
        start = max(end - _PIECE_BYTES, 0)
        file.seek(start)
        kept = len(file.read(end - start).rstrip(b"\0"))
        if kept:
            return start + kept
        end = start
    return 0


def _read_command(file: BinaryIO, end: int) -> bytes:
    """Read one command; returns its first word. Raises _Cut or _Unreadable."""
    head = file.readline(_LONGEST_HEAD)
    if head.startswith(b"#"):  # a comment with a time, if somebody asked the server for them
        while head and not head.endswith(b"\n"):
            head = file.readline(_PIECE_BYTES)
        if not head:
            raise _Cut
        return b""
    count = _number(_COUNT, head, file, end)
    if not count:
        raise _Unreadable
    first = _read_word(file, end)
    for _ in range(count - 1):
        _read_word(file, end)
    return first


def _read_word(file: BinaryIO, end: int) -> bytes:
    """Read one word, and return the beginning of it. Raises _Cut or _Unreadable."""
    length = _number(_LENGTH, file.readline(_LONGEST_HEAD), file, end)
    if file.tell() + length + 2 > end:
        raise _Cut
    first = file.read(min(length, _LONGEST_HEAD))
    if length > len(first):
        file.seek(length - len(first), os.SEEK_CUR)
    if file.read(2) != b"\r\n":
        raise _Unreadable
    return first.upper()


def _number(pattern: re.Pattern[bytes], line: bytes, file: BinaryIO, end: int) -> int:
    """Return the number in a line. A line that the file's end cuts off is _Cut when it could have become one."""
    found = pattern.fullmatch(line)
    if found is not None:
        return int(found[1])
    is_cut = file.tell() >= end
    beginning = line[: len(line) - (file.tell() - end)] if is_cut else line
    could_become = any(pattern.fullmatch(beginning + rest) for rest in (b"\n", b"\r\n", b"0\r\n"))
    if is_cut and (could_become or not beginning):
        raise _Cut
    raise _Unreadable


def _has_command(file: BinaryIO, start: int, end: int) -> bool:
    """Whether another command begins behind the one at `start`, which the end of the file cuts off."""
    file.seek(start)
    piece = b""
    while file.tell() < end:
        piece = piece[-_OVERLAP_BYTES:] + file.read(_PIECE_BYTES)
        if _ANOTHER_COMMAND.search(piece):
            return True
    return False
