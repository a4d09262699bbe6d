"""Finds the references in the headers `Link` and `Refresh`, which browsers follow like the HTML elements."""

from __future__ import annotations

import re
from collections.abc import Iterable

from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links.found_links import Link
from orbweaver.crawler.links.pages.attribute_values import refresh_reference
from orbweaver.crawler.links.pages.element_rules import link_references

MOST_HEADER_LINKS = 100
# RFC 8288, 3. Nothing follows the repetition, so each character is read once.
_LINK = re.compile(r"<(?P<reference>[^<>]*+)>(?P<parameters>(?:[^,\"<]++|\"[^\"]*+\"?){0,256})")
_PARAMETER = re.compile(r";\s*+(?P<name>[\w*-]++)\s*+=\s*+(?:\"(?P<quoted>[^\"]*+)\"?|(?P<bare>[^\s;,\"]*+))", re.ASCII)


def header_links(*, link: Iterable[str] = (), refresh: str | None = None) -> tuple[Link, ...]:
    """Return the references in all `Link` headers and the `Refresh` header of an answer, at most MOST_HEADER_LINKS."""
    found: dict[Link, None] = {}
    if refresh and (reference := refresh_reference(refresh)):
        found[Link(reference, LinkKind.PAGE)] = None
    for value in link:
        for match in _LINK.finditer(value):
            attributes = {"href": match["reference"]}
            for parameter in _PARAMETER.finditer(match["parameters"]):
                attributes.setdefault(parameter["name"].lower(), parameter["quoted"] or parameter["bare"] or "")
            for reference, kind in link_references(attributes):
                if reference and len(found) < MOST_HEADER_LINKS:
                    found[Link(reference, kind)] = None
    return tuple(found)
