"""Looks into a file while its bytes stream past: it may be an archive, or have one behind its own bytes."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from orbweaver.crawler.bodies.archives import archive_kinds
from orbweaver.crawler.bodies.archives.archive_kinds import (
    DECIDING_BYTES,
    DISK_END,
    DISK_END_BYTES,
    ISO_MARKS,
    ISO_PLACE,
    NOT_SEARCHED,
    RAR_MARK,
    SEVEN_ZIP_MARK,
    UNREAD,
    is_media,
    kind_of,
    kinds_that_end,
)
from orbweaver.crawler.bodies.archives.archive_limits import ArchiveLimits, ArchiveTally, Contents
from orbweaver.crawler.bodies.archives.archive_members import ArchivePlace
from orbweaver.crawler.bodies.archives.compressed_files import CompressedFile
from orbweaver.crawler.bodies.archives.record_reader import Reader
from orbweaver.crawler.bodies.archives.tar_archives import TarArchive
from orbweaver.crawler.bodies.archives.zip_archives import ZipArchive
from orbweaver.crawler.bodies.archives.zip_headers import END_WINDOW, LOCAL, LocalHeader, listed_at_end, local_header
from orbweaver.crawler.bodies.sniff import has_binary_data

_READERS: dict[str, Callable[[ArchivePlace], Reader]] = {
    archive_kinds.ZIP: ZipArchive,
    archive_kinds.TAR: TarArchive,
    archive_kinds.GZIP: lambda place: CompressedFile(place, archive_kinds.GZIP),
    archive_kinds.XZ: lambda place: CompressedFile(place, archive_kinds.XZ),
    archive_kinds.LZMA: lambda place: CompressedFile(place, archive_kinds.LZMA),
    archive_kinds.BZIP2: lambda place: CompressedFile(place, archive_kinds.BZIP2),
    archive_kinds.ZSTD: lambda place: CompressedFile(place, archive_kinds.ZSTD),
}
# A self-extracting program is smaller: further on, a RAR or 7z archive is not searched for.
_BEHIND_BYTES = 16 * 2**20
# Where no header was seen, a ZIP archive at the end is a volume or empty. Few of these have a comment over 4 KiB, and
# it is text: where the file's last bytes are none, fewer of them are searched, because nearly every file is such.
_USUAL_END_WINDOW = 4_096
_COMMENT_END_BYTES = 64
_MARKS = re.compile(b"|".join(map(re.escape, (LOCAL, RAR_MARK, SEVEN_ZIP_MARK))))
_MARK_BYTES = max(len(LOCAL), len(RAR_MARK), len(SEVEN_ZIP_MARK), *map(len, ISO_MARKS))
# Other bytes that look like a header have no name that a person would give.
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_NO_HEADER = LocalHeader(0, b"\0", False, 0, 0, False, False)


class ArchiveReader:
    """Takes a file's bytes in pieces of any length; a file without an archive has no members, and causes no error."""

    def __init__(self, limits: ArchiveLimits) -> None:
        self._tally = ArchiveTally(limits)
        self._look = _Look(ArchivePlace(self._tally, _Look))

    def pass_by(self, chunk: bytes) -> bool:
        """Take the next bytes if nothing in them has to be unpacked, and return whether they were taken."""
        is_taken = self._look.pass_by(chunk)
        self._tally.received += len(chunk) * is_taken
        return is_taken

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes; at most `ratio` times as many, and `free_bytes`, are decoded."""
        self._tally.received += len(chunk)
        self._look.feed(chunk)

    def finish(self) -> None:
        """Take note that no more bytes come; this may unpack what waited to be recognised."""
        self._look.finish()

    def contents(self) -> Contents:
        """Return the members and notes; to be called after `finish`."""
        return self._tally.contents()


class _Look:
    """A look into one file: its first bytes show what it is, and the others what is behind it.

    A ZIP archive behind other bytes is found by the header of its first member, wherever it is. When there is none and
    the file ends like a ZIP archive, that is noted. RAR and 7z archives are noted, and the search goes on: a ZIP
    archive may be stored in them. Behind a picture, a film or a sound these are known by their own ends, because nearly
    every file of a host is one, and a search of all its bytes costs a seventh of the hashing.
    """

    def __init__(self, place: ArchivePlace) -> None:
        self._place = place
        self._tally = place.tally
        self._reader: Reader | None = None
        self._kind: str | None = None
        self._is_decided = self._is_closed = self._has_opened = self._has_seen_header = self._is_media = False
        self._noted: set[str] = set()
        self._held = b""  # what is read again with the next bytes: until the kind is decided, or a header is whole
        self._passed = 0  # bytes that are not, of which these are the last: a mark may begin in them
        self._border = b""
        self._last: deque[bytes] = deque()  # and these: an archive may end in them
        self._last_bytes = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        if self._reader is not None:
            rest = self._reader.feed(chunk)
            if rest is None:
                return
            self._reader.finish()
            self._reader = None
            chunk = rest
        if not self.pass_by(chunk):
            self._open(self._held + chunk)

    def pass_by(self, chunk: bytes) -> bool:
        """Take the next bytes if no archive in them has to be read, and return whether they were taken."""
        if self._tally.is_over or self._is_closed:
            return True
        if self._reader is not None:
            return False
        data = self._held + chunk if self._held else chunk
        if not self._is_decided:
            self._decide(data)
        border = self._border + data[: _MARK_BYTES - 1]
        if self._is_to_be_read or self._has_mark(border) or self._has_mark(data):
            return False
        if self._is_decided:
            self._held = b""
            self._leave_behind(data)
        else:
            self._held = data
        return True

    def finish(self) -> None:
        """Take note that no more bytes come, also of an archive of which only the end was found."""
        if not self._is_decided:
            held, self._held = self._held, b""
            self._is_decided = True
            self.feed(held)
        if self._reader is not None:
            self._reader.finish()
        elif not self._tally.is_over and not self._has_opened:
            end = b"".join((*self._last, self._held))[-END_WINDOW:]
            if not self._has_seen_header and has_binary_data(end[-_COMMENT_END_BYTES:]):
                end = end[-_USUAL_END_WINDOW:]
            if listed_at_end(end):
                self._note(archive_kinds.ZIP)
            for kind in kinds_that_end(end) if self._is_media else ():
                self._note(kind)
            if len(end) >= DISK_END_BYTES and end.startswith(DISK_END, len(end) - DISK_END_BYTES):
                self._note("disk")

    # --- what the file is ---

    def _decide(self, data: bytes) -> None:
        """Find the kind of archive that these first bytes of the file show; there may be too few yet."""
        self._kind = kind_of(data)
        self._is_media = is_media(data)
        self._is_decided = len(data) >= DECIDING_BYTES or self._kind is not None
        if self._kind in UNREAD or self._kind in NOT_SEARCHED:
            self._note(self._kind)

    @property
    def _is_to_be_read(self) -> bool:
        return self._kind in _READERS and not self._has_opened

    def _open(self, data: bytes) -> None:
        """Open the archive that is in these bytes, or hold them while they may be the beginning of one."""
        if self._is_to_be_read:
            assert self._kind is not None  # as it has a reader
            self._read(self._kind, data)
        elif not self._is_decided:
            self._held = data
        else:
            self._search(data)

    def _read(self, kind: str, data: bytes) -> None:
        self._held = b""
        self._has_opened = True
        place = self._place
        if kind == archive_kinds.TAR and place.wrapper is not None:
            place = replace(place.wrapper, is_counted=False)
        if place.depth > self._tally.limits.depth:
            self._tally.notes["archive.depth"] += 1
            self._is_closed = True
            return
        self._reader = _READERS[kind](place)
        self.feed(data)

    def _note(self, kind: str) -> None:
        if kind not in self._noted:
            self._noted.add(kind)
            self._tally.notes[f"archive.{kind}"] += 1

    # --- what is behind it ---

    def _has_mark(self, data: bytes) -> bool:
        # A search from the end is twice as fast, and most files have no mark at all.
        return data.rfind(LOCAL) >= 0 or (
            not self._is_media
            and self._passed < _BEHIND_BYTES
            and (data.rfind(RAR_MARK) >= 0 or data.rfind(SEVEN_ZIP_MARK) >= 0)
        )

    def _search(self, data: bytes) -> None:
        """Go through the marks in these bytes, up to the header of a member of a ZIP archive."""
        border = len(self._border)
        joined = self._border + data
        self._held = b""
        for match in _MARKS.finditer(joined):
            at = match.start()
            if match[0] != LOCAL:
                self._note("rar" if match[0] == RAR_MARK else "7z")
                continue
            try:
                header = local_header(joined, at)
            except ValueError:
                header = _NO_HEADER
            if header is None:
                begin = max(0, at - border)  # it may begin in the border, which stays
                self._leave_behind(data[:begin])
                self._held = data[begin:]
                return
            if not _CONTROL.search(header.name):
                self._read(archive_kinds.ZIP, joined[at:])
                return
            self._has_seen_header = True
            self._tally.add_record()
            if self._tally.is_over:
                return
        self._leave_behind(data)

    def _leave_behind(self, data: bytes) -> None:
        """Go on after these bytes, and keep what the end of the file may need."""
        at = ISO_PLACE - self._passed
        if -_MARK_BYTES < at < len(data) and (self._border + data).startswith(ISO_MARKS, at + len(self._border)):
            self._note("iso")
        self._passed += len(data)
        self._border = (self._border + data[1 - _MARK_BYTES :])[1 - _MARK_BYTES :]
        self._last.append(data)
        self._last_bytes += len(data)
        while self._last_bytes - len(self._last[0]) >= END_WINDOW:
            self._last_bytes -= len(self._last.popleft())
