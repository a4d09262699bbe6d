"""Reads category tables, which an operator writes in TOML: the meaning of a list's categories in a region.

    name = "Example region, confirmed 2026-01-15"

    [[table]]
    schemes = ["vics-uk"]        # the table is for rows of these schemes: column "category, scheme" of the docs
    none = "unknown"             # a row without a category; unknown when left out
    categories = { 0 = "benign", A = "abuse", B = "abuse", C = "abuse" }

A category that the table leaves out is unknown, so a match on it is held. Other schemes keep the tables of
`categories`.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from orbweaver.matcher_client.errors import CategoryTableRefused
from orbweaver.matcher_client.lists.categories import Table, is_vics, nature_of
from orbweaver.matcher_client.transport.answer_reading import is_text
from orbweaver.model import Nature

MOST_BYTES = 1024 * 1024
_MOST_ERRORS = 20
_SCHEME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
# The shape of a whole row decides; a table could only turn harmless files into abuse, or the other way round.
_NOT_FOR_TABLES = "nist-caid"
_NATURES = "abuse, benign or unknown"


@dataclass(frozen=True)
class CategoryTable:
    """The meanings of categories by scheme (lower case); None: a row without a category. Part of a built list."""

    name: str
    schemes: Mapping[str, Table]

    def nature_of(self, scheme: str | None, category: str | None) -> Nature:
        """Say what a category means: by this table for its schemes, else by the common tables."""
        table = self.schemes.get((scheme or "").lower())
        return nature_of(scheme, category) if table is None else table.get(category, Nature.UNKNOWN)

    @property
    def version(self) -> str:
        """A digest of the name and of all meanings."""
        return hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Return the table as a built list keeps it and as `hashlist info` shows it."""
        return {
            "name": self.name,
            "schemes": {
                scheme: {
                    "categories": {category: table[category].value for category in sorted(filter(None, table))},
                    "none": table[None].value,
                }
                for scheme, table in sorted(self.schemes.items())
            },
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the table that `as_json` stored."""
        return cls(stored["name"], {scheme: _stored_table(table) for scheme, table in stored["schemes"].items()})


def _stored_table(stored: Mapping[str, Any]) -> Table:
    by_category = {category: Nature(nature) for category, nature in stored["categories"].items()}
    return {None: Nature(stored["none"]), **by_category}


def read_category_table(path: Path) -> CategoryTable:
    """Read a table; raises CategoryTableRefused, with a line for each mistake that says how to correct it."""
    if path.exists() and not path.is_file():
        raise CategoryTableRefused(f"{path} is not a regular file: name a category table in TOML")
    try:
        with path.open("rb") as file:
            written = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise CategoryTableRefused(f"{path} cannot be read ({error.strerror}): check the path") from None
    if len(written) > MOST_BYTES:
        raise CategoryTableRefused(f"{path} has more than {MOST_BYTES:,} bytes: that is no category table")
    try:
        document = tomllib.loads(written.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise CategoryTableRefused(f"{path} is not UTF-8: save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise CategoryTableRefused(f"{path} is not TOML ({error}): correct that place") from None
    complaints = list(_complaints(document))
    if complaints:
        more = [f"and {len(complaints) - _MOST_ERRORS:,} more"] * (len(complaints) > _MOST_ERRORS)
        lines = [*complaints[:_MOST_ERRORS], *more]
        raise CategoryTableRefused("\n".join(f"{path}: {line}" for line in lines))
    return CategoryTable(
        document["name"],
        {scheme: _read_table(scheme, table) for table in document["table"] for scheme in table["schemes"]},
    )


def _read_table(scheme: str, written: Mapping[str, Any]) -> Table:
    # VICS 0 is "non-pertinent" in every region, also when a table leaves it out.
    table: Table = {"0": Nature.BENIGN} if is_vics(scheme) else {}
    table[None] = Nature(written.get("none", Nature.UNKNOWN.value))
    return table | {category: Nature(nature) for category, nature in written["categories"].items()}


def _complaints(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each mistake in a document, with the way to correct it."""
    for key in sorted(document.keys() - {"name", "table"}):
        yield f"{_quoted(key)} is not a key here: the keys are name and [[table]]"
    name = document.get("name")
    if not isinstance(name, str) or not name.strip() or len(name) > 100 or not is_text(name):
        yield 'the name is missing or not a short text: write name = "region, who confirmed it, when"'
    tables = document.get("table")
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        yield "there is no [[table]]: add one, with schemes and categories"
        return
    seen: set[str] = set()
    for number, table in enumerate(tables, start=1):
        where = f"table {number}"
        for key in sorted(table.keys() - {"schemes", "none", "categories"}):
            yield f"{where}: {_quoted(key)} is not a key here: the keys are schemes, none and categories"
        yield from _complain_of_schemes(where, table, seen)
        yield from _complain_of_categories(where, table)


def _complain_of_schemes(where: str, table: Mapping[str, Any], seen: set[str]) -> Iterator[str]:
    schemes = table.get("schemes")
    if not isinstance(schemes, list) or not schemes or not all(isinstance(scheme, str) for scheme in schemes):
        yield f'{where}: schemes is not a list of names: write schemes = ["vics-uk"]'
        return
    for scheme in schemes:
        if not _SCHEME.fullmatch(scheme):
            yield f"{where}: {_quoted(scheme)} is not a scheme: write it in lower case, as hashlist info shows it"
        elif scheme == _NOT_FOR_TABLES:
            yield f"{where}: the rows of {scheme} show their meaning without a table: leave it out"
        elif scheme in seen:
            yield f"{where}: the scheme {scheme} has a table already: leave it out of one"
        seen.add(scheme)


def _complain_of_categories(where: str, table: Mapping[str, Any]) -> Iterator[str]:
    none = table.get("none", Nature.UNKNOWN.value)
    if not _is_nature(none):
        yield f"{where}: none = {_quoted(none)} is not a nature: write {_NATURES}"
    categories = table.get("categories")
    if not isinstance(categories, dict) or not categories:
        yield f'{where}: there are no categories: write categories = {{ 1 = "abuse" }}'
        return
    schemes = table.get("schemes")
    is_of_vics = isinstance(schemes, list) and any(isinstance(scheme, str) and is_vics(scheme) for scheme in schemes)
    for category, nature in categories.items():
        if not category or not is_text(category):
            yield f"{where}: {_quoted(category)} is not a category: for rows without a category write none = ..."
        elif not _is_nature(nature):
            yield f"{where}: category {_quoted(category)} has the nature {_quoted(nature)}: write {_NATURES}"
        elif category == "0" and nature == Nature.ABUSE.value and is_of_vics:
            yield f"{where}: VICS 0 is harmless in every region: write 0 = benign or unknown, or leave it out"


def _is_nature(value: object) -> bool:
    return isinstance(value, str) and value in {nature.value for nature in Nature}


def _quoted(value: object) -> str:
    return json.dumps(str(value)[:60], ensure_ascii=False)
