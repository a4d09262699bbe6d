"""Reads a file that is compressed as a whole (.gz, .xz, .bz2, .zst, .lzma); a TAR archive in it is read at once."""

from __future__ import annotations

import re

from orbweaver.crawler.bodies.archives import archive_kinds
from orbweaver.crawler.bodies.archives.archive_members import ArchivePlace, MemberFile
from orbweaver.crawler.bodies.archives.member_names import NESTED, shown_bytes
from orbweaver.crawler.bodies.archives.record_reader import RecordReader
from orbweaver.crawler.bodies.archives.unpacking import Unpacker, file_unpacker
from orbweaver.crawler.errors import MemberDamaged

# The file's name where nothing else names it.
UNNAMED = "unpacked"

# What a stream begins with: several in a row are one file, as `cat`, pigz, pbzip2, pzstd and bgzip write them.
_BEGINNING = {
    archive_kinds.GZIP: (b"\x1f\x8b\x08",),
    archive_kinds.XZ: (b"\xfd7zXZ\0",),
    archive_kinds.LZMA: (b"\x5d\0\0",),
    archive_kinds.BZIP2: (b"BZh",),
    archive_kinds.ZSTD: (b"\x28\xb5\x2f\xfd", *(bytes([byte]) + b"\x2a\x4d\x18" for byte in range(0x50, 0x60))),
}
_NOT_ZERO = re.compile(rb"[^\0]")

# RFC 1952, 2.3: bits of the flags, the bytes before the optional fields, and those after the data.
_CHECKSUM, _EXTRA, _NAME, _COMMENT, _RESERVED = 0x02, 0x04, 0x08, 0x10, 0xE0
_FIXED_BYTES, _TRAILER_BYTES = 10, 8
_MOST_NAME_BYTES = 4_096

# So many bytes are unpacked at once: after a stream's end the rest of them is copied.
_STEP_BYTES = 16 * 1024
# A stream of fewer bytes is counted: empty ones without end cost us more than they cost their sender.
_SMALL_STREAM_BYTES = 1_024


class CompressedFile(RecordReader):
    """Unpacks the streams of one compressed file.

    The checksum of a gzip stream is not compared (decision 0017). Other kinds are checked by their libraries.
    """

    def __init__(self, place: ArchivePlace, kind: str) -> None:
        super().__init__(place.tally, self._beginning)
        self._place = place
        self._kind = kind
        self._file: MemberFile | None = None
        self._unpacker: Unpacker | None = None
        self._plain = 0
        self._left = 0

    def finish(self) -> None:
        """Record the file if all its data came."""
        if self._is_done:
            return
        self._is_done = True
        is_incomplete = self._unpacker is not None or self._held.startswith(_BEGINNING[self._kind])
        cuts = self._tally.notes["archive.cut"]
        if self._tally.is_over or is_incomplete:
            self._leave()
        is_cut = self._file is None or self._left > 0
        # A TAR archive inside, which is cut with this file, has said so.
        if is_cut and not self._tally.is_over and self._tally.notes["archive.cut"] == cuts:
            self._tally.notes["archive.cut"] += 1
        self._end_file()

    def _beginning(self, data: bytes, at: int) -> int | None:
        """Read what is before a stream, or find that there is no more."""
        if self._file is not None and data[at] == 0:  # padding: tapes, and XZ
            match = _NOT_ZERO.search(data, at)
            return match.start() if match else len(data)
        marks = _BEGINNING[self._kind]
        if not data.startswith(marks, at):
            if len(data) - at < max(map(len, marks)) and any(mark.startswith(data[at:]) for mark in marks):
                return None
            return self._stop(at)
        try:
            header = _gzip_header(data, at) if self._kind == archive_kinds.GZIP else (at, b"")
        except ValueError:
            if self._file is None:
                self._tally.notes["archive.damaged"] += 1
            return self._stop(at)
        if header is None:
            return None
        after, name = header
        if self._file is None:
            self._file = MemberFile(self._place, self._name(name), is_wrapped=True)
        self._unpacker = file_unpacker(self._kind, is_inner=self._place.depth > 0)
        self._plain = self._file.size
        self._read = self._data
        return after

    def _data(self, data: bytes, at: int) -> int:
        file, unpacker = self._file, self._unpacker
        assert file is not None  # while a stream is read
        assert unpacker is not None
        piece = data[at : at + _STEP_BYTES]
        try:
            for plain in unpacker.feed(piece):
                file.take(plain)
                if self._tally.is_over:
                    return len(data)
        except MemberDamaged:
            self._tally.notes["archive.damaged"] += 1
            self._leave()
            self._is_done = True
            return at + len(piece)
        if not unpacker.is_finished:
            return at + len(piece)
        if file.size - self._plain < _SMALL_STREAM_BYTES:
            self._tally.add_record()
        self._unpacker = None
        self._left = _TRAILER_BYTES if self._kind == archive_kinds.GZIP else 0
        self._read = self._trailer
        return at + len(piece) - len(unpacker.unused)

    def _trailer(self, data: bytes, at: int) -> int:
        step = min(self._left, len(data) - at)
        self._left -= step
        if not self._left:
            self._read = self._beginning
        return at + step

    def _stop(self, at: int) -> int:
        """End the file; what follows is not part of it."""
        self._end_file()
        self._is_done = True
        return at

    def _end_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.end()

    def _leave(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.leave()

    def _name(self, name: bytes) -> str:
        """Return the file's name: the one that gzip gives, or that of the compressed file without its ending."""
        outer = self._place.prefix.removesuffix(NESTED).rpartition("/")[2]
        return shown_bytes(name) if name else outer.rpartition(".")[0] or UNNAMED


def _gzip_header(data: bytes, at: int) -> tuple[int, bytes] | None:
    """Return the place after a gzip header and the name in it, None when more bytes are needed.

    Raises ValueError when no header is there.
    """
    if len(data) - at < _FIXED_BYTES:
        return None
    flags = data[at + 3]
    if flags & _RESERVED:
        raise ValueError("no gzip header")
    place = at + _FIXED_BYTES
    name = b""
    if flags & _EXTRA:
        if len(data) - place < 2:
            return None
        place += 2 + int.from_bytes(data[place : place + 2], "little")
    for flag in (_NAME, _COMMENT):
        if not flags & flag:
            continue
        end = data.find(b"\0", place, place + _MOST_NAME_BYTES)
        if end < 0:
            if len(data) - place >= _MOST_NAME_BYTES:
                raise ValueError("no gzip header")
            return None
        name = data[place:end] if flag == _NAME else name
        place = end + 1
    if flags & _CHECKSUM:
        place += 2
    return (place, name) if place <= len(data) else None
