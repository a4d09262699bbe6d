"""Hashes the members of a TAR archive while its bytes stream past, within limits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from orbweaver.crawler.bodies.archives.archive_members import ArchivePlace, MemberFile
from orbweaver.crawler.bodies.archives.member_names import shown_bytes
from orbweaver.crawler.bodies.archives.record_reader import RecordReader
from orbweaver.crawler.bodies.archives.tar_headers import (
    BLOCK_BYTES,
    CONTINUED,
    EXTENSIONS,
    GNU_SPARSE,
    HARD_LINK,
    LONG_NAME,
    PAX,
    WITHOUT_DATA,
    TarHeader,
    decimal,
    pax_records,
    tar_header,
)
from orbweaver.crawler.bodies.archives.tar_sparse import SparseMap, Spread
from orbweaver.crawler.bodies.decoding import PIECE_BYTES

_ZEROS = bytes(BLOCK_BYTES)
_NOT_ZERO = re.compile(rb"[^\0]")
# An extension holds a path, and attributes of at most 64 KiB each; it is held until it is whole.
_MOST_EXTENSION_BYTES = 2**20


class TarArchive(RecordReader):
    """Reads a TAR archive header by header.

    Where a header should be and is none, the blocks after it are searched for the next one. Archives that follow each
    other, with blocks of zeros between, are read as one. What a pax header says counts for the next member, never for
    an extension in between; one that is for all members (`g`) says nothing of a name or a size.
    """

    def __init__(self, place: ArchivePlace) -> None:
        super().__init__(place.tally, self._header)
        self._place = place
        self._left = 0  # of what is read now
        self._padding = 0  # bytes after it, up to a whole block
        self._zero_blocks = 0
        self._is_searching = False
        self._collected = bytearray()  # of an extension, or of a sparse file's map
        self._extension = b""
        self._lines = 0
        self._forget()
        self._member = TarHeader(b"", 0, b"")
        self._file: MemberFile | None = None
        self._spread: Spread | None = None

    def _forget(self) -> None:
        """Forget what extensions said of the member after them."""
        self._name = b""
        self._size: int | None = None
        self._map: SparseMap | None = None

    def finish(self) -> None:
        """Note an archive that has no end: it may have had more members."""
        if self._file is not None:
            self._file.leave()
        if not self._tally.is_over and not self._is_done and not self._is_searching and not self._zero_blocks:
            self._tally.notes["archive.cut"] += 1

    # --- headers ---

    def _header(self, data: bytes, at: int) -> int | None:
        if len(data) - at < BLOCK_BYTES:
            return None
        block = data[at : at + BLOCK_BYTES]
        if block == _ZEROS:
            return self._zeros(data, at)
        header = tar_header(block)
        if header is None:
            if self._zero_blocks > 1 and not self._is_searching:
                self._is_done = True  # what follows the end is no part of the archive
                return at
            if not self._is_searching:
                self._damaged()
                self._forget()
            self._is_searching = True
            return at + BLOCK_BYTES
        self._is_searching = False
        self._zero_blocks = 0
        if header.kind in EXTENSIONS:
            self._tally.add_record()
            self._begin_extension(header)
        else:
            self._tally.add_member()
            self._begin_member(header, block)
        return at + BLOCK_BYTES

    def _zeros(self, data: bytes, at: int) -> int:
        match = _NOT_ZERO.search(data, at)
        blocks = ((match.start() if match else len(data)) - at) // BLOCK_BYTES
        self._zero_blocks += blocks
        return at + blocks * BLOCK_BYTES

    def _damaged(self) -> None:
        self._tally.notes["archive.damaged"] += 1

    # --- extensions ---

    def _begin_extension(self, header: TarHeader) -> None:
        self._extension = header.kind if header.size <= _MOST_EXTENSION_BYTES else b""
        if not self._extension:
            self._damaged()
        self._collected.clear()
        self._begin(header.size)
        self._read = self._extension_data

    def _extension_data(self, data: bytes, at: int) -> int:
        step = min(self._left, len(data) - at)
        self._left -= step
        if self._extension:
            self._collected += data[at : at + step]
        if not self._left:
            self._end_extension()
            self._skip_padding()
        return at + step

    def _end_extension(self) -> None:
        if self._extension == LONG_NAME:
            self._name = bytes(self._collected).partition(b"\0")[0]
        elif self._extension in PAX:
            try:
                for key, value in pax_records(bytes(self._collected)):
                    self._take_record(key, value)
            except ValueError:
                self._damaged()
        self._collected.clear()

    def _take_record(self, key: bytes, value: bytes) -> None:
        if key == b"path":
            self._name = value
        elif key == b"size":
            self._size = decimal(value)
        elif key.startswith(b"GNU.sparse."):
            self._map = self._map or SparseMap()
            self._map.add_record(key, value)

    # --- members ---

    def _begin_member(self, header: TarHeader, block: bytes) -> None:
        size = header.size if self._size is None else self._size
        sparse_map = self._map
        name = (sparse_map.name if sparse_map else b"") or self._name or header.name
        member = self._member = TarHeader(name, size, header.kind)
        self._forget()
        if header.kind in WITHOUT_DATA:
            self._read = self._header
        elif header.kind == HARD_LINK:
            self._read = self._after_link if size else self._header
        elif header.kind == GNU_SPARSE:
            self._map = SparseMap()
            self._take_old_map(self._map.add_old_header, block)
        elif sparse_map is not None and sparse_map.is_in_data:
            self._map = sparse_map
            self._begin(size)
            self._lines = 0
            self._collected.clear()
            self._read = self._map_in_data
        else:
            self._begin_file(member, sparse_map)

    def _after_link(self, data: bytes, at: int) -> int | None:
        """Find whether a hard link has data: POSIX allows it, and many programs write a size without."""
        if len(data) - at < BLOCK_BYTES:
            return None
        block = data[at : at + BLOCK_BYTES]
        if block == _ZEROS or tar_header(block) is not None:
            self._read = self._header
        else:
            self._begin_file(self._member, None)
        return at

    def _take_old_map(self, add: Callable[[bytes], bool], block: bytes) -> None:
        try:
            goes_on = add(block)
        except ValueError:
            self._damaged()
            self._skip(self._member.size)
            return
        if goes_on:
            self._read = self._old_map_block
        else:
            self._begin_file(self._member, self._map)

    def _old_map_block(self, data: bytes, at: int) -> int | None:
        if len(data) - at < BLOCK_BYTES:
            return None
        self._tally.add_record()
        assert self._map is not None  # while it is read
        self._take_old_map(self._map.add_old_block, data[at : at + BLOCK_BYTES])
        return at + BLOCK_BYTES

    def _map_in_data(self, data: bytes, at: int) -> int | None:
        if len(data) - at < BLOCK_BYTES:
            return None
        self._collected += data[at : at + BLOCK_BYTES]
        self._left -= BLOCK_BYTES
        assert self._map is not None  # while it is read
        try:
            if not self._lines:
                self._lines = 1 + 2 * decimal(bytes(self._collected).partition(b"\n")[0])
            self._lines -= data.count(b"\n", at, at + BLOCK_BYTES)
            is_whole = self._lines <= 0 <= self._left
            if is_whole:
                self._map.add_lines(bytes(self._collected))
        except ValueError:
            is_damaged = True
        else:
            is_damaged = not is_whole and (self._left <= 0 or len(self._collected) > _MOST_EXTENSION_BYTES)
        if is_damaged:
            self._damaged()
            self._skip(max(0, self._left))
        elif is_whole:
            self._begin_file(self._member._replace(size=self._left), self._map)
        return at + BLOCK_BYTES

    # --- data ---

    def _begin_file(self, member: TarHeader, sparse_map: SparseMap | None) -> None:
        """Begin to read a member's data, or to pass over what would be no whole file."""
        self._map = None
        self._spread = None
        rule = None
        if member.kind == CONTINUED:
            rule = "archive.volume"
        elif sparse_map is not None:
            try:
                pairs, real_size = sparse_map.pairs(member.size)
            except ValueError:
                rule = "archive.damaged"
            else:
                rule = self._refusal_of(real_size)
                self._spread = Spread(pairs, real_size)
                if rule is None and not self._place.is_counted:
                    self._tally.add_decoded(real_size - member.size)  # holes were in no compressed file
        if rule is not None:
            self._tally.notes[rule] += 1
            self._skip(member.size)
            return
        if not member.size and self._spread is None:
            self._read = self._header
            return
        self._file = MemberFile(self._place, shown_bytes(member.name))
        self._begin(member.size)
        self._read = self._data
        if not member.size:
            self._end_file()

    def _refusal_of(self, real_size: int) -> str | None:
        """Return the rule because of which a sparse file is not made: it is much larger than what came."""
        if real_size > self._tally.limits.member_bytes:
            return "archive.member_bytes"
        return "archive.ratio" if real_size > self._tally.room else None

    def _data(self, data: bytes, at: int) -> int:
        step = min(self._left, len(data) - at, PIECE_BYTES)
        piece = data[at : at + step]
        self._left -= step
        self._take((piece,) if self._spread is None else self._spread.feed(piece))
        if not self._left and not self._tally.is_over:
            self._end_file()
        return at + step

    def _end_file(self) -> None:
        if self._spread is not None:
            self._take(self._spread.end())
        file, self._file = self._the_file, None
        file.end()
        self._skip_padding()

    def _take(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self._the_file.take(piece)
            if self._tally.is_over:
                return

    @property
    def _the_file(self) -> MemberFile:
        assert self._file is not None  # while its data is read
        return self._file

    # --- what is passed over ---

    def _begin(self, size: int) -> None:
        self._left = size
        self._padding = -size % BLOCK_BYTES

    def _skip(self, size: int) -> None:
        self._map = None
        self._begin(size)
        self._left += self._padding
        self._read = self._skipped

    def _skip_padding(self) -> None:
        self._left = self._padding
        self._read = self._skipped

    def _skipped(self, data: bytes, at: int) -> int:
        step = min(self._left, len(data) - at)
        self._left -= step
        if not self._left:
            self._read = self._header
        return at + step
