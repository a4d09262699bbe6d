"""Tells by its name that a file is a part of an archive that was split into several files."""

from __future__ import annotations

import re

# album.part2.rar; album.r00 (to .t99, after .rar); album.z01 (before .zip); album.zip.001 and album.7z.001.
_PART = re.compile(
    r".*\.(?:part[0-9]{1,5}\.rar|[rstz][0-9]{2}|(?:7z|zip|rar|tar|tgz|t?[gx]z|t?bz2?|zst|iso)\.[0-9]{3})", re.IGNORECASE
)


def is_archive_part(name: str) -> bool:
    """Whether a file's name is that of one file of an archive in several: most of these have no signature."""
    return _PART.fullmatch(name) is not None
