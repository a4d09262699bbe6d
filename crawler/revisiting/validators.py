"""Decides whether an answer says something by which its file can be known again, byte for byte, and asks by it.

RFC 9110, 8.8 (validators) and 13 (conditional requests). A weak entity tag says that two files mean the same, not that
they are the same, so it is never used. Of both validators one is sent, the stronger: servers were seen that answer 304
when either fits (node-static, pull request 69), and 304 with the date of the old file and the tag of a new one
(http-serve, issue 23).
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from multidict import CIMultiDictProxy
from orbweaver.crawler.fetching.transfer import Headers
from orbweaver.crawler.revisiting.known_responses import ENTITY_TAG, HTTP_DATE, MANNER_CHARACTERS, KnownFile

NOT_MODIFIED: Final = 304
# Within so long after a change the same date may stand for two files (RFC 9110, 8.8.2.2; RFC 7232 says how long).
SURE_AFTER: Final = timedelta(seconds=60)
# Answers of servers that do not bear the question: then the file is asked for without one.
NOT_BORNE: Final = frozenset({400, 412, 500, 501})
_ENTITY_TAG: Final = re.compile(ENTITY_TAG.replace(r"\z", r"\Z"))
_HTTP_DATE: Final = re.compile(HTTP_DATE.replace(r"\z", r"\Z"))
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_OPAQUE_TAG: Final = re.compile(r'\A(?:W/)?(".*")\Z')
# They differ from visit to visit, or are said by themselves.
_NOT_IN_MANNER: Final = frozenset({"Cookie", "Referer"})


class Validators(NamedTuple):
    """The strong validators by which a host names a version of a file."""

    etag: str | None
    last_modified: str | None

    @property
    def are_none(self) -> bool:
        """Whether there is nothing to ask by."""
        return self.etag is None and self.last_modified is None


def validators_of(headers: CIMultiDictProxy[str], *, has_cookies: bool) -> Validators:
    """Return the strong validators of an answer; none where the file depends on what a later request does not repeat.

    >>> from multidict import CIMultiDict, CIMultiDictProxy
    >>> weak = CIMultiDictProxy(CIMultiDict({"ETag": 'W/"1"', "Vary": "Accept"}))
    >>> validators_of(weak, has_cookies=False).are_none
    True
    """
    varies_by = {name.strip().lower() for value in headers.getall("Vary", ()) for name in value.split(",")}
    if "*" in varies_by or (has_cookies and "cookie" in varies_by):
        return Validators(None, None)
    etags, dates = headers.getall("ETag", []), headers.getall("Last-Modified", [])
    etag = etags[0] if len(etags) == 1 and _ENTITY_TAG.match(etags[0]) else None
    is_date = len(dates) == 1 and _HTTP_DATE.match(dates[0]) and _is_strong(dates[0], headers.getall("Date", ()))
    return Validators(etag, dates[0] if is_date else None)


def condition_for(known: KnownFile) -> Headers:
    """Return the header by which a host is asked whether it still has this version, in the host's own words."""
    if known.etag is not None:
        return [("If-None-Match", known.etag)]
    assert known.last_modified is not None, "who has no validator is not asked"
    return [("If-Modified-Since", known.last_modified)]


def speaks_of_another(known: KnownFile, headers: CIMultiDictProxy[str]) -> bool:
    """Whether a 304 names another version than the one that was asked about (RFC 9111, 4.3.4)."""
    if known.etag is not None and "ETag" in headers:
        # A host that compresses its answers may weaken the tag on the way.
        return _opaque(headers["ETag"]) != _opaque(known.etag)
    if known.last_modified is not None and known.etag is None and "Last-Modified" in headers:
        return headers["Last-Modified"] != known.last_modified
    return False


def is_promised_same(known: KnownFile, validators: Validators) -> bool:
    """Whether a host says, by its validators, that a file that came is the one that is known."""
    if known.etag is not None:
        return known.etag == validators.etag
    return known.last_modified is not None and known.last_modified == validators.last_modified


def manner_of(headers: Headers) -> str:
    """Return what stands for the manner of a request: two with the same get the same version of a file."""
    return _code_of(tuple(line for line in headers if line[0] not in _NOT_IN_MANNER))


@functools.lru_cache(maxsize=64)
def _code_of(headers: tuple[tuple[str, str], ...]) -> str:
    lines = "\n".join(f"{name}: {value}" for name, value in headers)
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()[:MANNER_CHARACTERS]


def _is_strong(last_modified: str, dates: Sequence[str]) -> bool:
    answered, modified = _moment(dates[0]) if len(dates) == 1 else None, _moment(last_modified)
    return answered is not None and modified is not None and answered - modified >= SURE_AFTER


def _moment(text: str) -> datetime | None:
    if not _HTTP_DATE.match(text):
        return None
    try:
        # By its places, as its form is known: a parser of all dates takes five times as long.
        day, month, year = int(text[5:7]), _MONTHS.index(text[8:11]) + 1, int(text[12:16])
        return datetime(year, month, day, int(text[17:19]), int(text[20:22]), int(text[23:25]), tzinfo=UTC)
    except ValueError:
        return None


def _opaque(etag: str) -> str:
    match = _OPAQUE_TAG.match(etag)
    return match[1] if match else etag
