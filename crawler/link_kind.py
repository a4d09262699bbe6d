"""The two kinds of link, by which pages and files are told apart from the link on."""

from __future__ import annotations

from enum import StrEnum


class LinkKind(StrEnum):
    """Whether a reference is one to visit for more links or one to a file that a page shows."""

    PAGE = "page"
    FILE = "file"
