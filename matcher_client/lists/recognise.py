"""Reads the lists that people have: the content of a file tells its format, never its name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from orbweaver.matcher_client.errors import BadFileError, HashListUnreadable
from orbweaver.matcher_client.lists.readers import icse, json_digests, ncmec, nsrl, tcap, text, tool_output, vics
from orbweaver.matcher_client.lists.readers.columns import other_algorithm_of
from orbweaver.matcher_client.lists.row import Read, Row
from orbweaver.matcher_client.lists.source import open_source, read_head
from orbweaver.model import Nature


class Format(NamedTuple):
    """A format that we read; `list_name` is the name of its lists when nothing else gives one."""

    name: str
    read: Callable[..., Iterator[Read]]
    list_name: str | None = None


# A title may begin with a bracket, too: `[HashSet: known]`.
_JSON = re.compile(rb"""\{|\[\s*(?:["\[{\]0-9-]|true|false|null|$)""")
_HTML = re.compile(rb"<(?:!doctype html|html|head|body|table|div|p)\b", re.IGNORECASE)

_TEXT = Format("CSV or bare digests", text.read)
_TCAP = Format("TCAP", tcap.read, tcap.DEFAULT_LIST)
_ICSE = Format("ICSE", icse.read, icse.DEFAULT_LIST)
_NSRL = Format("NIST NSRL RDS", nsrl.read, nsrl.DEFAULT_LIST)
_NCMEC = Format("NCMEC hash sharing v2", ncmec.read, ncmec.DEFAULT_LIST)


def read_rows(
    path: Path,
    *,
    list_name: str | None = None,
    is_benign: bool = False,
    tell_format: Callable[[str], None] | None = None,
) -> Iterator[Read]:
    """Yield the rows of a list; memory use does not depend on the file's size.

    `list_name` is the name of the list for rows that name none; without it, the name of the format, else the name of
    the file without its suffix. With `is_benign` every row is of a file that is known to be harmless. `tell_format` is
    called with the name of the format, before the first row.

    Raises HashListUnreadable when the file cannot be read, has an unknown format, or is not complete.
    """
    rows = 0
    try:
        form = _choose(path)
        if tell_format is not None:
            tell_format(form.name)
        name = list_name or form.list_name or os.fsencode(path.stem).decode(errors="replace")
        with open_source(path) as file:
            for row in form.read(file, str(path), list_name=name):
                rows += isinstance(row, Row)
                if is_benign and isinstance(row, Row):
                    yield row._replace(label=row.label._replace(nature=Nature.BENIGN))
                else:
                    yield row
    except BadFileError as bad:
        whole = f" ({rows:,} rows before that are whole)" if rows else ""
        raise HashListUnreadable(f"hash list {path} {bad}{whole}") from bad
    except OSError as error:
        raise HashListUnreadable(
            f"hash list {path} cannot be read ({error.strerror}): check its permissions"
        ) from error


def _choose(path: Path) -> Format:
    if not path.is_file():
        raise BadFileError(f"{'is not a regular file' if path.exists() else 'is missing'}: check the path")
    start = read_head(path).lstrip()
    if _HTML.match(start):
        raise BadFileError("is an HTML page: save its table as CSV")
    if start.startswith(b"<"):
        return _NCMEC
    if _JSON.match(start):
        return _choose_json(start)
    if nsrl.is_reference_data_set(start):
        return _NSRL
    tool = tool_output.tool_of(start)
    if tool is not None:
        return Format(tool.name, partial(tool_output.read, tool=tool))
    if icse.is_export(start):
        return _ICSE
    other = other_algorithm_of(os.fsencode(path.name).decode(errors="replace"))
    return _TEXT if other is None else Format(_TEXT.name, partial(text.read, other_algorithm=other))


def _choose_json(start: bytes) -> Format:
    if vics.is_vics(start):
        return Format("VICS", partial(vics.read, head=start))
    if tcap.is_tcap(start):
        return _TCAP
    if json_digests.is_digests(start):
        return Format("JSON with digests", partial(json_digests.read, head=start))
    raise BadFileError("is JSON, but neither VICS nor TCAP nor objects with md5, sha1 or sha256: give these, or a CSV")
