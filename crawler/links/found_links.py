"""The references that were found in one document: what they are, and how they are collected up to a limit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote

from orbweaver.crawler.asked_as import AskedAs, ReferrerPolicy
from orbweaver.crawler.link_kind import LinkKind, LinkSource
from orbweaver.crawler.links.encodings import encode_query
from orbweaver.crawler.links.pages.attribute_values import DATA_SCHEME, DataUri, decode_data_uri, trim
from orbweaver.model import Outcome

# A URL in escapes, as scripts pass it on in a query.
_ESCAPED_URL = re.compile(r"https?%3a%2f%2f", re.IGNORECASE)
MAX_LINKS = 10_000
# Of one page, of what may be no reference at all; the limits of a recrawl bound their sum.
MAX_CANDIDATES = 2_000


class Link(NamedTuple):
    """One reference as the document writes it, escapes undone, not resolved; `source` says how certain it is.

    Where the document is not in UTF-8, the characters of its query that are not ASCII are escaped in its encoding.
    """

    reference: str
    kind: LinkKind
    source: LinkSource = LinkSource.LINK


class Unread(NamedTuple):
    """Why files that a document names cannot be told, and the rule that says so; no content of the document."""

    outcome: Outcome
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class PageLinks:
    """The references in one document, in document order, each once per kind.

    `candidates` may be references: see LinkSource. None of them is among the links, and those over the limit are only
    counted, in `candidates_left_out`. `base` is the document's own `<base href>`. References are relative to it, and it
    is relative to the document's URL. `files_before_base` are not among the links: they are relative to the document's
    URL. `asked_as` has the links whose elements say how they are asked for, and `referrer_policy` is what a meta
    declares. `refresh` is the reference of the first meta refresh, also where it leads to the document itself.
    `may_have_forms` says that it has an element of forms or menus. `notes` say what was not read, and `variables` are
    for the playlists that a playlist names.
    """

    links: tuple[Link, ...]
    base: str | None
    data_uris: tuple[DataUri, ...]
    bad_data_uris: int
    is_truncated: bool
    candidates: tuple[Link, ...] = ()
    candidates_left_out: int = 0
    asked_as: Mapping[Link, AskedAs] = field(default_factory=dict)
    referrer_policy: ReferrerPolicy | None = None
    refresh: str | None = field(default=None, compare=False)
    notes: tuple[Unread, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    files_before_base: tuple[Link, ...] = ()
    may_have_forms: bool = field(default=False, compare=False)


class FoundLinks:
    """Collects the references of one document (`page` is its URL) in order, each once, up to a limit.

    In `query_codec` the queries of its references are encoded; None is UTF-8.
    """

    def __init__(self, *, page: str, max_links: int) -> None:
        self.links: dict[Link, None] = {}
        self._candidates: dict[str, Link] = {}
        self._candidates_left_out = 0
        self.data_uris: dict[DataUri, None] = {}
        self.bad_data_uris = 0
        self.base: str | None = None
        self.query_codec: str | None = None
        self.is_truncated = False
        self.asked_as: dict[Link, AskedAs] = {}
        self.referrer_policy: ReferrerPolicy | None = None
        self.refresh: str | None = None
        self.may_have_forms = False
        self.variables: dict[str, str] = {}
        self._notes: dict[str, Unread] = {}
        self._files_before_base: tuple[Link, ...] = ()
        self._page = page.partition("#")[0]
        self._max_links = max_links

    def set_base(self, base: str | None) -> None:
        """Note the first base of the document; browsers have asked for the files before it without it."""
        if self.base is not None or base is None:
            return
        self.base = base
        self._files_before_base = tuple(link for link in self.links if link.kind is LinkKind.FILE)
        for link in self._files_before_base:
            del self.links[link]

    def add(self, reference: str, kind: LinkKind) -> DataUri | None:
        """Add a reference as written; return its file when it is a new data: URI."""
        trimmed = trim(reference)
        if not trimmed or trimmed.startswith("#") or trimmed.partition("#")[0] == self._page:
            return None
        key: Link | DataUri
        if DATA_SCHEME.match(trimmed):
            try:
                key = decode_data_uri(trimmed)
            except ValueError:
                self.bad_data_uris += 1
                return None
            if not key.data:
                return None
        else:
            key = Link(reference, kind)
        if key in self.links or key in self.data_uris:
            return None
        if len(self._files_before_base) + len(self.links) + len(self.data_uris) >= self._max_links:
            self.is_truncated = True
        elif isinstance(key, DataUri):
            self.data_uris[key] = None
            return key
        else:
            self.links[key] = None
        return None

    def add_file(self, file: DataUri) -> None:
        """Add a file that is inside the document."""
        if not file.data or file in self.data_uris:
            return
        if len(self._files_before_base) + len(self.links) + len(self.data_uris) >= self._max_links:
            self.is_truncated = True
        else:
            self.data_uris[file] = None

    def ask(self, link: Link, manner: AskedAs) -> None:
        """Note how a link that was added is asked for; of two elements with the same link the first counts."""
        if link in self.links:
            self.asked_as.setdefault(link, manner)

    def add_candidate(self, reference: str, kind: LinkKind, source: LinkSource) -> None:
        """Add what may be a reference; a data: URI is a file wherever it stands."""
        if "%" in reference and _ESCAPED_URL.match(reference):
            reference = unquote(reference, errors="replace")
        if self.query_codec is not None:
            reference = encode_query(reference, self.query_codec)
        if DATA_SCHEME.match(reference):
            self.add(reference, kind)
        elif reference in self._candidates or reference.partition("#")[0] == self._page:
            return
        elif len(self._candidates) >= MAX_CANDIDATES:
            self._candidates_left_out += 1
        else:
            self._candidates[reference] = Link(reference, kind, source)

    @property
    def page(self) -> str:
        """The URL of the document, without a fragment."""
        return self._page

    def note(self, outcome: Outcome, rule: str, reason: str) -> None:
        """Note that files are named which cannot be told; each rule is said once."""
        self._notes.setdefault(rule, Unread(outcome, rule, reason))

    def page_links(self) -> PageLinks:
        """Return the references that were added."""
        certain = {link.reference for link in self.links} if self._candidates else ()
        candidates = (link for link in self._candidates.values() if link.reference not in certain)
        return PageLinks(
            candidates=tuple(candidates),
            notes=tuple(self._notes.values()),
            variables=self.variables,
            files_before_base=self._files_before_base,
            candidates_left_out=self._candidates_left_out,
            links=tuple(self.links),
            base=self.base,
            data_uris=tuple(self.data_uris),
            bad_data_uris=self.bad_data_uris,
            is_truncated=self.is_truncated,
            asked_as=self.asked_as,
            referrer_policy=self.referrer_policy,
            refresh=self.refresh,
            may_have_forms=self.may_have_forms,
        )
