"""Compares the directory of a ZIP archive, which most programs believe, with what was read by the members' headers.

A member is identified by the place of its header: names, sizes and checksums of a decoy can be those of another member.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

# Some programs write sizes of 4 GB and more without their upper half.
_LOWER_HALF = 0xFFFF_FFFF


class EndRecord(NamedTuple):
    """The content of an end record: where the directory begins, its length in bytes, and the number of its entries."""

    begins_at: int
    directory_length: int
    entries: int

    def says_the_same(self, of_zip64: EndRecord) -> bool:
        """Whether this record, after the one of ZIP64, says what that one says, or leaves it to that one."""
        return (
            self.begins_at in {of_zip64.begins_at, _LOWER_HALF}
            and self.directory_length in {of_zip64.directory_length, _LOWER_HALF}
            and self.entries in {of_zip64.entries, 0xFFFF}
        )


class ListedMember(NamedTuple):
    """An entry of the directory: the place of the member's header, and how the member is packed."""

    place: int
    method: int
    packed: int
    plain: int
    is_encrypted: bool


@dataclass(slots=True)
class ReadMember:
    """A member as it was read; a size is None where it is not known, or where the reading was given up, and said so."""

    method: int
    is_encrypted: bool
    packed: int | None = None
    plain: int | None = None

    def is_as_listed(self, listed: ListedMember) -> bool:
        """Whether programs that believe the directory unpack the same bytes."""
        if self.is_encrypted:
            return listed.is_encrypted
        return (
            self.method == listed.method
            and (self.packed is None or self.packed & _LOWER_HALF == listed.packed & _LOWER_HALF)
            and (self.plain is None or self.plain & _LOWER_HALF == listed.plain & _LOWER_HALF)
        )


class Directory:
    """The members of an archive by the places of their headers, and its directories as far as they were read.

    Places are counted from where the reading began; those in a directory may be counted from elsewhere, which the
    archive's end record tells. `hidden` counts entries without a member, and `different` those whose member was read
    otherwise.
    """

    def __init__(self) -> None:
        self._read: dict[int, ReadMember] = {}
        self._listed: list[ListedMember] = []
        self._begin = self._end = 0
        self._record: EndRecord | None = None
        self.count = 0
        self.hidden = self.different = 0

    def add_read(self, place: int, member: ReadMember) -> None:
        """Note the member whose header is at `place`; what is learnt of it later counts, too."""
        self._read[place] = member

    def add_listed(self, place: int, length: int, listed: ListedMember) -> None:
        """Note an entry of the directory at `place`."""
        if not self._listed:
            self._begin = place
            self._record = None
        self._end = place + length
        self._listed.append(listed)
        self.count += 1

    def end(self, place: int, record: EndRecord) -> None:
        """Compare, as an end record at `place` says where its directory begins, how long it is and what it lists.

        An end record of another directory than the one before it hides that one's members.
        """
        before, self._record = self._record, record
        if before is not None and not self._listed:  # that of ZIP64 came before
            self.hidden += not record.says_the_same(before)
        if not self._listed:
            return
        length = self._end - self._begin
        is_this = (place, record.directory_length, record.entries) == (self._end, length, len(self._listed) & 0xFFFF)
        self.hidden += not is_this
        self._compare(self._begin - record.begins_at)

    def finish(self) -> None:
        """Compare what has no end record, as if nothing but members was before it."""
        if self._listed:
            first = min(self._read, default=0)
            self._compare(first - min(listed.place for listed in self._listed))

    def _compare(self, shift: int) -> None:
        for listed in self._listed:
            member = self._read.get(listed.place + shift)
            if member is None:
                self.hidden += 1
            elif not member.is_as_listed(listed):
                self.different += 1
        self._listed.clear()
