"""One file inside an archive while its bytes come: it is hashed, sniffed, and looked into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from orbweaver.crawler.bodies.archives.archive_limits import ArchiveTally, Member
from orbweaver.crawler.bodies.archives.member_names import NESTED, shortened
from orbweaver.crawler.bodies.digests import DirectDigester
from orbweaver.crawler.bodies.sniff import HEAD_BYTES, sniff


class Look(Protocol):
    """A look into one file: whatever it holds is found, or noted."""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""

    def finish(self) -> None:
        """Take note that no more bytes come."""


@dataclass(frozen=True, slots=True)
class ArchivePlace:
    """The place of an archive: so many others are around it, and its members' paths begin with the prefix.

    `wrapper` is set for the file inside a compressed one: when that file is a TAR archive, both are one archive
    (`.tar.gz`), which is in the place of the compressed file. Its members are bytes that were counted already.
    """

    tally: ArchiveTally
    look_into: Callable[[ArchivePlace], Look]
    prefix: str = ""
    depth: int = 0
    wrapper: ArchivePlace | None = None
    is_counted: bool = True

    def inside(self, path: str, *, is_wrapped: bool) -> ArchivePlace:
        """Return the place of the archive that a member at this path is."""
        return ArchivePlace(
            self.tally,
            self.look_into,
            prefix=path + NESTED,
            depth=self.depth + 1,
            wrapper=self if is_wrapped else None,
        )


class MemberFile:
    """Takes the bytes of one member, and keeps nothing of them.

    A member over the limit has no digest, but an archive that it is is read on: other limits bound that.
    """

    def __init__(self, place: ArchivePlace, name: str, *, is_wrapped: bool = False) -> None:
        self._tally = place.tally
        self._path = shortened(place.prefix + name)
        self._digester = DirectDigester()
        self._head = b""
        self._look = place.look_into(place.inside(self._path, is_wrapped=is_wrapped))
        self._is_counted = place.is_counted
        self.size = 0

    def take(self, piece: bytes) -> None:
        """Take the next bytes of the member."""
        self.size += len(piece)
        if self._is_counted:
            self._tally.add_decoded(len(piece))
            if self._tally.is_over:
                return
        if self.size <= self._tally.limits.member_bytes:
            self._digester.update(piece)
        if len(self._head) < HEAD_BYTES:
            self._head += piece[: HEAD_BYTES - len(self._head)]
        self._look.feed(piece)

    def end(self) -> None:
        """Record the member, of which all bytes came; an empty one is none."""
        self.leave()
        if self.size > self._tally.limits.member_bytes:
            self._tally.notes["archive.member_bytes"] += 1
        elif self.size:
            self._tally.found.append(Member(self._path, self._digester.digest_set(), sniff(self._head)))

    def leave(self) -> None:
        """End the look into the member, also when the member itself is damaged."""
        self._look.finish()
