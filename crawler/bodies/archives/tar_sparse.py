"""Puts the data of a sparse file in a TAR archive back where it belongs: the holes between are zeros.

The four ways in which GNU tar writes the map of the data are in its manual, "Storing Sparse Files".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orbweaver.crawler.bodies.archives.tar_headers import decimal, gnu_number
from orbweaver.crawler.bodies.decoding import PIECE_BYTES

_ZEROS = bytes(PIECE_BYTES)
# Old GNU: so many pairs in the header, and in each block after it; then a byte that says whether a block follows.
_IN_HEADER, _HEADER_MAP, _HEADER_GOES_ON, _REAL_SIZE = 4, 386, 482, slice(483, 495)
_IN_BLOCK, _BLOCK_GOES_ON = 21, 504
_PAIR_BYTES, _NUMBER_BYTES = 24, 12


class SparseMap:
    """The places of a sparse file's data; it grows while its headers are read."""

    def __init__(self) -> None:
        self.numbers: list[int] = []  # offset and length by turns
        self.real_size: int | None = None
        self.is_in_data = False  # pax 1.0: the map stands before the data, in the same member
        self.name = b""

    def add_record(self, key: bytes, value: bytes) -> None:
        """Add a pax record whose key begins with `GNU.sparse.`; raises ValueError when its value is malformed."""
        match key.removeprefix(b"GNU.sparse."):
            case b"size" | b"realsize":
                self.real_size = decimal(value)
            case b"offset" | b"numbytes":
                self.numbers.append(decimal(value))
            case b"map":
                self.numbers = [decimal(number) for number in value.split(b",") if number]
            case b"major":
                self.is_in_data = decimal(value) == 1
            case b"name":
                self.name = value

    def add_old_header(self, block: bytes) -> bool:
        """Add the pairs of an old GNU header; returns whether a block with more follows. Raises ValueError."""
        self.real_size = gnu_number(block[_REAL_SIZE])
        self._add_pairs(block, _HEADER_MAP, _IN_HEADER)
        return block[_HEADER_GOES_ON] not in b"\00"

    def add_old_block(self, block: bytes) -> bool:
        """Add the pairs of a block after an old GNU header; returns whether one more follows. Raises ValueError."""
        self._add_pairs(block, 0, _IN_BLOCK)
        return block[_BLOCK_GOES_ON] not in b"\00"

    def _add_pairs(self, block: bytes, begin: int, count: int) -> None:
        for place in range(begin, begin + count * _PAIR_BYTES, _PAIR_BYTES):
            pair = block[place : place + _PAIR_BYTES]
            if not pair.strip(b" \0"):
                return
            self.numbers += (gnu_number(pair[:_NUMBER_BYTES]), gnu_number(pair[_NUMBER_BYTES:]))

    def add_lines(self, lines: bytes) -> None:
        """Add the map of pax 1.0: the number of pairs, then each number on a line; raises ValueError."""
        count, *numbers = lines.rstrip(b"\0").split()
        self.numbers = [decimal(number) for number in numbers[: 2 * decimal(count)]]

    def pairs(self, stored: int) -> tuple[list[tuple[int, int]], int]:
        """Return offset and length of each piece of data, and the size of the whole file.

        Raises ValueError when they do not fit `stored` bytes of data, or each other.
        """
        numbers = self.numbers
        pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
        if self.real_size is None or sum(numbers[1::2]) != stored:
            raise ValueError("the map is not that of the data")
        ends = [0, *(offset + length for offset, length in pairs)]
        if any(offset < end for (offset, _), end in zip(pairs, ends, strict=False)) or ends[-1] > self.real_size:
            raise ValueError("the map goes backwards or beyond the end")
        return pairs, self.real_size


class Spread:
    """Makes the whole file of its data, piece by piece; `pairs` are those of SparseMap.pairs()."""

    def __init__(self, pairs: Iterable[tuple[int, int]], real_size: int) -> None:
        self._pairs = iter([pair for pair in pairs if pair[1]])
        self._real_size = real_size
        self._place = 0
        self._left = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield this data and the holes before it, in pieces of at most PIECE_BYTES."""
        at = 0
        while at < len(data):
            if not self._left:
                offset, self._left = next(self._pairs)
                yield from self._hole_to(offset)
            step = min(self._left, len(data) - at, PIECE_BYTES)
            yield data[at : at + step]
            self._place += step
            self._left -= step
            at += step

    def end(self) -> Iterator[bytes]:
        """Yield the hole after the last data."""
        yield from self._hole_to(self._real_size)

    def _hole_to(self, offset: int) -> Iterator[bytes]:
        while self._place < offset:
            step = min(offset - self._place, PIECE_BYTES)
            yield _ZEROS[:step]
            self._place += step
