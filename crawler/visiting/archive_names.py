"""Tells by its name that a file is a part of an archive that was split into several files."""

from __future__ import annotations

import re
from urllib.parse import unquote

from orbweaver.crawler.rules.urls import path_of

# album.part2.rar; album.r00 (to .t99, after .rar); album.z01 (before .zip); album.zip.001 and album.7z.001.
_PART = re.compile(
    r".*\.(?:part[0-9]{1,5}\.rar|[rstz][0-9]{2}|(?:7z|zip|rar|tar|tgz|t?[gx]z|t?bz2?|zst|iso)\.[0-9]{3})", re.IGNORECASE
)


# RFC 6266, 4.1; of a name in both forms any says what the file is.
_FILE_NAME = re.compile(
    r"filename\*?\s{0,9}=\s{0,9}(?:[a-z0-9-]{1,20}'[a-z-]{0,20}')?\"?([^\";]{1,255})", re.IGNORECASE
)


def names_in_header(content_disposition: str) -> list[str]:
    """Return the names that a Content-Disposition header gives a file, escapes undone.

    >>> names_in_header('attachment; filename="a b.z01"; filename*=UTF-8\'\'c%20d.z01')
    ['a b.z01', 'c d.z01']
    """
    return [unquote(name).strip() for name in _FILE_NAME.findall(content_disposition)]


def names_of(url: str, content_disposition: str) -> list[str]:
    """Return the names of a file: in its canonical URL, and as its host says to save it."""
    return [path_of(url).rpartition("/")[2], *names_in_header(content_disposition)]


def is_archive_part(name: str) -> bool:
    """Whether a file's name is that of one file of an archive in several: most of these have no signature."""
    return _PART.fullmatch(name) is not None
