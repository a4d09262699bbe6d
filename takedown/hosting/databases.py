"""One database of addresses, a file in the MaxMind DB format that the operator supplies and may replace at any time.

Nothing that is wrong with the file stops the work: it is said once in the log, and by `orbweaver doctor`.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import maxminddb
from orbweaver.takedown.hosting.addresses import Address

log = logging.getLogger("orbweaver.hosting")

# A database of countries or networks has 5 to 60 MB. It is held in memory, see `_open`.
LARGEST_BYTES = 256 * 2**20
# After so long, providers and countries of many addresses have changed.
OLD = timedelta(days=90)
# So many neighbouring networks of each family are looked at for a field that is known.
_NETWORKS_LOOKED_AT = 1_000
# The library raises these for bytes that are no database.
DAMAGE = (maxminddb.InvalidDatabaseError, ValueError, LookupError, TypeError, OverflowError, AttributeError)


class _FileState(NamedTuple):
    """A version of the file: any of these changes when it is replaced or written to."""

    inode: int
    size: int
    changed_ns: int


class AddressDatabase:
    """Looks addresses up in a file; `field` reads the fact that is wanted from a record, None when it is not there.

    A file that is replaced is read anew. While the new one cannot be read, the old one goes on.
    """

    def __init__(self, setting: str, path: Path, field: Callable[[object], object | None]) -> None:
        self._setting = setting
        self._path = path
        self._field = field
        self._reader: maxminddb.Reader | None = None
        self._state: _FileState | None = None
        self._complaint: str | None = None

    def look_up(self, address: Address) -> object | None:
        """Return the record of an address, None when there is none, or the database cannot be read."""
        self._follow()
        if self._reader is None:
            return None
        try:
            if address.version == 6 and self._reader.metadata().ip_version == 4:
                return None
            return self._reader.get(address)
        except DAMAGE as error:
            self._complain(f"is damaged ({_line(error)})")
            return None

    @property
    def source(self) -> str | None:
        """The type of the database and the day on which it was built; None when it cannot be read."""
        return None if self._reader is None else f"{_type_of(self._reader)} {self._built():%Y-%m-%d}"

    def examine(self, now: datetime) -> tuple[str, str]:
        """Return "ok", "warn" or "fail" and what is found, for `orbweaver doctor`."""
        self._follow()
        if self._reader is None:
            return "fail", f"{self._complaint}: cases stay without what it says"
        try:
            is_known = any(self._field(record) is not None for record in _first_records(self._reader))
        except DAMAGE as error:
            return "fail", f"{self._named()} is damaged ({_line(error)}): fetch it again"
        if not is_known:
            return (
                "fail",
                f"{self._named()} ({_type_of(self._reader)}) has no field that is known: give another database",
            )
        if self._complaint is not None:
            return "warn", f"{self._complaint}; what was read before is used"
        age = now - self._built()
        found = f"{self._path}: {self.source}"
        return ("warn", f"{found}, {age.days} days old: fetch a newer one") if age > OLD else ("ok", found)

    def _follow(self) -> None:
        """Read the file when it is another one than the last time; a complaint about it is logged once."""
        try:
            state = _state_of(self._path.stat())
        except OSError as error:
            if self._state is not None or self._complaint is None:
                self._state = None
                self._complain(f"cannot be read ({error.strerror})")
            return
        if state == self._state:
            return
        self._state = state
        try:
            reader = _open(self._path)
        except OSError as error:
            self._complain(f"cannot be read ({error.strerror})")
        except _NoDatabase as error:
            self._complain(str(error))
        else:
            self._reader, self._complaint = reader, None

    def _complain(self, problem: str) -> None:
        complaint = f"{self._named()} {problem}"
        if complaint != self._complaint:
            self._complaint = complaint
            log.warning("%s", complaint)

    def _named(self) -> str:
        return f"{self._setting} {self._path}"

    def _built(self) -> datetime:
        reader = self._reader
        with suppress(ValueError, OverflowError, OSError, TypeError):
            if reader is not None:
                return datetime.fromtimestamp(reader.metadata().build_epoch, UTC)
        return datetime.fromtimestamp(0, UTC)


class _NoDatabase(Exception):
    """A file that is no database that can be used; the message says why."""


def _open(path: Path) -> maxminddb.Reader:
    """Read a whole database into memory; raises OSError and _NoDatabase.

    Not as a mapped file: the process would be killed (SIGBUS) when an operator writes a shorter file over it. Not
    blocking: the path may lead to a pipe.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise _NoDatabase("is no file")
        if state.st_size > LARGEST_BYTES:
            raise _NoDatabase(f"has more than {LARGEST_BYTES // 2**20} MiB: give one of countries or networks only")
        try:
            return maxminddb.open_database(file, maxminddb.MODE_FD)
        except DAMAGE as error:
            raise _NoDatabase("is no MaxMind DB file, or only a part of one") from error


def _first_records(reader: maxminddb.Reader) -> Iterator[object]:
    """Yield the records of the first networks, which are looked up one after another.

    To iterate over a database, as its reader can, may take for ever when its tree is damaged.
    """
    families = ["0.0.0.0", *(["2000::"] if reader.metadata().ip_version == 6 else [])]  # noqa: S104 - where it begins
    for first in map(ip_address, families):
        address = first
        for _ in range(_NETWORKS_LOOKED_AT):
            record, prefix_length = reader.get_with_prefix_len(address)
            if record is not None:
                yield record
            following = int(address) + (1 << address.max_prefixlen - prefix_length)
            if prefix_length <= 0 or following >> address.max_prefixlen:
                break
            address = type(first)(following)


def _state_of(status: os.stat_result) -> _FileState:
    return _FileState(status.st_ino, status.st_size, status.st_mtime_ns)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _type_of(reader: maxminddb.Reader) -> str:
    name = str(reader.metadata().database_type)
    return "".join(one if one.isprintable() else "?" for one in name)[:80]
