"""Decides where a recrawl goes: makes visits of reports, links and redirects, and records what came of each.

Nothing here fetches: responses and errors come in, planned requests and records go out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from orbweaver.crawler.asked_as import NOT_SAID, AskedAs, ReferrerPolicy
from orbweaver.crawler.bodies.archive_limits import NOTHING_INSIDE, note_of
from orbweaver.crawler.bodies.body import Body
from orbweaver.crawler.bodies.digests import digests_of
from orbweaver.crawler.errors import UrlRefused
from orbweaver.crawler.fetching.budget import Budget
from orbweaver.crawler.fetching.request_headers import ReporterHeaders, reporter_headers_of
from orbweaver.crawler.fetching.transfer import FetchedResponse
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links import documents
from orbweaver.crawler.links.attribute_values import refresh_reference
from orbweaver.crawler.links.html import MAX_CANDIDATES, Link, PageLinks
from orbweaver.crawler.links.http_headers import header_links
from orbweaver.crawler.rules import image_services, scope, url_rules, urls
from orbweaver.crawler.rules.referrers import policy_of_header
from orbweaver.crawler.visiting import dedup_key, gates, sightings
from orbweaver.crawler.visiting.archive_names import is_archive_part
from orbweaver.crawler.visiting.frontier import MOST_CANDIDATES_WAITING, MOST_WAITING, Frontier, PlannedRequest
from orbweaver.crawler.visiting.gate_pages import Gate, GateKind, gate_of, shows_something
from orbweaver.crawler.visiting.host_answers import A_GATE, GIVEN, AnswerCounter
from orbweaver.crawler.visiting.journal import Journal
from orbweaver.crawler.visiting.outcomes import (
    Arrival,
    Ending,
    arrival_of,
    ending_of_error,
    ending_of_gate,
    ending_of_own_error,
    is_status_failure,
    is_success,
)
from orbweaver.crawler.visiting.reported_urls import ReportedUrls
from orbweaver.crawler.visiting.request_manner import after_redirect, as_it_is_kept, is_negotiated
from orbweaver.crawler.visiting.same_addresses import Met, SameAddresses, page_answer
from orbweaver.crawler.visiting.suggestions import ScopeSuggestions
from orbweaver.crawler.visiting.visit import UNKNOWN_ORIGIN, Origin, Visit, expected_kind
from orbweaver.model import Outcome, Report, Scope, Sighting, now

# So many links are remembered, so that none is followed twice: 12 to 24 bytes each.
URLS_SEEN = 5_000_000
# As browsers (https://fetch.spec.whatwg.org/#http-redirect-fetch).
MOST_REDIRECTS = 20
# So many pages wait whose URL differs from one that was met only in what probably does not count.
MOST_PAGE_VARIANTS = 10_000
NOTHING_SAID: Mapping[Link, AskedAs] = MappingProxyType({})
# A file was left out that a wider `embeds` would fetch.
SUGGESTING = frozenset({"embeds.off", "embeds.site"})
# Each has at most 16 KiB of them.
MOST_PLAYLISTS_WITH_VARIABLES = 200
# Of one robots.txt: each is fetched.
MOST_SITEMAPS = 20


class Navigator:
    """Decides by the scope's rules, once for every URL, and keeps the journal.

    `flush` is called when a batch of sightings is complete. `cookies_for` returns the cookies that would go with a
    request for a URL in the name of a reporter. `suggestions` are hosts outside the scope whose files its
    pages show, `reported` has the results of the reported URLs, and `answers` counts how the hosts answered.
    `stopped_by` says why the recrawl is ending early, None while it is not.
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
    ) -> None:
        self._scope = scope
        self._frontier = frontier
        self._journal = journal
        self._budget = budget
        self._flush = flush
        self._cookies_for = cookies_for
        self.stopped_by: str | None = None
        self._addresses = SameAddresses()
        self.suggestions = ScopeSuggestions()
        self.reported = ReportedUrls()
        self._variables: dict[str, Mapping[str, str]] = {}  # of HLS playlists, by their URL, for those that they name
        self.answers = AnswerCounter()
        self._roots: dict[str, set[int]] = {}  # of the reported URLs, by what is the same for the seen set

    def begin(self, reports: Sequence[Report]) -> None:
        """Put the reported URLs at the head of the frontier, each once."""
        by_url: dict[str, list[Report]] = {}
        origins: dict[str, Origin] = {}
        for report in reports:
            by_url.setdefault(report.url, []).append(report)
        for url, same in by_url.items():
            key, root = dedup_key.key(url), self.reported.add(url)
            self._addresses.meet(url)
            self._roots.setdefault(key, set()).add(root)
            visit = Visit(
                url,
                LinkKind.PAGE,
                Origin(
                    referrer=_first(report.referrer for report in same),
                    report_ids=tuple(sorted({report.report_id for report in same if report.report_id})),
                    reporter_headers=reporter_headers_of(same),
                    root=root,
                ),
                is_reported=True,
            )
            self._consider(visit, url)
            origins[url] = visit.origin
        for url, origin in origins.items():
            self._go_to_originals(origin.of_links(url), url, url, LinkKind.PAGE)

    def stop(self, reason: str) -> None:
        """Note why the recrawl is ending early."""
        self.stopped_by = reason

    def is_due(self, visit: Visit) -> bool:
        """Whether a visit that waited is still to be made; a candidate is not that was met as a link meanwhile."""
        return not visit.is_candidate or not self._addresses.has_met(visit.url)

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
        if not visit.is_reported:
            kind = LinkKind.FILE if body.html is None else LinkKind.PAGE
            self._budget.correct(visit.kind, kind, host=urls.host_of(response.url))
        # A body is looked into whatever the status is: an error status may be a disguise.
        if body.digests is not None and not body.digests.is_degenerate:
            self._found(visit, sightings.of_file(visit, response, body.digests))
            if body.digests_as_sent is not None:
                self._found(visit, sightings.of_file(visit, response, body.digests_as_sent, is_as_sent=True))
        self._inside_archive(visit, response, body)
        if not self._at_gate(visit, response, body, cookies):
            self._came(visit, response, body)
        self._follow(visit, response, body, cookies)
        if body.digests is not None and is_success(response.status):
            self._ask_after_all(self._addresses.answered(visit.url, hash(body.digests.sha256)))
        if prefers_new_types and is_negotiated(response, body.sniffed_type):
            self._consider(as_it_is_kept(visit), response.url)

    def _at_gate(self, visit: Visit, response: FetchedResponse, body: Body, cookies: str) -> bool:
        """Go on through a gate, or say why not; False when the response is what the visit was for."""
        text = gates.text_of(response, body)
        # What may be no reference is not worth a failure.
        gate = None if text is None or visit.is_candidate else gate_of(text, is_refused=not is_success(response.status))
        if visit.is_entering:
            if body.digests is not None and text is None and is_success(response.status):
                self._passed(visit)  # the way in led to the file itself
                return False
            self._journal.tally.pages += gate is None and is_success(response.status)
            again = gates.again(visit, has_led=text is not None and gate is None and shows_something(text))
            self._consider(again, visit.url)
            return True
        if gate is None or (visit.gate is not None and visit.gate.has_led):
            if visit.gate is not None and is_success(response.status):
                self._passed(visit)
            return False
        if gate.kind is GateKind.LOGIN and not visit.is_reported:
            return False  # sites link to their login
        if not self._enter(visit, response, gate, cookies):
            self._came(visit, response, body, gate)
        return True

    def _enter(self, visit: Visit, response: FetchedResponse, gate: Gate, cookies: str) -> bool:
        """Ask for the way through a gate; False when there is none, or it may not be asked for."""
        entering = gates.entering(visit, gate, hash((response.url, cookies, gate.words)))
        if entering is None or gate.reference is None:
            return False
        try:
            url = urls.join(self._base_of(response.url, gate.base), gate.reference)
        except UrlRefused:
            return False
        decision = url_rules.decide(self._scope, _candidate(entering, url), now=now())
        if not decision.is_allowed or (self._frontier.is_full and not visit.is_reported):
            return False
        self._addresses.meet(url)  # not once more as a link of the page
        self._frontier.push(PlannedRequest(entering, url, cost=0 if visit.is_reported else decision.cost))
        return True

    def _passed(self, visit: Visit) -> None:
        assert visit.gate is not None
        reason = f'passed a gate: "{visit.gate.words}"'
        self._skip(visit, Ending(Outcome.GATE, "gate.passed", reason, is_failure=False))

    def _came(self, visit: Visit, response: FetchedResponse, body: Body, gate: Gate | None = None) -> None:
        """Count what a URL turned out to be, and record why where that is no file and no page to follow."""
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
            self._addresses.meet(visit.url)  # a link that is met later needs no other visit
        if gate is not None:
            arrival = Arrival(
                arrival.is_file, A_GATE, ending_of_gate(gate, response.status, is_entered=visit.gate is not None)
            )
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
            self._end(visit, arrival.ending)

    def failed(self, visit: Visit, error: BaseException) -> None:
        """Record why a URL gave no response."""
        self._end(visit, ending_of_error(error, is_reported=visit.is_reported, stopped_by=self.stopped_by))

    def broke(self, visit: Visit, error: Exception) -> None:
        """Record that an error of our own lost the response for one URL."""
        self._end(visit, ending_of_own_error(error))

    def is_on_hosts(self, url: str) -> bool:
        """Whether a canonical URL is on a host of the scope, whatever its path is."""
        refusal = scope.refusal_of(self._scope, url)
        return refusal is None or refusal.rule == "path"

    def found_sitemaps(self, robots_url: str, sitemaps: Sequence[str]) -> None:
        """Go on to the sitemaps that a robots.txt names; it is no page that somebody comes from."""
        origin = UNKNOWN_ORIGIN.of_links(robots_url, policy=ReferrerPolicy.NO_REFERRER)
        for sitemap in sitemaps[:MOST_SITEMAPS]:
            self._follow_link(origin, robots_url, robots_url, Link(sitemap, LinkKind.PAGE))

    def abandon(self, root: str) -> None:
        """Record the URLs that are still in the frontier when the recrawl ends early."""
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

    def leaves_out(self, planned: PlannedRequest) -> bool:
        """Whether a visit whose turn has come is not made: others of its kind have all answered the same."""
        visit = planned.visit
        return visit.is_variant and not visit.chain and self._addresses.leaves_out(planned)

    def say_what_was_left_out(self) -> None:
        """Record, place by place, how many URLs were left out because others answered the same."""
        for left_out in self._addresses.left_out():
            rule, outcome = "trap.same-address", Outcome.TRAP
            why = "others of them answered the same"
            if not left_out.is_same:
                rule, outcome = "limit.same-address", Outcome.LIMIT
                why = "whether they answer the same was not found out"
            reason = f"URLs that differ from others only in this were left out: {left_out.differs_in}; {why}"
            self._journal.skip(left_out.url, outcome, rule=rule, reason=reason, is_failure=False, count=left_out.count)

    def judge_hosts(self) -> None:
        """Record each host that refused so many of its files or pages that it was not checked."""
        for refusal in self.answers.refusals():
            self._journal.skip(
                refusal.url, Outcome.REFUSED, rule=f"host.{refusal.what}", reason=refusal.reason, is_failure=True
            )

    def _consider(self, visit: Visit, url: str) -> None:
        """Put a visit into the frontier when the rules and memory allow it, else record why not."""
        decision = url_rules.decide(self._scope, _candidate(visit, url), now=now())
        rule, reason, outcome = decision.rule, decision.reason, decision.outcome
        if decision.is_allowed:
            planned = PlannedRequest(visit, url, cost=0 if visit.is_reported else decision.cost)
            if self._is_left_out(planned):
                return
            is_full = self._frontier.is_full_for_candidates if visit.is_candidate else self._frontier.is_full
            if visit.is_reported or not is_full:
                # A reported URL is fetched whatever the limits say.
                self._frontier.push(planned)
                return
            most = MOST_CANDIDATES_WAITING if visit.is_candidate else MOST_WAITING
            rule, reason, outcome = "limit.waiting", f"{most} URLs wait already", Outcome.LIMIT
        if visit.is_variant and not visit.chain and rule.startswith(("scope.", "embeds.")):
            return  # what has its key was refused, and that was said
        if rule in SUGGESTING:
            self.suggestions.note(urls.host_of(url))
        if visit.chain:
            reason = f"redirected to {url}: {reason}"
        # A reported URL that leads out of scope was not checked, and nobody but a person can decide what to do.
        self._end(visit, Ending(outcome, rule, reason, visit.is_reported))

    def _is_left_out(self, planned: PlannedRequest) -> bool:
        if self.leaves_out(planned):
            return True
        visit = planned.visit
        is_page_variant = visit.is_variant and visit.kind is LinkKind.PAGE and not visit.chain
        is_full = self._frontier.page_variants >= MOST_PAGE_VARIANTS
        return is_page_variant and is_full and self._addresses.leave_out_unproved(visit.url)

    def _ask_after_all(self, left_out: Iterable[PlannedRequest]) -> None:
        for planned in left_out:
            if not (self._frontier.is_full and self._addresses.leave_out_unproved(planned.visit.url)):
                self._frontier.push(planned)

    def _redirected(self, visit: Visit, response: FetchedResponse, cookies: str) -> None:
        # Python's hash of text is keyed: no server can make two requests equal.
        chain = (*visit.chain, hash((response.url, cookies)))
        try:
            target = urls.join(response.url, _as_written(response.location or b""))
        except UrlRefused as error:
            reason = f"redirected to a URL that is refused: {error.reason}"
            self._end(visit, Ending(Outcome.REFUSED_URL, "url", reason, is_failure=True))
            return
        if visit.gate is not None and target == visit.url:
            visit = visit._replace(gate=visit.gate._replace(is_entering=False))
        # With other cookies the same URL may answer otherwise: a gate sets its cookie so.
        request = (target, self._cookies_for(target, visit.origin.reporter_headers))
        if hash(request) in chain or len(chain) > MOST_REDIRECTS:
            reason = f"{len(chain)} redirects, the last to {target}"
            self._end(visit, Ending(Outcome.REDIRECT_LOOP, "redirects", reason, is_failure=True))
            return
        visit = after_redirect(visit, response.url, _policy_of(response))
        self._consider(visit._replace(chain=chain), target)

    def _inside_archive(self, visit: Visit, response: FetchedResponse, body: Body) -> None:
        for member in body.archive.members:
            self._found(visit, sightings.of_member(visit, response, member))
        notes = body.archive.notes
        if (
            body.digests is not None
            and body.archive == NOTHING_INSIDE
            and is_archive_part(urls.path_of(visit.url).rpartition("/")[2])
        ):
            notes = (note_of("archive.volume"),)  # its bytes do not say so
        for note in notes:
            self._journal.skip(
                visit.url,
                note.outcome,
                rule=note.rule,
                reason=note.reason,
                is_failure=note.is_failure,
                referrer=visit.origin.referrer,
                status=response.status,
                count=note.count,
            )

    def _follow(self, visit: Visit, response: FetchedResponse, body: Body, cookies: str) -> None:
        """Go where the headers of a response lead, and its document when it has one."""
        linked = header_links(link=response.headers.getall("Link", ()), refresh=response.headers.get("Refresh"))
        policy = _policy_of(response)
        if linked:
            origin = visit.origin.of_links(response.url, policy=policy)
            self._follow_links(origin, response.url, response.url, linked)
        if body.document is None or body.document_kind is None:
            return
        # Python's hash of bytes is keyed: no server can make two pages equal.
        page = hash(body.document)
        if page == visit.origin.referrer_page:
            if dedup_key.key(visit.url) == dedup_key.key(visit.origin.referrer or ""):
                self._addresses.compared(visit.url, is_same=True)
            reason = "the same page as the one that links to it: its links were not followed"
            self._skip(visit, Ending(Outcome.TRAP, "trap.same-page", reason, is_failure=False))
            return
        page_links = documents.references(
            body.document,
            body.document_kind,
            content_type=response.content_type,
            base_url=response.url,
            imported=self._variables.get(visit.origin.referrer or "", {}),
        )
        if page_links.variables and len(self._variables) < MOST_PLAYLISTS_WITH_VARIABLES:
            self._variables[response.url] = page_links.variables
        for note in page_links.notes:
            self._skip(visit, Ending(note.outcome, note.rule, note.reason, is_failure=False))
        if body.is_document_cut or page_links.is_truncated:
            rule = "limit.html" if body.is_document_cut else "limit.links"
            reason = "the page is longer than what is read of a page; links after that were not seen"
            self._skip(visit, Ending(Outcome.LIMIT, rule, reason, is_failure=False))
        self._embedded(visit, response, page_links)
        base = self._base_of(response.url, page_links.base)
        if not cookies:
            self._reload(visit, response, page_links.refresh, base)
        origin = visit.origin.of_links(response.url, page, page_links.referrer_policy or policy)
        linked_urls = self._follow_links(origin, response.url, base, page_links.links, page_links.asked_as)
        if page_links.candidates_left_out:
            reason = f"the page has more than {MAX_CANDIDATES} texts that may be references; the others were left out"
            self._skip(visit, Ending(Outcome.LIMIT, "limit.candidates", reason, is_failure=False))
        candidates = self._follow_candidates(origin, response.url, base, page_links.candidates)
        if body.digests is None and linked_urls is not None and is_success(response.status):
            leads_to = {self._addresses.identity(url) for url in [*linked_urls, *candidates]}
            self._ask_after_all(self._addresses.answered(visit.url, page_answer(body.document, leads_to)))

    def _reload(self, visit: Visit, response: FetchedResponse, refresh: str | None, base: str) -> None:
        """Ask for a page again that reloads itself, if it has set the first cookie now: it may have been a gate."""
        header = response.headers.get("Refresh")
        if refresh is None and header is not None:
            refresh = refresh_reference(header)
        if refresh is None or not self._cookies_for(response.url, visit.origin.reporter_headers):
            return
        try:
            target = urls.join(base, refresh) if refresh.strip() else response.url
        except UrlRefused:
            return
        if target == response.url:
            self._consider(visit._replace(chain=(*visit.chain, hash((response.url, "")))), target)

    def _follow_links(
        self,
        origin: Origin,
        page_url: str,
        base: str,
        links: Iterable[Link],
        asked_as: Mapping[Link, AskedAs] = NOTHING_SAID,
    ) -> list[str] | None:
        """Return the URLs of the links; None when not all were looked at."""
        linked_urls = []
        for link in links:
            if len(self._addresses) >= URLS_SEEN:
                self._seen_enough(page_url)
                return None
            url = self._follow_link(origin, page_url, base, link, asked_as.get(link, NOT_SAID))
            if url is not None:
                linked_urls.append(url)
        return linked_urls

    def _follow_link(
        self, origin: Origin, page_url: str, base: str, link: Link, asked_as: AskedAs = NOT_SAID
    ) -> str | None:
        """Return the URL of a link, None when it is refused as a URL."""
        try:
            url = urls.join(base, link.reference)
        except UrlRefused as error:
            self._refused_link(page_url, error.reason)
            return None
        if self._go_to(origin, url, link.kind, asked_as) is not Met.SEEN:
            self._go_to_originals(origin, page_url, url, link.kind)
        return url

    def _go_to_originals(self, origin: Origin, page_url: str, url: str, kind: LinkKind) -> None:
        """Go on to the picture of which the one at `url` is a smaller copy, when its URL says so."""
        for original in image_services.originals(url, page_url):
            self._go_to(origin, original, kind)

    def _go_to(self, origin: Origin, url: str, kind: LinkKind, asked_as: AskedAs = NOT_SAID) -> Met:
        met = self._addresses.meet(url)
        if met is not Met.NEW:
            roots = self._roots.get(dedup_key.key(url))
            if roots is not None and origin.root not in roots:  # a page that links to itself leads nowhere
                self.reported.links_to_reported(origin.root)
        if met is not Met.SEEN:
            is_embed, is_variant = kind is LinkKind.FILE, met is Met.VARIANT
            visit_kind = expected_kind(url, kind)
            visit = Visit(url, visit_kind, origin, is_embed=is_embed, is_variant=is_variant, asked_as=asked_as)
            self._consider(visit, url)
        return met

    def _follow_candidates(self, origin: Origin, page_url: str, base: str, candidates: Iterable[Link]) -> list[str]:
        """Visit what may be references, unless they were met; a link that is met later counts by itself.

        What is no URL was no reference. Nor is a page of a host outside the scope: scripts are full of such names.
        Return the URLs of the others.
        """
        candidate_urls = []
        for link in candidates:
            if len(self._addresses) >= URLS_SEEN:
                self._seen_enough(page_url)
                break
            try:
                url = urls.join(base, link.reference)
            except UrlRefused:
                continue
            for one in [url, *image_services.originals(url, page_url)]:
                if link.kind is LinkKind.FILE or self.is_on_hosts(one):
                    candidate_urls.append(one)
                    self._go_to_candidate(origin, one, link)
        return candidate_urls

    def _go_to_candidate(self, origin: Origin, url: str, link: Link) -> None:
        met = self._addresses.meet_candidate(url)
        if met is not Met.SEEN:
            kind, is_embed, is_variant = expected_kind(url, link.kind), link.kind is LinkKind.FILE, met is Met.VARIANT
            visit = Visit(url, kind, origin, is_embed=is_embed, is_variant=is_variant, source=link.source)
            self._consider(visit, url)

    def _found(self, visit: Visit, sighting: Sighting) -> None:
        self._journal.sighting(sighting)
        if 200 <= sighting.http.status < 300:
            self.reported.count_file(visit.origin.root, sighting.content_type or sighting.sniffed_type)
        if self._journal.is_full:
            self._flush()

    def _embedded(self, visit: Visit, response: FetchedResponse, page_links: PageLinks) -> None:
        for embedded in page_links.data_uris:
            digests = digests_of(embedded.data)
            if not digests.is_degenerate:
                self._found(visit, sightings.of_embedded(visit, response, digests, embedded.media_type))
        if page_links.bad_data_uris:
            reason = f"{page_links.bad_data_uris} data: URIs on this page cannot be decoded"
            self._skip(visit, Ending(Outcome.REFUSED_URL, "data-uri", reason, is_failure=False))

    def _base_of(self, page_url: str, base: str | None) -> str:
        if base is None:
            return page_url
        try:
            return urls.join(page_url, base)
        except UrlRefused:
            return page_url  # browsers ignore a base that cannot be read, too

    def _refused_link(self, page_url: str, reason: str) -> None:
        """Record each reason once; never the reference itself, which may hold content (a script, a data: URI)."""
        if self._addresses.note(reason):  # no reason is a URL
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

    def _end(self, visit: Visit, ending: Ending) -> None:
        """Record that a URL gave neither a file nor a page to follow, and why."""
        root = visit.origin.root
        if visit.is_reported and root is not None:
            self.reported.ended(root, ending.outcome, ending.rule, ending.reason, ending.status)
        self._skip(visit, ending)

    def _skip(self, visit: Visit, ending: Ending) -> None:
        self._journal.skip(
            visit.url,
            ending.outcome,
            rule=ending.rule,
            reason=ending.reason,
            is_failure=ending.is_failure,
            referrer=visit.origin.referrer,
            status=ending.status,
        )


def _candidate(visit: Visit, url: str) -> url_rules.Candidate:
    return url_rules.Candidate(
        url,
        visit.kind,
        referrer=visit.origin.referrer,
        depth=visit.origin.depth,
        is_reported=visit.is_reported,
        is_embed=visit.is_embed,
        is_redirect=bool(visit.chain) and url != visit.url,
        source=visit.source,
        is_way_in=visit.is_entering,
    )


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value), None)


def _policy_of(response: FetchedResponse) -> ReferrerPolicy | None:
    return policy_of_header(response.headers.getall("Referrer-Policy", ()))


def _as_written(location: bytes) -> str:
    """Return a Location header as text; bytes that are not ASCII are escaped, whatever charset they were meant in."""
    return "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in location)
