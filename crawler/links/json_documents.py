"""Finds the references in JSON whose names are known: JSON Feed and web app manifests.

It is not parsed: a parser stops at the first fault, and deep nesting ends it. The formats are
https://www.jsonfeed.org/version/1.1/ and https://www.w3.org/TR/appmanifest/.
"""

from __future__ import annotations

import json
import re

from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links.found_links import FoundLinks
from orbweaver.crawler.links.pages.html import add_markup

_MEMBER = re.compile(
    r'(?P<attachments>"attachments"\s*+:\s*+\[)|(?P<end>\])'
    r'|"(?P<name>[a-z_]{2,20})"\s*+:\s*+"(?P<value>(?:[^"\\]++|\\.){0,64})(?P<close>"?)',
    re.DOTALL,
)
_MORE = re.compile(r'(?:[^"\\]++|\\.){1,64}', re.DOTALL)
_FEED = {
    **dict.fromkeys(["url", "external_url", "home_page_url", "feed_url", "next_url"], LinkKind.PAGE),
    **dict.fromkeys(["icon", "favicon", "image", "banner_image", "avatar"], LinkKind.FILE),
}
_FEED_HTML = "content_html"
_APP = {"src": LinkKind.FILE, "start_url": LinkKind.PAGE, "url": LinkKind.PAGE}


def add_json_feed(found: FoundLinks, text: str) -> None:
    """Add the pages, pictures and attachments of a JSON Feed, and the references in the HTML of its items."""
    _add(found, text, _FEED)


def add_app_manifest(found: FoundLinks, text: str) -> None:
    """Add the icons, screenshots and pages of a web app manifest."""
    _add(found, text, _APP)


def _add(found: FoundLinks, text: str, kinds: dict[str, LinkKind]) -> None:
    is_attachment = False
    position = 0
    while member := _MEMBER.search(text, position):
        if found.is_truncated:
            return
        position = member.end()
        if member["name"] is None:
            is_attachment = member["attachments"] is not None
            continue
        start = member.start("value")
        if not member["close"]:
            while more := _MORE.match(text, position):
                position = more.end()
        value = _unescaped(text[start : position - len(member["close"])])
        kind = kinds.get(member["name"])
        if kind is not None:
            found.add(value, LinkKind.FILE if is_attachment else kind)
        elif member["name"] == _FEED_HTML and kinds is _FEED:
            add_markup(found, value)


def _unescaped(written: str) -> str:
    if "\\" not in written:
        return written
    try:
        return str(json.loads(f'"{written}"', strict=False))
    except ValueError:
        return ""
