"""Hashes the members of a ZIP archive while its bytes stream past, within limits."""

from __future__ import annotations

from orbweaver.crawler.bodies.archives.archive_members import ArchivePlace, MemberFile
from orbweaver.crawler.bodies.archives.record_reader import RecordReader
from orbweaver.crawler.bodies.archives.unpacking import UNPACKERS, Unpacker
from orbweaver.crawler.bodies.archives.zip_directory import Directory, ReadMember
from orbweaver.crawler.bodies.archives.zip_headers import (
    CENTRAL,
    DESCRIPTOR,
    DESCRIPTOR_BYTES,
    END,
    END_OF_DIRECTORY_64,
    END_RECORD_64_BYTES,
    END_RECORD_BYTES,
    LOCAL,
    MARK,
    STORED,
    LocalHeader,
    central_entry,
    descriptor_length,
    end_record,
    end_record_64,
    local_header,
    shown_name,
)
from orbweaver.crawler.bodies.decoding import PIECE_BYTES
from orbweaver.crawler.errors import MemberDamaged

_MARK_BYTES = 4
# So many bytes are unpacked at once: when a member's end is not known before, the rest is copied for each member.
_STEP_BYTES = 16 * 1024
# Data may hold bytes that look like a data descriptor. A member with more of them than this was made to stall us.
_MOST_FALSE_DESCRIPTORS = 1_000


class _File(MemberFile):
    """A member, how it is packed, and what its header says of it."""

    def __init__(self, place: ArchivePlace, header: LocalHeader, read: ReadMember, unpacker: Unpacker) -> None:
        super().__init__(place, shown_name(header.name, is_utf8=header.is_name_utf8))
        self.header = header
        self.read = read
        self.unpacker = unpacker


