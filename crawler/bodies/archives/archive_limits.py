"""Counts what the members of an archive cost, ends their reading at a limit, and notes why some have no digest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from orbweaver.crawler.bodies.archives.archive_kinds import NOT_SEARCHED, UNREAD
from orbweaver.model import DigestSet, Outcome


@dataclass(frozen=True)
class ArchiveLimits:
    """Limits on the members of one archive; archives inside it count as part of it.

    A member over `member_bytes` has no digest, but the members around it have one. An archive over `members` (folders
    and empty files count), `decoded_bytes` or `ratio` is read no further: the members before keep their digests, and
    the archive itself is hashed in any case. `ratio` is decoded bytes to bytes of the archive so far. It counts only
    after `free_bytes`, because a small file of one colour rightly has a high ratio. An archive inside `depth` others
    is hashed as a file and not opened; `depth=0` opens no inner archive.

    Records that are no members (extensions of TAR, streams of a few bytes) may be four times `members`.

    42.zip (42 KB, six levels, 4.5 PB) ends at `depth` after a few MB. One member of zeros ends at `ratio`: deflate
    makes at most 1,032 bytes of one, bzip2 and Zstandard a million.
    """

    members: int = 10_000
    member_bytes: int = 8 * 2**30
    decoded_bytes: int = 8 * 2**30
    ratio: int = 200
    free_bytes: int = 64 * 2**20
    depth: int = 3


class Member(NamedTuple):
    """One file inside an archive; `path` is evidence for people, joined with "!/" where archives are nested."""

    path: str
    digests: DigestSet
    sniffed_type: str | None


@dataclass(frozen=True, slots=True)
class Note:
    """Why some members of an archive have no digest; no text in it is from the server."""

    outcome: Outcome
    rule: str
    reason: str
    is_failure: bool
    count: int


class Contents(NamedTuple):
    """The members of an archive that are not empty, and notes that say why others are missing."""

    members: tuple[Member, ...]
    notes: tuple[Note, ...]


NOTHING_INSIDE = Contents(members=(), notes=())


# An encrypted member is no failure: nobody without its password sees more than the archive, which was hashed.
_RULES: dict[str, tuple[Outcome, str, bool]] = {
    "archive.encrypted": (Outcome.ENCRYPTED, "members are encrypted; the archive itself was hashed", False),
    "archive.method": (Outcome.INCOMPLETE, "members use a compression that Orbweaver cannot read", True),
    "archive.damaged": (Outcome.INCOMPLETE, "members cannot be unpacked to their end", True),
    "archive.cut": (Outcome.INCOMPLETE, "the archive, or the file inside it, ends too early", True),
    "archive.hidden": (Outcome.INCOMPLETE, "the archive's directory lists members that were not found", True),
    "archive.different": (
        Outcome.INCOMPLETE,
        "the archive's directory lists members otherwise than they are",
        True,
    ),
    "archive.members": (Outcome.LIMIT, "more members than the limit for one archive", False),
    "archive.member_bytes": (Outcome.LIMIT, "members are larger than the limit for one member", False),
    "archive.decoded_bytes": (Outcome.LIMIT, "the members together are larger than the limit for one archive", False),
    "archive.ratio": (Outcome.LIMIT, "the archive unpacks to more than its size allows", False),
    "archive.depth": (Outcome.LIMIT, "archives inside archives are deeper than the limit", False),
    "archive.volume": (Outcome.ARCHIVE_NOT_READ, "a part of an archive in several files: it is not put together", True),
    "archive.zip": (Outcome.ARCHIVE_NOT_READ, "a ZIP archive's end without its members: they were not read", True),
    **{
        f"archive.{kind}": (Outcome.ARCHIVE_NOT_READ, f"pictures and links inside {name} are not looked for", False)
        for kind, name in NOT_SEARCHED.items()
    },
    **{
        f"archive.{kind}": (Outcome.ARCHIVE_NOT_READ, f"{name} are hashed as files, and not opened", True)
        for kind, name in UNREAD.items()
    },
}
_RECORDS_FOR_A_MEMBER = 4


class ArchiveTally:
    """Adds up the cost of an archive and of those inside it, and keeps the members that were found."""

    def __init__(self, limits: ArchiveLimits) -> None:
        self.limits = limits
        self.received = 0
        self.found: list[Member] = []
        self.notes: Counter[str] = Counter()  # by the name of the rule
        self.is_over = False
        self._members = self._records = 0
        self._decoded = 0

    def add_member(self) -> None:
        """Count one member, also a folder or an empty file."""
        self._members += 1
        if self._members > self.limits.members:
            self.end("archive.members")

    def add_record(self) -> None:
        """Count a record that is no member, so that an endless row of them ends at a limit."""
        self._records += 1
        if self._records > _RECORDS_FOR_A_MEMBER * self.limits.members:
            self.end("archive.members")

    @property
    def room(self) -> int:
        """So many bytes may be unpacked now."""
        free = self.limits.free_bytes + self.limits.ratio * self.received
        return min(self.limits.decoded_bytes, free) - self._decoded

    def add_decoded(self, count: int) -> None:
        """Count bytes that were unpacked."""
        self._decoded += count
        if self._decoded > self.limits.decoded_bytes:
            self.end("archive.decoded_bytes")
        elif self._decoded > self.limits.free_bytes + self.limits.ratio * self.received:
            self.end("archive.ratio")

    def end(self, rule: str) -> None:
        """Note that no more members are read, because of this rule."""
        self.is_over = True
        self.notes[rule] += 1

    def contents(self) -> Contents:
        """Return the members that were found, and a note for each rule because of which others are missing."""
        notes = tuple(note_of(rule, count) for rule, count in self.notes.items())
        return Contents(tuple(self.found), notes)


def is_rule(name: str) -> bool:
    """Whether there is a rule of this name."""
    return name in _RULES


def note_of(rule: str, count: int = 1) -> Note:
    """Return the note of a rule."""
    outcome, reason, is_failure = _RULES[rule]
    return Note(outcome, rule, reason, is_failure, count)
