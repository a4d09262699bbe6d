"""The checks that formats share and that no library does: URIs, times, one safe line, and no media anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from ipaddress import IPv6Address
from typing import Any, Final

from orbweaver.takedown.errors import ExportRefused

_UNRESERVED = r"\-A-Za-z0-9._~"
_IN_PATH = _UNRESERVED + r"!$&'()*+,;=:@/?"
_IS_URI = re.compile(
    rf"https?://(?:[{_UNRESERVED}]+|\[(?P<ipv6>[0-9A-Fa-f:.]+)\])(?::[0-9]{{1,5}})?(?:[/?](?:[{_IN_PATH}]|%[0-9A-Fa-f]{{2}})*)?"
).fullmatch
_LONGEST_URI: Final = 64 * 1024
_IS_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII).fullmatch
# The media types that evidence may have: text that a machine or a person reads. All others are refused, pictures first.
EVIDENCE_TYPES: Final = frozenset({"application/json", "text/plain"})
_IS_DATA_URI = re.compile(r"\s*data:", re.IGNORECASE).match


def exact_url(url: str) -> str:
    """Return a URL that every reader takes for the same address; raises ExportRefused for any other text.

    It is a URI by RFC 3986: ASCII, http or https, without userinfo and fragment. So it has no control characters, and
    none that change the direction of writing.
    """
    if not is_uri(url):
        raise ExportRefused("its URL is not an http or https URI by RFC 3986, so receivers would read it differently")
    return url


def is_uri(text: object) -> bool:
    """Whether a value is an http or https URI by RFC 3986, without userinfo and fragment."""
    if not isinstance(text, str) or len(text) > _LONGEST_URI or (match := _IS_URI(text)) is None:
        return False
    return match["ipv6"] is None or _is_ipv6(match["ipv6"])


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def is_time(text: object) -> bool:
    """Whether a value is a time by RFC 3339."""
    if not isinstance(text, str) or _IS_TIME(text) is None:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def one_line(text: str) -> str:
    """Return a text of a host or a list as one line of visible characters: it can begin no line and turn no text round.

    >>> one_line("a\\r\\nBcc: x"), one_line("gpj\\u202e.exe")
    ('a\ufffd\ufffdBcc: x', 'gpj\ufffd.exe')
    """
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def media_in(value: Any) -> Iterator[str]:
    """Yield what is media, or may hold some, in a JSON document: its place, and why.

    A file is told of by its digests alone. Evidence has one of two text types, and no text is a `data:` URI.
    """
    yield from _media_in(value, "")


def _media_in(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, str):
        if _IS_DATA_URI(value):
            yield f"{place or 'the document'} is a data: URI"
    elif isinstance(value, dict):
        content_type = value.get("content_type")
        if "payload" in value and content_type not in EVIDENCE_TYPES:
            yield f"{place}.content_type: {content_type!r} is no type of evidence; {sorted(EVIDENCE_TYPES)} are"
        for name, part in value.items():
            yield from _media_in(part, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from _media_in(part, f"{place}[{number}]")


def require_no_media(document: Any) -> None:
    """Raise ExportRefused when a document has media in it, or what may be some."""
    if complaint := next(media_in(document), None):
        raise ExportRefused(f"no media leaves Orbweaver: {complaint}")
