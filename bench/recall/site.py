"""A small site of the benchmark: its pages, its files, and the truth about them.

A file is known by its label. The label of a file that has a URL is its path with its query. A file inside another
(a member of an archive, a data: URI) has a label that no server answers, and only a digest shows that it was found.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from bench.recall.file_bytes import file_bytes

HTML = "text/html; charset=utf-8"
# Reasons why Orbweaver leaves files out; docs/what-is-read.md has a row for each.
UNMARKED = "nothing in the page marks the address as a reference"
LONG_AGO = "only browsers of long ago showed it"
_DATA = re.compile(r"\{data:([\w.-]+)\}")


@dataclass(frozen=True)
class Answer:
    """An answer to one path: a text, or the bytes of the site's file `file`.

    `when` has regular expressions that request headers must match, "" stands for a header that is missing; `first` is
    the number of requests for which it holds (0: all). `packing` names how the bytes are changed on the way
    (bench.recall.server). With `head` the status line and the headers are sent as written there, `{length}` filled in.
    In texts `{host}` and `{other}` are the site's hosts, `{visit}` is the number of this request, and `{data:a.png}` a
    data: URI with the file of that name in it.
    """

    text: str | bytes = ""
    file: str = ""
    content_type: str | None = HTML
    status: int = 200
    headers: tuple[str, ...] = ()
    when: Mapping[str, str] = field(default_factory=dict)
    first: int = 0
    packing: str = ""
    head: str = ""


@dataclass(frozen=True)
class Archive:
    """An archive at a path, made of files of the site: its form is a name in bench.recall.archives."""

    form: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Site:
    """One trick. `shown` are the files that a browser without scripts fetches, `more` those that only a reader finds.

    The browser opens `start`, and whatever can be clicked from there. `answers` has all paths but those of plain files;
    of several answers to a path the first counts whose conditions hold. `other` has those of a second host. `left_out`
    is the reason why Orbweaver leaves files of this site out by choice.
    """

    kind: str
    name: str
    shown: frozenset[str]
    more: frozenset[str]
    answers: Mapping[str, tuple[Answer, ...]]
    archives: Mapping[str, Archive]
    other: Mapping[str, tuple[Answer, ...]]
    start: str
    left_out: str

    @property
    def files(self) -> frozenset[str]:
        """The labels of all files that a careful person finds."""
        return self.shown | self.more

    def bytes_of(self, label: str) -> bytes:
        """Return the content of a file."""
        return _content(self.name, label)

    def with_data_uris(self, text: str) -> str:
        """Fill in the data: URIs of a text."""
        return _DATA.sub(lambda name: _data_uri(self.bytes_of(f"data:{name[1]}")), text)


@cache
def _content(site: str, label: str) -> bytes:
    return file_bytes(f"{site} {label}", label)


def _data_uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


Page = str | bytes | Answer | tuple[Answer, ...]


def site(
    kind: str,
    name: str,
    page: Page,
    *,
    shown: str = "",
    more: str = "",
    pages: Mapping[str, Page] | None = None,
    archives: Mapping[str, Archive] | None = None,
    other: Mapping[str, Page] | None = None,
    start: str = "/",
    left_out: str = "",
) -> Site:
    """Describe a site: `page` is what `start` answers, `shown` and `more` are labels with blanks between them."""
    answers = {path: _answers(one) for path, one in (pages or {}).items()}
    answers.setdefault(start, _answers(page))
    return Site(
        kind=kind,
        name=name,
        shown=frozenset(shown.split()),
        more=frozenset(more.split()),
        answers=answers,
        archives=archives or {},
        other={path: _answers(one) for path, one in (other or {}).items()},
        start=start,
        left_out=left_out,
    )


def _answers(page: Page) -> tuple[Answer, ...]:
    if isinstance(page, tuple):
        return page
    if isinstance(page, Answer):
        return (page,)
    if isinstance(page, str) and not page.lstrip().lower().startswith(("<!doctype", "<html", "<?xml", "\ufeff")):
        page = f"<!DOCTYPE html>\n<html><head><title>A page</title></head>\n<body>\n{page}\n</body></html>\n"
    return (Answer(page),)
