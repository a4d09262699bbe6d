"""Answers from a built hash list on this machine, without a network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orbweaver.matcher_client.errors import HashListDamaged, HashListUnreadable, Unavailable
from orbweaver.matcher_client.lists.canary import canary_named, canary_names
from orbweaver.matcher_client.lists.categories import entry_nature, entry_status
from orbweaver.matcher_client.lists.file_format import FileMark, HashList
from orbweaver.matcher_client.protocol import ClaimedHealth
from orbweaver.matcher_client.services.orbweaver_protocol import AskedDigests
from orbweaver.matcher_client.transport.service_address import Canary
from orbweaver.matcher_client.verdicts import judge
from orbweaver.model import Algorithm, DigestSet, Listing, Source, Verdict, VerdictResult, now


class HashListService:
    """Answers from a built list and follows it: the next batch uses a file that was rebuilt or replaced.

    Construction touches nothing. Before each batch one `stat` tells whether the file is still the one that was
    verified. If not, the file is opened and verified again, whole (1 to 3 seconds for 1 GB). A file that is missing,
    truncated or damaged makes `lookup` raise Unavailable; the answer is never `no_match`.

    `name` is the name of the list, wherever the file is; without a name, its path. Cases rest on the list of that name.

    For each digest set every algorithm of the list is tried. Threads must not share the service. A forked process may
    use the service that its parent opened, and need not verify the list again.

    The list is verified, so it needs no canary. A canary that was planted in it (`build --canary`) is known when the
    list is open.

    If somebody cuts the file short in place *during* a batch, the process is killed (SIGBUS on the mapped pages). So
    lists are replaced by renaming, as `lists.build.build` does.
    """

    def __init__(self, path: Path, name: str | None = None) -> None:
        self.name = f"hashlist:{name or path}"
        self.canary: Canary | None = None
        self._path = path
        self._list: HashList | None = None
        # A damaged file is not read again, whole, until it changes.
        self._damage: tuple[FileMark, str] | None = None

    def lookup(self, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
        """Return one verdict for each digest set, in order; raises Unavailable."""
        return ListAnswers(self._current_list(), self.name).judge(digest_sets)

    def is_listed(self, algorithm: Algorithm, digest: str) -> bool:
        """Whether the list has an entry with this digest, of any status; raises Unavailable."""
        return bool(self._current_list().sections[algorithm].find([digest]))

    def health(self) -> ClaimedHealth:
        """Say whether the list is there and whole; raises nothing."""
        try:
            hash_list = self._current_list()
        except Unavailable as error:
            return ClaimedHealth(is_healthy=False, reason=str(error))
        return ClaimedHealth(
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
        names = canary_names(self._list)
        self.canary = canary_named(names[0]) if names else None
        return self._list


# The meta rows that have a digest of one digest set, each with the algorithms that agree, strongest first.
_Agreeing = dict[int, tuple[Algorithm, ...]]


class ListAnswers:
    """Judges one batch by a list. Making a verdict takes ten times as long as a miss, so equal ones are shared."""

    def __init__(self, hash_list: HashList, service: str) -> None:
        self._list = hash_list
        self._service = service
        self._asked_at = now()
        self._shared: dict[tuple[tuple[int, tuple[Algorithm, ...]], ...], Verdict] = {}

    def judge(self, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
        """Return one verdict for each digest set, in order."""
        source = Source(
            service=self._service,
            asked_at=self._asked_at,
            list_version=self._list.list_version,
            built_to=self._list.built_at,
        )
        no_match = Verdict(result=VerdictResult.NO_MATCH, sources=(source,))
        verdicts = [no_match] * len(digest_sets)
        for place, agreeing in self._agreeing(digest_sets).items():
            verdicts[place] = self._verdict(digest_sets[place], agreeing)
        return verdicts

    def find(self, digest_sets: Sequence[DigestSet | AskedDigests]) -> list[list[Listing]]:
        """Return for each digest set, in order, every entry that has at least one of its digests."""
        agreeing = self._agreeing(digest_sets)
        return [
            [self._listing(row, algorithms) for row, algorithms in agreeing.get(place, {}).items()]
            for place in range(len(digest_sets))
        ]

    def _agreeing(self, digest_sets: Sequence[DigestSet | AskedDigests]) -> dict[int, _Agreeing]:
        """Return the rows that agree with each digest set, by its place; places without a row are left out."""
        by_place: dict[int, _Agreeing] = {}
        for algorithm, section in self._list.sections.items():
            if not section.count:
                continue
            places: Sequence[int] = range(len(digest_sets))
            asked: list[str | None] = [getattr(digests, algorithm) for digests in digest_sets]
            if None in asked:
                places = [place for place, digest in enumerate(asked) if digest is not None]
            for at, row in section.find([digest for digest in asked if digest is not None]):
                agreeing = by_place.setdefault(places[at], {})
                agreeing[row] = (*agreeing.get(row, ()), algorithm)
        return by_place

    def _verdict(self, digests: DigestSet, agreeing: _Agreeing) -> Verdict:
        key = tuple(agreeing.items())
        verdict = self._shared.get(key)
        if verdict is None:
            listings = [self._listing(row, algorithms) for row, algorithms in key]
            verdict = judge(
                digests,
                listings,
                service=self._service,
                asked_at=self._asked_at,
                list_version=self._list.list_version,
                built_to=self._list.built_at,
            )
            # The only fact of the file in a verdict is its size, and only when a listing gives a size, too.
            if all(listing.size is None for listing in listings):
                self._shared[key] = verdict
        return verdict

    def _listing(self, row: int, algorithms: tuple[Algorithm, ...]) -> Listing:
        entry = self._list.entry(row)
        return Listing(
            service=self._service,
            list=entry.list,
            entry_id=entry.entry_id,
            category=entry.category,
            scheme=entry.scheme,
            nature=entry_nature(entry, self._list.category_table),
            status=entry_status(entry),
            algorithms=algorithms,
            size=entry.size,
            list_version=self._list.list_version,
            built_to=self._list.built_at,
        )
