"""Reads the same fields of many hashes in one command, for who looks at many things again and again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orbweaver.store.connection import Store

_SCRIPT = Path(__file__).with_name("hash_fields.lua").read_text()


def read(store: Store, prefix: str, names: Sequence[str], fields: Sequence[str]) -> list[list[bytes | None]]:
    """Return the values of fields of the hashes `prefix` + name, in order; None for each that is not there."""
    if not names:
        return []
    rows: list[list[bytes | None]] = store.register_script(_SCRIPT)(args=[prefix, len(fields), *fields, *names])
    return rows
