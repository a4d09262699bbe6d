"""A matching service that is a file: a built hash list, local, no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orbweaver.matcher_client.batch_protocol import AskedDigests
from orbweaver.matcher_client.categories import nature_of
from orbweaver.matcher_client.errors import HashListDamaged, HashListUnreadable, Unavailable
from orbweaver.matcher_client.judgement import judge
from orbweaver.matcher_client.list_format import FileMark, HashList
from orbweaver.matcher_client.protocol import Health
from orbweaver.matcher_client.service_address import Canary
from orbweaver.model import Algorithm, DigestSet, EntryStatus, Listing, Verdict, VerdictResult, now


class HashListService:
    """Answers from a built list and follows it: a rebuilt or replaced file is picked up by the next batch.

    Construction touches nothing. Before each batch one `stat` tells whether the file is still the one that
    was verified; if not, it is opened and verified again, whole (1 to 3 seconds for 1 GB). A file that is
    missing, truncated or damaged makes `lookup` raise Unavailable, never say `no_match`.

    For each digest set every algorithm that the list has is tried. Not to be shared between threads; a forked
    process may go on with a service that its parent opened, and need not verify the list again.

    Cutting the file short in place *during* a batch kills the process (SIGBUS on the mapped pages), so lists
    are replaced by renaming, as `list_build.build` does.
    """

    def __init__(self, path: Path) -> None:
        self.name = f"hashlist:{path}"
        self.canary: Canary | None = None
        self._path = path
        self._list: HashList | None = None
        # A damaged file is not read again, whole, until it changes.
        self._damage: tuple[FileMark, str] | None = None

    def lookup(self, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
        """Return one verdict for each digest set, in order; raises Unavailable."""
        answers = ListAnswers(self._current_list(), self.name)
        return [answers.judge(digests) for digests in digest_sets]

    def is_listed(self, algorithm: Algorithm, digest: str) -> bool:
        """Whether the list has an entry with this digest, of any status; raises Unavailable."""
        return bool(self._current_list().sections[algorithm].find_rows(bytes.fromhex(digest)))

    def health(self) -> Health:
        """Say whether the list is there and whole; raises nothing."""
        try:
            hash_list = self._current_list()
        except Unavailable as error:
            return Health(is_healthy=False, reason=str(error))
        return Health(
            is_healthy=True,
            list_version=hash_list.list_version,
            built_at=hash_list.built_at,
            entries=hash_list.entry_count,
        )

    def close(self) -> None:
        """Unmap the list."""
        if self._list is not None:
            self._list.close()
            self._list = None

    def _current_list(self) -> HashList:
        try:
            mark = FileMark.of(self._path.stat())
        except OSError as error:
            self.close()
            raise Unavailable(
                f"hash list {self._path} cannot be asked ({error.strerror}): put the built list there"
            ) from error
        if self._list is not None and self._list.mark == mark:
            return self._list
        self.close()
        if self._damage is not None and self._damage[0] == mark:
            raise Unavailable(self._damage[1])
        try:
            self._list = HashList(self._path)
        except HashListDamaged as error:
            self._damage = mark, str(error)
            raise Unavailable(str(error)) from error
        except HashListUnreadable as error:
            raise Unavailable(str(error)) from error
        self._damage = None
        return self._list


class ListAnswers:
    """The verdicts of one batch; a verdict is costly to make, and the digests of a bare list share one."""

    def __init__(self, hash_list: HashList, service: str) -> None:
        self._list = hash_list
        self._service = service
        self._asked_at = now()
        self._finders = [(name, section.find_rows) for name, section in hash_list.sections.items() if section.count]
        self._no_match = Verdict(
            result=VerdictResult.NO_MATCH,
            service=service,
            asked_at=self._asked_at,
            list_version=hash_list.list_version,
            built_to=hash_list.built_at,
        )

    def judge(self, digests: DigestSet) -> Verdict:
        """Return what the list says of one digest set."""
        listings = self.find(digests)
        if not listings:
            return self._no_match
        return judge(
            digests,
            listings,
            service=self._service,
            asked_at=self._asked_at,
            list_version=self._list.list_version,
            built_to=self._list.built_at,
        )

    def find(self, digests: DigestSet | AskedDigests) -> list[Listing]:
        """Return every entry that has at least one of the digests."""
        agreeing: dict[int, list[Algorithm]] = {}
        for algorithm, find_rows in self._finders:
            digest: str | None = getattr(digests, algorithm)
            if digest is not None:
                for row in find_rows(bytes.fromhex(digest)):
                    agreeing.setdefault(row, []).append(algorithm)
        return [self._listing(row, algorithms) for row, algorithms in agreeing.items()]

    def _listing(self, row: int, algorithms: list[Algorithm]) -> Listing:
        entry = self._list.entry(row)
        return Listing(
            service=self._service,
            list=entry.list,
            entry_id=entry.entry_id,
            category=entry.category,
            scheme=entry.scheme,
            nature=entry.nature or nature_of(entry.scheme, entry.category),
            status=_status(entry.status),
            algorithms=tuple(algorithms),
            size=entry.size,
            list_version=self._list.list_version,
            built_to=self._list.built_at,
        )


def _status(written: str | None) -> EntryStatus:
    """Return an entry's status; a word that we do not know is no reason to drop the match, nor to act on it."""
    if written is None:
        return EntryStatus.ACTIVE
    try:
        return EntryStatus(written)
    except ValueError:
        return EntryStatus.DISPUTED
