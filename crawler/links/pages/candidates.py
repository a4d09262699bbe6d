"""Finds what may be a reference in text of any grammar: scripts, JSON, comments, attributes that only scripts read.

Nothing is parsed and nothing is run. A candidate is an absolute http or https URL, or a path with a media ending that
stands in quotes. Each is found from its `://` or its ending outwards, within a bounded window, and the search goes on
behind it; so the time is linear in the text.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Iterator
from urllib.parse import parse_qsl

from orbweaver.crawler.links.media_endings import MEDIA_ENDINGS, any_of
from orbweaver.crawler.links.pages.attribute_values import css_references, srcset_references
from orbweaver.crawler.links.pages.hints import ENDING, SCHEME, Hints
from orbweaver.crawler.links.pages.markup import unescape

MOST_REFERENCE_CHARACTERS = 2_048
# An attribute without quotes has no long value.
_MOST_BARE_CHARACTERS = 512
_PATH_ENDS_IN_MEDIA = re.compile(rf"[^?#]*?{ENDING.pattern}(?:[?#]|\Z)", re.DOTALL)
_PART_ENDS_IN_MEDIA = re.compile(rf"\.{any_of(MEDIA_ENDINGS)}(?:[?#].*)?", re.DOTALL)

_QUOTES = "\"'`"
_ESCAPED_QUOTE = re.compile(r"\\+(?:u002[27]|x2[27])")
_BARE = re.compile(r"[^\s\"'`<>]*+")
_BARE_ATTRIBUTE = re.compile(
    r"(?:src|href|poster|background|content|value|longdesc|lowsrc|data(?:-[\w-]+)?)=(.+)", re.IGNORECASE
)
_URL_WITHOUT_QUOTES = re.compile(
    r"(?:[^\s\"'`<>()\[\]{}|^\\,;]|\\+/|\\+u00[0-9a-fA-F]{2}|\\+x[0-9a-fA-F]{2}|[,;](?!https?:|\s)){1,2048}"
)
_PUNCTUATION = ".,;:!?*"
_TEMPLATE_MARKS = ("{", "[[", "<%", "<?")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_BLANKS_OF_ESCAPES = frozenset("nrtbfv")
# Unescaped in turn: JSON may stand as a string in JSON.
_ESCAPED_DEEP = 3

# What a template language fills in.
_PLACEHOLDER = re.compile(r"\{\{|[$#%@]\{|<%|\[\[|\{[\w.:]*\}|%(?:s|d(?![0-9a-fA-F]))|__[A-Z]\w*__|\$\w+\$|\*")
# Markup in percent escapes is a text.
_NOT_IN_A_REFERENCE = re.compile(r"[\x00-\x1f<>\"{}|^\\`]|[,.;:!?+] | \+|%3[CcEe]")
_ESCAPED_TAG = re.compile(r"%3[Cc](?:[A-Za-z]|%[46][1-9A-Fa-f]|%[57][0-9Aa])")
_PERCENT_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2}){1,512}")
_QUOTE = re.compile("[\"'`]")
_BEGINS = re.compile(r"[\w/.~%@!$(\u0080-\U0010ffff-]|\?[\w.\[\]-]+=")
# Another scheme, or no host behind it.
_OTHER_SCHEME = re.compile(r"(?!https?:)[a-z][a-z0-9+.-]*:|https?:[/\\]*\Z", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"[^/?#]*=")
# As in the query of a URL: what players were given ("file=/a.mp4&autostart=1").
_ASSIGNMENTS = re.compile(r"(?:[\w.-]{1,64}+=[^&<>\"'`\s]*+(?:&|\Z)){1,64}")
_NAMELESS = re.compile(rf"(?:^|[/=])\.{any_of(MEDIA_ENDINGS)}(?![A-Za-z0-9])")
_MOST_BLANKS = 8
_DESCRIPTOR = re.compile(r"\s\d+(?:\.\d+)?[wxh]\s*(?:,|\Z)")
_SEPARATOR = re.compile(r"\s*[,;|]\s*|\s+")
_BETWEEN_URLS = re.compile(r"[,;|\s](?=https?:)", re.IGNORECASE)
_SCHEME = re.compile(r"https?\Z", re.IGNORECASE)
# Left out wherever they are met: parts of a page that show nothing.
_PAGE_PARTS = re.compile(r"[^?#]*\.(?:m?js|map|woff2?|ttf|eot|otf)(?:[?#]|\Z)", re.IGNORECASE)

# In event handlers a quoted path leads on when it looks like one to a page.
_QUOTED = re.compile(r"""(["'`])([^"'`\\<>\s]{2,2048}+)\1""")
_PAGE_PATH = re.compile(
    r"(?:\.{0,2}/(?!/)|[\w%./-]{1,255}\.(?:[sx]?html?|php\d?|aspx?|jspx?|cgi|pl|cfm|do)(?:[?#]|\Z)|\?[\w-]+=)",
    re.IGNORECASE,
)
# A script that goes elsewhere as soon as it runs.
_GOES = re.compile(
    r"""(?:location(?:\s*+\.\s*+href)?\s*+=(?!=)|location\s*+\.\s*+(?:replace|assign)\s*+\(|open\s*+\()\s*+(["'`])([^"'`\\<>\s]{1,2048}+)\1"""
)
_GOING = ("location", "open(", "open (")
# In the same window: as `_GOES`, with the other ways to write it and slashes escaped as in JSON.
_MOVES = re.compile(
    r"""(?:location(?:\s*+\.\s*+href|\s*+\[\s*+["']href["']\s*+\])?\s*+=(?!=)"""
    r"""|location(?:\s*+\.\s*+(?:replace|assign)|\s*+\[\s*+["'](?:replace|assign)["']\s*+\])\s*+\("""
    r"""|location\s*+\)\s*+\.\s*+(?:attr|prop)\s*+\(\s*+["']href["']\s*+,"""
    r"""|\bnavigat(?:e|ion\.navigate)\s*+\()\s*+(["'`])([^"'`<>\s]{1,2048}+)\1"""
)
_MOVING = ("location", "navigat")
# schema.org: the properties of which the value is a file or a page, whatever its ending is.
_JSON_LD = re.compile(
    r'"(?P<name>contentUrl|embedUrl|thumbnailUrl|thumbnail|image|logo|photo|url)"\s*+:\s*+(?P<list>\[)?\s*+(?P<value>"[^"]{1,2048}+")'
)
_NEXT_OF_LIST = re.compile(r'\s*+,\s*+("[^"]{1,2048}+")')
_JSON_LD_PAGES = frozenset({"embedUrl", "url"})


def is_file(reference: str) -> bool:
    """Whether the path of a reference has a media ending."""
    return _PATH_ENDS_IN_MEDIA.match(reference) is not None


def is_listed_file(line: str) -> bool:
    """Whether a line of a list is a path with a media ending, and nothing else."""
    return is_file(line) and ":" not in line and _is_reference(line)


def attribute_references(value: str) -> Iterator[str]:
    """Yield the candidates in the value of an attribute: a reference, a list or set of them, JSON, or a style."""
    value = value.strip()
    if _ASSIGNMENTS.fullmatch(value):
        for _, assigned in parse_qsl(value):
            yield from text_references(f'"{assigned}"')
    elif '"' in value or "<" in value or value.startswith(("{", "[", "(")):
        yield from text_references(value)
    else:
        yield from text_references(f'"{value}"')


def text_references(text: str) -> Iterator[str]:
    """Yield the candidates in a text: as written, escapes of HTML and of strings undone; data: URIs, too."""
    if "&" in text:
        text = unescape(text)
    if "\\" in text and ("2" in text):
        text = _ESCAPED_QUOTE.sub('"', text)
    floor = 0  # everything before was looked at
    unclosed: set[str] = set()
    position = 0
    hints = Hints(text)
    while (start := hints.start_from(position)) < len(text):
        hit = ENDING.match(text, start) or SCHEME.match(text, start)
        assert hit is not None  # that is what a mark is
        position = hit.end()
        if text[hit.start()] != ":":
            found, end = _around_an_ending(text, hit, floor)
        elif text.startswith(("image", "video", "audio"), hit.start() + 1):
            found, end = _data_uri(text, hit.start(), floor, unclosed)
        else:
            found, end = _from_a_scheme(text, hit, floor)
        floor = position = max(position, end)
        for reference in found:
            if not _PAGE_PARTS.match(reference):
                yield reference


def _data_uri(text: str, colon: int, floor: int, unclosed: set[str]) -> tuple[list[str], int]:
    start = colon - len("data")
    if start <= floor - 1 or start < 1 or text[start:colon].lower() != "data":
        return [], 0
    quote = text[start - 1]
    if quote not in _QUOTES or quote in unclosed:
        return [], 0
    end = text.find(quote, colon)
    if end < 0:
        unclosed.add(quote)  # nor will it be found from further behind
        return [], 0
    return [_unescaped(text[start:end].rstrip("\\"))], end + 1


def _from_a_scheme(text: str, hit: re.Match[str], floor: int) -> tuple[list[str], int]:
    """Return the URL around `://`, or the several URLs of one quoted text, and where the search goes on."""
    scheme = _SCHEME.search(text, max(floor, hit.start() - 5), hit.start())
    if scheme is None or (scheme.start() and text[scheme.start() - 1].isalnum()):
        return [], 0
    start = scheme.start()
    quote = text[start - 1 : start]
    if quote and quote in _QUOTES:
        end = text.find(quote, hit.end(), hit.end() + MOST_REFERENCE_CHARACTERS)
        if end > 0:
            written = text[start:end]
            urls = _BETWEEN_URLS.split(_unescaped(written.rstrip("\\")))
            whole = [url for url in map(str.strip, urls) if _is_reference(url)]
            if len(whole) == len(urls):
                return whole, end
    run = _URL_WITHOUT_QUOTES.match(text, start)
    if run is None or text.startswith(_TEMPLATE_MARKS, run.end()):
        return [], 0
    url = _unescaped(run[0]).rstrip(_PUNCTUATION)
    return [url] if _is_reference(url) else [], run.end()


def _around_an_ending(text: str, hit: re.Match[str], floor: int) -> tuple[list[str], int]:
    """Return what stands in the quotes around a media ending, or without quotes, and where the search goes on."""
    lowest = max(floor, hit.start() - MOST_REFERENCE_CHARACTERS)
    marks = sorted(((text.rfind(quote, lowest, hit.start()), quote) for quote in _QUOTES), reverse=True)
    for start, quote in marks:
        if start < 0:
            break
        end = text.find(quote, hit.end(), hit.end() + MOST_REFERENCE_CHARACTERS)
        if end < 0:
            continue
        written = text[start + 1 : end]
        if "<" in written or ">" in written or "\n" in written:
            break
        found = _in_quotes(_unescaped(written.rstrip("\\")))
        if found:
            return found, end
        break
    return _without_quotes(text, hit, floor)


def _without_quotes(text: str, hit: re.Match[str], floor: int) -> tuple[list[str], int]:
    before = _BARE.match(text[max(floor, hit.start() - _MOST_BARE_CHARACTERS) : hit.start()][::-1])
    after = _BARE.match(text, hit.end(), hit.end() + _MOST_BARE_CHARACTERS)
    assert before is not None
    assert after is not None  # both may be empty
    run = text[hit.start() - before.end() : after.end()]
    attribute = _BARE_ATTRIBUTE.match(run)
    if attribute is not None:
        return _in_quotes(_unescaped(attribute[1])), after.end()
    return [one for one in css_references(run) if _is_path(one)] if "url(" in run else [], after.end()


def _in_quotes(written: str) -> list[str]:
    """Return the references in a quoted text that has a media ending."""
    written = written.strip()
    if "url(" in written:
        return [one for one in css_references(written) if _is_path(one)]
    if _DESCRIPTOR.search(written):
        return [one for one in srcset_references(written) if _is_path(one)]
    parts = _SEPARATOR.split(written)
    if len(parts) > 1:
        media = [part for part in parts if _has_media_ending(part) and _is_path(part)]
        if len(media) > 1 and _has_media_ending(parts[0] or parts[1]):
            return media
    return [written] if _is_path(written) else []


def _has_media_ending(part: str) -> bool:
    ending = ENDING.search(part)
    return ending is not None and _PART_ENDS_IN_MEDIA.fullmatch(part, ending.start()) is not None


def _is_path(reference: str) -> bool:
    return bool(ENDING.search(reference)) and _is_reference(reference)


def _is_reference(reference: str) -> bool:
    """Whether a text has the shape of a reference, and not that of code, of a sentence or of a template."""
    return not (
        not reference
        or len(reference) > MOST_REFERENCE_CHARACTERS
        or _BEGINS.match(reference) is None
        or _NOT_IN_A_REFERENCE.search(reference) is not None
        or _PLACEHOLDER.search(reference) is not None
        or _OTHER_SCHEME.match(reference) is not None
        or _ASSIGNMENT.match(reference) is not None
        or _NAMELESS.search(reference) is not None
        or reference.count(" ") > _MOST_BLANKS
        or reference.count("(") != reference.count(")")
        or (" " in reference and not _has_media_ending(reference))
    )


def _unescaped(written: str) -> str:
    for _ in range(_ESCAPED_DEEP):
        if "\\" not in written:
            break
        written = _ESCAPE.sub(_character, written)
    if not written.isascii():
        # Two escapes may be the halves of one character.
        written = written.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return written


def _character(escape: re.Match[str]) -> str:
    digits = escape[1] or escape[2]
    if digits:
        return chr(int(digits, 16))
    return " " if escape[3] in _BLANKS_OF_ESCAPES else str(escape[3])


def escaped_markup_references(code: str) -> Iterator[str]:
    """Yield the candidates in the strings of a script that hold markup in percent escapes: `unescape("%3Cimg ...")`."""
    if _ESCAPED_TAG.search(code) is None:
        return
    for written in _QUOTE.split(code):
        if _ESCAPED_TAG.search(written) is not None:
            yield from text_references(_PERCENT_ESCAPES.sub(_percent_characters, written))


def _percent_characters(escapes: re.Match[str]) -> str:
    return bytes.fromhex(escapes[0].replace("%", "")).decode("utf-8", "replace")


def path_references(value: str) -> Iterator[str]:
    """Yield the value of an attribute that holds an address, when it has the shape of a path, whatever its ending."""
    value = value.strip()
    if _PAGE_PATH.match(value) and _is_reference(value):
        yield value


def handler_references(code: str) -> Iterator[str]:
    """Yield the quoted paths to pages in an event handler, a `javascript:` URL or a list of pages in JSON."""
    for match in _QUOTED.finditer(code):
        if _PAGE_PATH.match(match[2]) and _is_reference(match[2]):
            yield match[2]


def script_references(code: str) -> Iterator[str]:
    """Yield where a script goes, or opens a window, as it runs: `location = "..."` and its like."""
    for word in _GOING:
        position = code.find(word)
        while position >= 0:
            match = _GOES.match(code, position)
            if match is not None and _is_reference(match[2]):
                yield match[2]
            position = code.find(word, position + len(word))


def script_moves(code: str) -> Iterator[str]:
    """Yield where a script goes in the same window, whether or not it is a page of the host."""
    for word in _MOVING:
        position = code.find(word)
        while position >= 0:
            match = _MOVES.match(code, position)
            if match is not None and (reference := _unescaped(match[2])) and _is_reference(reference):
                yield reference
            position = code.find(word, position + len(word))


# "http://" and "https://" in base64: scripts undo it with atob().
_URL_SAFE = str.maketrans("-_", "+/")
_IN_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_=-])aHR0c(?:DovL|HM6Ly)[A-Za-z0-9+/_-]{1,2800}+={0,2}")


def base64_references(text: str) -> Iterator[str]:
    """Yield the absolute URLs that stand in base64 in a text."""
    for match in _IN_BASE64.finditer(text):
        digits = match[0].rstrip("=").translate(_URL_SAFE)
        try:
            reference = a2b_base64(digits + "=" * (-len(digits) % 4)).decode()
        except ValueError:  # no base64, or no text
            continue
        if reference.isprintable() and " " not in reference:
            yield reference


def json_ld_references(code: str) -> Iterator[tuple[str, bool]]:
    """Yield what the properties of schema.org name that have files or pages as values, and whether it is a page."""
    for match in _JSON_LD.finditer(code):
        is_page = match["name"] in _JSON_LD_PAGES
        value, position = match["value"], match.end()
        while True:
            reference = _unescaped(value[1:-1].rstrip("\\"))
            if _is_reference(reference) and " " not in reference:
                yield reference, is_page
            following = _NEXT_OF_LIST.match(code, position) if match["list"] else None
            if following is None:
                break
            value, position = following[1], following.end()
