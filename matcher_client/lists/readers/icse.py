"""Reads INTERPOL ICSE exports: a CSV with `;`, recognised by its columns.

Source: IPED's HashDBTool, which knows the header `MD5;SHA1;PhotoDNA;Image ID;Is distributed;Victim identified;Offender
identified;Series name;Number of submissions;File Available;Media Type;Baseline`. `Baseline` is a flag: whether the
image meets the criteria of INTERPOL's Baseline. IPED takes every row as abuse material. Whether an image that is not
Baseline is illegal depends on the law of a country, so the category says which of both it is. Any other flag is kept as
it is.
"""

from __future__ import annotations

from functools import partial

from orbweaver.matcher_client.lists.file_format import Label
from orbweaver.matcher_client.lists.readers import columns, text
from orbweaver.matcher_client.lists.row import Row, read_text

DEFAULT_LIST = "icse"
SCHEME = "icse"
BASELINE = "baseline"
NOT_BASELINE = "not baseline"
_COLUMNS = frozenset({"md5", "sha1", "imageid", "baseline"})
_FLAGS = dict.fromkeys(("y", "yes", "t", "true"), BASELINE) | dict.fromkeys(("n", "no", "f", "false"), NOT_BASELINE)


def is_export(head: bytes) -> bool:
    """Whether one of the first lines of a text has the columns of an ICSE export; a title may stand above it."""
    return any(map(_COLUMNS.issubset, columns.first_headers(head)))


def make_row(values: text.Values, list_name: str) -> Row:
    """Return the row of a line from its values by column; raises BadRowError."""
    flag = read_text(values.get("baseline"), "Baseline")
    label = Label(list_name, _FLAGS.get(flag.lower(), flag) if flag else None, SCHEME, None)
    digests, spoilt = text.digests_of(values)
    return Row(digests, label, entry_id=read_text(values.get("imageid"), "Image ID"), spoilt=spoilt)


read = partial(text.read, make_row=make_row)
