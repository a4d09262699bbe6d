"""Records what came of each visit: the files that were found, and why a URL gave none."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from orbweaver.crawler.bodies.archives.archive_limits import NOTHING_INSIDE, Note, note_of
from orbweaver.crawler.bodies.body import Body
from orbweaver.crawler.bodies.digests import digests_of
from orbweaver.crawler.fetching.transfer import FetchedResponse
from orbweaver.crawler.links.found_links import PageLinks
from orbweaver.crawler.revisiting.known_responses import KnownFile
from orbweaver.crawler.visiting.archive_names import is_archive_part, names_of
from orbweaver.crawler.visiting.records import sightings
from orbweaver.crawler.visiting.records.journal import Journal
from orbweaver.crawler.visiting.records.outcomes import Ending, is_success
from orbweaver.crawler.visiting.records.reported_urls import ReportedUrls
from orbweaver.crawler.visiting.visit import Visit
from orbweaver.model import Outcome, Sighting


class VisitJournal:
    """Writes into the journal of a recrawl, and into the results of its reported URLs.

    `flush` is called when a batch of sightings is complete. `spelling_of` returns the spelling in which a URL is asked
    for, None for its own.
    """

    def __init__(self, journal: Journal, reported: ReportedUrls, *, flush: Callable[[], None]) -> None:
        self.journal = journal
        self.reported = reported
        self._flush = flush
        self.spelling_of: Callable[[str], str | None] = lambda _: None

    def end(self, visit: Visit, ending: Ending) -> None:
        """Record that a URL gave neither a file nor a page to follow, and why."""
        root = visit.origin.root
        if visit.is_reported and root is not None:
            self.reported.ended(root, ending.outcome, ending.rule, ending.reason, ending.status)
        self.skip(visit, ending)

    def skip(self, visit: Visit, ending: Ending) -> None:
        """Record what was left out of what a URL gave, and why."""
        self.journal.skip(
            visit.url,
            ending.outcome,
            rule=ending.rule,
            reason=ending.reason,
            is_failure=ending.is_failure,
            referrer=visit.origin.referrer,
            status=ending.status,
        )

    def files(self, visit: Visit, response: FetchedResponse, body: Body) -> None:
        """Record the file that came, whatever its status, and those inside it."""
        if body.digests is not None and not body.digests.is_degenerate:
            self._found(visit, sightings.of_file(visit, response, body.digests))
            if body.digests_as_sent is not None:
                self._found(visit, sightings.of_file(visit, response, body.digests_as_sent, is_as_sent=True))
        self._inside_archive(visit, response, body)

    def unchanged(self, visit: Visit, response: FetchedResponse, known: KnownFile) -> None:
        """Record a file of which its host says that it is the one that is known, and what is inside it."""
        self.journal.tally.unchanged += 1
        self._found(visit, sightings.of_unchanged(visit, response, known))
        for member in known.members:
            self._found(visit, sightings.of_unchanged_member(visit, response, known, member))
        self._note_inside(visit, [note_of(rule, count) for rule, count in known.notes.items()], status=sightings.OK)

    def embedded(self, visit: Visit, response: FetchedResponse, page_links: PageLinks) -> None:
        """Record the files inside a page."""
        for embedded in page_links.data_uris:
            digests = digests_of(embedded.data)
            if not digests.is_degenerate:
                self._found(visit, sightings.of_embedded(visit, response, digests, embedded.media_type))
        if page_links.bad_data_uris:
            reason = f"{page_links.bad_data_uris} data: URIs on this page cannot be decoded"
            self.skip(visit, Ending(Outcome.REFUSED_URL, "data-uri", reason, is_failure=False))

    def _inside_archive(self, visit: Visit, response: FetchedResponse, body: Body) -> None:
        for member in body.archive.members:
            self._found(visit, sightings.of_member(visit, response, member))
        notes = body.archive.notes
        if (
            body.digests is not None
            and body.archive == NOTHING_INSIDE
            and any(map(is_archive_part, names_of(visit.url, response.headers.get("Content-Disposition", ""))))
        ):
            notes = (note_of("archive.volume"),)  # its bytes do not say so
        self._note_inside(visit, notes, status=response.status)

    def _note_inside(self, visit: Visit, notes: Iterable[Note], *, status: int) -> None:
        for note in notes:
            self.journal.skip(
                visit.url,
                note.outcome,
                rule=note.rule,
                reason=note.reason,
                is_failure=note.is_failure,
                referrer=visit.origin.referrer,
                status=status,
                count=note.count,
            )

    def _found(self, visit: Visit, sighting: Sighting) -> None:
        spelling = self.spelling_of(visit.url)
        if spelling is not None:
            sighting = sighting.model_copy(update={"http": sighting.http.model_copy(update={"spelling": spelling})})
        self.journal.sighting(sighting)
        if is_success(sighting.http.status):
            self.reported.count_file(visit.origin.root, sighting.content_type or sighting.sniffed_type)
        if self.journal.is_full:
            self._flush()
