"""Reads archives in tests, and names what was found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orbweaver.crawler.bodies.archives.archive_limits import ArchiveLimits, Contents
from orbweaver.crawler.bodies.archives.archive_reader import ArchiveReader
from orbweaver.crawler.bodies.digests import digests_of

LIMITS = ArchiveLimits()


def read(archive: bytes | Iterable[bytes], limits: ArchiveLimits = LIMITS) -> Contents:
    reader = ArchiveReader(limits)
    for chunk in [archive] if isinstance(archive, bytes) else archive:
        reader.feed(chunk)
    reader.finish()
    return reader.contents()


def paths(contents: Contents) -> list[str]:
    return [member.path for member in contents.members]


def rules(contents: Contents) -> dict[str, int]:
    return {note.rule: note.count for note in contents.notes}


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[begin : begin + size] for begin in range(0, len(data), size)]


def assert_found(contents: Contents, files: Mapping[str, bytes], **noted: int) -> None:
    """Fail unless these files were found, and these rules noted (`cut=1` for `archive.cut`)."""
    assert {member.path: member.digests for member in contents.members} == {
        name: digests_of(data) for name, data in files.items() if data
    }
    assert rules(contents) == {f"archive.{name}": count for name, count in noted.items()}
