"""Where a recrawl goes: which visits it makes of reports, links and redirects, and what it records of each answer.

Nothing here fetches: answers and errors come in, visits and records go out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from orbweaver.crawler.bodies.archive_limits import Contents
from orbweaver.crawler.bodies.body import Body
from orbweaver.crawler.bodies.digests import digests_of
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.fetching.budget import Budget
from orbweaver.crawler.fetching.request_headers import reporter_headers_of
from orbweaver.crawler.fetching.transfer import FetchedResponse
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links import documents
from orbweaver.crawler.links.html import Link, PageLinks
from orbweaver.crawler.links.http_headers import header_links
from orbweaver.crawler.rules import scope, url_rules, urls
from orbweaver.crawler.transfer_errors import Interrupted
from orbweaver.crawler.visiting import dedup_key, sightings
from orbweaver.crawler.visiting.frontier import MOST_WAITING, Frontier, PlannedRequest
from orbweaver.crawler.visiting.host_answers import A_PAGE, EMPTY, GIVEN, AnswerCounter
from orbweaver.crawler.visiting.journal import Journal
from orbweaver.crawler.visiting.outcomes import (
    is_failure,
    is_status_failure,
    of_own_error,
    outcome_of,
    outcome_of_status,
    reason_of,
    rule_of,
)
from orbweaver.crawler.visiting.reported_urls import ReportedUrls
from orbweaver.crawler.visiting.seen_urls import SeenUrls
from orbweaver.crawler.visiting.suggestions import ScopeSuggestions
from orbweaver.crawler.visiting.visit import Visit, expected_kind
from orbweaver.model import Outcome, Report, Scope, Sighting, now

# What is remembered of links, so that none is followed twice: 12 to 24 bytes each.
URLS_SEEN = 5_000_000
MOST_REDIRECTS = 5
# A file was left out that a wider `embeds` would fetch.
SUGGESTING = frozenset({"embeds.off", "embeds.site"})
# Of one robots.txt: each is fetched.
MOST_SITEMAPS = 20


class Navigator:
    """Decides by the scope's rules, once for every URL, and keeps the journal.

    `flush` is called when a batch of sightings is complete. `suggestions` are hosts outside the scope whose files its
    pages show, `reported` is what came of each reported URL, `answers` how its hosts answered. `stopped_by` says why
    the recrawl is ending early, None while it is not.
    """

    def __init__(
        self, scope: Scope, *, frontier: Frontier, journal: Journal, budget: Budget, flush: Callable[[], None]
    ) -> None:
        self._scope = scope
        self._frontier = frontier
        self._journal = journal
        self._budget = budget
        self._flush = flush
        self.stopped_by: str | None = None
        self._seen = SeenUrls()
        self.suggestions = ScopeSuggestions()
        self.reported = ReportedUrls()
        self.answers = AnswerCounter()
        self._reported_places: dict[str, set[int]] = {}

    def begin(self, reports: Sequence[Report]) -> None:
        """Put the reported URLs at the head of the frontier, each once."""
        by_url: dict[str, list[Report]] = {}
        for report in reports:
            by_url.setdefault(report.url, []).append(report)
        for url, same in by_url.items():
            key, place = dedup_key.key(url), self.reported.add(url)
            self._seen.add(key)
            self._reported_places.setdefault(key, set()).add(place)
            visit = Visit(
                url,
                LinkKind.PAGE,
                referrer=_first(report.referrer for report in same),
                report_ids=tuple(sorted({report.report_id for report in same if report.report_id})),
                is_reported=True,
                reporter_headers=reporter_headers_of(same),
                root=place,
            )
            self._consider(visit, url)

    def arrived(self, visit: Visit, answer: FetchedResponse) -> None:
        """Record what came for one URL and go on where it leads."""
        body = answer.body
        if body is None:
            self._redirected(visit, answer)
            return
        if not visit.is_reported:
            found = LinkKind.FILE if body.html is None else LinkKind.PAGE
            self._budget.correct(visit.kind, found, host=urls.host_of(answer.url))
        # A body is looked into whatever the status is: an error status may be a disguise.
        if body.digests is not None and not body.digests.is_degenerate:
            self._found(visit, sightings.of_file(visit, answer, body.digests))
        self._inside_archive(visit, answer, body.archive)
        self._came(visit, answer, body)
        self._follow(visit, answer, body)

    def _came(self, visit: Visit, answer: FetchedResponse, body: Body) -> None:
        """Record what a URL turned out to be, and why where that is no file and no page to follow."""
        is_file_expected = expected_kind(visit.url, visit.kind) is LinkKind.FILE
        is_page = body.digests is None
        if not 200 <= answer.status < 300:
            is_failure = is_status_failure(answer.status, is_reported=visit.is_reported)
            said = f"http.{answer.status}"
            self._count_answer(visit, is_file=is_file_expected, said=said, is_failure=is_failure)
            reason = f"the host answered {answer.status}"
            self._end(visit, outcome_of_status(answer.status), said, reason, is_failure, answer.status)
            return
        if visit.is_reported and visit.root is not None:
            self.reported.came(visit.root, status=answer.status, is_page=is_page)
        if body.html is not None:
            self._journal.tally.pages += 1
            self.reported.count_page(visit.root)
        if body.digests is not None and body.digests.is_degenerate:
            self._count_answer(visit, is_file=True, said=EMPTY)
            reason = "the file is empty: its digests say nothing"
            self._end(visit, Outcome.EMPTY, "degenerate", reason, visit.is_reported, answer.status)
        elif is_page and is_file_expected:
            # Some sites show a file's own page under a name like a file's, but none shows a page as a picture.
            if visit.is_embed or visit.chain:
                self._count_answer(visit, is_file=True, said=A_PAGE)
            reason = "a page came where a file was expected"
            self._end(visit, Outcome.ERROR_PAGE, "error_page", reason, visit.is_reported, answer.status)
        else:
            self._count_answer(visit, is_file=not is_page, said=GIVEN)

    def _count_answer(self, visit: Visit, *, is_file: bool, said: str, is_failure: bool = False) -> None:
        if said == GIVEN or not visit.is_reported:  # why a reported URL gave nothing is said of that URL
            self.answers.note(visit.url, urls.host_of(visit.url), is_file=is_file, said=said, is_failure=is_failure)

    def failed(self, visit: Visit, error: BaseException) -> None:
        """Record why a URL gave no answer."""
        outcome = outcome_of(error)
        rule, reason = rule_of(error), reason_of(error)
        if isinstance(error, Interrupted) and self.stopped_by != "interrupted":
            outcome, rule, reason = Outcome.LIMIT, f"limit.{self.stopped_by}", "the recrawl's time was over"
        self._end(visit, outcome, rule, reason, visit.is_reported or is_failure(outcome))

    def broke(self, visit: Visit, error: Exception) -> None:
        """Record that an error of our own hid what came for one URL."""
        outcome, rule, reason = of_own_error(error)
        self._end(visit, outcome, rule, reason, True)

    def is_on_hosts(self, url: str) -> bool:
        """Whether a canonical URL is on a host of the scope, whatever its path is."""
        refusal = scope.refusal_of(self._scope, url)
        return refusal is None or refusal.rule == "path"

    def found_sitemaps(self, robots_url: str, sitemaps: Sequence[str]) -> None:
        """Go on to the sitemaps that a robots.txt names."""
        origin = Visit(robots_url, LinkKind.PAGE)
        for sitemap in sitemaps[:MOST_SITEMAPS]:
            self._follow_link(origin, robots_url, robots_url, Link(sitemap, LinkKind.PAGE))

    def abandon(self, root: str) -> None:
        """Record what is still in the frontier when the recrawl ends early."""
        if not len(self._frontier):
            return
        is_interrupted = self.stopped_by == "interrupted"
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

    def _consider(self, visit: Visit, url: str) -> None:
        """Let a visit wait for its turn when the rules and memory allow it, else record why not."""
        decision = url_rules.decide(self._scope, _candidate(visit, url), now=now())
        rule, reason, outcome = decision.rule, decision.reason, decision.outcome
        if decision.is_allowed:
            if visit.is_reported or not self._frontier.is_full:
                # A reported URL is fetched whatever the limits say.
                self._frontier.push(PlannedRequest(visit, url, cost=0 if visit.is_reported else decision.cost))
                return
            rule, reason, outcome = "limit.waiting", f"{MOST_WAITING} URLs wait already", Outcome.LIMIT
        if rule in SUGGESTING:
            self.suggestions.note(urls.host_of(url))
        if visit.chain:
            reason = f"redirected to {url}: {reason}"
        # A reported URL that leads out of scope was not checked, and nobody but a person can decide what to do.
        self._end(visit, outcome, rule, reason, visit.is_reported)

    def _redirected(self, visit: Visit, answer: FetchedResponse) -> None:
        chain = (*visit.chain, answer.url)
        try:
            target = urls.join(answer.url, _as_written(answer.location or b""))
        except UrlRefused as error:
            reason = f"redirected to a URL that is refused: {error.reason}"
            self._end(visit, Outcome.REFUSED_URL, "url", reason, True)
            return
        if target in chain or len(chain) > MOST_REDIRECTS:
            reason = f"{len(chain)} redirects, the last to {target}"
            self._end(visit, Outcome.REDIRECT_LOOP, "redirects", reason, True)
            return
        self._consider(visit._replace(chain=chain), target)

    def _inside_archive(self, visit: Visit, answer: FetchedResponse, archive: Contents) -> None:
        for member in archive.members:
            self._found(visit, sightings.of_member(visit, answer, member))
        for note in archive.notes:
            self._journal.skip(
                visit.url,
                note.outcome,
                rule=note.rule,
                reason=note.reason,
                is_failure=note.is_failure,
                referrer=visit.referrer,
                status=answer.status,
                count=note.count,
            )

    def _follow(self, visit: Visit, answer: FetchedResponse, body: Body) -> None:
        """Go where the headers of an answer lead, and its document when it has one."""
        linked = header_links(link=answer.headers.getall("Link", ()), refresh=answer.headers.get("Refresh"))
        self._follow_links(visit, answer.url, answer.url, linked)
        if body.document is None or body.document_kind is None:
            return
        # Python's hash of bytes is keyed: no server can make two pages equal.
        page = hash(body.document)
        if page == visit.referrer_page:
            reason = "the same page as the one that links to it: its links were not followed"
            self._skip(visit, Outcome.TRAP, "trap.same-page", reason, False)
            return
        found = documents.references(
            body.document, body.document_kind, content_type=answer.content_type, base_url=answer.url
        )
        if body.is_document_cut or found.is_truncated:
            rule = "limit.html" if body.is_document_cut else "limit.links"
            reason = "the page is longer than what is read of a page; links after that were not seen"
            self._skip(visit, Outcome.LIMIT, rule, reason, False)
        self._embedded(visit, answer, found)
        self._follow_links(visit, answer.url, self._base_of(answer.url, found.base), found.links, page)

    def _follow_links(
        self, visit: Visit, page_url: str, base: str, found: Iterable[Link], page: int | None = None
    ) -> None:
        for link in found:
            if len(self._seen) >= URLS_SEEN:
                self._seen_enough(page_url)
                return
            self._follow_link(visit, page_url, base, link, page)

    def _follow_link(self, visit: Visit, page_url: str, base: str, link: Link, page: int | None = None) -> None:
        try:
            url = urls.join(base, link.reference)
        except UrlRefused as error:
            self._refused_link(page_url, error.reason)
            return
        key = dedup_key.key(url)
        if not self._seen.add(key):
            places = self._reported_places.get(key)
            if places is not None and visit.root not in places:  # a page that links to itself leads nowhere
                self.reported.links_to_reported(visit.root)
            return
        self._consider(
            Visit(
                url,
                expected_kind(url, link.kind),
                referrer=page_url,
                depth=visit.depth + 1,
                report_ids=visit.report_ids,
                is_embed=link.kind is LinkKind.FILE,
                referrer_page=page,
                reporter_headers=visit.reporter_headers,
                root=visit.root,
            ),
            url,
        )

    def _found(self, visit: Visit, sighting: Sighting) -> None:
        self._journal.sighting(sighting)
        if 200 <= sighting.http.status < 300:
            self.reported.count_file(visit.root, sighting.content_type or sighting.sniffed_type)
        if self._journal.is_full:
            self._flush()

    def _embedded(self, visit: Visit, answer: FetchedResponse, found: PageLinks) -> None:
        for embedded in found.data_uris:
            digests = digests_of(embedded.data)
            if not digests.is_degenerate:
                self._found(visit, sightings.of_embedded(visit, answer, digests, embedded.media_type))
        if found.bad_data_uris:
            reason = f"{found.bad_data_uris} data: URIs on this page cannot be decoded"
            self._skip(visit, Outcome.REFUSED_URL, "data-uri", reason, False)

    def _base_of(self, page_url: str, base: str | None) -> str:
        if base is None:
            return page_url
        try:
            return urls.join(page_url, base)
        except UrlRefused:
            return page_url  # browsers ignore a base that cannot be read, too

    def _refused_link(self, page_url: str, reason: str) -> None:
        """Record each reason once; never the reference itself, which may hold content (a script, a data: URI)."""
        if self._seen.add(reason):  # no reason is a URL
            self._journal.skip(
                page_url,
                Outcome.REFUSED_URL,
                rule="url",
                reason=f"links like one on this page are refused: {reason}",
                is_failure=False,
            )

    def _seen_enough(self, page_url: str) -> None:
        self._journal.skip(
            page_url,
            Outcome.LIMIT,
            rule="limit.seen",
            reason=f"{URLS_SEEN} URLs were seen on this host: new links on this page and others are left out",
            is_failure=False,
        )

    def _end(
        self, visit: Visit, outcome: Outcome, rule: str, reason: str, is_failure: bool, status: int | None = None
    ) -> None:
        """Record that a URL gave neither a file nor a page to follow, and why."""
        if visit.is_reported and visit.root is not None:
            self.reported.ended(visit.root, outcome, rule, reason, status)
        self._skip(visit, outcome, rule, reason, is_failure, status)

    def _skip(
        self, visit: Visit, outcome: Outcome, rule: str, reason: str, is_failure: bool, status: int | None = None
    ) -> None:
        self._journal.skip(
            visit.url,
            outcome,
            rule=rule,
            reason=reason,
            is_failure=is_failure,
            referrer=visit.referrer,
            status=status,
        )


def _candidate(visit: Visit, url: str) -> url_rules.Candidate:
    return url_rules.Candidate(
        url,
        visit.kind,
        referrer=visit.referrer,
        depth=visit.depth,
        is_reported=visit.is_reported,
        is_embed=visit.is_embed,
        is_redirect=bool(visit.chain),
    )


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value), None)


def _as_written(location: bytes) -> str:
    """Return a Location header as text; bytes that are not ASCII are escaped, whatever charset they were meant in."""
    return "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in location)
