"""Remembers how URLs were written whose requests browsers spell otherwise than their canonical form is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from orbweaver.crawler.rules.spelt_urls import SpeltUrl

# Of the URLs and their spellings together; an entry costs about as many bytes more.
MOST_BYTES: Final = 16 * 2**20
ENTRY_BYTES: Final = 200


class Spellings:
    """The spellings of URLs that are asked for, the first of each URL, until there are MOST_BYTES of them.

    `left_out` counts the others; they are asked for by their canonical form. `example` is the first of those.
    """

    def __init__(self) -> None:
        self._spellings: dict[str, str] = {}
        self._bytes = 0
        self.left_out = 0
        self.example: str | None = None

    def add(self, url: str, spelling: str | None) -> None:
        """Note how a URL is written, unless another spelling of it was met before."""
        if spelling is not None and url not in self._spellings:
            self._put(url, spelling)

    def replace(self, spelt: SpeltUrl) -> None:
        """Note how a URL is to be asked for next, whatever was met before."""
        before = self._spellings.pop(spelt.url, None)
        if before is not None:
            self._bytes -= _cost(spelt.url, before)
        if spelt.spelling is not None:
            self._put(spelt.url, spelt.spelling)

    @property
    def known(self) -> Mapping[str, str]:
        """The spellings, by URL."""
        return self._spellings

    def of(self, url: str) -> str | None:
        """Return the spelling in which a canonical URL is asked for, None for its own."""
        return self._spellings.get(url)

    def _put(self, url: str, spelling: str) -> None:
        cost = _cost(url, spelling)
        if self._bytes + cost > MOST_BYTES:
            self.left_out += 1
            self.example = self.example or url
            return
        self._spellings[url] = spelling
        self._bytes += cost


def _cost(url: str, spelling: str) -> int:
    return len(url) + len(spelling) + ENTRY_BYTES
