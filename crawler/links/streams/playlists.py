"""Finds the references in an HLS playlist: segments, other playlists, and files that its tags name.

The format is RFC 8216; variables are those of its second edition (draft-pantos-hls-rfc8216bis, 4.3 and 4.4.2.3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links.found_links import FoundLinks
from orbweaver.model import Outcome

# Left out: keys, which are secrets and no files; and content steering, which is asked again and again.
_NAMING_TAGS = frozenset(
    f"#EXT-X-{name}"
    for name in (
        *("MEDIA", "MAP", "PART", "PRELOAD-HINT", "I-FRAME-STREAM-INF", "IMAGE-STREAM-INF", "RENDITION-REPORT"),
        "SESSION-DATA",
    )
)
# What is shown between parts of the stream (RFC 8216bis, D.2).
_INTERSTITIAL_TAG = "#EXT-X-DATERANGE"
_INTERSTITIALS = ("X-ASSET-URI", "X-ASSET-LIST")
_DEFINING_TAG = "#EXT-X-DEFINE"
_ATTRIBUTE = re.compile(r'(?<![A-Z0-9-])(?P<name>[A-Z0-9-]++)=(?:"(?P<quoted>[^"]*+)"?|(?P<bare>[^",]*+))')
_VARIABLE = re.compile(r"\{\$(?P<name>[A-Za-z0-9_-]{1,64})\}")
# No longer URL is fetched.
_LINE_CHARACTERS = 8_192
_MOST_VARIABLES = 100
# Of all variables of one playlist together, for they are kept for the playlists that it names.
_VARIABLE_CHARACTERS = 16_384
_LINE_END = re.compile(r"\r\n|\n|\r")


def add_playlist(found: FoundLinks, text: str, *, url: str, imported: Mapping[str, str]) -> None:
    """Add the references of a playlist, segments in their order; a range of a file counts as the whole file.

    `url` is its URL, whose parameters it may take for variables, and `imported` has the variables of the playlist that
    named it. A reference with a variable that nobody defines is left out, and noted. `found.variables` is set.
    """
    variables = found.variables
    for line in _LINE_END.split(text):
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
        elif name == _INTERSTITIAL_TAG:
            attributes = _attributes(rest)
            for interstitial in _INTERSTITIALS:
                _add(found, attributes.get(interstitial, ""), variables)
        elif name == _DEFINING_TAG and len(variables) < _MOST_VARIABLES:
            _define(variables, _attributes(rest), url=url, imported=imported)


def _define(variables: dict[str, str], attributes: dict[str, str], *, url: str, imported: Mapping[str, str]) -> None:
    name, value = attributes.get("NAME", ""), attributes.get("VALUE")
    if parameter := attributes.get("QUERYPARAM"):
        name, value = parameter, _parameter_of(url, parameter)
    elif inherited := attributes.get("IMPORT"):
        name, value = inherited, imported.get(inherited)
    if value is not None and sum(map(len, variables.values())) + len(value) <= _VARIABLE_CHARACTERS:
        variables[name] = value


def _parameter_of(url: str, name: str) -> str | None:
    try:
        query = urlsplit(url).query
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=1_000)).get(name)
    except ValueError:
        return None


def _attributes(text: str) -> dict[str, str]:
    return {match["name"]: match["quoted"] or match["bare"] or "" for match in _ATTRIBUTE.finditer(text)}


def _add(found: FoundLinks, reference: str, variables: dict[str, str]) -> None:
    if "{$" in reference:
        reference = _VARIABLE.sub(lambda match: variables.get(match["name"], match[0]), reference)
        if _VARIABLE.search(reference):
            reason = "the playlist names files with a variable that neither it nor its URL defines"
            found.note(Outcome.REFUSED_URL, "playlist.variable", reason)
            return
    if len(reference) <= _LINE_CHARACTERS:
        found.add(reference, LinkKind.FILE)
