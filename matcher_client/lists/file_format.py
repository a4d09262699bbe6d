"""The built hash list: a file that is searched in place, through mmap, with almost no heap.

    header    magic, format, where the index is, file size, build time, digest of all that follows,
              and a digest of the header itself
    meta      20-byte rows: label u32, size u64, entry id offset u64 (all ones: unknown); one row per label
              comes first, so that bare digests share a row, then one for each other row of the list
    ids       entry ids: length u16, UTF-8
    sections  for SHA-256, SHA-1, MD5: sorted records (digest, meta row as big-endian u32), then the fan-out:
              for each digest prefix of n bits the number of its first record, u32
    index     JSON: labels and how many entries have each, counts and offsets, and the category table if there is one

Digests are uniform, so a prefix of about log2(entries) bits leaves 1 or 2 records to look at. Integers are
little-endian if nothing else is said. The list version is the SHA-256 of everything after the header. The build time is
in the header, so the same content has the same version, whenever it was built. The category table is part of the
content: the same rows with another table have another version.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

from orbweaver.matcher_client.errors import HashListDamaged, HashListUnreadable
from orbweaver.matcher_client.lists.category_table import CategoryTable
from orbweaver.model import Algorithm, Nature

# Strongest first: the order in which sections are written and searched.
DIGEST_BYTES: dict[Algorithm, int] = {"sha256": 32, "sha1": 20, "md5": 16}
MAGIC = b"ORBWHASH"
FORMAT = 2
UNKNOWN = 2**64 - 1
META_ROW = struct.Struct("<IQQ")
ID_LENGTH = struct.Struct("<H")

_FIELDS = struct.Struct("<8sIIQQQ32s")
HEADER_BYTES = _FIELDS.size + 32
_BOUNDS = struct.Struct("<II")
_ROW_NUMBER = struct.Struct(">I")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READ_BYTES = 256 * 1024
_RECORDS_READ = 4_096


class Label(NamedTuple):
    """The fields that many entries have in common; stored once.

    `nature` is the nature of the list as a whole (a known-benign list); None: the category of an entry decides.
    """

    list: str | None
    category: str | None
    scheme: str | None
    status: str | None
    nature: Nature | None = None


class Entry(NamedTuple):
    """One entry of a hash list; `size` is in bytes. A list may leave out every field."""

    list: str | None = None
    entry_id: str | None = None
    category: str | None = None
    scheme: str | None = None
    status: str | None = None
    size: int | None = None
    nature: Nature | None = None


@dataclass(frozen=True, kw_only=True)
class Header:
    """The first bytes of a built list; `file_size` and `index_offset` in bytes."""

    index_offset: int
    file_size: int
    built_at: datetime
    content_digest: bytes

    def pack(self) -> bytes:
        """Return the header's bytes, ending with a digest of themselves."""
        milliseconds = (self.built_at - _EPOCH) // timedelta(milliseconds=1)
        fields = _FIELDS.pack(MAGIC, FORMAT, 0, self.index_offset, self.file_size, milliseconds, self.content_digest)
        return fields + hashlib.sha256(fields).digest()

    @classmethod
    def unpack(cls, data: bytes, path: Path) -> Self:
        """Read a header; raises HashListUnreadable (not a built list) or HashListDamaged."""
        if not data:
            raise HashListUnreadable(f"{path} is empty: put a built hash list there")
        if not MAGIC.startswith(data[: len(MAGIC)]):
            raise HashListUnreadable(f"{path} is not a built hash list: build one from it first")
        if len(data) < HEADER_BYTES:
            raise HashListDamaged(f"{path} is truncated inside its header: build or copy it again")
        fields, digest = data[: _FIELDS.size], data[_FIELDS.size : HEADER_BYTES]
        if hashlib.sha256(fields).digest() != digest:
            raise HashListDamaged(f"{path} has a damaged header: build or copy it again")
        _, version, _, index_offset, file_size, milliseconds, content = _FIELDS.unpack(fields)
        if version != FORMAT:
            raise HashListUnreadable(
                f"{path} has list format {version} and this release reads {FORMAT}: build it again"
            )
        built_at = _EPOCH + timedelta(milliseconds=milliseconds)
        return cls(index_offset=index_offset, file_size=file_size, built_at=built_at, content_digest=content)


