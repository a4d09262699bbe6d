"""Finds what may be references in JSON, XML and plain text of which nobody knows what their names mean.

A list of files is often such a document: of a bucket, a folder, a gallery, a player. What is found is a candidate, as
in the scripts of a page (candidates.py).
"""

from __future__ import annotations

import re

from orbweaver.crawler.link_kind import LinkKind, LinkSource
from orbweaver.crawler.links.found_links import FoundLinks
from orbweaver.crawler.links.pages.candidates import is_file, text_references
from orbweaver.crawler.links.xml_tags import tags

# No longer URL is fetched.
_MOST_CHARACTERS = 4_096


# Markdown writes "[words](path)", a PLS list "File1=path".
_WRITTEN_PATH = re.compile(
    r"\]\(\s*+<?+(?P<linked>[^()\s<>]{1,2048}+)|^File\d{1,4}+=(?P<listed>\S{1,2048}+)", re.MULTILINE
)


def add_text(found: FoundLinks, text: str) -> None:
    """Add the absolute URLs of a text, and the paths with a media ending that stand in quotes or are links in it."""
    for written in _WRITTEN_PATH.finditer(text):
        if is_file(reference := written["linked"] or written["listed"]):
            found.add_candidate(reference, LinkKind.FILE, LinkSource.SCRIPT)
    for reference in text_references(text):
        found.add_candidate(reference, LinkKind.FILE if is_file(reference) else LinkKind.PAGE, LinkSource.SCRIPT)


def add_xml(found: FoundLinks, text: str) -> None:
    """Add the same of an XML document, and the elements and attributes that are a path with a media ending."""
    add_text(found, text)
    for tag in tags(text):
        for value in (tag.text, *tag.attributes.values()):
            if len(value) <= _MOST_CHARACTERS and is_file(value.strip()) and "\n" not in value.strip():
                found.add_candidate(value.strip(), LinkKind.FILE, LinkSource.SCRIPT)
