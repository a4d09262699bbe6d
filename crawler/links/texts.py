"""Finds what may be references in JSON, XML and plain text of which nobody knows what their names mean.

A list of files is often such a document: of a bucket, a folder, a gallery, a player. What is found is a candidate, as
in the scripts of a page (candidates.py).
"""

from __future__ import annotations

import re

from orbweaver.crawler.bodies.sniff import HEAD_BYTES, root_name
from orbweaver.crawler.link_kind import LinkKind, LinkSource
from orbweaver.crawler.links.found_links import FoundLinks
from orbweaver.crawler.links.listings import add_json_listing, add_xml_listing
from orbweaver.crawler.links.pages.candidates import is_file, is_listed_file, text_references
from orbweaver.crawler.links.xml_tags import tags, unescaped

# No longer URL is fetched.
_MOST_CHARACTERS = 4_096


# Markdown writes "[words](path)" and "[word]: path", a PLS list "File1=path".
_WRITTEN_PATH = re.compile(
    r"""
      \]\(\s*+<?+(?P<linked>[^()\s<>]{1,2048}+)
    | ^[ ]{0,3}\[[^\]\n]{1,255}+\]:[ \t]*+<?+(?P<defined>[^\s<>]{1,2048}+)
    | ^File\d{1,4}+=(?P<listed>\S{1,2048}+)
    """,
    re.MULTILINE | re.VERBOSE,
)
# A line that is a path alone is one of a list of files, or of a playlist; behind a digest it is one of what `sha256sum`
# and its like write.
_LINE = re.compile(r"^(?:[0-9a-fA-F]{32,64}+[ ][ *])?(?P<path>[^\r\n]{1,1024}+)\r?$", re.MULTILINE)


# The next page of a list in JSON, which is often a path.
_NEXT_PAGE = re.compile(
    r"\"(?:next|more|older|next_?(?:page|url|link|page_?url)|load_?more(?:_?url)?)\"\s{0,9}:\s{0,9}"
    r"\"(?P<path>(?:\\?/(?!\\?/)|\?)[^\"\s]{1,2048}+)\"",
    re.IGNORECASE,
)


def add_text(found: FoundLinks, text: str) -> None:
    """Add the absolute URLs of a text, and its paths with a media ending in quotes, in links or alone in a line.

    In JSON, the path of the next page of a list is one, too.
    """
    for following in _NEXT_PAGE.finditer(text):
        reference = following["path"].replace("\\/", "/").replace("\\u0026", "&")
        found.add_candidate(reference, LinkKind.PAGE, LinkSource.SCRIPT)
    for written in _WRITTEN_PATH.finditer(text):
        if is_file(reference := written["linked"] or written["defined"] or written["listed"]):
            found.add_candidate(reference, LinkKind.FILE, LinkSource.SCRIPT)
    add_json_listing(found, text)
    for line in _LINE.finditer(text):
        # Backslashes are slashes, as in URLs.
        if is_listed_file(path := line["path"].strip().replace("\\", "/")):
            found.add_candidate(path, LinkKind.FILE, LinkSource.SCRIPT)
    for reference in text_references(text):
        found.add_candidate(reference, LinkKind.FILE if is_file(reference) else LinkKind.PAGE, LinkSource.SCRIPT)


_STYLE_SHEET = re.compile(r"<\?xml-stylesheet[^>]*?\shref=[\"'](?P<reference>[^\"'>]*)")


def add_style_sheets(found: FoundLinks, text: str) -> None:
    """Add the style sheets that the beginning of an XML document declares (https://www.w3.org/TR/xml-stylesheet/)."""
    for match in _STYLE_SHEET.finditer(text[:HEAD_BYTES]):
        found.add(unescaped(match["reference"]), LinkKind.FILE)


def add_xml(found: FoundLinks, text: str) -> None:
    """Add the same of an XML document, and the elements and attributes that are a path with a media ending.

    Its style sheets are links, CSS and XSLT.
    """
    add_style_sheets(found, text)
    root = root_name(text[:HEAD_BYTES].encode("utf-8", "replace")) or ""
    add_xml_listing(found, root, tags(text))
    add_text(found, text)
    for tag in tags(text):
        # https://www.w3.org/TR/SMIL/smil-structure.html; Adobe's Flash Media Manifest, 2.2. What stands before is lost.
        if root == "smil" and tag.name == "meta" and "base" in tag.attributes:
            found.set_base(tag.attributes["base"])
        elif root == "manifest" and tag.name == "baseURL" and tag.text.strip():
            found.set_base(tag.text.strip())
        for value in (tag.text, *tag.attributes.values()):
            if len(value) <= _MOST_CHARACTERS and is_file(value.strip()) and "\n" not in value.strip():
                found.add_candidate(value.strip(), LinkKind.FILE, LinkSource.SCRIPT)