class FileMark(NamedTuple):
    """Tells one version of a file from another, without reading it.

    It has the change time because `rsync --inplace --times` and `touch` can set the modification time back.
    """

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """Return the mark of the file with this status."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class HashList:
    """A built list, opened read-only and verified once, whole; that takes 1 to 3 seconds for 1 GB.

    `mark` is that of the file when verification began. Each `find` reads bytes from the page cache. If the file is cut
    short *in place* while it is open, the process is killed (SIGBUS). So a program that keeps a list open compares
    `mark` with the file's mark before each batch. Replacing the file by renaming is safe.

    Raises HashListUnreadable or HashListDamaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if path.exists() and not path.is_file():
                raise HashListUnreadable(f"hash list {path} is not a regular file: give a built list")
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                self.mark = FileMark.of(status)
                header = _verify(file, path, status.st_size)
                self._map = mmap.mmap(file.fileno(), header.file_size, access=mmap.ACCESS_READ)
        except OSError as error:
            raise HashListUnreadable(
                f"hash list {path} cannot be read ({error.strerror}): check its path, permissions and disk"
            ) from error
        self.list_version = header.content_digest.hex()
        self.built_at = header.built_at
        index = json.loads(self._map[header.index_offset :])
        self.entry_count: int = index["entries"]
        self._meta: int = index["meta"]
        self._ids: int = index["ids"]
        self._labels = [Label._make((*texts, Nature(nature) if nature else None)) for *texts, nature in index["labels"]]
        self._label_entries: list[int] = index["label_entries"]
        table = index.get("category_table")
        self.category_table = None if table is None else CategoryTable.from_json(table)
        # Strongest first; an algorithm without records has an empty section.
        self.sections: dict[Algorithm, Section] = {
            algorithm: Section(self._map, width, **index["sections"][algorithm])
            for algorithm, width in DIGEST_BYTES.items()
        }

    def find(self, algorithm: Algorithm, digest: bytes) -> list[Entry]:
        """Return every entry with this digest; none is an empty list.

        Raises ValueError when the digest's length is not the algorithm's, or the list is closed.
        """
        return [self.entry(row) for _, row in self.sections[algorithm].find([digest.hex()])]

    def label_counts(self) -> Iterator[tuple[Label, int]]:
        """Yield each label and how many entries have it."""
        return zip(self._labels, self._label_entries, strict=True)

    def close(self) -> None:
        """Unmap the file."""
        self._map.close()

    def entry(self, row: int) -> Entry:
        """Return the entry in one meta row."""
        number, size, offset = META_ROW.unpack_from(self._map, self._meta + row * META_ROW.size)
        label = self._labels[number]
        entry_id = None
        if offset != UNKNOWN:
            start = self._ids + offset
            (length,) = ID_LENGTH.unpack_from(self._map, start)
            start += ID_LENGTH.size
            entry_id = self._map[start : start + length].decode()
        return Entry(
            list=label.list,
            entry_id=entry_id,
            category=label.category,
            scheme=label.scheme,
            status=label.status,
            size=None if size == UNKNOWN else size,
            nature=label.nature,
        )


class Section:
    """The sorted records of one algorithm, and the fan-out that says where to look."""

    __slots__ = ("_fan_out", "_map", "_prefixes", "_records", "_shift", "_width", "count")

    def __init__(self, source: mmap.mmap, width: int, *, count: int, bits: int, records: int, fan_out: int) -> None:
        self._map = source
        self._width = width
        self._prefixes = struct.Struct(f">I{width - 4}x")
        self._shift = 32 - bits
        self._records = records
        self._fan_out = fan_out
        self.count = count

    def find(self, digests: Sequence[str]) -> list[tuple[int, int]]:
        """Return the place in `digests` (hex) and the meta row of each record that has one of them.

        One call for many digests costs a fifth of one call for each. Raises ValueError when a digest is not one of
        this section's algorithm, or the list is closed.
        """
        width = self._width
        # All digests are decoded and cut into prefixes at once; the loop below takes most of a lookup's time.
        together = bytes.fromhex("".join(digests))
        if len(together) != width * len(digests) or not {2 * width}.issuperset(map(len, digests)):
            raise ValueError(f"digests of another length than the {width} bytes that are needed")
        source, fan_out, shift = self._map, self._fan_out, self._shift
        stride = width + _ROW_NUMBER.size
        hits: list[tuple[int, int]] = []
        for place, (prefix,) in enumerate(self._prefixes.iter_unpack(together)):
            first, last = _BOUNDS.unpack_from(source, fan_out + 4 * (prefix >> shift))
            if first == last:
                continue
            digest = together[place * width : (place + 1) * width]
            start, end = self._records + first * stride, self._records + last * stride
            position = source.find(digest, start, end)
            while position >= 0:
                # The same bytes across two records are no hit.
                offset = (position - start) % stride
                if offset == 0:
                    hits.append((place, *_ROW_NUMBER.unpack_from(source, position + width)))
                position = source.find(digest, position + stride - offset, end)
        return hits

    def records(self) -> Iterator[tuple[bytes, int]]:
        """Yield every digest, in order, and its meta row."""
        record = struct.Struct(f">{self._width}sI")
        end = self._records + self.count * record.size
        step = _RECORDS_READ * record.size
        for start in range(self._records, end, step):
            yield from record.iter_unpack(self._map[start : min(end, start + step)])


def prefix_bits(count: int) -> int:
    """Return how many bits of prefix leave more than 1 and at most 2 of `count` digests in a bucket."""
    return min(32, max(0, (count - 1).bit_length() - 1))


def is_built(path: Path) -> bool:
    """Whether a file begins like a built list; it is not verified. False for a missing file."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def _verify(file: BinaryIO, path: Path, size: int) -> Header:
    # Read, not mapped: a file that shrinks meanwhile gives a short read, and no SIGBUS.
    header = Header.unpack(file.read(HEADER_BYTES), path)
    if size != header.file_size:
        raise HashListDamaged(f"{path} has {size} bytes and should have {header.file_size}: build or copy it again")
    digest = hashlib.sha256()
    while block := file.read(_READ_BYTES):
        digest.update(block)
    if digest.digest() != header.content_digest:
        raise HashListDamaged(f"{path} is not as it was built (digest differs): build or copy it again")
    return header
