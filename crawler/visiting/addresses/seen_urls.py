"""Remembers the URLs that a recrawl has met, in a quarter of a Python set's memory; none can be taken out again."""

from __future__ import annotations

from array import array
from hashlib import blake2b
from typing import Final

# As many as one byte of a hash tells apart. Each grows by itself, so that growing copies a 256th of what is known.
_TABLES: Final = 256
_TABLE_BITS: Final = 8
_FIRST_SLOTS: Final = 16
# Up to two thirds of a table are taken: linear probing then looks at five slots for a new hash and at two for a known
# one (Knuth, The Art of Computer Programming, volume 3, section 6.4: (1 + 1/(1-a)^2)/2 and (1 + 1/(1-a))/2).
_MOST_TAKEN: Final = (2, 3)
_FREE: Final = 0
# Of a text, in a checkpoint.
NUMBER_BYTES: Final = 8


class SeenUrls:
    """A set of texts that keeps 64 bits of each: 12 to 24 bytes, where a Python set of hashes takes 73 to 92.

    The hash is Python's own of strings, SipHash with a key that is new in every process: no server can aim at a
    collision, or make a table slow, unless PYTHONHASHSEED takes the key away. Two of n texts have the same 64 bits
    with a probability of n^2 / 2^65: 7 in 10 million for the 5 million URLs that one recrawl remembers at most, 3 in
    10 billion for 100,000. One URL in one of 1.5 million such largest recrawls would be taken for seen; 128 bits
    would double the memory.

    With a `key` (16 bytes that no server knows) the hash is BLAKE2b, which another process computes, too: then
    `take_unsaved` gives what is new, and `restore` takes it back.

    >>> seen = SeenUrls()
    >>> seen.add("http://example.com/"), seen.add("http://example.com/"), len(seen)
    (True, False, 1)
    """

    def __init__(self, key: bytes | None = None) -> None:
        # Most recrawls are small: a table begins when it gets its first text.
        self._tables = [_NONE] * _TABLES
        self._room = [_room_of(_FIRST_SLOTS)] * _TABLES
        self._count = 0
        self._keyed = None if key is None else blake2b(digest_size=NUMBER_BYTES, key=key)
        self._unsaved = array("q")

    def __len__(self) -> int:
        return self._count

    def add(self, text: str) -> bool:
        """Note a text; return whether it is new."""
        number = self._number(text)
        is_new = self._add(number)
        if is_new and self._keyed is not None:
            self._unsaved.append(number)
        return is_new

    def __contains__(self, text: str) -> bool:
        number = self._number(text)
        table = self._tables[number & (_TABLES - 1)]
        last = len(table) - 1
        slot = number >> _TABLE_BITS & last
        while taken := table[slot]:
            if taken == number:
                return True
            slot = slot + 1 & last
        return False

    def take_unsaved(self) -> bytes:
        """Return the hashes, NUMBER_BYTES each, of what was added since the last call."""
        unsaved, self._unsaved = self._unsaved, array("q")
        return unsaved.tobytes()

    def restore(self, numbers: bytes) -> None:
        """Add texts by their hashes, as `take_unsaved` of another process with the same key gave them."""
        for number in array("q", numbers):
            self._add(number or 1)

    def _number(self, text: str) -> int:
        if self._keyed is None:
            return hash(text) or 1  # 0 marks a free slot
        keyed = self._keyed.copy()
        keyed.update(text.encode("utf-8", "surrogatepass"))
        return int.from_bytes(keyed.digest(), "little", signed=True) or 1

    def _add(self, number: int) -> bool:
        which = number & (_TABLES - 1)
        table = self._tables[which]
        last = len(table) - 1
        slot = number >> _TABLE_BITS & last
        while taken := table[slot]:
            if taken == number:
                return False
            slot = slot + 1 & last
        if not last:
            table = self._tables[which] = _empty(_FIRST_SLOTS)
            slot = number >> _TABLE_BITS & _FIRST_SLOTS - 1
        table[slot] = number
        self._count += 1
        self._room[which] -= 1
        if not self._room[which]:
            self._grow(which)
        return True

    def _grow(self, which: int) -> None:
        old = self._tables[which]
        table = _empty(2 * len(old))
        last = len(table) - 1
        for number in old:
            if number:
                slot = number >> _TABLE_BITS & last
                while table[slot]:
                    slot = slot + 1 & last
                table[slot] = number
        self._tables[which] = table
        self._room[which] = _room_of(len(table)) - _room_of(len(old))


def _empty(slots: int) -> array[int]:
    return array("q", [_FREE]) * slots


# Never written to: one free slot, in which nothing is found.
_NONE: Final = _empty(1)


def _room_of(slots: int) -> int:
    taken, of = _MOST_TAKEN
    return slots * taken // of
