"""Keeps a built hash list open for a server, and follows it: a rebuilt list takes its place between two requests."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from orbweaver.matcher_client.errors import HashListDamaged, HashListUnreadable, Unavailable
from orbweaver.matcher_client.lists.file_format import FileMark, HashList

# The time between two looks at the file when nobody asks.
LOOK_SECONDS = 1.0

log = logging.getLogger("orbweaver.matcher_server")


class ListFollower:
    """The list at a path, as it is now; for one event loop, and only its thread may use the list.

    Another thread verifies a new file (1 to 3 seconds for 1 GB). Meanwhile the old list answers, under its own version:
    renaming leaves it as it was. No request waits or fails.

    Questions are refused at once, and as long as the cause lasts, when the file is missing, was changed in place, or is
    new and damaged. The old list does not answer in the place of a damaged new one: the operator has replaced it,
    perhaps because of an entry that must not match any more. Refusing only makes match jobs wait.

    Raises HashListUnreadable or HashListDamaged when there is no good list at the start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._list: HashList | None = HashList(path)
        self._loading: asyncio.Task[None] | None = None
        # A refused file is not read again, whole, until it changes.
        self._refused: tuple[FileMark, str] | None = None

    def current(self) -> HashList:
        """Return the list to answer from, until the next await; raises Unavailable."""
        try:
            mark = FileMark.of(self._path.stat())
        except OSError as error:
            self._drop()
            raise Unavailable(f"hash list {self._path} cannot be asked ({error.strerror})") from error
        if self._list is not None and self._list.mark == mark:
            return self._list
        if self._list is not None and (self._list.mark.device, self._list.mark.inode) == (mark.device, mark.inode):
            self._drop()  # the mapped pages are no longer those that were verified
        if self._refused is not None and self._refused[0] == mark:
            self._drop()
            raise Unavailable(self._refused[1])
        if self._loading is None:
            self._loading = asyncio.create_task(self._load(mark))
        if self._list is None:
            raise Unavailable(f"hash list {self._path} is being verified: ask again")
        return self._list

    async def follow(self) -> None:
        """Look at the file again and again, so that a new list is open before a question comes; until cancelled."""
        while True:
            try:
                self.current()
            except Unavailable as error:
                log.debug("%s", error)  # each question is answered with it, and `_load` logs it once
            await asyncio.sleep(LOOK_SECONDS)

    def close(self) -> None:
        """Unmap the list."""
        self._drop()

    async def _load(self, mark: FileMark) -> None:
        try:
            verified = await asyncio.to_thread(HashList, self._path)
        except (HashListDamaged, HashListUnreadable) as error:
            self._refused = mark, str(error)
            log.error("lookups are refused until the list is repaired: %s", error)
            return
        finally:
            self._loading = None
        self._drop()
        self._list, self._refused = verified, None
        log.info("list %s of %s, %d entries", verified.list_version, verified.built_at, verified.entry_count)

    def _drop(self) -> None:
        if self._list is not None:
            self._list.close()
            self._list = None
