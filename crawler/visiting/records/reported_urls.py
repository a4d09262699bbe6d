"""Notes the result of each reported URL, and how many pages and files it led to first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orbweaver.model import Outcome, Reported

# Parts of pages: a host that gave nothing else has shown none of its files.
_PAGE_PARTS = frozenset(
    {
        "application/ecmascript",
        "application/javascript",
        "application/json",
        "application/manifest+json",
        "application/vnd.ms-fontobject",
        "application/x-javascript",
        "image/vnd.microsoft.icon",
        "image/x-icon",
        "text/css",
        "text/javascript",
    }
)
_FONTS = ("font/", "application/font-", "application/x-font-")
REASON_CHARACTERS = 1_000


def is_page_part(content_type: str | None) -> bool:
    """Whether a media type is that of a style sheet, script, font or icon."""
    return content_type is not None and (content_type in _PAGE_PARTS or content_type.startswith(_FONTS))


@dataclass(slots=True)
class SeenReport:
    """The state of one reported URL so far; its fields are those of Reported."""

    url: str
    has_ended: bool = False
    is_page: bool = False
    outcome: Outcome | None = None
    rule: str = ""
    reason: str = ""
    status: int | None = None
    pages: int = 0
    files: int = 0
    page_parts: int = 0
    has_reported_links: bool = False
    final_url: str | None = None
    ip: str | None = None
    page_print: str | None = None
    says: str = ""


class ReportedUrls:
    """The reported URLs of one recrawl by their number, which visits carry as their `root`."""

    def __init__(self) -> None:
        self._seen: list[SeenReport] = []

    def add(self, url: str) -> int:
        """Note a reported URL; returns its number."""
        self._seen.append(SeenReport(url))
        return len(self._seen) - 1

    def url_of(self, root: int) -> str:
        """Return the reported URL with this number."""
        return self._seen[root].url

    @property
    def seen(self) -> tuple[SeenReport, ...]:
        """The state of each, in the order of `add`."""
        return tuple(self._seen)

    def restore(self, seen: Sequence[SeenReport]) -> None:
        """Go on with what another process saw of the same URLs."""
        self._seen = list(seen)

    def came(self, root: int, *, status: int, is_page: bool) -> None:
        """Note that a page or a file came for a reported URL."""
        seen = self._seen[root]
        seen.has_ended, seen.status, seen.is_page = True, status, is_page

    def showed(
        self, root: int, *, status: int, final_url: str, ip: str | None, page_print: str | None, says: str
    ) -> None:
        """Note what answered for a reported URL, and what its page is and says."""
        seen = self._seen[root]
        seen.status, seen.final_url, seen.ip, seen.page_print, seen.says = status, final_url, ip, page_print, says

    def ended(self, root: int, outcome: Outcome, rule: str, reason: str, status: int | None) -> None:
        """Note why a reported URL gave neither; this counts before what `came` noted."""
        seen = self._seen[root]
        seen.has_ended, seen.outcome, seen.rule, seen.status = True, outcome, rule, status
        seen.reason = reason[:REASON_CHARACTERS]

    def count_page(self, root: int | None) -> None:
        """Count a page that a reported URL gave or led to; None is nobody's."""
        if root is not None:
            self._seen[root].pages += 1

    def count_file(self, root: int | None, content_type: str | None) -> None:
        """Count a file that a reported URL gave or led to; None is nobody's."""
        if root is not None:
            self._seen[root].files += 1
            self._seen[root].page_parts += is_page_part(content_type)

    def links_to_reported(self, root: int | None) -> None:
        """Note that a reported URL led to another one."""
        if root is not None:
            self._seen[root].has_reported_links = True

    def all_ended(self) -> tuple[Reported, ...]:
        """Return the result of each reported URL whose visit has ended, in the order of `add`."""
        return tuple(
            Reported(
                url=seen.url,
                outcome=seen.outcome,
                is_page=seen.is_page,
                rule=seen.rule,
                reason=seen.reason,
                status=seen.status,
                pages=seen.pages,
                files=seen.files,
                page_parts=seen.page_parts,
                has_reported_links=seen.has_reported_links,
                final_url=seen.final_url,
                ip=seen.ip,
                page_print=seen.page_print,
                says=seen.says,
            )
            for seen in self._seen
            if seen.has_ended
        )
