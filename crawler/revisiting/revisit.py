"""Uses the knowledge of an earlier recrawl (which file may be asked for by its version), and collects that of this one.

A host may lie with 304. So what it says is held against what it sends: a file that came in full although the host's
own validators say that it is the known one, and is another, proves that a 304 of this host is worth nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Final, NamedTuple

from orbweaver.crawler.fetching.transfer import Headers
from orbweaver.crawler.revisiting.known_responses import (
    MOST_FILES,
    MOST_MEMBERS,
    FileKey,
    KnownFile,
    KnownResponses,
    Memory,
)
from orbweaver.crawler.revisiting.page_memory import PageMemory
from orbweaver.crawler.revisiting.validators import Validators, is_promised_same, manner_of
from orbweaver.model import now

# A file counts as unchanged for so long after its bytes were hashed, whatever its host says.
BELIEVED_FOR: Final = timedelta(days=7)
# One that was not got for so long is looked for no longer.
LOOKED_FOR: Final = timedelta(days=30)


class Manner(NamedTuple):
    """How a request was made, but for its URL: `code` stands for its headers without `Referer` and `Cookie`."""

    code: str
    has_referrer: bool
    has_cookies: bool


def manner_in(headers: Headers) -> Manner:
    """Return the manner of a request with these headers."""
    names = {name for name, _ in headers}
    return Manner(manner_of(headers), "Referer" in names, "Cookie" in names)


class Revisit:
    """The files that are known, from an earlier recrawl and from this one; `pages` has the references of pages.

    `untrue` says in words why the host is not believed any more, None while it is.
    """

    def __init__(self, known: KnownResponses) -> None:
        self._known = {file.key: file for file in known.files}
        self._in_full = known.in_full
        self._is_full = known.is_full
        self._got: dict[FileKey, str] = {}  # as JSON: as objects they take four times as much
        self._gone: set[str] = set()
        self._members_of: dict[FileKey, int] = {}  # of archives
        self._members = 0
        self.pages = PageMemory({} if known.is_full else known.pages)
        self.untrue: str | None = None

    @property
    def knows_files(self) -> bool:
        """Whether an earlier recrawl found files."""
        return bool(self._known)

    @property
    def files(self) -> Iterator[KnownFile]:
        """The files of the earlier recrawl, in order, one for each URL; that which leads to others goes first."""
        negotiated = {file.url for file in self._known.values() if file.is_negotiated}
        seen: set[str] = set()
        for file in self._known.values():
            if file.url not in seen and (file.is_negotiated or file.url not in negotiated):
                seen.add(file.url)
                yield file

    def known_version(self, key: FileKey) -> KnownFile | None:
        """Return the known version of a file, None when there is none."""
        return self._known.get(key)

    def version_to_ask_about(self, key: FileKey, manner: Manner, *, at: datetime) -> KnownFile | None:
        """Return the known version of a file, if its host may be asked whether it still has it."""
        known = self._known.get(key)
        if known is None or self._is_full or self.untrue is not None or key in self._in_full:
            return None
        is_same_manner = (known.has_referrer, known.has_cookies) == (manner.has_referrer, manner.has_cookies)
        has_none = Validators(known.etag, known.last_modified).are_none
        return known if is_same_manner and not has_none and at - known.hashed_at < BELIEVED_FOR else None

    def is_unchanged(self, known: KnownFile) -> None:
        """Note that a host has the known version still."""
        self._keep(known)

    def came(self, file: KnownFile) -> None:
        """Note a file that came in full, and hold it against what its host said of it before."""
        before = self._known.get(file.key)
        if (
            before is not None
            and before.digests != file.digests
            and is_promised_same(before, Validators(file.etag, file.last_modified))
        ):
            self.is_untrue("the host says of another file that it is the one that was there before")
        self._keep(file)

    def is_gone(self, url: str) -> None:
        """Note that a URL leads to no file any more."""
        self._gone.add(url)

    def is_untrue(self, reason: str) -> None:
        """Note that the host is not to be believed about versions; the first reason counts."""
        self.untrue = self.untrue or reason

    def remembered(self) -> Memory:
        """Return what the next recrawl is to know: the files that were got, then those that could not be got."""
        return Memory(self._files_to_remember, self.pages.pages(), self.untrue is not None)

    def _files_to_remember(self) -> Iterator[str]:
        over = {key.url for key in self._got} | self._gone
        oldest = now() - LOOKED_FOR
        left = (file for file in self._known.values() if file.url not in over and file.hashed_at > oldest)
        return islice(chain(self._got.values(), map(_as_json, left)), MOST_FILES)

    def _keep(self, file: KnownFile) -> None:
        self._gone.discard(file.url)
        is_room = file.key in self._got or len(self._got) < MOST_FILES
        members = self._members - self._members_of.get(file.key, 0) + len(file.members)
        if is_room and members <= MOST_MEMBERS:
            self._members = members
            if file.members or file.key in self._members_of:
                self._members_of[file.key] = len(file.members)
            self._got[file.key] = _as_json(file)


def _as_json(file: KnownFile) -> str:
    return file.model_dump_json(exclude_defaults=True)
