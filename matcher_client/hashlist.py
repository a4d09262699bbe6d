"""A matching service that is a file: a built hash list, local, no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orbweaver.matcher_client.errors import HashListDamaged, HashListUnreadable, Unavailable
from orbweaver.matcher_client.list_format import Algorithm, Entry, FileMark, HashList
from orbweaver.matcher_client.protocol import Health
from orbweaver.model import DigestSet, Verdict, VerdictResult

# A list keeps an entry that it took back, so that its users can tell "taken back" from "never listed".
_WITHDRAWN = "withdrawn"
_ACTIVE = (None, "active")


class HashListService:
    """Answers from a built list and follows it: a rebuilt or replaced file is picked up by the next batch.

    Construction touches nothing. Before each batch one `stat` tells whether the file is still the one that
    was verified; if not, it is opened and verified again, whole (1 to 3 seconds for 1 GB). A file that is
    missing, truncated or damaged makes `lookup` raise Unavailable, never say `no_match`.

    For each digest set SHA-256 is tried, then SHA-1, then MD5. Entries with status `withdrawn` do not match;
    among entries that share a digest an active one is preferred. Not to be shared between threads; a forked
    process may go on with a service that its parent opened, and need not verify the list again.

    Cutting the file short in place *during* a batch kills the process (SIGBUS on the mapped pages), so lists
    are replaced by renaming, as `list_build.build` does.
    """

    def __init__(self, path: Path) -> None:
        self.name = f"hashlist:{path}"
        self._path = path
        self._list: HashList | None = None
        # A damaged file is not read again, whole, until it changes.
        self._damage: tuple[FileMark, str] | None = None

    def lookup(self, digest_sets: Sequence[DigestSet]) -> list[Verdict]:
        """Return one verdict for each digest set, in order; raises Unavailable."""
        answers = _Answers(self._current_list())
        return [answers.judge(digests) for digests in digest_sets]

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


class _Answers:
    """The verdicts of one batch; a verdict is costly to make, and the digests of a bare list share one."""

    def __init__(self, hash_list: HashList) -> None:
        self._list = hash_list
        self._finders = [(name, section.find_rows) for name, section in hash_list.sections.items() if section.count]
        self._no_match = Verdict(result=VerdictResult.NO_MATCH, list_version=hash_list.list_version)
        self._made: dict[tuple[Algorithm, tuple[int, ...]], Verdict | None] = {}

    def judge(self, digests: DigestSet) -> Verdict:
        for algorithm, find_rows in self._finders:
            rows = find_rows(bytes.fromhex(getattr(digests, algorithm)))
            if rows:
                key = algorithm, tuple(rows)
                if key not in self._made:
                    self._made[key] = self._make(algorithm, rows)
                verdict = self._made[key]
                if verdict is not None:
                    return verdict
        return self._no_match

    def _make(self, algorithm: Algorithm, rows: Sequence[int]) -> Verdict | None:
        entry = _choose([self._list.entry(row) for row in rows])
        if entry is None:
            return None
        return Verdict(
            result=VerdictResult.MATCH,
            algorithm=algorithm,
            list=entry.list,
            entry_id=entry.entry_id,
            category=entry.category,
            scheme=entry.scheme,
            list_version=self._list.list_version,
            list_size=entry.size,
        )


def _choose(entries: Sequence[Entry]) -> Entry | None:
    valid = [entry for entry in entries if entry.status != _WITHDRAWN]
    return next((entry for entry in valid if entry.status in _ACTIVE), valid[0] if valid else None)
