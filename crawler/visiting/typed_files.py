"""Reported files that were asked for as if somebody had typed their URLs, and are asked for again from a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orbweaver.crawler.visiting.visit import Visit


class TypedFiles:
    """Reported URLs without a referrer, each asked for again once when a page leads to it and its answer has come.

    Hotlines report a page together with its pictures, and some hosts give those to visitors of the page only. Whichever
    comes first, the answer or the page, the same is asked. An answer that is the same again is nothing new.
    """

    def __init__(self) -> None:
        self._typed: set[str] = set()
        self._answers: dict[str, str | None] = {}
        self._visits: dict[str, Visit] = {}

    def add(self, url: str) -> None:
        """Note a reported URL that is asked for without a referrer."""
        self._typed.add(url)

    @property
    def answers(self) -> Mapping[str, str | None]:
        """The results of the typed URLs: the digest of a file, None for anything else."""
        return self._answers

    @property
    def visits(self) -> tuple[Visit, ...]:
        """The visits to which pages led."""
        return tuple(self._visits.values())

    def restore(self, answers: Mapping[str, str | None], visits: Iterable[Visit]) -> None:
        """Go on with the answers and visits of another process, as far as they are of typed URLs."""
        self._answers = {url: digest for url, digest in answers.items() if url in self._typed}
        self._visits = {visit.url: visit for visit in visits if visit.url in self._typed}

    def is_waiting_for_page(self, url: str) -> bool:
        """Whether a URL was asked for without a referrer, and no page has led to it yet."""
        return url in self._typed and url not in self._visits

    def led_to(self, visit: Visit) -> Visit | None:
        """Note that a page leads to a URL that was met before; returns the visit to make now."""
        if not self.is_waiting_for_page(visit.url):
            return None
        self._visits[visit.url] = visit
        return visit if visit.url in self._answers else None

    def answered(self, url: str, digest: str | None) -> Visit | None:
        """Note what a typed URL gave: the digest of a file, None for anything else; returns the visit to make now."""
        if url not in self._typed or url in self._answers:
            return None
        self._answers[url] = digest
        return self._visits.get(url)

    def gave_the_same(self, visit: Visit, digest: str | None) -> bool:
        """Whether a visit from a page got the file that the typed URL had given."""
        is_again = not visit.is_reported and visit.url in self._visits
        return is_again and digest is not None and digest == self._answers.get(visit.url)
