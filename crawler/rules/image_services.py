"""Finds the original in the URL of a picture that a service makes smaller: the copy has another digest.

Hosts run such optimisers for their own pages (`/_next/image?url=`), and others run them for everybody (`i0.wp.com`).
The table is image_services.txt, each row with an example and a counter-example that a test reads.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote

from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.rules import row_files
from orbweaver.crawler.rules.urls import host_of, hostname_of, join

# An original can be a copy that another service made.
MOST_SERVICES: Final = 4
_MOST_UNESCAPINGS: Final = 3
_ANY_HOST: Final = "*"


class SourceForm(StrEnum):
    """The ways in which an original is written; image_services.txt explains each."""

    URL = "url"
    HOSTNAME = "hostname"
    BASE64 = "base64"
    HEX = "hex"


class ImageService(NamedTuple):
    """One row of the table."""

    name: str
    host: str
    marks: tuple[str, ...]
    form: SourceForm
    pattern: re.Pattern[str]
    example: str
    original: str
    counter_example: str


def read_services(lines: Iterable[str]) -> list[ImageService]:
    """Return the rows of a table; raises ValueError with the line's number."""
    return row_files.read(lines, _service)


def _service(line: str) -> ImageService:
    name, host, marks, form, pattern, example, original, counter_example = line.split()
    return ImageService(
        name,
        host,
        tuple(marks.split("|")),
        SourceForm(form),
        re.compile(rf"(?:/[^/?]++){{0,4}}?{pattern}"),
        example,
        original,
        counter_example,
    )


SERVICES: Final = read_services(Path(__file__).with_name("image_services.txt").read_text(encoding="utf-8").splitlines())
_MARKS: Final = tuple(dict.fromkeys(mark for service in SERVICES for mark in service.marks))


def originals(url: str, page_url: str) -> Iterator[str]:
    """Yield the URL of the original in that of an optimised picture, and of its original when it has one, too.

    All URLs are canonical. An original without a scheme has that of the page.

    >>> list(originals("http://files.example/_next/image?url=%2Fa.jpg&w=640", "http://files.example/"))
    ['http://files.example/a.jpg']
    """
    for _ in range(MOST_SERVICES):
        original = _original(url, page_url)
        if original is None or original == url:
            return
        yield original
        url = original


def is_hosts_own(url: str) -> bool:
    """Whether a URL is that of an optimiser which hosts run for their own pictures."""
    return any(service.host == _ANY_HOST for service, _ in _matches(url))


def _matches(url: str) -> Iterator[tuple[ImageService, str]]:
    # Nearly no URL has one of them; a loop is the fastest way to find out.
    for mark in _MARKS:
        if mark in url:
            break
    else:
        return
    for service in SERVICES:
        if not any(mark in url for mark in service.marks):
            continue
        if service.host != _ANY_HOST and not f".{hostname_of(url)}".endswith(f".{service.host}"):
            continue
        match = service.pattern.match(url, url.index("/") + 2 + len(host_of(url)))
        if match is not None:
            yield service, match[1]


def _original(url: str, page_url: str) -> str | None:
    for service, written in _matches(url):
        reference = _READERS[service.form](written)
        if reference is None:
            continue
        # Only what has a scheme or is a path is of the service's host.
        base = page_url if reference.startswith("//") else url
        try:
            return join(base, reference)
        except UrlRefused:
            continue
    return None


# --- how an original is written ---

_IS_ABSOLUTE = re.compile(r"(https?):/{1,2}(?=[^/])", re.IGNORECASE)
_HOST_AND_PATH = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*+)\.)+[a-z][a-z0-9-]++(?::\d{1,5})?/.", re.IGNORECASE)
_SCHEME_AS_SEGMENT = re.compile(r"(https?)/", re.IGNORECASE)


def _url(written: str) -> str | None:
    for _ in range(_MOST_UNESCAPINGS):
        # In a path of escapes nothing else is escaped; a whole URL may have escapes of its own.
        if _IS_ABSOLUTE.match(written) or (written.startswith("/") and "%2F" not in written):
            break
        written = unquote(written)
    if match := _IS_ABSOLUTE.match(written):
        return f"{match[1]}://{written[match.end() :]}"
    return written if written.startswith("/") else f"/{written}"


def _hostname(written: str) -> str | None:
    reference = _url(
        _SCHEME_AS_SEGMENT.sub(r"\1://", written, count=1) if _SCHEME_AS_SEGMENT.match(written) else written
    )
    if reference is not None and _HOST_AND_PATH.match(reference, 1):
        return f"/{reference}"
    return reference


def _base64(written: str) -> str | None:
    text = written.replace("/", "").replace("-", "+").replace("_", "/")
    return _decoded(text + "=" * (-len(text) % 4), "base64")


def _hex(written: str) -> str | None:
    return _decoded(written, "hex")


def _decoded(text: str, encoding: str) -> str | None:
    try:
        decoded = bytes(codecs.decode(text.encode(), encoding)).decode()  # type: ignore[arg-type]
    except ValueError:
        return None
    return decoded if _IS_ABSOLUTE.match(decoded) else None


_READERS: Final = {
    SourceForm.URL: _url,
    SourceForm.HOSTNAME: _hostname,
    SourceForm.BASE64: _base64,
    SourceForm.HEX: _hex,
}
