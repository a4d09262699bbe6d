"""`orbweaver hashlist lookup`: shows the entries of a built list for digests that are typed or piped in."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from orbweaver.console.errors import BadDigest
from orbweaver.console.text import safe
from orbweaver.matcher_client.lists.categories import entry_nature, entry_status
from orbweaver.matcher_client.lists.category_table import CategoryTable
from orbweaver.matcher_client.lists.file_format import Entry, HashList
from orbweaver.matcher_client.transport.service_address import read_digest

NOT_FOUND = 1


def run(path: Path, arguments: Sequence[str], *, is_json: bool) -> int:
    """Print the entries of each digest; return 0 when the list has every digest, else 1.

    An argument `-` stands for the lines of standard input. Raises BadDigest, HashListUnreadable and HashListDamaged.
    """
    hash_list = HashList(path)
    answers: list[dict[str, Any]] = []
    is_complete = True
    for typed in _digests(arguments, sys.stdin.buffer):
        asked = read_digest(typed)
        entries = hash_list.find(asked.algorithm, bytes.fromhex(asked.digest))
        is_complete = is_complete and bool(entries)
        if is_json:
            answers.append(
                {
                    "digest": typed,
                    "algorithm": asked.algorithm,
                    "entries": [_as_json(e, hash_list.category_table) for e in entries],
                }
            )
        else:
            _show(typed, entries, hash_list.category_table)
    if is_json:
        facts = {"list": str(path), "list_version": hash_list.list_version, "digests": answers}
        sys.stdout.write(json.dumps(facts) + "\n")
    hash_list.close()
    return 0 if is_complete else NOT_FOUND


def _digests(arguments: Sequence[str], standard_input: Iterable[bytes]) -> Iterator[str]:
    for number, argument in enumerate(arguments, 1):
        if argument != "-":
            yield _checked(argument, f"digest {number}")
            continue
        for line_number, line in enumerate(standard_input, 1):
            if text := line.decode(errors="replace").strip():
                yield _checked(text, f"line {line_number} of standard input")


def _checked(text: str, place: str) -> str:
    try:
        read_digest(text)
    except ValueError as error:
        raise BadDigest(f"{place} is {error}, or the hex digits alone") from None
    return text


def _as_json(entry: Entry, table: CategoryTable | None) -> dict[str, Any]:
    return {
        **entry._asdict(),
        "nature": entry_nature(entry, table).value,
        "status": entry_status(entry).value,
    }


def _show(typed: str, entries: Sequence[Entry], table: CategoryTable | None) -> None:
    if not entries:
        sys.stdout.write(f"{typed}  not listed\n")
    for entry in entries:
        fields = {
            "list": entry.list,
            "entry": entry.entry_id,
            "category": entry.category,
            "scheme": entry.scheme,
            "nature": entry_nature(entry, table).value,
            "status": entry_status(entry).value,
            "size": entry.size,
        }
        facts = "  ".join(f"{name} {safe(str(value))}" for name, value in fields.items() if value is not None)
        sys.stdout.write(f"{typed}  {facts}\n")
