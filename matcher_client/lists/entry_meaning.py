"""What a list's entry means where it leaves something out or says it in its own words."""

from __future__ import annotations

from orbweaver.matcher_client.lists.category_table import CategoryTable, meaning
from orbweaver.matcher_client.lists.file_format import Entry, Label
from orbweaver.model import EntryStatus, Nature


def entry_nature(entry: Entry | Label, table: CategoryTable | None) -> Nature:
    """Return what the list as a whole is, or else what its category means: by the list's own table, if it has one."""
    return entry.nature or meaning(table, entry.scheme, entry.category)


def entry_status(entry: Entry | Label) -> EntryStatus:
    """Return an entry's status; a word that we do not know is no reason to drop the match, nor to act on it."""
    if entry.status is None:
        return EntryStatus.ACTIVE
    try:
        return EntryStatus(entry.status)
    except ValueError:
        return EntryStatus.DISPUTED
