"""Finds the pictures that the cues of a WebVTT or SubRip file name: the thumbnails of a film, often in one sprite.

The format is https://www.w3.org/TR/webvtt1/. Players take the text of a cue for a reference, relative to the file, with
the part of the picture behind it (`sprite.jpg#xywh=0,0,160,90`, https://www.w3.org/TR/media-frags/).
"""

from __future__ import annotations

import re

from orbweaver.crawler.link_kind import LinkKind, LinkSource
from orbweaver.crawler.links.found_links import FoundLinks
from orbweaver.crawler.links.pages.candidates import is_file, text_references

# No longer URL is fetched.
_LINE_CHARACTERS = 8_192
_TIMES = "-->"
_NOT_SHOWN = re.compile(r"(?:NOTE|STYLE|REGION)(?:[ \t]|\Z)")
_PART_OF_PICTURE = re.compile(r"#(?:xywh|t|xyn)=", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://\S++", re.IGNORECASE)


def add_cues(found: FoundLinks, text: str) -> None:
    """Add each line of a cue that is a reference, and what stands in quotes in cues that are JSON."""
    is_shown = False
    has_json = False
    for line in map(str.strip, text.splitlines()):
        if found.is_truncated:
            return
        if not line:
            is_shown = False
        elif _TIMES in line:
            is_shown = True
        elif is_shown and len(line) <= _LINE_CHARACTERS and not _NOT_SHOWN.match(line):
            has_json |= line.startswith(("{", "["))
            if _is_reference(line):
                found.add(line, LinkKind.FILE)
    if has_json:
        for reference in text_references(text):
            found.add_candidate(reference, LinkKind.FILE, LinkSource.SCRIPT)


def _is_reference(line: str) -> bool:
    if _PART_OF_PICTURE.search(line):
        return True
    is_one_word = not any(character.isspace() for character in line)
    return is_one_word and (_ADDRESS.fullmatch(line) is not None or is_file(line))
