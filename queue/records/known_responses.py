"""Keeps the knowledge that a recrawl hands on to the next one of its scope, in one deflated value.

Whether a file may be asked for by its version is decided when the next recrawl begins: not where it has a case or waits
for its verdict, and not in every n-th recrawl, because a host may lie. The value has a limit: what does not fit is
fetched in full, and read again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

from orbweaver.crawler.message_checks import objection_to_known
from orbweaver.crawler.revisiting.known_responses import FileKey, KnownFile, KnownPage, KnownResponses
from orbweaver.model import Moment, Noun, Scope, now
from orbweaver.queue.errors import Unreadable
from orbweaver.queue.records import batches
from orbweaver.queue.records.recrawl_fence import Write
from orbweaver.settings import Settings
from orbweaver.store import keys
from orbweaver.store.connection import Store
from orbweaver.takedown.cases import case_places
from pydantic import ValidationError

if TYPE_CHECKING:
    from redis.client import Pipeline

# After so long without a recrawl all is fetched in full anyway.
KEPT = timedelta(days=30)
# So long a host is not believed whose validators were untrue.
DISTRUSTED_FOR = timedelta(days=30)
MOST_BYTES = 2 * 2**20
MOST_JSON_BYTES = 64 * 2**20
# What a page counts the types of: some thousand files, in a few tenths of a second.
MOST_COUNTED_BYTES = 2**18
# What changes which bytes are hashed, or which references are found in them.
_READING_SETTINGS = ("archive_bytes", "archive_depth", "archive_members", "file_bytes", "html_bytes", "user_agent")


class HandedOn(Noun):
    """The value as it is stored; `visits` counts the recrawls since the last one that fetched all in full.

    `read_as` stands for all that decides how the host was asked, and how its answers were read. `untrue_at` is when the
    host was found to be untrue about versions.
    """

    layout: Literal[1] = 1
    read_as: str
    visits: int = 0
    untrue_at: Moment | None = None
    files: tuple[KnownFile, ...] = ()
    pages: tuple[KnownPage, ...] = ()


@dataclass(frozen=True)
class HostMemory:
    """How what a recrawl finds is kept for the next; `is_full` says that it fetches all in full."""

    key: str
    read_as: str
    visits: int
    is_full: bool
    untrue_at: Moment | None

    def kept(self, files: Sequence[KnownFile], pages: Sequence[KnownPage], *, is_untrue: bool, is_whole: bool) -> Write:
        """Return the write of what a recrawl hands on; one that is not whole is no visit that counts."""
        visits = 0 if self.is_full else self.visits + 1
        value = HandedOn(
            read_as=self.read_as,
            visits=visits if is_whole else self.visits,
            untrue_at=now() if is_untrue else self.untrue_at,
            files=tuple(files),
            pages=tuple(pages),
        )
        packed = pack(value)

        def write(pipe: Pipeline) -> None:
            if value.files or value.pages or value.untrue_at:
                pipe.set(self.key, packed, ex=KEPT)
            else:
                pipe.delete(self.key)

        return write


def begin(store: Store, scope: Scope, settings: Settings) -> tuple[KnownResponses, HostMemory]:
    """Return what is known of a scope as its recrawl begins; a value that cannot be read counts as none.

    They are two, so that who has many recrawls under way forgets the former when its crawl process has it.
    """
    key, read_as = keys.known_responses(scope.kind, scope.name), _reading(scope, settings)
    stored: bytes | None = store.execute_command("GET", key)
    try:
        value = HandedOn(read_as=read_as) if stored is None else unpack(stored)
    except Unreadable:
        value, stored = HandedOn(read_as=read_as), None
    untrue_at = value.untrue_at
    if untrue_at is not None and now() - untrue_at > DISTRUSTED_FOR:
        untrue_at = None
    is_readable = value.read_as == read_as and untrue_at is None
    is_full = stored is None or not is_readable or value.visits + 1 >= settings.full_visit_every
    # The scope may be another by now.
    in_scope = [file for file in value.files if objection_to_known(file, scope) is None]
    doubtful = _doubtful(store, in_scope)
    files = sorted(in_scope, key=lambda file: file.key not in doubtful)
    if not is_readable:
        # They are visited again; what their host said of them is not even held against it.
        files = [file.model_copy(update={"etag": None, "last_modified": None}) for file in files]
    pages = {page.digest: page.references for page in value.pages} if not is_full else {}
    known = KnownResponses(tuple(files), pages, frozenset(doubtful), is_full)
    return known, HostMemory(key, read_as, value.visits, is_full, untrue_at)


def pack(value: HandedOn) -> bytes:
    """Return a value as it is stored: as much of it as fits, files before pages."""
    packed = _deflated(value)
    if len(packed) > MOST_BYTES:
        value = value.model_copy(update={"pages": ()})
        packed = _deflated(value)
    while len(packed) > MOST_BYTES:
        value = value.model_copy(update={"files": value.files[: len(value.files) // 2]})
        packed = _deflated(value)
    return packed


def unpack(packed: bytes) -> HandedOn:
    """Read a stored value; raises Unreadable."""
    inflate = zlib.decompressobj()
    try:
        said = inflate.decompress(packed, MOST_JSON_BYTES)
        if not inflate.eof:
            raise Unreadable("what is known of a host is longer than it can be, or cut")
        return HandedOn.model_validate_json(said)
    except (zlib.error, ValidationError) as error:
        raise Unreadable("what is known of a host cannot be read") from error


def file_types(store: Store, scope: Scope) -> Counter[str] | None:
    """Count the files that the last recrawl of a scope hands on by their types, as sniffed; None: too many to count."""
    key = keys.known_responses(scope.kind, scope.name)
    if store.strlen(key) > MOST_COUNTED_BYTES:
        return None
    stored: bytes | None = store.execute_command("GET", key)
    try:
        files = () if stored is None else unpack(stored).files
    except Unreadable:
        files = ()
    return Counter(file.sniffed_type or file.content_type or "unknown" for file in files)


def _deflated(value: HandedOn) -> bytes:
    return zlib.compress(value.model_dump_json(exclude_defaults=True).encode())


def _reading(scope: Scope, settings: Settings) -> str:
    said = {
        "version": _version(),
        "access": scope.access.model_dump(mode="json"),
        "settings": settings.model_dump(mode="json", include=set(_READING_SETTINGS)),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


@functools.cache
def _version() -> str:
    return version("orbweaver")  # reads a file


def _doubtful(store: Store, files: Sequence[KnownFile]) -> Collection[FileKey]:
    """Return the files that have a case, whatever its state, or wait for their verdict; themselves or a member."""
    if not files:
        return ()
    places = case_places.find(store, [one for file in files for one in file.seen])
    unanswered = batches.unanswered_among(store, list(places.case_ids))
    doubtful = unanswered | {one for one, case_id in places.case_ids.items() if case_id in places.there}
    return {file.key for file in files if any(one.sighting_id in doubtful for one in file.seen)}
