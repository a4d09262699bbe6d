"""The two kinds of link, by which pages and files are told apart from the link on, and where a link stood."""

from __future__ import annotations

from enum import StrEnum


class LinkKind(StrEnum):
    """Whether a reference is one to visit for more links or one to a file that a page shows."""

    PAGE = "page"
    FILE = "file"


class LinkSource(StrEnum):
    """Where a reference stood.

    A `LINK` is certain: a browser without scripts, or a well-known script, goes there. The others are candidates: they
    look like references, and may be none; a `FORM` may only search. They are visited last, and it is no failure when
    nothing is there. `KNOWN` is a file that an earlier recrawl found: it is visited first, and may be gone.
    """

    LINK = "link"
    ATTRIBUTE = "attribute"
    FORM = "form"
    SCRIPT = "script"
    KNOWN = "known"
