"""Finds the fragments that a Smooth Streaming manifest stands for, within a limit ([MS-SSTR], 2.2.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links.found_links import FoundLinks
from orbweaver.crawler.links.streams.manifests import MOST_SEGMENTS
from orbweaver.crawler.links.xml_tags import Tag, tags

# No longer URL is fetched, and a template can repeat its values.
_REFERENCE_CHARACTERS = 4_096
_MOST_QUALITIES = 100
_WHOLE = re.compile(r"[0-9]{1,18}")
_PLACE = re.compile(r"\{(?:(?P<bitrate>bitrate)|(?P<time>start[ _]time))\}", re.IGNORECASE)


class _Stream:
    """One stream: the template of its fragments, its bit rates, and when its fragments begin."""

    def __init__(self, template: str) -> None:
        self._template = template if len(template) <= _REFERENCE_CHARACTERS else ""
        self._bitrates: list[str] = []
        self._runs: list[tuple[int, int, int]] = []  # when the first begins, how long each is, how many they are
        self._next = 0

    def read(self, tag: Tag) -> None:
        if tag.name == "QualityLevel" and len(self._bitrates) < _MOST_QUALITIES:
            self._bitrates.append(str(_whole(tag.attributes.get("Bitrate", "")) or 0))
        elif tag.name == "c" and len(self._runs) < MOST_SEGMENTS:
            begin = _whole(tag.attributes.get("t", ""))
            self._next = self._next if begin is None else begin
            length, repeats = _whole(tag.attributes.get("d", "")) or 0, _whole(tag.attributes.get("r", "")) or 1
            self._runs.append((self._next, length, repeats))
            self._next += length * repeats

    def references(self) -> Iterator[str]:
        for bitrate in self._bitrates:
            for begin, length, repeats in self._runs:
                for number in range(repeats):
                    yield self._filled({"bitrate": bitrate, "time": str(begin + number * length)})

    def _filled(self, values: dict[str, str]) -> str:
        return _PLACE.sub(lambda place: values[place.lastgroup or ""], self._template)[:_REFERENCE_CHARACTERS]


def add_smooth_streams(found: FoundLinks, text: str) -> None:
    """Add the fragments of every stream and quality, at most MOST_SEGMENTS."""
    stream: _Stream | None = None
    left = MOST_SEGMENTS
    for tag in tags(text):
        if found.is_truncated:
            return
        if tag.name == "StreamIndex" and not tag.is_end:
            stream = _Stream(tag.attributes.get("Url", ""))
        elif stream is not None and tag.name == "StreamIndex":
            for reference in islice(stream.references(), left):
                left -= 1
                found.add(reference, LinkKind.FILE)
            stream = None
            if not left:
                found.is_truncated = True
        elif stream is not None and not tag.is_end:
            stream.read(tag)


def _whole(text: str) -> int | None:
    return int(text) if _WHOLE.fullmatch(text.strip()) else None
