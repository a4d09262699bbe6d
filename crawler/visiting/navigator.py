"""Decides where a recrawl goes: begins with its reports, and takes each response on to what follows from it.

Nothing here fetches: responses and errors come in, planned requests and records go out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from orbweaver.crawler.bodies.body import Body
from orbweaver.crawler.errors import CheckpointRefused, UrlRefused
from orbweaver.crawler.fetching.asking.request_headers import ReporterHeaders, reporter_headers_of
from orbweaver.crawler.fetching.budget import Budget
from orbweaver.crawler.fetching.transfer import FetchedResponse
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.revisiting.known_responses import KnownFile
from orbweaver.crawler.revisiting.revisit import Revisit
from orbweaver.crawler.rules import urls
from orbweaver.crawler.rules.spelt_urls import spell
from orbweaver.crawler.visiting.addresses import dedup_key
from orbweaver.crawler.visiting.admission import Admission
from orbweaver.crawler.visiting.frontier import Frontier
from orbweaver.crawler.visiting.gates.gate_pages import Gate
from orbweaver.crawler.visiting.gates.gatekeeper import Gatekeeper
from orbweaver.crawler.visiting.known_files import KnownFiles
from orbweaver.crawler.visiting.link_follower import LinkFollower, policy_of
from orbweaver.crawler.visiting.page_signs import signs_of
from orbweaver.crawler.visiting.records.host_answers import A_GATE, GIVEN, AnswerCounter
from orbweaver.crawler.visiting.records.journal import Journal
from orbweaver.crawler.visiting.records.outcomes import (
    INTERRUPTED,
    Arrival,
    Ending,
    arrival_of,
    ending_of_error,
    ending_of_gate,
    ending_of_own_error,
    is_status_failure,
    is_success,
)
from orbweaver.crawler.visiting.records.reported_urls import ReportedUrls
from orbweaver.crawler.visiting.records.visit_journal import VisitJournal
from orbweaver.crawler.visiting.redirects import Redirects
from orbweaver.crawler.visiting.reported_pages import NOTHING_MET, ReportedPages
from orbweaver.crawler.visiting.request_manner import after_redirect, as_it_is_kept, is_negotiated
from orbweaver.crawler.visiting.visit import Origin, Visit, expected_kind
from orbweaver.model import Embeds, Outcome, ReferrerControl, Report, Scope


class Navigator:
    """Takes each response to those whose matter it is: the journal, the gates, the links, the counts.

    `flush` is called when a batch of sightings is complete. `cookies_for` returns the cookies that would go with a
    request for a URL in the name of a reporter. `admission` decides which visits are made, `links` follows what a
    response leads to, `known_files` visits again what an earlier recrawl found, `reported` has the results of the
    reported URLs, and `answers` counts how the hosts answered. `stopped_by` says why the recrawl is ending early,
    None while it is not. With a `key` (addresses/seen_urls.py) another process can go on where this one ends.
    """

    def __init__(
        self,
        scope: Scope,
        *,
        frontier: Frontier,
        journal: Journal,
        budget: Budget,
        flush: Callable[[], None],
        cookies_for: Callable[[str, ReporterHeaders], str],
        revisit: Revisit,
        key: bytes | None = None,
    ) -> None:
        self._frontier = frontier
        self._journal = journal
        self._budget = budget
        self._says_pages = scope.access.referrer is ReferrerControl.PAGE
        self.stopped_by: str | None = None
        self.reported = ReportedUrls()
        self.answers = AnswerCounter()
        self._roots: dict[str, set[int]] = {}  # of the reported URLs, by their dedup key
        self._origins: dict[str, Origin] = {}  # of the reported URLs
        self._visits = VisitJournal(journal, self.reported, flush=flush)
        self.admission = Admission(scope, frontier, self._visits, key)
        self._visits.spelling_of = self.admission.spellings.of
        self.known_files = KnownFiles(revisit, self.admission, self._visits, self._origins)
        self._follows_links = scope.follows_links
        self._may_be_embeds = not scope.follows_links and scope.embeds is not Embeds.OFF
        self.links = LinkFollower(
            self.admission, self._visits, self._roots, cookies_for, revisit.pages, follows_links=scope.follows_links
        )
        self._gatekeeper = Gatekeeper(self.admission, self._visits)
        self._redirects = Redirects(self.admission, self._visits, cookies_for)
        self._reported_pages = ReportedPages(self.admission, self._visits, self._redirects)

    def begin(self, reports: Sequence[Report]) -> None:
        """Put the reported URLs at the head of the frontier, each once."""
        visits = self._register(reports)
        for visit, spelling in visits:
            self.admission.consider(visit, visit.url, spelling=spelling)
        for visit, _ in visits if self._follows_links else ():
            origin = visit.origin.of_links(visit.url)
            self.links.go_to_originals(origin, visit.url, visit.url, LinkKind.PAGE)
            self.links.go_to_inner_urls(origin, visit.url)

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The origins of the reported URLs, by their number."""
        return tuple(self._origins.values())

    def begin_again(self, reports: Sequence[Report]) -> None:
        """Know the reported URLs, which an earlier slice has put into the frontier."""
        self._register(reports)

    def _register(self, reports: Sequence[Report]) -> list[tuple[Visit, str | None]]:
        """Note the reported URLs, and return the visit of each with the spelling of its URL."""
        by_url: dict[str, list[Report]] = {}
        for report in reports:
            by_url.setdefault(report.url, []).append(report)
        visits: list[tuple[Visit, str | None]] = []
        for url, same in by_url.items():
            key, root = dedup_key.key(url), self.reported.add(url)
            self.admission.addresses.meet(url)
            self._roots.setdefault(key, set()).add(root)
            origin = Origin(
                referrer=_first(report.referrer for report in same),
                report_ids=tuple(sorted({report.report_id for report in same if report.report_id})),
                reporter_headers=reporter_headers_of(same),
                root=root,
            )
            self._origins[url] = origin
            if origin.referrer is None and self._says_pages:
                self.links.typed_files.add(url)
            visit = Visit(url, LinkKind.PAGE, origin, is_reported=True, is_embed=self._may_be_embeds)
            visits.append((visit, same[0].spelling))
        return visits

    def refused_checkpoint(self, root: str, error: CheckpointRefused) -> None:
        """Record that the recrawl begins anew, because nothing can be made of what an earlier slice left."""
        reason = f"what an earlier slice of the recrawl left cannot be used ({error}): it began anew"
        self._journal.skip(root, Outcome.INTERRUPTED, rule="checkpoint", reason=reason, is_failure=False)

    def stop(self, reason: str | None) -> None:
        """Note why the recrawl is ending early; None takes that back."""
        self.stopped_by = reason

    def arrived(
        self, visit: Visit, response: FetchedResponse, *, cookies: str = "", prefers_new_types: bool = False
    ) -> None:
        """Record the response for one URL and go on where it leads.

        It was asked for with `cookies`, and `prefers_new_types` when its `Accept` named new types of images.
        """
        body = response.body
        if body is None:
            self._redirected(visit, response, cookies)
            return
        if response.cut_by is not None:
            self._cut(visit, response, body, response.cut_by, cookies)
            return
        if not visit.is_reported:
            kind = LinkKind.FILE if body.html is None else LinkKind.PAGE
            self._budget.correct(visit.kind, kind, host=urls.host_of(response.url))
        digest = None if body.digests is None else body.digests.sha256
        if self.links.typed_files.gave_the_same(visit, digest):
            return
        # A body is looked into whatever the status is: an error status may be a disguise.
        self._visits.files(visit, response, body)
        if not self._follows_links and visit.is_reported and not visit.is_entering:
            self._note_signs(visit, response, body)
        passage = self._gatekeeper.meet(visit, response, body, cookies)
        if not passage.is_on_its_way:
            self._came_to_its_end(visit, response, body, passage.gate, cookies)
        self.links.follow(visit, response, body, cookies)
        if body.digests is not None and is_success(response.status):
            self.admission.ask_after_all(self.admission.addresses.answered(visit.url, hash(body.digests.sha256)))
        if prefers_new_types and is_negotiated(response, body.sniffed_type):
            self.admission.consider(as_it_is_kept(visit), response.url)
        again = self.links.typed_files.answered(visit.url, digest) if visit.is_reported else None
        if again is not None:
            self.admission.consider(again, again.url)

    def _note_signs(self, visit: Visit, response: FetchedResponse, body: Body) -> None:
        assert visit.origin.root is not None, "it is reported"
        signs = signs_of(response, body, self.reported.url_of(visit.origin.root))
        self.reported.showed(
            visit.origin.root,
            status=response.status,
            final_url=response.url,
            ip=response.ip,
            page_print=signs.page_print,
            says=signs.says,
        )

    def _came_to_its_end(
        self, visit: Visit, response: FetchedResponse, body: Body, gate: Gate | None, cookies: str
    ) -> None:
        """Count what came, unless the page at a reported URL only sends its visitor on."""
        meeting = NOTHING_MET if gate is not None else self._reported_pages.meet(visit, response, body, cookies)
        if meeting.is_sent_on:
            self._journal.tally.pages += body.html is not None
            self.reported.count_page(visit.origin.root if body.html is not None else None)
            return
        self._came(visit, response, body, gate, meeting.ending)

    def _came(
        self, visit: Visit, response: FetchedResponse, body: Body, gate: Gate | None, ending: Ending | None
    ) -> None:
        """Count what a URL turned out to be, and record why where that is no file and no page to follow.

        `ending` is that of a page at a reported URL which is no answer.
        """
        is_page = body.digests is None
        arrival = arrival_of(
            response.status,
            is_page=is_page,
            is_empty=body.digests is not None and body.digests.is_degenerate,
            is_file_expected=expected_kind(visit.url, visit.kind) is LinkKind.FILE,
            is_file_promised=visit.is_embed or bool(visit.chain),
            is_reported=visit.is_reported,
            source=visit.source,
        )
        if visit.is_candidate and arrival.counted == GIVEN:
            self.admission.addresses.meet(visit.url)  # a link that is met later needs no other visit
        if gate is not None:
            arrival = Arrival(
                arrival.is_file, A_GATE, ending_of_gate(gate, response.status, is_entered=visit.gate is not None)
            )
        elif ending is not None and (arrival.ending is None or arrival.ending.outcome is Outcome.ERROR_PAGE):
            arrival = Arrival(arrival.is_file, arrival.counted, ending)
        if is_success(response.status):
            root = visit.origin.root
            if visit.is_reported and root is not None:
                self.reported.came(root, status=response.status, is_page=is_page)
            if body.html is not None:
                self._journal.tally.pages += 1
                self.reported.count_page(root)
        # Why a reported URL gave nothing is said of that URL.
        if arrival.counted == GIVEN or (arrival.counted is not None and not visit.is_reported):
            self.answers.note(
                visit.url,
                urls.host_of(visit.url),
                is_file=arrival.is_file,
                answer=arrival.counted,
                is_failure=not is_success(response.status) and is_status_failure(response.status, is_file=False),
            )
        if arrival.ending is not None:
            self._visits.end(visit, arrival.ending)

    def _cut(self, visit: Visit, response: FetchedResponse, body: Body, error: Exception, cookies: str) -> None:
        """Record that a document ended before its end, and go where that part of it leads which came."""
        ending = ending_of_error(error, is_reported=visit.is_reported, stopped_by=self.stopped_by)
        self._visits.end(visit, ending._replace(reason=f"{ending.reason}; the links in what came were followed"))
        if body.html is not None:
            self._journal.tally.pages += 1
            self.reported.count_page(visit.origin.root)
        self.links.follow(visit, response, body, cookies)

    def unchanged(self, visit: Visit, response: FetchedResponse, known: KnownFile) -> None:
        """Record that a file is the one that is known, and do all else that follows when such a file comes."""
        host = urls.host_of(visit.url)
        self._budget.correct(visit.kind, LinkKind.FILE, host=urls.host_of(response.url))
        self._visits.unchanged(visit, response, known)
        self.known_files.unchanged(known)
        if visit.is_candidate:
            self.admission.addresses.meet(visit.url)  # a link that is met later needs no other visit
        self.answers.note(visit.url, host, is_file=True, answer=GIVEN)
        self.admission.ask_after_all(self.admission.addresses.answered(visit.url, hash(known.digests.sha256)))
        if known.is_negotiated:
            self.admission.consider(as_it_is_kept(visit), response.url)

    def failed(self, visit: Visit, error: BaseException) -> None:
        """Record why a URL gave no response."""
        self._visits.end(visit, ending_of_error(error, is_reported=visit.is_reported, stopped_by=self.stopped_by))

    def broke(self, visit: Visit, error: Exception) -> None:
        """Record that an error of our own lost the response for one URL."""
        self._visits.end(visit, ending_of_own_error(error))

    def abandon(self, root: str) -> None:
        """Record the URLs that are still in the frontier when the recrawl ends early."""
        if not len(self._frontier):
            return
        is_interrupted = self.stopped_by == INTERRUPTED
        self._journal.skip(
            root,
            Outcome.INTERRUPTED if is_interrupted else Outcome.LIMIT,
            rule=f"limit.{self.stopped_by}",
            reason=f"{len(self._frontier)} more URLs were known when the recrawl ended",
            is_failure=is_interrupted or self._frontier.reported > 0,
            count=len(self._frontier),
        )

    def judge_hosts(self) -> None:
        """Record each host that refused so many of its files or pages that it was not checked."""
        for refusal in self.answers.refusals():
            self._journal.skip(
                refusal.url, Outcome.REFUSED, rule=f"host.{refusal.what}", reason=refusal.reason, is_failure=True
            )

    def _redirected(self, visit: Visit, response: FetchedResponse, cookies: str) -> None:
        try:
            target = spell(response.asked, _as_written(response.location or b""))
        except UrlRefused as error:
            reason = f"redirected to a URL that is refused: {error.reason}"
            self._visits.end(visit, Ending(Outcome.REFUSED_URL, "url", reason, is_failure=True))
            return
        if visit.gate is not None and target.url == visit.url:
            visit = visit._replace(gate=visit.gate._replace(is_entering=False))
        onward = after_redirect(visit, response.url, policy_of(response))
        self._redirects.follow(onward, response.asked, response.status, cookies, target)


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value), None)


def _as_written(location: bytes) -> str:
    """Return a Location header as text; bytes that are not ASCII are escaped, whatever charset they were meant in."""
    return "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in location)
