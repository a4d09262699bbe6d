"""`orbweaver hashlist diff`: shows what a new list adds, removes, withdraws and disputes, in numbers or by entry."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from orbweaver.console.text import safe
from orbweaver.matcher_client.lists.compare import ChangeKind, EntryChange, compare
from orbweaver.matcher_client.lists.external_sort import ExternalSort
from orbweaver.matcher_client.lists.file_format import HashList
from orbweaver.model import ALGORITHMS, Algorithm, format_time
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

DIFFERENT = 1
SORT_BYTES = 32 * 2**20

Counts = dict[Algorithm, dict[ChangeKind, int]]


def run(old: Path, new: Path, *, has_entries: bool, is_json: bool) -> int:
    """Print the differences; return 0 when there are none, else 1. Raises HashListUnreadable and HashListDamaged.

    Digests are counted by algorithm. With `has_entries` each entry that changed and has an entry id is shown too.
    """
    lists = HashList(old), HashList(new)
    counts: Counts = {algorithm: dict.fromkeys(ChangeKind, 0) for algorithm in ALGORITHMS}
    with tempfile.TemporaryDirectory(prefix="orbweaver-diff-") as folder:
        # Changes come in the order of digests. They are sorted by entry on disk, without the digests.
        entries = ExternalSort(Path(folder), "entries", chunk_bytes=SORT_BYTES)
        nameless = 0
        for change in _changes(*lists):
            counts[change.algorithm][change.kind] += 1
            if has_entries:
                key = _entry_of(change)
                nameless += key is None
                if key is not None:
                    entries.add(key)
        facts: dict[str, Any] = {
            "old": _list_facts(old, lists[0]),
            "new": _list_facts(new, lists[1]),
            "digests": counts,
        }
        if has_entries:
            facts["digests_without_entry_id"] = nameless
        if is_json:
            _write_json(facts, _entries(entries) if has_entries else None)
        else:
            _show(facts, counts, _entries(entries))
    for hash_list in lists:
        hash_list.close()
    return DIFFERENT if any(any(kinds.values()) for kinds in counts.values()) else 0


def _changes(old: HashList, new: HashList) -> Iterator[EntryChange]:
    console = Console(stderr=True)
    columns = TextColumn("comparing"), BarColumn(), TextColumn("{task.completed:,} digests"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        total = sum(section.count for hash_list in (old, new) for section in hash_list.sections.values())
        task = progress.add_task("", total=total)
        yield from compare(old, new, progress=lambda read: progress.update(task, completed=read))


def _list_facts(path: Path, hash_list: HashList) -> dict[str, Any]:
    return {
        "list": str(path),
        "list_version": hash_list.list_version,
        "built_at": format_time(hash_list.built_at),
        "entries": hash_list.entry_count,
    }


def _entry_of(change: EntryChange) -> bytes | None:
    """Return a key that sorts the changes of one entry together, the algorithm last; None without an entry id."""
    entry = change.after or change.before
    assert entry is not None  # a change has one of them
    if entry.entry_id is None:
        return None
    facts = (entry.list, entry.entry_id, change.kind, entry.category, entry.scheme, entry.nature, entry.status)
    return json.dumps((*facts, ALGORITHMS.index(change.algorithm))).encode()


def _entries(entries: ExternalSort) -> Iterator[dict[str, Any]]:
    names = ("list", "entry_id", "change", "category", "scheme", "nature", "status")
    records = (json.loads(record) for record in entries.drain())
    for entry, together in groupby(records, key=lambda record: record[:-1]):
        # Several rows of an entry, of different sizes say, can change the same digest.
        places = dict.fromkeys(record[-1] for record in together)
        yield {**dict(zip(names, entry, strict=True)), "algorithms": [ALGORITHMS[place] for place in places]}


def _write_json(facts: dict[str, Any], entries: Iterator[dict[str, Any]] | None) -> None:
    if entries is None:
        sys.stdout.write(json.dumps(facts) + "\n")
        return
    # Written as they come: there can be as many as the lists have entries.
    sys.stdout.write(json.dumps(facts)[:-1] + ', "changes": [')
    for number, entry in enumerate(entries):
        sys.stdout.write((", " if number else "") + json.dumps(entry))
    sys.stdout.write("]}\n")


def _show(facts: dict[str, Any], counts: Counts, entries: Iterator[dict[str, Any]]) -> None:
    for which in ("old", "new"):
        of_list = facts[which]
        sys.stdout.write(
            f"{which}: {of_list['list']}: list version {of_list['list_version'][:12]}, built {of_list['built_at']}, "
            f"{of_list['entries']:,} entries\n"
        )
    for algorithm, kinds in counts.items():
        changed = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count)
        if changed:
            sys.stdout.write(f"{algorithm} digests: {changed}\n")
    for entry in entries:
        named = {name: entry[name] for name in ("category", "scheme", "nature", "status")}
        facts_said = "  ".join(f"{name} {safe(str(value))}" for name, value in named.items() if value is not None)
        digests = ", ".join(entry["algorithms"])
        where = f"list {safe(entry['list'] or '-')}  entry {safe(entry['entry_id'])}"
        sys.stdout.write(f"{entry['change']}  {where}  {facts_said}  ({digests})\n")
    if facts.get("digests_without_entry_id"):
        sys.stdout.write(f"{facts['digests_without_entry_id']:,} of the digests have no entry id\n")
    if not any(any(kinds.values()) for kinds in counts.values()):
        sys.stdout.write("no difference\n")
