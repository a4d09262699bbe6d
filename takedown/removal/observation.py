"""An observation: what one check saw at the URL of a case, and at two other URLs of its host, to compare with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from orbweaver.model import Case, Hosting, Outcome


@dataclass(frozen=True, slots=True)
class UrlAnswer:
    """The answer for one URL, after its redirects.

    `outcome` says why it gave neither a file nor a page, with `rule`, `reason` and `status`; `final_url` is where the
    answer came from, None when none came. `digests` are the SHA-256 of the files that came, those in an archive or a
    page among them; `is_unread` says that a part of what came was not looked into. `page_print` stands for the words of
    a page, and `says` for what these words say: `gone`, `suspended`, `parked`, `empty-index`, `elsewhere` or
    `unavailable`; or for what it does: `sends-on` (with the status of an error, to another page), `script` (it shows
    nothing but by its scripts) or `viewer` (it shows a file of the name that was asked for).

    Of a file that came in place of the one of the case: `size` in bytes, `sniffed_type` (None for text, too), and
    `is_end_told`, False where the connection ended and nothing else said that this was the end of the file.
    """

    url: str
    outcome: Outcome | None = None
    rule: str = ""
    reason: str = ""
    status: int | None = None
    final_url: str | None = None
    address: str | None = None
    is_page: bool = False
    page_print: str | None = None
    says: str = ""
    digests: frozenset[str] = field(default_factory=frozenset)
    is_unread: bool = False
    size: int | None = None
    sniffed_type: str | None = None
    is_end_told: bool = True

    @property
    def has_come(self) -> bool:
        """Whether a page or a file came with a status of success, though the page may be none that was expected."""
        return self.outcome in {None, Outcome.ERROR_PAGE} and self.status is not None and 200 <= self.status < 300

    @property
    def is_redirected(self) -> bool:
        """Whether the answer came from another URL."""
        return self.final_url is not None and self.final_url != self.url


@dataclass(frozen=True, slots=True)
class Observation:
    """One check: what the URL of the case gave, None where it was not asked, and `why_not` then.

    `root` is what the front page of the host gave, `random` what a URL gave that nobody has made; None where they were
    not asked, or their visits did not end.
    """

    at: datetime
    answer: UrlAnswer | None
    root: UrlAnswer | None = None
    random: UrlAnswer | None = None
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """All that is known of a case before a check.

    `located` is what is known of the address that answered, None where nobody asked. `is_other_known` says of the files
    that came in place of the one of the case whether a list knows one of them; None while that is not answered.
    """

    case: Case
    located: Hosting | None = None
    is_other_known: bool | None = False
