"""Finds the references in an HLS playlist: segments, other playlists, and files that its tags name (RFC 8216)."""

from __future__ import annotations

import re

from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links.html import FoundLinks

# Left out: keys, which are secrets and no files; session data, content steering and date ranges, which nobody sees.
_NAMING_TAGS = frozenset(
    f"#EXT-X-{name}"
    for name in ["MEDIA", "MAP", "PART", "PRELOAD-HINT", "I-FRAME-STREAM-INF", "IMAGE-STREAM-INF", "RENDITION-REPORT"]
)
_DEFINING_TAG = "#EXT-X-DEFINE"
_ATTRIBUTE = re.compile(r'(?<![A-Z0-9-])(?P<name>[A-Z0-9-]++)=(?:"(?P<quoted>[^"]*+)"?|(?P<bare>[^",]*+))')
_VARIABLE = re.compile(r"\{\$(?P<name>[A-Za-z0-9_-]{1,64})\}")
# No longer URL is fetched.
_LINE_CHARACTERS = 8_192
_MOST_VARIABLES = 100


def add_playlist(found: FoundLinks, text: str) -> None:
    """Add the references of a playlist, segments in their order; a range of a file counts as the whole file."""
    variables: dict[str, str] = {}
    for line in text.splitlines():
        if found.is_truncated:
            return
        if len(line) > _LINE_CHARACTERS or not line:
            continue
        if not line.startswith("#"):
            _add(found, line, variables)
            continue
        name, _, rest = line.partition(":")
        if name in _NAMING_TAGS:
            _add(found, _attributes(rest).get("URI", ""), variables)
        elif name == _DEFINING_TAG and len(variables) < _MOST_VARIABLES:
            attributes = _attributes(rest)
            variables[attributes.get("NAME", "")] = attributes.get("VALUE", "")


def _attributes(text: str) -> dict[str, str]:
    return {match["name"]: match["quoted"] or match["bare"] or "" for match in _ATTRIBUTE.finditer(text)}


def _add(found: FoundLinks, reference: str, variables: dict[str, str]) -> None:
    if variables and "{$" in reference:
        reference = _VARIABLE.sub(lambda match: variables.get(match["name"], match[0]), reference)
    if len(reference) <= _LINE_CHARACTERS:
        found.add(reference, LinkKind.FILE)
