"""URLs that something encloses: HTML, the marks of forums and chats, Markdown, angle brackets, quotes."""

from __future__ import annotations

import html
import re
from typing import Final

from orbweaver.queue.errors import NotCertain
from orbweaver.queue.intake.url_starts import SCHEME, START, WWW, begins_twice, has_url

# RFC 3986, appendix C, writes <URL:http://...>; Slack <http://...|its text>.
_AUTOLINK: Final = re.compile(rf"<\s*(?:UR[IL]:)?((?:{SCHEME}|{WWW})[^<>]*)>", re.IGNORECASE)
_TAG: Final = re.compile(r"<(?:/?[a-z]|!doctype\b)[^<>]*>", re.IGNORECASE)
_BREAK_FOR_LAYOUT: Final = re.compile(r"</?wbr\b", re.IGNORECASE)
_TAG_INSIDE_WORDS: Final = re.compile(
    r"</?(?:b|i|u|s|em|strong|span|font|mark|small|big|sub|sup|code|tt|ins|del)\b", re.IGNORECASE
)
# Of any name but those whose URLs name a vocabulary and lead nowhere.
_ATTRIBUTE: Final = re.compile(
    r"""(?<![\w:-])(?!xmlns|itemtype|vocab|profile)[\w:-]+\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE
)
# Forums write [url=http://...]text[/url] and [img]http://...[/img].
_FORUM_END: Final = re.compile(r"\[/(url|img|image|thumb|media|video|audio|flash|quote|code|spoiler)\]", re.IGNORECASE)
_FORUM_TAG: Final = re.compile(
    r"\[(/?)(url|img|image|thumb|media|video|audio|flash|quote|code|spoiler)(?:[= ]([^\[\]\n]*))?\]", re.IGNORECASE
)
_MARKDOWN: Final = re.compile(r"\]\(\s*<?((?:[^()\s<>]|\([^()\s<>]*\))+)>?(?:\s+[\"'][^\"']*[\"'])?\s*\)")
# Straight, English, German, single, French.
_QUOTED: Final = re.compile(
    "\"([^\"]+)\"|'([^']+)'|\u201c([^\u201c\u201d]+)\u201d|\u201e([^\u201c-\u201e]+)[\u201c\u201d]"
    "|\u2018([^\u2018\u2019]+)\u2019|\u00ab([^\u00ab\u00bb]+)\u00bb|\u2039([^\u2039\u203a]+)\u203a"
)
# Of the source of a page or a mail: signs that do not stand in a URL, and those that a URL is made of.
_REFERENCE: Final = re.compile(
    r"&(?:amp;)?((?:quot|apos|lt|gt|nbsp|colon|sol|period|#(?!0*38;)[0-9]{1,5}|#x(?!0*26;)[0-9a-f]{1,4});)",
    re.IGNORECASE,
)


def has_tag(text: str) -> bool:
    """Whether a tag of HTML is in a text."""
    return _TAG.search(text) is not None


def take_enclosed(text: str, enclosed: list[str]) -> str:
    """Move what HTML, Markdown, angle brackets and quotes enclose to `enclosed`; return the text without it."""

    def take(found: re.Match[str]) -> str:
        inside = next(filter(None, found.groups()), "").strip()
        if START.match(inside) is None or begins_twice(inside):
            return found[0]
        enclosed.append(inside)
        return " "

    def take_link(found: re.Match[str]) -> str:
        url, bar, label = found[1].partition("|")
        if not bar or begins_twice(url):
            return take(found)
        if "?" in url and not (re.search(r"\s", label) or label.rstrip(".\u2026") in html.unescape(url)):
            raise NotCertain("a | inside; write %7C where it belongs to the URL, else a blank")
        enclosed.append(url.strip())
        return " "

    def take_tag(tag: re.Match[str]) -> str:
        if _BREAK_FOR_LAYOUT.match(tag[0]):
            return ""
        # What stands behind a tag is no part of what stands before it, but for the tags inside words.
        end_mark = "<" if _TAG_INSIDE_WORDS.match(tag[0]) else "<>"
        several = [end_mark]
        for value in _ATTRIBUTE.findall(tag[0]):
            url = html.unescape("".join(value)).strip()
            if START.match(url) and not begins_twice(url):
                enclosed.append(url)
            elif has_url(url):  # a set of images, a style
                several.append(url)
        return " ".join((*several, end_mark)) if several[1:] else end_mark

    def take_forum_tag(tag: re.Match[str]) -> str:
        if tag[2].lower() not in closed:
            return tag[0]
        value = (tag[3] or "").strip(" \"'")
        if START.match(value) and not begins_twice(value):
            enclosed.append(value)
        return " "

    text = _AUTOLINK.sub(take_link, text)
    text = _TAG.sub(take_tag, text)
    text = _REFERENCE.sub(lambda reference: html.unescape(f"&{reference[1].lower()}"), text).replace("\u00a0", " ")
    closed = {end[1].lower() for end in _FORUM_END.finditer(text)}
    if closed:
        text = _FORUM_TAG.sub(take_forum_tag, text)
    text = _MARKDOWN.sub(lambda link: f"] {take(link)}", text)

    def take_quoted(found: re.Match[str]) -> str:
        behind = text[found.end() : found.end() + 1]
        taken = take(found)
        if taken != found[0] and behind and (behind in "/?#&=" or (behind.isascii() and behind.isalnum())):
            raise NotCertain("a URL goes on behind a quote; write it without quotes, one URL a line")
        return taken

    return _QUOTED.sub(take_quoted, text)
