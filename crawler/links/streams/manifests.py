"""Finds the references in a DASH manifest: its segments, made from templates within a limit (ISO/IEC 23009-1)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links.found_links import FoundLinks
from orbweaver.crawler.links.xml_tags import Tag, tags
from orbweaver.model import Outcome

# A line of a manifest can stand for any number of segments: at most so many, of all representations, are requested.
MOST_SEGMENTS = 10_000
# Four kinds of elements make a level; no true manifest has more levels.
_MOST_LEVELS = 16
_LEVELS = frozenset({"MPD", "Period", "AdaptationSet", "Representation"})
# No longer URL is fetched, and a template can repeat its values.
_REFERENCE_CHARACTERS = 4_096
# For a live stream, whose end is not known.
_SEGMENTS_WITHOUT_END = 3
# Of one representation: each has all segments.
_MOST_BASES = 4
_FILES = (
    ("SegmentURL", "media"),
    ("SegmentURL", "index"),
    ("Initialization", "sourceURL"),
    ("RepresentationIndex", "sourceURL"),
    ("BitstreamSwitching", "sourceURL"),
)
# Parts of the manifest that are files of their own (5.5); their attribute is `xlink:href`.
_REMOTE = frozenset({"Period", "AdaptationSet", "EventStream", "SegmentList"})
_TEMPLATE_NAMES = """
    media initialization index bitstreamSwitching startNumber endNumber timescale duration presentationTimeOffset
"""
_TEMPLATE = frozenset(_TEMPLATE_NAMES.split())
_IDENTIFIER = re.compile(
    r"\$(?:(?P<name>RepresentationID|Number|Bandwidth|Time)(?:%(?:0(?P<width>[0-9]{1,2}))?[diu])?)?\$"
)
_DURATION = re.compile(
    r"P(?:(?P<days>[0-9]{1,9})D)?(?:T(?:(?P<hours>[0-9]{1,9})H)?(?:(?P<minutes>[0-9]{1,9})M)?"
    r"(?:(?P<seconds>[0-9]{1,9}(?:\.[0-9]{1,9})?)S)?)?"
)
_SECONDS = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
_WHOLE = re.compile(r"-?[0-9]{1,18}")


class _Run(NamedTuple):
    """Several segments of the same length in a row: an `S` of a timeline."""

    begin: int | None
    length: int
    repeats: int


@dataclass(slots=True)
class _Level:
    """The facts at one level of the manifest; each level below starts with those of the level above."""

    name: str = ""
    bases: tuple[str, ...] = ("",)
    bases_above: tuple[str, ...] = ("",)
    has_own_base: bool = False
    seconds: float | None = None
    template: dict[str, str] = field(default_factory=dict)
    timeline: list[_Run] = field(default_factory=list)
    has_list: bool = False
    identity: str = ""
    bandwidth: str = ""


def add_manifest(found: FoundLinks, text: str) -> None:
    """Add the segments of every representation, at most MOST_SEGMENTS from templates.

    Where one level has several `BaseURL`, they should lead to the same files. The first counts, and each other that is
    on the manifest's own host, for the first may lead to a host that nobody may ask.
    """
    levels = [_Level()]
    left = MOST_SEGMENTS
    for tag in tags(text):
        if found.is_truncated:
            return
        if not tag.is_end and tag.name in _REMOTE and (remote := tag.attributes.get("href")):
            found.add(remote, LinkKind.FILE)
        if not tag.is_end and tag.name in _LEVELS and len(levels) < _MOST_LEVELS:
            levels.append(_below(levels[-1], tag))
        elif not tag.is_end:
            _read(found, levels[-1], tag)
        elif len(levels) > 1 and tag.name == levels[-1].name:
            level = levels.pop()
            if level.name != "Representation":
                continue
            if _is_without_end(level):
                reason = "a live stream: which segments there are now is not known, only the first were asked for"
                found.note(Outcome.LIMIT, "manifest.live", reason)
            segments = (_joined(base, reference) for reference in _segments(level) for base in level.bases)
            for reference in islice(segments, left):
                left -= 1
                found.add(reference, LinkKind.FILE)
            if not left:
                found.is_truncated = True


def _below(above: _Level, tag: Tag) -> _Level:
    level = replace(above, name=tag.name, bases_above=above.bases, has_own_base=False)
    duration = _seconds(tag.attributes.get("mediaPresentationDuration") or tag.attributes.get("duration", ""))
    if duration is not None:
        level.seconds = duration
    if tag.name == "Representation":
        level.identity = tag.attributes.get("id", "")
        level.bandwidth = tag.attributes.get("bandwidth", "")
    return level


def _read(found: FoundLinks, level: _Level, tag: Tag) -> None:
    """Set the facts that one element gives about its level, and add the file that it names."""
    attributes = tag.attributes
    if tag.name == "BaseURL":
        _read_base(found, level, tag.text.strip())
    elif tag.name == "SegmentTemplate":
        own = {name: value for name, value in attributes.items() if name in _TEMPLATE}
        level.template, level.timeline = {**level.template, **own}, []
    elif tag.name == "SegmentList":
        level.has_list = True
    elif tag.name == "S":
        begin = _whole(attributes["t"]) if "t" in attributes else None
        level.timeline.append(_Run(begin, _whole(attributes.get("d", "")), _whole(attributes.get("r", ""))))
    elif tag.name in {"Location", "PatchLocation"}:
        found.add(tag.text, LinkKind.FILE)
    for name, attribute in _FILES:
        if tag.name == name and (reference := attributes.get(attribute)):
            for base in level.bases:
                found.add(_joined(base, reference), LinkKind.FILE)


def _read_base(found: FoundLinks, level: _Level, written: str) -> None:
    bases = [_joined(above, written) for above in level.bases_above]
    if not level.has_own_base:
        level.bases, level.has_own_base = tuple(bases), True
        return
    own = [base for base in bases if base not in level.bases and _is_on_host_of(found.page, base)]
    level.bases = (*level.bases, *own)[:_MOST_BASES]


def _is_on_host_of(page: str, base: str) -> bool:
    try:
        return urlsplit(urljoin(page, base)).netloc == urlsplit(page).netloc
    except ValueError:  # the text in the place of the host is no host
        return False


def _segments(level: _Level) -> Iterator[str]:
    """Yield the references of one representation's segments, relative to its base."""
    for name in ("initialization", "bitstreamSwitching"):
        if written := level.template.get(name):
            yield _filled(written, level)
    if media := level.template.get("media"):
        if _filled(media, level) == _filled(media, level, number=1, time=1):
            yield _filled(media, level)
            return
        index = level.template.get("index", "")
        for number, time in _numbered(level):
            yield _filled(media, level, number=number, time=time)
            if index:
                yield _filled(index, level, number=number, time=time)
    elif not level.has_list and not level.template and level.bases[0] and not level.bases[0].endswith("/"):
        yield ""  # the base is the file


