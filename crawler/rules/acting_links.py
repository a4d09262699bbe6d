"""Finds links that act when they are fetched; none is followed: "do not create what you then report".

In 2021 a crawler followed the reverse-image search links of an imageboard; the search service kept a copy of each
picture that it was led to, and was then reported for them. The patterns are in acting_links.txt, each with an
example and a counter-example that a test reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote

from orbweaver.crawler.rules import row_files
from orbweaver.crawler.rules.scope import site_of
from orbweaver.crawler.rules.urls import host_of, hostname_of

EMBEDDED_URL: Final = "embedded-url"
THUMBNAILER: Final = "thumbnailer"
# A host name is at most 253 characters, and each may be escaped several times over.
_AUTHORITY_LENGTH: Final = 2_048
_MOST_UNESCAPINGS: Final = 4


class PatternKind(StrEnum):
    """The part of a URL in which a pattern is searched; acting_links.txt explains each."""

    HOST = "host"
    ACT = "act"
    LAST = "last"
    PATH = "path"
    QUERY = "query"
    EMBEDDED = "embedded"


class LinkPattern(NamedTuple):
    """One row of the pattern file."""

    name: str
    kind: PatternKind
    text: str
    example: str
    counter_example: str


def read_patterns(lines: Iterable[str]) -> list[LinkPattern]:
    """Return the rows of a pattern file; raises ValueError with the line's number."""
    return row_files.read(lines, _row)


def _row(line: str) -> LinkPattern:
    name, kind, text, example, counter_example = line.split()
    return LinkPattern(name, PatternKind(kind), text, example, counter_example)


PATTERNS: Final = read_patterns(Path(__file__).with_name("acting_links.txt").read_text(encoding="utf-8").splitlines())


# --- patterns to expressions ---

_Expression = Callable[[list[LinkPattern]], str]

# Names of parameters that say what a script is to do, and the endings of scripts.
_ACTION: Final = r"(?:_?method|act(?:ion)?|a|cmd|command|do|event|func(?:tion)?|m|mode|op|task)"
_SCRIPTS: Final = r"(?:action|ashx|aspx?|cfm|cgi|do|html?|jspx?|php\d?|pl)"
_SCRIPT: Final = re.compile(_SCRIPTS.replace("|html?", "")).fullmatch
_SEGMENT_END: Final = rf"(?:\.{_SCRIPTS})?(?=[/;?]|\Z)"
_PATH_END: Final = rf"(?:\.{_SCRIPTS})?(?:/\d[0-9a-f-]*+)?/?+(?=[;?]|\Z)"
_NEVER: Final = r"(?!)"


def _either(kind: PatternKind, patterns: Iterable[LinkPattern]) -> str:
    return f"(?:{'|'.join(pattern.text for pattern in patterns if pattern.kind is kind) or _NEVER})"


def _segments(patterns: Iterable[LinkPattern]) -> str:
    return f"/(?:{_either(PatternKind.ACT, patterns)}{_SEGMENT_END}|{_either(PatternKind.LAST, patterns)}{_PATH_END})"


def _in_path(patterns: Iterable[LinkPattern]) -> str:
    return f"/{_either(PatternKind.PATH, patterns)}"


def _in_query(patterns: Iterable[LinkPattern]) -> str:
    act = _either(PatternKind.ACT, patterns)
    values = f"{_ACTION}=(?:{act}|{_either(PatternKind.LAST, patterns)})(?=&|\\Z)"
    return f"[?&](?:{values}|{act}(?=[=&]|\\Z)|{_either(PatternKind.QUERY, patterns)})"


# One pass over a URL that no pattern fits, which is nearly every URL.
_SEGMENTS = re.compile(_segments(PATTERNS))
_IN_PATH = re.compile(_in_path(PATTERNS))
_PATH = re.compile(f"{_segments(PATTERNS)}|{_in_path(PATTERNS)}")
_QUERY = re.compile(_in_query(PATTERNS))
_HOSTS: Final[dict[str, list[tuple[str, str]]]] = {}
for _pattern in PATTERNS:
    if _pattern.kind is PatternKind.HOST:
        _host, _mark, _path = _pattern.text.partition("/")
        _HOSTS.setdefault(_host, []).append((_pattern.name, _mark + _path))