class ZipArchive(RecordReader):
    """One archive, read record by record.

    It is read from its start, by its local headers. Its directory, which comes last and which other programs read
    first, is compared with what was read: where it lists members that were not found, or that are otherwise, other
    programs unpack what was not hashed. Bytes between members, which belong to no member, are searched for the next
    header.
    """

    def __init__(self, place: ArchivePlace) -> None:
        super().__init__(place.tally, self._mark)
        self._place = place
        self._left = 0
        self._packed = self._plain = 0
        self._file: _File | None = None
        self._false_descriptors = 0
        self._directory = Directory()

    def finish(self) -> None:
        """Note an archive without its directory, or whose directory lists other members than were found."""
        if self._file is not None:
            self._file.leave()
        if self._tally.is_over:
            return
        directory = self._directory
        directory.finish()
        if self._file is not None or not directory.count:
            self._tally.notes["archive.cut"] += 1
        elif directory.hidden:
            self._tally.notes["archive.hidden"] += directory.hidden
        if directory.different:
            self._tally.notes["archive.different"] += directory.different

    # --- records ---

    def _mark(self, data: bytes, at: int) -> int | None:
        if len(data) - at < _MARK_BYTES:
            return None
        if data.startswith(LOCAL, at):
            self._read = self._local
        elif data.startswith(CENTRAL, at):
            self._read = self._central
        elif data.startswith(END, at):
            self._read = self._end_record
        else:
            self._read = self._search
        return at

    def _search(self, data: bytes, at: int) -> int | None:
        if len(data) - at < _MARK_BYTES:
            return None
        match = MARK.search(data, at)
        if match is None:
            return len(data) - _MARK_BYTES + 1
        self._read = self._mark
        return match.start()

    def _central(self, data: bytes, at: int) -> int | None:
        entry = central_entry(data, at)
        if entry is None:
            return None
        length, listed = entry
        self._directory.add_listed(self._place_of_data + at, length, listed)
        if self._directory.count > self._tally.limits.members:
            self._tally.end("archive.members")
        self._skip(length)
        return at

    def _end_record(self, data: bytes, at: int) -> int | None:
        is_zip64 = data.startswith(END_OF_DIRECTORY_64, at)
        if len(data) - at < (END_RECORD_64_BYTES if is_zip64 else END_RECORD_BYTES):
            return None
        record = end_record_64(data, at) if is_zip64 else end_record(data, at)
        self._directory.end(self._place_of_data + at, record)
        self._read = self._search  # also in the record itself, which may be none
        return at + _MARK_BYTES

    def _local(self, data: bytes, at: int) -> int | None:
        try:
            header = local_header(data, at)
        except ValueError:
            self._tally.add_member()  # so that an endless row of bytes that look like headers ends at a limit
            self._read = self._search
            return at + _MARK_BYTES
        if header is None:
            return None
        self._tally.add_member()
        unpack = UNPACKERS.get(header.method)
        read = ReadMember(header.method, header.is_encrypted, header.size)
        self._directory.add_read(self._place_of_data + at, read)
        if header.is_encrypted or unpack is None:
            self._tally.notes["archive.encrypted" if header.is_encrypted else "archive.method"] += 1
            self._pass_over(header)
        elif header.is_directory or header.size == 0:
            read.plain = 0
            self._pass_over(header)
        else:
            self._packed, self._left = 0, header.size or 0
            self._file = _File(self._place, header, read, unpack())
            is_open = header.method == STORED and header.size is None
            self._read = self._open_data if is_open else self._data
        return at + header.length

    def _pass_over(self, header: LocalHeader) -> None:
        if header.size is None:
            self._read = self._search
        else:
            self._skip(header.size)

    def _skip(self, count: int) -> None:
        self._left = count
        self._read = self._skipped

    def _skipped(self, data: bytes, at: int) -> int:
        step = min(self._left, len(data) - at)
        self._left -= step
        if not self._left:
            self._read = self._mark
        return at + step

    # --- the data of a member ---

    def _data(self, data: bytes, at: int) -> int:
        """Read packed data: up to the size in the header, or up to its own end mark when the header has no size."""
        file = self._the_file
        unpacker = file.unpacker
        is_sized = file.header.size is not None
        piece = data[at : at + (min(self._left, _STEP_BYTES) if is_sized else _STEP_BYTES)]
        if is_sized:
            self._left -= len(piece)
        try:
            for plain in unpacker.feed(piece):
                file.take(plain)
                if self._tally.is_over:
                    return len(data)
        except MemberDamaged:
            self._give_up()
            return at + (len(piece) if is_sized else 0)
        used = len(piece) if is_sized else len(piece) - len(unpacker.unused)
        self._packed += used
        is_all = is_sized and not self._left
        if is_all and not unpacker.is_finished:
            self._give_up()
        elif is_all or (unpacker.is_finished and file.header.method != STORED):
            self._end_file()
        return at + used

    def _open_data(self, data: bytes, at: int) -> int | None:
        """Read data that is stored and whose size is not known, up to the descriptor that has the size read so far.

        Servers write an archive of pictures so when they pack it while they send it.
        """
        file = self._the_file
        place = data.find(DESCRIPTOR, at)
        while place >= 0:
            if len(data) - place < DESCRIPTOR_BYTES:
                break
            size = file.size + place - at
            if length := descriptor_length(data, place, packed=size, plain=size, is_marked=True):
                self._take_stored(data[at:place])
                self._end_file(is_described=True)
                return place + length
            self._false_descriptors += 1
            if self._false_descriptors > _MOST_FALSE_DESCRIPTORS:
                self._give_up()
                return place + _MARK_BYTES
            place = data.find(DESCRIPTOR, place + 1)
        end = place if place >= 0 else max(at, len(data) - _MARK_BYTES + 1)
        if end == at:
            return None
        self._take_stored(data[at:end])
        return end

    @property
    def _the_file(self) -> _File:
        assert self._file is not None  # while its data is read
        return self._file

    def _take_stored(self, data: bytes) -> None:
        for begin in range(0, len(data), PIECE_BYTES):
            self._the_file.take(data[begin : begin + PIECE_BYTES])

    def _descriptor(self, data: bytes, at: int) -> int | None:
        if len(data) - at < DESCRIPTOR_BYTES:
            return None
        self._read = self._mark
        return at + descriptor_length(data, at, packed=self._packed, plain=self._plain)

    def _end_file(self, *, is_described: bool = False) -> None:
        file, self._file = self._the_file, None
        file.end()
        self._plain = file.read.plain = file.size
        if file.read.packed is None:
            file.read.packed = file.size if is_described else self._packed
        if file.header.has_descriptor and not is_described and not self._left:
            self._read = self._descriptor
        else:
            self._skip(self._left)

    def _give_up(self) -> None:
        """Note a member whose data is not what its header says, and read on after it."""
        file, self._file = self._the_file, None
        file.leave()
        self._tally.notes["archive.damaged"] += 1
        if self._left:
            self._skip(self._left)
        else:
            self._read = self._search
