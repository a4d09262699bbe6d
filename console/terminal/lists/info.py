"""`orbweaver hashlist info`: verifies a built list as a whole, and shows what is in it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orbweaver.console.text import report_console, safe, size
from orbweaver.matcher_client.lists.canary import canary_names, canary_text
from orbweaver.matcher_client.lists.categories import entry_nature, entry_status
from orbweaver.matcher_client.lists.file_format import FORMAT, HashList
from orbweaver.model import format_time
from rich.table import Table

LABELS_SHOWN = 50


@dataclass(frozen=True)
class EffectiveLabel:
    """The facts that entries have in common, with the nature and the status that a verdict uses."""

    list: str | None
    category: str | None
    scheme: str | None
    nature: str
    status: str


def run(path: Path, *, is_json: bool) -> None:
    """Print what is in a built list; raises HashListUnreadable and HashListDamaged."""
    hash_list = HashList(path)
    counts: Counter[EffectiveLabel] = Counter()
    table = hash_list.category_table
    for label, entries in hash_list.label_counts():
        nature = entry_nature(label, table)
        status = entry_status(label)
        counts[EffectiveLabel(label.list, label.category, label.scheme, nature.value, status.value)] += entries
    names = canary_names(hash_list)
    facts: dict[str, Any] = {
        "list": str(path),
        "format": FORMAT,
        "list_version": hash_list.list_version,
        "built_at": format_time(hash_list.built_at),
        "bytes": hash_list.mark.size,
        "entries": hash_list.entry_count,
        "digests": {algorithm: section.count for algorithm, section in hash_list.sections.items()},
        "canaries": [{"name": name, "canary": canary_text(name)} for name in names],
        "category_table": None if table is None else {**table.as_json(), "version": table.version},
        "labels": [{**vars(label), "entries": entries} for label, entries in counts.most_common()],
    }
    hash_list.close()
    if is_json:
        sys.stdout.write(json.dumps(facts) + "\n")
    else:
        _show(facts, counts)


def _show(facts: dict[str, Any], counts: Counter[EffectiveLabel]) -> None:
    digests = ", ".join(f"{count:,} {algorithm}" for algorithm, count in facts["digests"].items())
    sys.stdout.write(
        f"{facts['list']}: whole; format {facts['format']}, built {facts['built_at']}, {size(facts['bytes'])}\n"
        f"list version {facts['list_version']}\n"
        f"{facts['entries']:,} entries ({digests})\n"
    )
    for canary in facts["canaries"]:
        sys.stdout.write(f"canary {safe(canary['name'])}: canary={canary['canary']}\n")
    if (own_table := facts["category_table"]) is not None:
        sys.stdout.write(
            f"category table {safe(own_table['name'])}, version {own_table['version'][:12]}, "
            f"for {', '.join(own_table['schemes'])}\n"
        )
    table = Table(box=None, pad_edge=False)
    table.add_column("entries", justify="right")
    for heading in ("list", "category", "scheme", "nature", "status"):
        table.add_column(heading, overflow="fold")
    for label, entries in counts.most_common(LABELS_SHOWN):
        named = (label.list, label.category, label.scheme)
        table.add_row(f"{entries:,}", *(safe(text or "-") for text in named), label.nature, label.status)
    report_console(width=200, markup=False).print(table)
    if len(counts) > LABELS_SHOWN:
        sys.stdout.write(f"and {len(counts) - LABELS_SHOWN:,} more combinations: --json has all\n")