def _is_without_end(level: _Level) -> bool:
    """Whether the segments are numbered, and nothing says how many there are."""
    template = level.template
    is_counted = bool(level.timeline) or "endNumber" in template or level.seconds is not None
    return "media" in template and "duration" in template and not is_counted


def _numbered(level: _Level) -> Iterator[tuple[int, int]]:
    """Yield number and time of each segment; without end when the manifest has no end."""
    template = level.template
    scale = max(1, _whole(template.get("timescale", "1")))
    number = _whole(template.get("startNumber", "1"))
    length = _whole(template.get("duration", ""))
    offset = _whole(template.get("presentationTimeOffset", ""))
    end = None if level.seconds is None else offset + math.ceil(level.seconds * scale)
    runs = level.timeline
    if not runs and length > 0:
        count = _whole(template["endNumber"]) - number + 1 if "endNumber" in template else _until(offset, end, length)
        runs = [_Run(offset, length, count - 1)]
    time = 0
    for place, run in enumerate(runs):
        time = run.begin if run.begin is not None else time
        following = runs[place + 1].begin if place + 1 < len(runs) else None
        repeats = run.repeats
        if repeats < 0 and level.timeline:
            repeats = _until(time, end if following is None else following, max(1, run.length)) - 1
        for _ in range(repeats + 1):
            yield number, time
            number += 1
            time += run.length


def _until(begin: int, end: int | None, length: int) -> int:
    return _SEGMENTS_WITHOUT_END if end is None else math.ceil((end - begin) / length)


def _filled(template: str, level: _Level, *, number: int = 0, time: int = 0) -> str:
    """Return a template with its identifiers filled in (5.3.9.4.4)."""

    def value(match: re.Match[str]) -> str:
        width = int(match["width"] or 0)
        match match["name"]:
            case "RepresentationID":
                return level.identity
            case "Bandwidth":
                return level.bandwidth.zfill(width)
            case "Number":
                return str(number).zfill(width)
            case "Time":
                return str(time).zfill(width)
            case _:
                return "$"

    if len(template) + len(level.identity) > _REFERENCE_CHARACTERS:
        return ""
    return _IDENTIFIER.sub(value, template)[:_REFERENCE_CHARACTERS]


def _joined(base: str, reference: str) -> str:
    if not base or not reference:
        return reference or base
    if len(base) + len(reference) > _REFERENCE_CHARACTERS:
        return ""
    try:
        return urljoin(base, reference)
    except ValueError:  # the text in the place of the host is no host
        return reference


def _seconds(text: str) -> float | None:
    match = _DURATION.fullmatch(text.strip()[:100])
    if match is None:
        return None
    return sum(float(value) * _SECONDS[name] for name, value in match.groupdict().items() if value)


def _whole(text: str) -> int:
    text = text.strip()
    return int(text) if _WHOLE.fullmatch(text) else 0