# --- judging a URL ---


def find(url: str, *, is_own_image_service: bool = False) -> str | None:
    """Return the name of the pattern that refuses a canonical URL, None when it may be followed.

    With `is_own_image_service` the URL in it, which is that of a picture, is no reason.

    >>> find("http://files.example/user/logout.php")
    'log-out'
    """
    host = host_of(url)
    tail = url[url.index("/") + 2 + len(host) :].lower()
    for name, beginning in _patterns_of_host(host):
        if tail.startswith(beginning) and tail[len(beginning) : len(beginning) + 1] in {"", "/", "?"}:
            return name
    # Most URLs have none of these; only the others are read closely.
    may_have_url = "http" in tail or "ahr0c" in tail or "=//" in tail or "=%2" in tail or "=www." in tail
    if may_have_url and not is_own_image_service and _has_other_url(url, tail):
        return EMBEDDED_URL
    path, mark, query = tail.partition("?")
    if _PATH.search(tail) and (pattern_name := _name_in_path(path, tail)):
        is_reason = not (is_own_image_service and pattern_name == THUMBNAILER)
        if is_reason:
            return pattern_name
    if mark and _QUERY.search(mark + query):
        return _name_by(_in_query, mark + query)
    return None


def _name_in_path(path: str, tail: str) -> str | None:
    hit = _IN_PATH.search(tail)
    if hit is not None and hit.start() < len(path):
        return _name_by(_in_path, tail)
    last = path[path.rindex("/") :]
    _, dot, ending = last.rpartition(".")
    # A file below "/delete/" is only a file; "/logout.html" acts.
    where = last if dot and not _SCRIPT(ending) else path
    return _name_by(_segments, where) if _SEGMENTS.search(where) else None


def _name_by(expression: _Expression, text: str) -> str:
    return next(name for name, search in _searches(expression) if search(text))


@cache
def _searches(expression: _Expression) -> list[tuple[str, Callable[[str], re.Match[str] | None]]]:
    """Return each pattern's name and its own expression; compiled when the first name is wanted."""
    return [(pattern.name, re.compile(expression([pattern])).search) for pattern in PATTERNS]


# A hostile page can link to a new host in every line.
@lru_cache(maxsize=4_096)
def _patterns_of_host(host: str) -> tuple[tuple[str, str], ...]:
    """Return name and beginning of the path of each pattern for a host or a parent of it."""
    labels = host.partition(":")[0].split(".")
    parents = [".".join(labels[start:]) for start in range(len(labels))]
    return tuple(named for parent in parents for named in _HOSTS.get(parent, ()))


# --- URLs inside a URL ---

_COLON: Final = r"(?::|%(?:25)*3a)"
_SLASH: Final = r"(?:/|%(?:25)*2f)"
_EMBEDDED = re.compile(rf"https?{_COLON}{_SLASH}|=(?=(?:{_SLASH}{_SLASH}|www\.)[a-z0-9_-]++\.[a-z0-9])")
# "http://" and "https://" in base64, in lower case.
_BASE64 = re.compile(r"ahr0c(?:dovl|hm6ly)")
_AUTHORITY = re.compile(r"/*+([^/?#&]*+)")


def _has_other_url(url: str, tail: str) -> bool:
    """Whether a URL contains a URL of another site; a part that cannot be read counts as one."""
    if _BASE64.search(tail):
        return True
    own = hostname_of(url)
    return any(not _is_same_site(own, tail[match.end() :]) for match in _EMBEDDED.finditer(tail))


def _is_same_site(own: str, rest: str) -> bool:
    """Whether the text begins with an authority, escaped or not, of the same site as `own`."""
    rest = rest[:_AUTHORITY_LENGTH]
    for _ in range(_MOST_UNESCAPINGS):
        rest = unquote(rest)
    match = _AUTHORITY.match(rest)  # a backslash stays in it: parsers disagree about what it ends
    assert match is not None  # every part may be empty
    host = re.sub(r":\d*\Z", "", match[1].rpartition("@")[2])
    return host == own or (_IS_NAME(host) is not None and site_of(host) == site_of(own))


_IS_NAME = re.compile(r"[a-z0-9_.-]+").fullmatch
