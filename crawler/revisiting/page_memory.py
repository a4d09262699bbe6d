"""Remembers the references of pages, so that a page whose bytes are the same is not read for them once more.

The memory is asked with the document itself: what a host says of a page is not believed. Only the reading is saved.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from orbweaver.crawler.asked_as import AskedAs, ReferrerPolicy
from orbweaver.crawler.bodies.document_kinds import DocumentKind
from orbweaver.crawler.links import documents
from orbweaver.crawler.links.found_links import Link, PageLinks
from orbweaver.crawler.revisiting.known_responses import (
    MOST_PAGE_CHARACTERS,
    MOST_PAGES,
    MOST_PAGES_CHARACTERS,
    KnownPage,
)
from orbweaver.model import Noun
from pydantic import ValidationError


class _References(Noun):
    """The memory of one page; `asked_as` has the place of a link among `links` and `files_before_base`."""

    links: tuple[Link, ...] = ()
    files_before_base: tuple[Link, ...] = ()
    candidates: tuple[Link, ...] = ()
    candidates_left_out: int = 0
    asked_as: tuple[tuple[int, AskedAs], ...] = ()
    base: str | None = None
    refresh: str | None = None
    referrer_policy: ReferrerPolicy | None = None
    may_have_forms: bool = False


class PageMemory:
    """Gives the references of documents: from `known`, or by reading them. `reads` counts the latter."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known
        self._met: dict[str, str] = {}
        self._characters = 0
        self.reads = 0

    def references(
        self,
        document: bytes,
        kind: DocumentKind,
        *,
        content_type: str | None,
        base_url: str,
        imported: Mapping[str, str],
    ) -> PageLinks:
        """Return what documents.references() returns."""
        digest = None if imported else _digest_of(document, kind, content_type, base_url)
        said = self._known.get(digest) if digest is not None else None
        found = None if said is None else unpack(said)
        if digest is not None and said is not None and found is not None:
            self._remember(digest, said)
            return found
        self.reads += 1
        found = documents.references(document, kind, content_type=content_type, base_url=base_url, imported=imported)
        packed = pack(found) if digest is not None else None
        if digest is not None and packed is not None:
            self._remember(digest, packed)
        return found

    def pages(self) -> tuple[KnownPage, ...]:
        """Return what the next recrawl is to know, of the pages that were met."""
        return tuple(KnownPage(digest=digest, references=said) for digest, said in self._met.items())

    def _remember(self, digest: str, said: str) -> None:
        is_full = len(self._met) >= MOST_PAGES or self._characters + len(said) > MOST_PAGES_CHARACTERS
        if not is_full and digest not in self._met:
            self._met[digest] = said
            self._characters += len(said)


def pack(found: PageLinks) -> str | None:
    """Return the references of a page as text; None of a page that gives more than references, or too many."""
    if found.data_uris or found.bad_data_uris or found.is_truncated or found.notes or found.variables:
        return None
    places = {link: place for place, link in enumerate((*found.links, *found.files_before_base))}
    fields = {
        "links": found.links,
        "files_before_base": found.files_before_base,
        "candidates": found.candidates,
        "candidates_left_out": found.candidates_left_out,
        "asked_as": [(places[link], asked) for link, asked in found.asked_as.items() if link in places],
        "base": found.base,
        "refresh": found.refresh,
        "referrer_policy": found.referrer_policy,
        "may_have_forms": found.may_have_forms,
    }
    # Not by the model, which would check each link first: that takes as long as a fifth of reading the page.
    said = json.dumps({name: value for name, value in fields.items() if value or value == ""}, separators=(",", ":"))
    return said if len(said) <= MOST_PAGE_CHARACTERS else None


def unpack(said: str) -> PageLinks | None:
    """Return the references of a page; None when the text cannot be read."""
    try:
        known = _References.model_validate_json(said)
    except ValidationError:
        return None
    places = (*known.links, *known.files_before_base)
    return PageLinks(
        links=known.links,
        base=known.base,
        data_uris=(),
        bad_data_uris=0,
        is_truncated=False,
        candidates=known.candidates,
        candidates_left_out=known.candidates_left_out,
        asked_as={places[place]: asked for place, asked in known.asked_as if 0 <= place < len(places)},
        referrer_policy=known.referrer_policy,
        refresh=known.refresh,
        files_before_base=known.files_before_base,
        may_have_forms=known.may_have_forms,
    )


def _digest_of(document: bytes, kind: DocumentKind, content_type: str | None, base_url: str) -> str:
    taken = hashlib.sha256(f"{kind}\n{content_type}\n{base_url}\n".encode("utf-8", "surrogateescape"))
    taken.update(document)
    return taken.hexdigest()[:32]
